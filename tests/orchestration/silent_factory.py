"""A project beside a real instance of Dagster, in which things can stop silently, and whoever looks at it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemotePartitionSetOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from dayreel.services.upkeep.report_silences import LOOK_EVERY, WatchReport, report_silences
from pipeline_assets.health import read_health
from tests.days import ZONE, days_ago, today
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import make_project
from tests.fakes.rows import add_content

SCHEDULE = "make_day_crafts_schedule"
SENSOR = "post_due_sensor"
_TYPES = {SCHEDULE: InstigatorType.SCHEDULE, SENSOR: InstigatorType.SENSOR}
_PLACE = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="pipeline_assets.definitions"), location_name="dayreel"
    ),
    "__repository__",
)


class SilentFactory:
    """A channel that has made today, a daemon that beats as long as it lives, and a look every five minutes."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        # Runs are stored with the present moment, so the clock begins with it.
        self.clock = FakeClock(datetime.now(UTC))
        self.instance = instance
        self.channel = {"timezone": ZONE, "make_at": "00:00", "active_from": days_ago(1)}
        self.project = make_project(root, channels={"crafts": self.channel}, clock=self.clock, timezone=ZONE)
        self.notifier = FakeNotifier()
        self.daemon_lives = True
        self.graph: set[str] | None = None
        for number in range(2):
            self.make_day(number)
        for name in _TYPES:
            self.instance.add_instigator_state(_state(name, InstigatorStatus.DECLARED_IN_CODE))

    def queue_run(self, job: str, **tags: str) -> str:
        """Put a run into the queue; return its id."""
        origin = RemoteJobOrigin(_PLACE, job)
        run = create_run_for_test(
            self.instance, job_name=job, status=DagsterRunStatus.QUEUED, tags=tags, remote_job_origin=origin
        )
        return str(run.run_id)

    def add_backfill(self, job: str, days: list[str], *, status: BulkActionStatus = BulkActionStatus.REQUESTED) -> None:
        """Write a backfill of a job, as Dagster's pages and `dayreel backfill` start it."""
        self.instance.add_backfill(
            PartitionBackfill(
                backfill_id=f"{job}{status.value}", status=status, from_failure=False, tags={},
                backfill_timestamp=self.clock.now().timestamp(), partition_names=days,
                partition_set_origin=RemotePartitionSetOrigin(
                    repository_origin=_PLACE, partition_set_name=f"{job}_partition_set"
                ),
            )
        )  # fmt: skip

    def make_day(self, days: int = 0) -> None:
        """Have the day so many days ago made."""
        add_content(self.project.catalog, f"crafts-{days_ago(days)}", "posted", at=self.clock.now())

    def look(self) -> WatchReport:
        """Look as every watch does, whichever process it is in."""
        now = self.clock.now()
        for kind in self.instance.get_required_daemon_types() if self.daemon_lives else ():
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), kind, None))
        if self.daemon_lives:
            self.tick(SENSOR, TickStatus.SKIPPED)
        health = read_health(self.instance, self.project.channels.names(), now, graph=self.graph)
        return report_silences(self.project, health, notifiers=[self.notifier])

    def look_for(self, duration: timedelta) -> list[str]:
        """Look every five minutes for so long; return what was sent."""
        before = len(self.notifier.messages)
        for _ in range(int(duration / LOOK_EVERY)):
            self.clock.move(seconds=LOOK_EVERY.total_seconds())
            self.look()
        return [message.text for message in self.notifier.messages[before:]]

    def switch(self, name: str, *, on: bool) -> None:
        """Switch a schedule or a sensor on or off, as people do in Dagster."""
        status = InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED
        self.instance.update_instigator_state(_state(name, status))

    def tick(self, name: str, status: TickStatus, *errors: str) -> None:
        """Write a tick that ended like this; each error was caused by the next."""
        state = _state(name, InstigatorStatus.RUNNING)
        failed: SerializableErrorInfo | None = None
        for error in reversed(errors):
            failed = SerializableErrorInfo(error, [], "KeyError", cause=failed)
        self.instance.create_tick(
            TickData(
                state.instigator_origin_id, name, _TYPES[name], status, self.clock.now().timestamp(),
                run_ids=[], selector_id=state.selector_id, error=failed,
            )
        )  # fmt: skip

    @property
    def day(self) -> str:
        """The channel's present day."""
        return today().isoformat()


def _state(name: str, status: InstigatorStatus) -> InstigatorState:
    data = ScheduleInstigatorData("0 0 * * *") if name == SCHEDULE else SensorInstigatorData()
    return InstigatorState(RemoteInstigatorOrigin(_PLACE, name), _TYPES[name], status, data)
