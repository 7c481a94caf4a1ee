"""What should exist and does not becomes a run of `maintenance`, which reports it: the watch inside Dagster's daemon.

It cannot see its own daemon die: `dayreel up` and `dayreel watch` look from outside, into the same record.
"""

import dagster as dg

from dayreel.services.upkeep.chores import WATCH
from dayreel.services.upkeep.report_silences import LOOK_EVERY, is_news
from pipeline_assets.health import names_of, read_health
from pipeline_assets.maintenance_jobs import MAINTENANCE, Chores
from pipeline_assets.steps import TRIGGER_TAG
from resources.project import ProjectResource


def build_watch_sensor() -> dg.SensorDefinition:
    """Return the sensor that compares what should exist with what does."""

    @dg.sensor(
        name="expectation_watch_sensor",
        job_name=MAINTENANCE,
        minimum_interval_seconds=int(LOOK_EVERY.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a report of what should exist and does not: days, posts, measurements, ticks, the queue.",
    )
    def expectation_watch(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        graph = names_of(context.repository_def) if context.repository_def is not None else None
        with project.open(actor="sensor expectation_watch") as opened:
            now = opened.clock.now()
            news = is_news(opened, read_health(context.instance, opened.channels.names(), now, graph=graph))
        if not news:
            return dg.SensorResult(skip_reason=dg.SkipReason("everything that should exist does, or is reported"))
        request = dg.RunRequest(
            run_key=f"watch:{int(now.timestamp() // LOOK_EVERY.total_seconds())}",
            run_config=dg.RunConfig(ops={"run_maintenance": Chores(names=[WATCH])}),
            tags={TRIGGER_TAG: "something should exist and does not, or does again"},
        )
        return dg.SensorResult(run_requests=[request])

    return expectation_watch
