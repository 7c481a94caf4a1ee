"""A failed run becomes one message to people, sent by a run of `notify_run_failure`."""

import dagster as dg

from pipeline_assets.maintenance_jobs import NOTIFY_RUN_FAILURE, Failure, notify_run_failure_job
from pipeline_assets.steps import TRIGGER_TAG

INTERVAL_S = 30


def build_failure_sensor() -> dg.SensorDefinition:
    """Return the sensor that hears of failed runs."""

    def run_failed(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if run.job_name == NOTIFY_RUN_FAILURE:
            return dg.SkipReason("a message that could not be sent is not a reason for another one")
        failure = Failure(
            run_id=run.run_id,
            job=run.job_name,
            channel=run.tags.get("channel", ""),
            day=run.tags.get("dagster/partition", ""),
            said=_error_text(context),
        )
        return dg.RunRequest(
            run_key=f"failed:{run.run_id}",
            run_config=dg.RunConfig(ops={"notify": failure}),
            tags={TRIGGER_TAG: f"failed run {run.run_id}"},
        )

    # The message is sent by a run of its own: a sensor must not wait for a messenger, and a run that fails is seen and
    # can be tried again.
    sensor: dg.SensorDefinition = dg.run_failure_sensor(
        name="run_failed_sensor",
        request_job=notify_run_failure_job,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notifies people of every failed run, once.",
    )(run_failed)
    return sensor


def _error_text(context: dg.RunFailureSensorContext) -> str:
    """Return what the failed steps said, or the run itself where no step did."""
    parts: list[str] = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        ours = data.user_failure_data
        words = ours.description if ours is not None and ours.description else data.error.message if data.error else ""
        parts.append(f"{str(event.step_key).replace('__', '/')}: {str(words).strip()}")
    return "; ".join(parts) or context.failure_event.message or "it said nothing"
