"""The day that tests with real clocks work on, in a zone where it does not end while they run.

Channels made for such tests live in `ZONE`; with UTC alone, whatever runs across midnight would look for a day that is
made under another date. Tests with a clock of their own need none of this.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = "UTC" if datetime.now(UTC).hour < 20 else "Etc/GMT+9"
"""At 20:00 UTC it is 11:00 there, so that at least four hours are left of the day."""


def today() -> date:
    """Return the present day in `ZONE`."""
    return datetime.now(ZoneInfo(ZONE)).date()


def days_ago(days: int) -> date:
    """Return the day that was so many days before today."""
    return today() - timedelta(days=days)
