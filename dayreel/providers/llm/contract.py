"""What every language model offers: one structured answer to one question, with its usage, even when it is unusable.

A vendor makes exactly one attempt per call: retries belong to `dayreel.services.effects.ledger`, because each attempt
is paid.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

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
    """

    model: str
    system: str
    prompt: str
    schema: dict[str, Any]
    schema_name: str
    max_tokens: int = 8000
    effort: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `text` is the raw JSON text; parsing it is the caller's work, so that usage is never lost.

    Attributes:
        input_tokens: all of the question, `cached_tokens` (read from a cache) and `cache_write_tokens` included.
        output_tokens: all of the answer, `thinking_tokens` included.
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
