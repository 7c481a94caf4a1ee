"""Dagster's own ticks and partitions beside what dayreel expects of a day, for any zone and time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator

from dayreel.clock import day_begins, local_day
from dayreel.errors import ConfigurationError
from dayreel.rules.calendar import check_zones, make_due_at
from dayreel.schemas.channel import Channel
from pipeline_assets.schedules import daily_cron
from tests.fakes.project import CRAFTS
from tests.zones import FIRST

LATEST = timedelta(minutes=90)
"""Between what Dagster and dayreel make of a time that the clocks skip or show twice."""
_CHANNEL = Channel.model_validate({**CRAFTS, "name": "crafts"})


def check_ticks(zone: str, make_at: str, days: Sequence[date]) -> int:
    """Check the ticks of a channel on these days, and return how many there were; 0 where its time is refused.

    Each day has one tick that means it, when the partition of that day is there, no later than it is due.
    """
    channel = _CHANNEL.model_copy(update={"timezone": zone, "make_at": make_at})
    try:
        check_zones({"crafts": channel}, zone, FIRST)
    except ConfigurationError:
        return 0
    partitions = dg.DailyPartitionsDefinition(f"{FIRST - timedelta(days=400)}", timezone=zone, end_offset=1)
    for first, last in _spans(days):
        meant: dict[date, datetime] = {}
        for tick in _ticks(channel, day_begins(first, zone), day_begins(last + timedelta(days=1), zone)):
            meant.setdefault(local_day(tick, zone), tick)  # a run key starts one run for a day
        assert list(meant) == [first + timedelta(days=n) for n in range((last - first).days + 1)], (zone, make_at)
        for day, tick in meant.items():
            due_at = make_due_at(channel, day)
            assert due_at is not None, (zone, make_at, day)
            assert timedelta() <= due_at - tick <= LATEST, (zone, make_at, day, tick, due_at)
            if day == first:
                with dg.partition_loading_context(effective_dt=tick):
                    now = partitions.get_last_partition_key()  # listing every key takes ten times as long
                assert now == day.isoformat(), (zone, make_at, day, now)
    return len(days)


def _ticks(channel: Channel, begins: datetime, ends: datetime) -> Iterator[datetime]:
    cron = daily_cron(channel.make_at)
    for tick in schedule_execution_time_iterator(begins.timestamp(), cron, channel.timezone, ascending=True):
        if tick >= ends:
            return
        yield tick.astimezone(UTC)


def _spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last of days that follow one another."""
    span: list[date] = []
    for day in sorted(days):
        if span and day - span[-1] > timedelta(days=1):
            yield span[0], span[-1]
            span = []
        span.append(day)
    if span:
        yield span[0], span[-1]
