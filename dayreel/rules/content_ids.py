"""Content ids: readable and deterministic, `<channel>-<date>`, with `-t2` for the second take of that day."""

import re
from dataclasses import dataclass
from datetime import date

from dayreel.errors import UsageError

_ID = re.compile(r"(?P<channel>[a-z][a-z0-9_]{1,40})-(?P<day>\d{4}-\d{2}-\d{2})(?:-t(?P<take>[2-9]|[1-9]\d+))?")


@dataclass(frozen=True)
class ContentId:
    """The parts of a content id; `str()` gives the id."""

    channel: str
    day: date
    take: int = 1

    def __str__(self) -> str:
        """Return the id as it is written everywhere."""
        return f"{self.channel}-{self.day.isoformat()}" + (f"-t{self.take}" if self.take > 1 else "")


def parse_content_id(text: str) -> ContentId:
    """Read a content id.

    Raises:
        UsageError: it is none; the message shows what one looks like.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a valid content id.", next_step="One looks like `asmr_crafts-2026-11-20`.")
    return ContentId(match["channel"], parse_day(match["day"]), int(match["take"] or 1))


def parse_day(text: str) -> date:
    """Read a day written as YYYY-MM-DD.

    Raises:
        UsageError: it is none.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"{text!r} is not a valid day.", next_step="Write days as YYYY-MM-DD, for example 2026-11-20.")
