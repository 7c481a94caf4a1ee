"""Jobs that make nothing: looking up what is in doubt or overdue, and notifying people of failures.

See https://docs.dagster.io/guides/build/ops. They are jobs, so that what asks vendors and people is never a sensor's
tick, and every look is a run that can be read afterwards. What is due is decided by `dayreel.services.upkeep.chores`.
"""

import dagster as dg
from dagster._check import CheckError
from pydantic import Field

from dayreel.services.notify_run_failure import FailedRun, notify_run_failure
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import MORNING, WATCH, chore_names, do_chore
from dayreel.services.upkeep.report_silences import SchedulerHealth
from pipeline_assets.health import names_of, read_health
from pipeline_assets.metadata import runbook
from pipeline_assets.run_queue import UPKEEP, UPKEEP_POOL
from pipeline_assets.steps import notifiers_of, open_project

MAINTENANCE = "maintenance"
NOTIFY_RUN_FAILURE = "notify_run_failure"


class Chores(dg.Config):
    """Which chores; none named is all of them."""

    names: list[str] = Field(default_factory=list)


class Failure(dg.Config):
    """The run that failed, see `dayreel.services.notify_run_failure.FailedRun`."""

    run_id: str
    job: str
    channel: str = ""
    day: str = ""
    said: str


@dg.op(
    required_resource_keys={"project", "notifier"},
    pool=UPKEEP_POOL,
    description="Look up, remind, expire, warn: what is due now.",
)
def run_maintenance(context: dg.OpExecutionContext, config: Chores) -> None:
    """Do the chores; every finding is a line of the log and of the run's metadata."""
    with open_project(context) as project:
        notifiers = notifiers_of(context.resources.notifier.open(project))
        for name in chore_names(project):
            if not config.names or name in config.names:
                health = _health(context, project) if name in (WATCH, MORNING) else None
                sentences = do_chore(project, name, notifiers=notifiers, health=health)
                context.log.info("%s: %s", name, "; ".join(sentences) or "nothing to do")


def _health(context: dg.OpExecutionContext, project: Project) -> SchedulerHealth | None:
    """Return what Dagster is doing; None in an instance of tests, which keeps no ticks."""
    if context.instance.is_ephemeral:
        return None
    try:
        graph = names_of(context.repository_def)
    except CheckError:  # a job that is executed on its own belongs to no graph
        graph = None
    return read_health(context.instance, project.channels.names(), project.clock.now(), graph=graph)


@dg.op(
    required_resource_keys={"project", "notifier"},
    pool=UPKEEP_POOL,
    description="Notify people of a failed run, once.",
)
def notify(context: dg.OpExecutionContext, config: Failure) -> None:
    """Send one message for one failed run."""
    failed = FailedRun(config.run_id, config.job, config.channel, config.day, config.said)
    with open_project(context) as project:
        notifiers = notifiers_of(context.resources.notifier.open(project)).of("failure")
        context.log.info(notify_run_failure(project, failed, notifiers=notifiers))


@dg.job(
    name=MAINTENANCE,
    tags=UPKEEP,
    description="Look up every act whose outcome is not known, remind of and expire reviews, warn about budgets and "
    f"stalled work, send the morning's message and the weekly report. "
    f"Started by the chore_due_sensor; safe to start by hand at any time. {runbook('how-to/operate')}",
)
def maintenance() -> None:
    """Do what is due."""
    run_maintenance()


@dg.job(
    name=NOTIFY_RUN_FAILURE,
    tags=UPKEEP,
    description="Notify people of a failed run. Started by the run_failed_sensor.",
)
def notify_run_failure_job() -> None:
    """Notify of one run."""
    notify()


@dg.job(name="keep_house", description=f"The old name of `{MAINTENANCE}`; it goes with release 0.2.")
def _keep_house() -> None:
    run_maintenance.alias("see_to")()


@dg.job(name="tell_failure", description=f"The old name of `{NOTIFY_RUN_FAILURE}`; it goes with release 0.2.")
def _tell_failure() -> None:
    notify.alias("tell")()


# What a team starts by script under the old names keeps working for one release.
old_names = [_keep_house, _tell_failure]
