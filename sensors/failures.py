"""A failed run becomes one message to people, sent by a run of `notify_run_failure`.

Dagster's own `run_failure_sensor` hears of every attempt: a worker that is killed twice would be three messages. Here a
run that Dagster will try again waits for its retry, and the last attempt is the one that people hear of. A retry that
could not be created is heard of too: Dagster gives that one up without a further event.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import dagster as dg

from pipeline_assets.maintenance_jobs import NOTIFY_RUN_FAILURE, Failure
from pipeline_assets.steps import TRIGGER_TAG

INTERVAL_S = 30
RETRY_WAIT_S = 600.0
"""So long a retry may take to appear; the daemon creates them every few seconds."""
_MOST_PER_TICK = 25
_WILL_RETRY = "dagster/will_retry"
_RETRIED_BY = "dagster/auto_retry_run_id"


@dataclass
class _Cursor:
    """What was heard of already.

    Attributes:
        record_id: the last failure's place in the event log.
        waiting: runs that are to be tried again, each with when it failed (seconds since 1970).
    """

    record_id: int
    waiting: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "_Cursor":
        """Read a cursor, of Dagster's own failure sensor too, which this one replaced."""
        fields = json.loads(text)
        return cls(int(fields["record_id"]), dict(fields.get("waiting") or {}))


def build_failure_sensor() -> dg.SensorDefinition:
    """Return the sensor that hears of failed runs."""

    # The message is sent by a run of its own: a sensor must not wait for a messenger, and a run that fails is seen and
    # can be tried again.
    @dg.sensor(
        name="run_failed_sensor",
        job_name=NOTIFY_RUN_FAILURE,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notifies people of every run that failed and is not tried again, once.",
    )
    def run_failed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.cursor is None:  # what failed before the first look is history
            newest = context.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
            cursor = _Cursor(newest[0].storage_id if newest else -1)
            return dg.SensorResult(cursor=json.dumps(asdict(cursor)), skip_reason=dg.SkipReason("the first look"))
        cursor = _Cursor.read(context.cursor)
        requests = [
            dg.RunRequest(
                run_key=f"failed:{run.run_id}",
                run_config=dg.RunConfig(ops={"notify": _failure(context.instance, run)}),
                tags={TRIGGER_TAG: f"failed run {run.run_id}"},
            )
            for run in _ended(context, cursor)
        ]
        nothing = f"no run has failed for good; {len(cursor.waiting)} wait for a retry"
        skip = None if requests else dg.SkipReason(nothing)
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(asdict(cursor)), skip_reason=skip)

    return run_failed


def _ended(context: dg.SensorEvaluationContext, cursor: _Cursor) -> Iterator[dg.DagsterRun]:
    """Give the runs that failed for good, and move the cursor on."""
    instance = context.instance
    changes = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=cursor.record_id)
    for record in instance.fetch_run_status_changes(changes, limit=_MOST_PER_TICK, ascending=True).records:
        cursor.waiting.setdefault(record.run_id, record.timestamp)
        cursor.record_id = record.storage_id
    for run_id, failed_at in list(cursor.waiting.items()):
        run = instance.get_run_by_id(run_id)
        if run is None or not _is_ours(context, run) or _RETRIED_BY in run.tags:
            del cursor.waiting[run_id]  # deleted, somebody else's, a message itself, or tried again
        elif not _may_be_retried(instance, run) or time.time() - failed_at > RETRY_WAIT_S:
            del cursor.waiting[run_id]
            yield run


def _may_be_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether Dagster may still try it again: it decides a moment after the failure, by this tag."""
    return run.tags.get(_WILL_RETRY, "true" if instance.run_retries_enabled else "false") == "true"


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Return whether people hear of it here: a run of this code location, and no message itself.

    A run that a command made in its own process (`dagster asset materialize`) names no location: then its assets do.
    """
    if run.job_name == NOTIFY_RUN_FAILURE:
        return False
    location, graph = _location(run), context.repository_def
    if location is not None or graph is None:
        return location == _own_location(context)
    selected = run.asset_selection or ()
    return graph.has_job(run.job_name) and all(graph.asset_graph.has(key) for key in selected)


def _location(run: dg.DagsterRun) -> str | None:
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None


def _own_location(context: dg.SensorEvaluationContext) -> str | None:
    origin = context.code_location_origin
    return origin.location_name if origin else None


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Failure:
    return Failure(
        run_id=run.run_id,
        job=run.job_name,
        channel=run.tags.get("channel", ""),
        day=run.tags.get("dagster/partition", ""),
        said=_error_text(instance, run.run_id),
    )


def _error_text(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return what the failed steps said, or the run itself where no step did."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds)]
    parts: list[str] = []
    for event in (event for event in events if event.is_step_failure):
        data = event.step_failure_data
        ours = data.user_failure_data
        words = ours.description if ours is not None and ours.description else data.error.message if data.error else ""
        parts.append(f"{str(event.step_key).replace('__', '/')}: {str(words).strip()}")
    ends = [event.message for event in events if event.is_run_failure and event.message]
    return "; ".join(parts) or "; ".join(ends) or "it gave no reason"
