"""Reading what vendors bill: the pages of a cost report, with a bound and a deadline. Only reads, free of charge.

What a report is asked for and what stands in it is in each vendor's `<vendor>_bill.py`. Every reader asks for whole UTC
days, because that is how all of them bill.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from dayreel.errors import PermanentError, TransientError
from dayreel.providers.http import Http
from dayreel.vendors.record import Billed

MOST_PAGES: Final = 20
_NOT_ALLOWED: Final = (401, 403)


def read_bill(
    vendor: str,
    url: str,
    params: Mapping[str, str | int | Sequence[str]],
    *,
    headers: Mapping[str, str],
    key: str,
    cursor: tuple[str, str],
    lines: Callable[[Any], Iterable[Billed]],
    next_step: str,
) -> list[Billed]:
    """Return every line of a report.

    Args:
        cursor: the parameter that asks for another page, and the field with its value; `has_more` says if there is one.
        lines: reads one page.
        next_step: what to do when the key may not read bills.

    Raises:
        TransientError, PermanentError: it could not be read, not wholly, or is in another currency.
    """
    attempted = f"read the bill of {vendor}"
    http = Http(vendor, headers=headers, secrets=(key,), read_s=20, total_s=30)
    billed: list[Billed] = []
    page: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        reply = http.send("GET", url, attempted=attempted, has_side_effects=False, params={**params, **page})
        if not reply.ok:
            step = next_step if reply.status in _NOT_ALLOWED else ""
            raise reply.error(reply.words, code=str(reply.status), next_step=step)
        answer = reply.document()
        try:
            billed += lines(answer)
            if not answer["has_more"]:
                return billed
            page = {cursor[0]: _text(answer[cursor[1]])}
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            what = f"something that cannot be read ({type(error).__name__}: {error})"
            raise TransientError(attempted=attempted, answer=what) from None
    raise PermanentError(attempted=attempted, answer=f"more than {MOST_PAGES} pages")


def dollars(amount: object, currency: object) -> Decimal:
    """Return an amount of a report, which may be a number or a text.

    Raises:
        ValueError, ArithmeticError: it is not a finite number of US dollars.
    """
    value = Decimal(str(amount))
    if str(currency).upper() != "USD" or not value.is_finite():
        raise ValueError(f"{amount} {currency} instead of US dollars")
    return value


def utc_day(moment: str | int) -> date:
    """Return the UTC day of a moment, given as ISO 8601 or in Unix seconds.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if isinstance(moment, int):
        return datetime.fromtimestamp(moment, UTC).date()
    parsed = datetime.fromisoformat(moment)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).date()


def midnight(day: date) -> datetime:
    """Return the moment at which a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("there are more pages, and no cursor to ask for them")
    return value
