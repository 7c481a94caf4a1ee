"""What every language model offers: one structured answer to one question, with its usage, even when it is unusable.

A vendor makes exactly one attempt per call: retries belong to `dayreel.services.effects.ledger`, because each attempt
is paid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from dayreel.rules.pricing import most_input_tokens
from dayreel.schemas.effect import Permit

Finish = Literal["complete", "cut", "no_room", "refused", "unfinished"]
"""How an answer ended: whole; its budget used up; the model's context used up; refused for what was asked; stopped for
any other reason."""


@dataclass(frozen=True)
class Question:
    """One request for a JSON document that follows `schema` (JSON Schema, every property required).

    Attributes:
        max_tokens: the budget of the answer, thinking included.
        effort: how hard to think, in the words of `vendors.models.Effort`; None leaves it to the vendor.
        temperature: how freely to choose words; None leaves it to the vendor.
    """

    model: str
    system: str
    prompt: str
    schema: dict[str, Any]
    schema_name: str
    max_tokens: int = 8000
    effort: str | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `text` is the raw JSON text; parsing it is the caller's work, so that usage is never lost.

    Attributes:
        input_tokens: all of the question, `cached_tokens` (read from a cache) and `cache_write_tokens` included.
        output_tokens: all of the answer, `thinking_tokens` included.
        usage_reported: whether the vendor counted the tokens; where it did not, they are the most that it can be.
    """

    text: str
    finish: Finish
    model: str
    input_tokens: int
    output_tokens: int
    request_id: str | None
    refusal: str | None = None
    thinking_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    usage_reported: bool = True


class MostTokens(NamedTuple):
    """The most tokens of a question and of its answer."""

    input_tokens: int
    output_tokens: int


def most_tokens(question: Question) -> MostTokens:
    """Return what is booked of a question to which no usage was reported."""
    prompt = f"{question.system}{question.prompt}{question.schema}"
    return MostTokens(most_input_tokens(prompt), question.max_tokens)


def reshaped(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a copy of a JSON Schema in which each schema is changed, the outer before the inner ones."""
    if isinstance(schema, list):
        return [reshaped(part, change) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # The names below `properties` and `$defs` are the caller's own, and one may well be called "default".
    return {
        key: {name: reshaped(part, change) for name, part in value.items()}
        if key in ("properties", "$defs")
        else reshaped(value, change)
        for key, value in change(schema).items()
    }


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a JSON Schema as OpenAI's strict mode wants it: no optional property, no others, no default."""

    def close(part: dict[str, Any]) -> dict[str, Any]:
        result = {key: value for key, value in part.items() if key != "default"}
        if part.get("type") == "object":
            result |= {"additionalProperties": False, "required": list(part.get("properties", {}))}
        return result

    closed_schema: dict[str, Any] = reshaped(schema, close)
    return closed_schema


class LanguageModel(Protocol):
    """A vendor of language models."""

    name: str

    def ask(self, permit: Permit, question: Question) -> Answer:
        """Ask once.

        Raises:
            TransientError: refused in the vendor's own words and worth another try, or never connected: nothing billed.
            PermanentError: refused in the vendor's own words: a bad request, a bad key, no credit.
            UnknownOutcomeError: the request went out and the answer was lost; the tokens may be billed.
        """
        ...
