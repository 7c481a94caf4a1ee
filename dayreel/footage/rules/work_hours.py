"""Hours of the day in which heavy work may start, such as `22:00-06:00`. Pure; days to publish are `rules.calendar`."""

from datetime import datetime, time
from zoneinfo import ZoneInfo


def is_within_hours(hours: str | None, zone: str, now: datetime) -> bool:
    """Return whether the clock of `zone` (an IANA name) shows a time within `hours` at the moment `now` (aware).

    The first minute counts, the last one does not; hours may go past midnight; the same time twice is the whole day.

    Raises:
        ValueError: `hours` is not `HH:MM-HH:MM`.
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    if hours is None:
        return True
    opens, closes = (time.fromisoformat(part) for part in hours.split("-"))
    shown = now.astimezone(ZoneInfo(zone)).time()
    if opens < closes:
        return opens <= shown < closes
    return shown >= opens or shown < closes
