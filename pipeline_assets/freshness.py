"""By when each asset is expected, as Dagster's freshness policies: one place, from the facts that the watch works with.

A policy of Dagster 1.13 knows a clock and the newest materialization; it knows no days, pauses or decisions. So what
follows a clock (making, measuring, and marts of what is measured) has a deadline, and what follows people has the
longest time in which none of it may come. What is missing of which day is for `dayreel.queries.expectations`.
See https://docs.dagster.io/guides/observe/asset-freshness-policies.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import dagster as dg

from dayreel.marts.declared import MARTS
from dayreel.schemas.channel import WEEKDAYS, Channel
from dayreel.schemas.mart import Mart
from dayreel.services.measure_posts import PULL_TIMES

MADE_WITHIN: Final = timedelta(hours=2)
"""From a channel's `make_at` to its final video: the queue, the vendors, and a retry or two."""
MEASURED_WITHIN: Final = timedelta(hours=1)
DERIVED_WITHIN: Final = timedelta(hours=1)
"""A mart after its inputs: marts wait for everything else in the queue."""
_WINDOW_OPENS: Final = timedelta(days=1)
_LONGEST_DAY: Final = timedelta(hours=23)
"""Dagster allows no more than the shortest time between two deadlines."""


def made(channel: Channel) -> dg.FreshnessPolicy:
    """Return by when a channel's video is made, on each of its weekdays: from the day's beginning until it is due."""
    return _deadline(time.fromisoformat(channel.make_at), MADE_WITHIN, channel.timezone, channel.weekdays)


def decided(channels: Sequence[Channel]) -> dg.FreshnessPolicy:
    """Return how long nobody may decide about any video of these channels."""
    longest = max(channel.review.timeout_h for channel in channels)
    return _within(_longest_gap(channels) + MADE_WITHIN + timedelta(hours=longest))


def posted(channel: Channel) -> dg.FreshnessPolicy:
    """Return how long nothing of a channel may go out: until it is approved, and a window opens."""
    return _within(_longest_gap([channel]) + MADE_WITHIN + timedelta(hours=channel.review.timeout_h) + _WINDOW_OPENS)


def measured(zone: str) -> dg.FreshnessPolicy:
    """Return by when posts are measured first on a day, in the project's zone."""
    return _deadline(PULL_TIMES[0], MEASURED_WITHIN, zone, since=PULL_TIMES[0])


def derived(mart: Mart, channels: Sequence[Channel], zone: str) -> dg.FreshnessPolicy | None:
    """Return by when a mart is rebuilt; None where nothing that it is made of is expected at any time."""
    sources = {*_sources(mart)}
    if "snapshots" in sources:
        return _deadline(PULL_TIMES[0], MEASURED_WITHIN + DERIVED_WITHIN, zone, since=PULL_TIMES[0])
    if not channels or not sources & {"ideas", "prompts", "raw_segments", "final_video", "reviews"}:
        return None
    if sources & {"ideas", "prompts", "raw_segments", "final_video"}:
        return _within(_longest_gap(channels) + MADE_WITHIN + DERIVED_WITHIN)
    return decided(channels)


def _deadline(
    at: time, within: timedelta, zone: str, weekdays: Iterable[str] = WEEKDAYS, *, since: time = time()
) -> dg.FreshnessPolicy:
    """Return that something is made between `since` and so long after `at`, on these days."""
    midnight = datetime.combine(date(2000, 1, 1), since)
    deadline = datetime.combine(midnight.date(), at) + within
    later = (deadline.date() - midnight.date()).days
    days = sorted((WEEKDAYS.index(day) + 1 + later) % 7 for day in weekdays)  # cron's week begins on Sunday
    cron_days = "*" if len(days) == len(WEEKDAYS) else ",".join(map(str, days))
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{deadline.minute} {deadline.hour} * * {cron_days}",
        lower_bound_delta=min(deadline - midnight, _LONGEST_DAY),
        timezone=zone,
    )


def _within(window: timedelta) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=window)


def _longest_gap(channels: Iterable[Channel]) -> timedelta:
    """Return the longest time between two days on which any of these channels is made."""
    days = sorted({WEEKDAYS.index(day) for channel in channels for day in channel.weekdays})
    return timedelta(days=max(later - day for day, later in zip(days, [*days[1:], days[0] + 7], strict=True)))


def _sources(mart: Mart) -> Iterator[str]:
    """Yield what a mart is made of in the end: assets that are not marts, and tables of the catalog."""
    for name in (*mart.after, *mart.reads):
        if name in MARTS:
            yield from _sources(MARTS[name])
        else:
            yield name
