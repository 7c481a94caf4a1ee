"""Looking again: every ten minutes at first, every hour on the first day, then four times a day."""

from datetime import UTC, datetime, timedelta

import pytest

from dayreel.rules.backoff import backoff_slot

SINCE = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(0), timedelta(minutes=10)),
        (timedelta(minutes=49), timedelta(minutes=10)),
        (timedelta(hours=2), timedelta(hours=1)),
        (timedelta(hours=22), timedelta(hours=1)),
        (timedelta(days=2), timedelta(hours=6)),
        (timedelta(days=4000), timedelta(hours=6)),
    ],
)
def test_a_turn_lasts_as_long_as_what_waits_is_old(age: timedelta, pause: timedelta) -> None:
    now = SINCE + age
    first = datetime.fromtimestamp(backoff_slot(now, SINCE) * pause.total_seconds(), UTC)
    assert first <= now < first + pause


def test_a_clock_that_was_set_back_makes_nothing_wait() -> None:
    assert backoff_slot(SINCE - timedelta(days=3), SINCE) == backoff_slot(
        SINCE - timedelta(days=3), SINCE - timedelta(days=3)
    )
