"""What keeps Dagster's home from growing for ever: the logs of steps go after a month, what was made stays known.

Dagster itself keeps every event for ever, and deleting a run forgets with it that its days were made. So the runs
stay, with every materialization, observation and check, and with their statuses; log lines, step events and captured
output go. On SQLite each run has a file of its own, whose events of assets stand in the index as well; it goes once
that is seen to be so. This is the one module that knows how Dagster stores events.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from dayreel.clock import SystemClock
from pipeline_assets.run_queue import UPKEEP, UPKEEP_POOL

KEPT_FOR = timedelta(days=30)
PRUNE = "prune_logs"
MADE = frozenset(kind.value for kind in (*ASSET_EVENTS, *ASSET_CHECK_EVENTS))
"""What Dagster's pages of assets are made of."""
_KEPT = MADE | {kind.value for kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS}
_EVENTS = SqlEventLogStorageTable
_IS_LOG = _EVENTS.c.dagster_event_type.is_(None) | _EVENTS.c.dagster_event_type.not_in(_KEPT)
_MOST_RUNS = 2000
"""So many at once; the rest is for the next day."""


@dataclass(frozen=True)
class Pruned:
    """What one pruning did.

    Attributes:
        runs: runs whose logs went.
        left: runs whose logs stay, as the index does not have every asset event of theirs.
        made: how many events of assets and checks there are, before and after, by kind.
    """

    runs: int
    left: tuple[str, ...]
    made: Counter[str]


def prune_logs(instance: dg.DagsterInstance, *, before: datetime) -> Pruned:
    """Delete the logs of runs that ended before a moment; what was made, observed and checked stays.

    Raises:
        dagster.DagsterInvariantViolationError: fewer events of assets would be there than before; nothing was deleted.
    """
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        known = storage.get_all_run_ids() if storage.is_run_sharded else _with_logs(connection, before)
    runs: list[str] = []
    if known:
        old = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before, run_ids=known)
        runs = [run.run_id for run in instance.get_runs(old, limit=_MOST_RUNS, ascending=True)]
    left = tuple(run_id for run_id in runs if storage.is_run_sharded and not _is_indexed(storage, run_id))
    runs = [run_id for run_id in runs if run_id not in left]
    with storage.index_connection() as connection:
        made = _made(connection)
        if not storage.is_run_sharded:
            connection.execute(_EVENTS.delete().where(_EVENTS.c.run_id.in_(runs), _IS_LOG))
        lost = made - _made(connection)
        if lost:
            raise dg.DagsterInvariantViolationError(f"Pruning would have lost {dict(lost)}; nothing was deleted.")
    for run_id in runs:
        if storage.is_run_sharded:
            for ending in ("", "-wal", "-shm"):
                Path(storage.path_for_shard(run_id) + ending).unlink(missing_ok=True)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    return Pruned(len(runs), left, made)


def _with_logs(connection: Any, before: datetime) -> list[str]:
    """Return the runs that have log lines older than a moment; Dagster writes moments down without their zone."""
    is_old = _EVENTS.c.timestamp < before.replace(tzinfo=None)
    query = _EVENTS.select().with_only_columns(_EVENTS.c.run_id).distinct().where(is_old, _IS_LOG)
    return [row[0] for row in connection.execute(query)]


def _made(connection: Any) -> Counter[str]:
    kinds = _EVENTS.select().with_only_columns(_EVENTS.c.dagster_event_type)
    return Counter(row[0] for row in connection.execute(kinds.where(_EVENTS.c.dagster_event_type.in_(MADE))))


def _is_indexed(storage: Any, run_id: str) -> bool:
    """Return whether every asset event of a run's own file stands in the index too."""
    with storage.run_connection(run_id) as connection:
        own = _made(connection)
    with storage.index_connection() as connection:
        kinds = _EVENTS.select().with_only_columns(_EVENTS.c.dagster_event_type)
        indexed = Counter(row[0] for row in connection.execute(kinds.where(_EVENTS.c.run_id == run_id)))
    return not own - indexed


@dg.op(name="prune", pool=UPKEEP_POOL, description="Delete the logs of steps that ended a month ago.")
def _prune(context: dg.OpExecutionContext) -> None:
    pruned = prune_logs(context.instance, before=SystemClock().now() - KEPT_FOR)
    context.log.info("pruned the logs of %d runs; kept %s", pruned.runs, dict(pruned.made))
    for run_id in pruned.left:
        context.log.warning("run %s keeps its logs: the index does not have all that it made", run_id)


@dg.job(
    name=PRUNE,
    tags=UPKEEP,
    description="Delete the logs of steps that ended a month ago. Runs, materializations, observations and checks "
    "stay. Started daily by the prune_logs_schedule; safe to start by hand.",
)
def prune_logs_job() -> None:
    """Prune what is old."""
    _prune()
