"""Time as something that is handed in, so that deadlines, windows and daily partitions can be tested at once.

Only here may the system clock be read, and what is looked at again and again until a deadline is looked at with `poll`.
Every time in dayreel is an aware UTC `datetime`; days belong to a channel's zone and are worked out with `local_day`.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Answer = TypeVar("Answer")


class Clock(Protocol):
    """What dayreel needs to know about time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back; for measuring and for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)


def local_day(moment: datetime, zone: str) -> date:
    """Return the calendar day that `moment` falls on in `zone` (an IANA name)."""
    return moment.astimezone(ZoneInfo(zone)).date()


def day_begins(day: date, zone: str) -> datetime:
    """Return the moment at which `day` begins in `zone`; days are 23 or 25 hours apart where the clocks change."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def poll(probe: Callable[[], Answer | None], *, clock: Clock, interval_s: float, deadline_s: float) -> Answer | None:
    """Ask until there is an answer; None once another wait would pass the deadline."""
    end = clock.monotonic() + deadline_s
    while (answer := probe()) is None:
        if clock.monotonic() + interval_s > end:
            return None
        clock.sleep(interval_s)
    return answer


def zone_named(name: str) -> str:
    """Return the IANA name of a time zone.

    Raises:
        ValueError: there is none of that name; or it says no place: `localtime` is whatever a machine is set to, and
            two machines may be set to two, and `Factory` means that nobody has set one.
    """
    try:
        key = ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        key = ""
    if key in ("", "localtime", "Factory"):
        raise ValueError("it is not a valid IANA time zone; write it like `Europe/Madrid`")
    return key
