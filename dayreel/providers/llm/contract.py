"""What every language model offers: one structured answer to one question, with its usage, even when it is unusable.

A vendor makes exactly one attempt per call: retries belong to `dayreel.services.effects.ledger`, because each attempt
is paid.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from dayreel.schemas.effect import Permit

Finish = Literal["complete", "cut", "refused"]


@dataclass(frozen=True)
class Question:
    """One request for a JSON document that follows `schema` (JSON Schema, every property required)."""

    model: str
    system: str
    prompt: str
    schema: dict[str, Any]
    schema_name: str
    max_tokens: int = 4000


@dataclass(frozen=True)
class Answer:
    """What came back. `text` is the raw JSON text; parsing it is the caller's work, so that usage is never lost."""

    text: str
    finish: Finish
    model: str
    input_tokens: int
    output_tokens: int
    request_id: str | None
    refusal: str | None = None


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
