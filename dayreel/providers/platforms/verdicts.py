"""What an error row of a platform's table is, and how it becomes a typed error.

The rows themselves are facts about one vendor and live in `<vendor>_errors.py`. Nothing here knows a vendor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError

DAY_S = 86_400.0
MINUTE_S = 60.0


@dataclass(frozen=True)
class ErrorRow:
    """One row of a vendor's error table.

    Attributes:
        verdict: `retry` when the same call can work later, `refuse` when it cannot.
        meaning: what it means, as the rest of a sentence.
        next_step: what a person or dayreel does about it.
        retry_after_s: how long to wait where the vendor's own words give no figure.
        is_certain: whether such an answer proves that the call had no effect. Where it does not, the same answer to a
            publishing call leaves the outcome unknown.
    """

    verdict: Literal["retry", "refuse"]
    meaning: str
    next_step: str
    retry_after_s: float | None = None
    is_certain: bool = True


def explained(*tables: Mapping[Any, ErrorRow]) -> dict[str, ErrorRow]:
    """Return the rows of a vendor's tables by their codes, for its record and its page of the documentation."""
    return {str(code): row for table in tables for code, row in table.items()}


def to_error(
    row: ErrorRow,
    *,
    attempted: str,
    answer: str,
    code: str,
    reference: str | None = None,
    is_publishing: bool = False,
    retry_after_s: float | None = None,
) -> ProviderError:
    """Return the typed error for `row`; `answer` is the vendor's own words, without secrets."""
    words = f"{answer} ({row.meaning})" if row.meaning else answer
    wait = retry_after_s if retry_after_s is not None else row.retry_after_s
    kind: type[ProviderError] = TransientError if row.verdict == "retry" else PermanentError
    next_step = row.next_step
    if is_publishing and not row.is_certain:
        kind, next_step = UnknownOutcomeError, "`dayreel reconcile` looks it up and settles it."
    return kind(
        attempted=attempted,
        answer=words,
        reference=reference,
        next_step=next_step,
        retry_after_s=wait,
        code=code,
    )
