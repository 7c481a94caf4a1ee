"""The day that tests with real clocks work on, in a zone where it is day while they run.

Channels made for such tests live in `ZONE`; with UTC alone, whatever runs across midnight would look for a day that is
made under another date. Tests with a clock of their own need none of this.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = datetime.now(UTC).hour
ZONE = "Etc/GMT+9" if _HOUR >= 20 else "Etc/GMT-9" if _HOUR < 6 else "UTC"
"""It is between 06:00 and 20:00 there when tests begin, on the date that UTC has: no day begins or ends meanwhile."""


def today() -> date:
    """Return the present day in `ZONE`."""
    return datetime.now(ZoneInfo(ZONE)).date()


def days_ago(days: int) -> date:
    """Return the day that was so many days before today."""
    return today() - timedelta(days=days)
