"""Doubts, deadlines and money become runs of `maintenance`. What is due: `dayreel.services.upkeep.chores`."""

import dagster as dg

from dayreel.services.notifier_routes import Routes
from dayreel.services.upkeep.chores import due_chores
from pipeline_assets.maintenance_jobs import MAINTENANCE, Chores
from pipeline_assets.steps import TRIGGER_TAG
from resources.project import ProjectResource

INTERVAL_S = 30


def build_chore_sensor(targets: Routes[str]) -> dg.SensorDefinition:
    """Return the sensor that starts the chores.

    Args:
        targets: the names of the notifiers, for what was sent already.
    """

    @dg.sensor(
        name="chore_due_sensor",
        job_name=MAINTENANCE,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts looking up unknown outcomes, reminding of and expiring reviews, and warning about budgets "
        "and stalled work.",
    )
    def chore_due(project: ProjectResource) -> dg.SensorResult:
        with project.open(actor="sensor chore_due") as opened:
            due = due_chores(opened, targets=targets)
        requests = [
            dg.RunRequest(
                run_key=chore.key,
                run_config=dg.RunConfig(ops={"run_maintenance": Chores(names=[chore.name])}),
                tags={TRIGGER_TAG: f"{chore.name}: {chore.about}"[:200]},
            )
            for chore in due
        ]
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else dg.SkipReason("nothing is in doubt or overdue")
        )

    return chore_due
