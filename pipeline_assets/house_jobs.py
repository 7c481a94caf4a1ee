"""Jobs that make nothing: seeing to what is in doubt or overdue, and telling people about failures.

See https://docs.dagster.io/guides/build/ops. They are jobs, so that what asks vendors and people is never a sensor's
tick, and every look is a run that can be read afterwards. What is due is decided by `dayreel.services.upkeep.chores`.
"""

import dagster as dg
from pydantic import Field

from dayreel.services.tell_failure import FailedRun, tell_failure
from dayreel.services.upkeep.chores import chore_names, do_chore
from pipeline_assets.metadata import runbook
from pipeline_assets.steps import room_of

KEEP_HOUSE = "keep_house"
TELL_FAILURE = "tell_failure"


class Chores(dg.Config):
    """Which chores; none named is all of them."""

    names: list[str] = Field(default_factory=list)


class Failure(dg.Config):
    """The run that failed, see `dayreel.services.tell_failure.FailedRun`."""

    run_id: str
    job: str
    channel: str = ""
    day: str = ""
    said: str


@dg.op(required_resource_keys={"studio", "notifier"}, description="Look up, remind, expire, warn: what is due now.")
def see_to(context: dg.OpExecutionContext, config: Chores) -> None:
    """Do the chores; every finding is a line of the log and of the run's metadata."""
    with room_of(context) as room:
        notifier = context.resources.notifier.open(room)
        for name in chore_names(room):
            if not config.names or name in config.names:
                told = do_chore(room, name, notifier=notifier)
                context.log.info("%s: %s", name, "; ".join(told) or "nothing to do")


@dg.op(required_resource_keys={"studio", "notifier"}, description="Tell people about a failed run, once.")
def tell(context: dg.OpExecutionContext, config: Failure) -> None:
    """Send one message for one failed run."""
    failed = FailedRun(config.run_id, config.job, config.channel, config.day, config.said)
    with room_of(context) as room:
        context.log.info(tell_failure(room, failed, notifier=context.resources.notifier.open(room)))


@dg.job(
    name=KEEP_HOUSE,
    description="Look up every act whose outcome is not known, remind of and expire reviews, warn about budgets and "
    f"stalled work. Started by the chore_due_sensor; safe to start by hand at any time. {runbook('how-to/operate')}",
)
def keep_house() -> None:
    """See to what is due."""
    see_to()


@dg.job(name=TELL_FAILURE, description="Tell people about a failed run. Started by the run_failed_sensor.")
def tell_failure_job() -> None:
    """Tell about one run."""
    tell()
