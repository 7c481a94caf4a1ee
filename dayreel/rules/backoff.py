"""How often something that did not work is looked at again: often at first, ever more rarely, never in a loop. Pure."""

from datetime import datetime, timedelta

# Every ten minutes in the first hour, every hour on the first day, then four times a day.
_PAUSES = (
    (timedelta(hours=1), timedelta(minutes=10)),
    (timedelta(days=1), timedelta(hours=1)),
    (timedelta.max, timedelta(hours=6)),
)


def backoff_slot(now: datetime, since: datetime) -> int:
    """Return the number of the present turn of something that has waited since a moment: it changes when it is due.

    A moment in the future (a clock that was set back) counts as now.
    """
    age = max(now - since, timedelta())
    pause = next(pause for limit, pause in _PAUSES if age < limit)
    return int(now.timestamp() // pause.total_seconds())
