"""The zones of the world, one for each way in which clocks go through a year, and the days on which they change."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

FIRST = date(2027, 1, 1)
"""A year whose changes are all known."""
_HALF_DAYS = [datetime(FIRST.year, 1, 1, tzinfo=UTC) + timedelta(hours=12 * number) for number in range(366 * 2)]
_WEEK = 14


@cache
def _offsets(zone: str) -> tuple[tuple[int, timedelta | None, timedelta | None], ...]:
    """Return the offsets of a year, what of each is daylight saving, and the half days after which it holds.

    Dagster reckons with the latter, which is not always what the clocks skip.
    """
    info = ZoneInfo(zone)

    @cache
    def at(number: int) -> datetime:
        return _HALF_DAYS[number].astimezone(info)

    changes = [0]
    for start in range(0, len(_HALF_DAYS), _WEEK):
        end = min(start + _WEEK, len(_HALF_DAYS) - 1)
        if at(start).utcoffset() != at(end).utcoffset():  # no zone changes its clocks for less than a week
            days = range(start + 1, end + 1)
            changes += [day for day in days if at(day).utcoffset() != at(day - 1).utcoffset()]
    return tuple((number, at(number).utcoffset(), at(number).dst()) for number in changes)


def days_of_changes(zone: str) -> list[date]:
    """Return New Year's Day, and three days around each change of a zone's clocks within the year."""
    changes = [FIRST + timedelta(days=number // 2) for number, *_ in _offsets(zone)]
    return sorted({day + timedelta(days=days) for day in changes for days in (-1, 0, 1)})


ZONES = sorted({_offsets(zone): zone for zone in sorted(zoneinfo.available_timezones(), reverse=True)}.values())
