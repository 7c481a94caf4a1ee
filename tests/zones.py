"""The zones of the world, one for each way in which clocks go through a year, and the days on which they change."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

FIRST = date(2027, 1, 1)
"""A year whose changes are all known."""
_HALF_DAYS = [datetime(FIRST.year, 1, 1, tzinfo=UTC) + timedelta(hours=12 * number) for number in range(366 * 2)]


@cache
def _offsets(zone: str) -> tuple[tuple[int, timedelta | None, timedelta | None], ...]:
    """Return the offsets of a year, what of each is daylight saving, and the half days after which it holds.

    Dagster reckons with the latter, which is not always what the clocks skip.
    """
    info = ZoneInfo(zone)
    offsets: list[tuple[int, timedelta | None, timedelta | None]] = []
    for number, moment in enumerate(_HALF_DAYS):
        local = moment.astimezone(info)
        offset = local.utcoffset()
        if not offsets or offsets[-1][1] != offset:
            offsets.append((number, offset, local.dst()))
    return tuple(offsets)


def days_of_changes(zone: str) -> list[date]:
    """Return New Year's Day, and three days around each change of a zone's clocks within the year."""
    changes = [FIRST + timedelta(days=number // 2) for number, *_ in _offsets(zone)]
    return sorted({day + timedelta(days=days) for day in changes for days in (-1, 0, 1)})


ZONES = sorted({_offsets(zone): zone for zone in sorted(zoneinfo.available_timezones(), reverse=True)}.values())
