"""What Dagster itself should be doing and is not: daemons, ticks, schedules and sensors that were stopped, the queue.

Read from the instance's own storage, so that it works where no daemon and no web server does. What is done about it is
`dayreel.services.upkeep.report_silences`.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, InstigatorType, TickStatus

from dayreel.errors import DayreelError
from dayreel.queries.expectations import LOOK_BACK, Silence
from dayreel.services.upkeep.report_silences import Backfill, SchedulerHealth
from pipeline_assets.jobs import MAKE_DAY, make_day_job_name, make_day_schedule_name

DAEMON_IS_DEAD: Final = timedelta(minutes=5)
"""Each part of the daemon beats every half minute."""
PART_IS_DEAD: Final = timedelta(minutes=20)
"""A part that is at something long beats late."""
NO_TICK: Final = timedelta(minutes=15)
"""The slowest sensor looks every five minutes."""
GONE: Final = timedelta(days=30)
"""Dagster keeps the state of schedules and sensors that are no longer in any graph."""
QUEUED_LONG: Final = timedelta(minutes=15)
MAKES_QUEUED_LONG: Final = timedelta(hours=1)
"""A make may wait for others, each of which waits for its vendor for twenty minutes at the most."""
_MOST_BACKFILLS: Final = 100
_GOING_ON: Final = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
_BACKFILL_TAG: Final = "dagster/backfill"
_OWN_ERRORS: Final = f"{DayreelError.__module__}."
_UP: Final = "`dayreel up` starts it (on servers: `systemctl restart dayreel`); until then nothing is automatic."
_OPEN = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
)


def read_health(
    instance: dg.DagsterInstance, channels: Collection[str], now: datetime, *, graph: Collection[str] | None = None
) -> SchedulerHealth:
    """Return what Dagster is not doing that it should, and what it is at.

    Args:
        channels: the channels that there are; schedules of others are left out.
        graph: what `names_of` returns: Dagster keeps the state of schedules and sensors that are no longer there. None
            where the graph cannot be loaded.
    """
    silences = list(_dead_daemons(instance, now))
    # A dead daemon ticks nothing and starts nothing: that would be the same news four times.
    if not silences:
        silences += [*_instigators(instance, channels, graph, now), *_stuck_queue(instance, now)]
    backfills = _backfills(instance, channels, now)
    coming = {day for backfill in backfills if not backfill.is_over for day in backfill.days}
    return SchedulerHealth(silences, _under_way(instance, channels) | coming, backfills)


def names_of(repository: dg.RepositoryDefinition) -> frozenset[str]:
    """Return the names of a graph's schedules and sensors."""
    schedules = {schedule.name for schedule in repository.schedule_defs}
    return frozenset(schedules | {sensor.name for sensor in repository.sensor_defs})


def _dead_daemons(instance: dg.DagsterInstance, now: datetime) -> Iterator[Silence]:
    """Yield the daemons that have stopped beating. An instance in which none has ever beaten has no daemon to miss."""
    beats = instance.get_daemon_heartbeats()
    moments = {kind: _moment(beats[kind].timestamp) for kind in instance.get_required_daemon_types() if kind in beats}
    if moments and now - max(moments.values()) > DAEMON_IS_DEAD:
        text = f"Dagster's daemon has not been heard of since {_shown(max(moments.values()))}."
        yield Silence("dagster daemon", text, _UP)
        return
    for kind, at in sorted(moments.items()):
        if now - at > PART_IS_DEAD:
            text = f"The {kind} part of Dagster's daemon has not been heard of since {_shown(at)}."
            yield Silence(f"dagster daemon {kind}", text, f"See var/logs/daemon.log. {_UP}")


def _instigators(
    instance: dg.DagsterInstance, channels: Collection[str], graph: Collection[str] | None, now: datetime
) -> Iterator[Silence]:
    newest = _newest(instance, channels, graph)
    for name, (state, tick) in sorted(newest.items()):
        kind = "schedule" if state.instigator_type is InstigatorType.SCHEDULE else "sensor"
        if tick is not None and _age(tick.timestamp, now) > GONE:
            continue
        if not state.is_running:
            text = f"The {kind} {name} is stopped, so what it starts does not happen."
            yield Silence(f"dagster stopped {name}", text, f"In Dagster: Automation, {name}, switch it on.")
        elif tick is not None and tick.status is TickStatus.FAILURE:
            text = f"The {kind} {name} fails since {_shown(_moment(tick.timestamp))}: {_error(tick)}."
            yield Silence(f"dagster tick {name}", text, f"In Dagster: Automation, {name}, shows the whole error.")
    looks = [
        tick.timestamp
        for state, tick in newest.values()
        if tick is not None and state.instigator_type is InstigatorType.SENSOR
    ]
    # All of them: one alone may have been taken out of the graph.
    if looks and _age(max(looks), now) > NO_TICK:
        text = f"No sensor has looked since {_shown(_moment(max(looks)))}, though Dagster's daemon runs."
        step = "In Dagster: Deployment shows why the graph is not loaded; `dayreel doctor` looks too."
        yield Silence("dagster sensors", text, step)


def _newest(
    instance: dg.DagsterInstance, channels: Collection[str], graph: Collection[str] | None
) -> dict[str, tuple[InstigatorState, InstigatorTick | None]]:
    """Return every schedule and sensor with its last tick: one of a name, however often its origin was another."""
    known = {make_day_schedule_name(channel) for channel in channels}
    prefix, suffix = make_day_schedule_name("/").split("/")
    newest: dict[str, tuple[InstigatorState, InstigatorTick | None]] = {}
    states = instance.all_instigator_state()
    # Other locations have graphs of their own.
    ours = {_location_of(state) for state in states if graph is not None and state.instigator_name in graph}
    for state in states:
        name = state.instigator_name
        if graph is not None and name not in graph and _location_of(state) in ours:
            continue
        if name.startswith(prefix) and name.endswith(suffix) and name not in known:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        tick = ticks[0] if ticks else None
        before = newest.get(name)
        if before is None or _ticked_at(tick) > _ticked_at(before[1]):
            newest[name] = (state, tick)
    return newest


def _stuck_queue(instance: dg.DagsterInstance, now: datetime) -> Iterator[Silence]:
    """Yield the queue, where a run has waited long and nothing beside backfills was started meanwhile.

    The runs of a backfill wait for one another; that is what a queue is for.
    """
    queued = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.QUEUED]), ascending=True)
    waiting = [
        record
        for record in queued
        if _BACKFILL_TAG not in record.dagster_run.tags
        and now - _aware(record.create_timestamp)
        >= (MAKES_QUEUED_LONG if record.dagster_run.job_name.startswith(MAKE_DAY) else QUEUED_LONG)
    ]
    if not waiting:
        return
    recent = instance.get_run_records(RunsFilter(updated_after=now - QUEUED_LONG), limit=500)
    started = [record.start_time for record in recent if _BACKFILL_TAG not in record.dagster_run.tags]
    if any(at is not None and _age(at, now) < QUEUED_LONG for at in started):
        return
    oldest = waiting[0].dagster_run
    text = (
        f"{len(waiting)} runs wait in Dagster's queue, the first ({oldest.job_name}) since "
        f"{_shown(_aware(waiting[0].create_timestamp))}, and none was started for {QUEUED_LONG.seconds // 60} minutes."
    )
    yield Silence("dagster queue", text, "In Dagster: Runs, In progress, shows what holds the places; end what hangs.")


def _location_of(state: InstigatorState) -> str:
    return str(state.origin.repository_origin.code_location_origin.location_name)


def _backfills(instance: dg.DagsterInstance, channels: Collection[str], now: datetime) -> list[Backfill]:
    recent = instance.get_backfills(filters=BulkActionsFilter(created_after=now - LOOK_BACK), limit=_MOST_BACKFILLS)
    return [
        Backfill(days, _moment(backfill.backfill_timestamp), is_over=backfill.status not in _GOING_ON)
        for backfill in recent
        if (days := _days_of(backfill, channels))
    ]


def _days_of(backfill: PartitionBackfill, channels: Collection[str]) -> set[tuple[str, date]]:
    """Return the channels and days of which a backfill makes the video; none where it is one of marts, or of posts."""
    if backfill.asset_backfill_data is not None:
        subsets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
        return {
            (key.path[0], date.fromisoformat(day))
            for key, subset in subsets.items()
            if key.path[0] in channels and key.path[1:] == ["final_video"]
            for day in subset.get_partition_keys()
        }
    job, channel = backfill.job_name or "", backfill.tags.get("channel")
    if job != MAKE_DAY and job not in map(make_day_job_name, channels):
        return set()
    names = [channel] if channel else [name for name in channels if job in (MAKE_DAY, make_day_job_name(name))]
    return {(name, date.fromisoformat(day)) for name in names for day in backfill.partition_names or ()}


def _under_way(instance: dg.DagsterInstance, channels: Collection[str]) -> frozenset[tuple[str, date]]:
    days: set[tuple[str, date]] = set()
    for run in instance.get_runs(RunsFilter(statuses=list(_OPEN))):
        day, channel = run.tags.get("dagster/partition"), run.tags.get("channel")
        if day is None or not run.job_name.startswith(MAKE_DAY):
            continue
        days |= {(name, date.fromisoformat(day)) for name in ([channel] if channel else channels)}
    return frozenset(days)


def _error(tick: InstigatorTick) -> str:
    error = tick.tick_data.error
    # What lies below a sentence of dayreel's own is what that sentence puts into words.
    while error is not None and error.cause is not None and not error.message.startswith(_OWN_ERRORS):
        error = error.cause
    words = " ".join((error.message if error else "without a message").split()).rstrip(".")
    return (words.partition(": ")[2] if words.startswith(_OWN_ERRORS) else words)[:300]


def _ticked_at(tick: InstigatorTick | None) -> float:
    return tick.timestamp if tick is not None else 0.0


def _age(timestamp: float, now: datetime) -> timedelta:
    return now - _moment(timestamp)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _aware(moment: Any) -> datetime:
    at: datetime = moment
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
