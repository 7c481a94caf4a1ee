"""What should happen and does not is reported within half an hour, once, and again when it is over."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.scheduler.instigation import TickStatus
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from dayreel.errors import TransientError
from dayreel.queries.silences import silences_of
from dayreel.sandbox import credentials
from dayreel.services.keep_tokens import seeds
from dayreel.services.making.plan_days import pause_channel, resume_channel
from dayreel.stores.token_vault import TokenVault, new_key
from dayreel.vendors.token import Token
from pipeline_assets.health import read_health
from resources.project import ProjectResource
from tests.days import ZONE, today
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import ledger_rows, write_channel
from tests.fakes.rows import add_content, add_decision
from tests.orchestration.deployment import Deployment, reason_of
from tests.orchestration.silent_factory import SCHEDULE, SENSOR, SilentFactory

HALF_AN_HOUR = timedelta(minutes=30)
TWO_LOOKS = timedelta(minutes=10)


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance's folder with every table and nothing in it: making those takes six times as long as copying them."""
    home = tmp_path_factory.mktemp("dagster_home")
    with dg.DagsterInstance.local_temp(str(home)):
        return home


@pytest.fixture
def factory(tmp_path: Path, empty_home: Path) -> Iterator[SilentFactory]:
    """A project that is well, beside an instance of Dagster on SQLite."""
    home = shutil.copytree(empty_home, tmp_path / "dagster_home")
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        factory = SilentFactory(tmp_path / "project", instance)
        assert factory.look_for(TWO_LOOKS) == []
        yield factory


def _fail_ticks(factory: SilentFactory) -> Callable[[], None]:
    factory.tick(SCHEDULE, TickStatus.FAILURE, "no partition of that day")
    return lambda: factory.tick(SCHEDULE, TickStatus.SUCCESS)


def _stop_schedule(factory: SilentFactory) -> Callable[[], None]:
    factory.switch(SCHEDULE, on=False)
    return lambda: factory.switch(SCHEDULE, on=True)


def _stop_sensor(factory: SilentFactory) -> Callable[[], None]:
    factory.switch(SENSOR, on=False)
    return lambda: factory.switch(SENSOR, on=True)


def _kill_daemon(factory: SilentFactory) -> Callable[[], None]:
    factory.daemon_lives = False

    def start() -> None:
        factory.daemon_lives = True

    return start


def _break_zone(factory: SilentFactory) -> Callable[[], None]:
    root = factory.project.settings.root
    write_channel(root, "crafts", **{**factory.channel, "timezone": "Pacific/Kiritimati", "make_at": "00:30"})
    return lambda: write_channel(root, "crafts", **factory.channel)


def _fill_queue(factory: SilentFactory) -> Callable[[], None]:
    run_id = factory.queue_run("publish")
    return lambda: factory.instance.delete_run(run_id)


def _end_token(factory: SilentFactory) -> Callable[[], None]:
    key, token = SecretStr(new_key()), credentials.INSTAGRAM_LOGIN_TOKEN
    settings = factory.project.settings.model_copy(update={"token_key": key})
    settings = settings.with_variables(INSTAGRAM_ACCESS_TOKEN=token)
    factory.project = replace(factory.project, settings=settings)
    (seed,) = seeds(settings.variable)
    now, vault = factory.clock.now(), TokenVault(factory.project.catalog, key)
    ended = Token(token, None, now - timedelta(minutes=1), None, now - timedelta(days=60))
    vault.keep("instagram", ended, seed_sha256=seed.sha256, before=None, at=now)
    fresh = Token(token, None, now + timedelta(days=60), None, now)
    return lambda: vault.keep(
        "instagram", fresh, seed_sha256=seed.sha256, before=vault.read("instagram"), at=factory.clock.now()
    )


def _forget_pause(factory: SilentFactory) -> Callable[[], None]:
    pause_channel(factory.project, "crafts", by="ana", via="cli")
    factory.clock.move(days=7)
    factory.look()
    return lambda: resume_channel(factory.project, "crafts", by="ana", via="cli")


SILENCES: list[tuple[Callable[[SilentFactory], Callable[[], None]], str, str]] = [
    (_fail_ticks, "no partition of that day", f"Automation, {SCHEDULE}"),
    (_stop_schedule, f"schedule {SCHEDULE} is stopped", "switch it on"),
    (_kill_daemon, "daemon has not been heard of", "`dayreel up` starts it"),
    (_stop_sensor, f"sensor {SENSOR} is stopped", "switch it on"),
    (_break_zone, "that day has not begun then in DAYREEL_TIMEZONE", "set DAYREEL_TIMEZONE=Pacific/Kiritimati"),
    (_fill_queue, "1 runs wait in Dagster's queue", "Runs, In progress"),
    (_end_token, "token of instagram", "`dayreel connect instagram` makes new ones"),
    (_forget_pause, "Channel crafts has been paused by ana", "dayreel channels resume crafts"),
]


@pytest.mark.parametrize(("inject", "text", "step"), SILENCES, ids=[inject.__name__ for inject, *_ in SILENCES])
def test_a_silence_is_reported_once_and_when_it_is_over(
    factory: SilentFactory, inject: Callable[[SilentFactory], Callable[[], None]], text: str, step: str
) -> None:
    mend = inject(factory)
    (message,) = factory.look_for(HALF_AN_HOUR)
    assert text in message
    assert step in message
    mend()
    (over,) = factory.look_for(TWO_LOOKS)
    assert over.startswith("Resolved: ")
    assert text in over
    assert factory.look_for(TWO_LOOKS) == []


def test_a_day_that_nobody_began_is_reported(factory: SilentFactory) -> None:
    write_channel(factory.project.settings.root, "notes", **factory.channel)
    add_content(factory.project.catalog, "notes-2026-01-01", "posted", at=factory.clock.now() - timedelta(days=3))
    (message,) = factory.look_for(HALF_AN_HOUR)
    assert f"The video of notes for {factory.day} was due to be begun at 00:00" in message
    assert f"dayreel run --channel notes --date {factory.day}" in message
    assert len(message.splitlines()) == 2, "the days since the channel began"


def test_a_day_whose_run_waits_is_no_news(factory: SilentFactory) -> None:
    write_channel(factory.project.settings.root, "notes", **factory.channel)
    add_content(factory.project.catalog, "notes-2026-01-01", "posted", at=factory.clock.now() - timedelta(hours=30))
    factory.queue_run("make_day_notes", channel="notes", **{"dagster/partition": factory.day})
    assert factory.look_for(TWO_LOOKS) == []


def test_an_approved_post_that_nobody_sends_is_reported(factory: SilentFactory) -> None:
    add_content(factory.project.catalog, f"crafts-{factory.day}-t2", "approved", at=factory.clock.now(), revision=1)
    add_decision(factory.project.catalog, f"crafts-{factory.day}-t2", at=factory.clock.now())
    (message,) = factory.look_for(HALF_AN_HOUR)
    assert f"crafts-{factory.day}-t2 was approved by ben and its window on instagram is open" in message


def test_a_backfill_may_fill_the_queue(factory: SilentFactory) -> None:
    for _ in range(3):
        factory.queue_run("make_day", **{"dagster/backfill": "abc"})
    assert factory.look_for(HALF_AN_HOUR) == []


def test_a_stopped_sensor_that_is_gone_is_not_reported(factory: SilentFactory) -> None:
    factory.switch(SENSOR, on=False)
    factory.graph = {SCHEDULE}
    assert factory.look_for(HALF_AN_HOUR) == []
    factory.graph = {SCHEDULE, SENSOR}
    assert len(factory.look_for(HALF_AN_HOUR)) == 1
    factory.graph = {SCHEDULE}
    (over,) = factory.look_for(TWO_LOOKS)
    assert over.startswith("Resolved: ")


def test_a_backfill_that_has_not_come_to_its_days_is_under_way(factory: SilentFactory) -> None:
    factory.add_backfill("make_day_crafts", [factory.day])
    factory.add_backfill("marts", [factory.day])
    health = read_health(factory.instance, ["crafts", "notes"], factory.clock.now())
    assert [backfill.days for backfill in health.backfills] == [{("crafts", today())}]
    assert health.under_way == {("crafts", today())}
    factory.add_backfill("make_day", [factory.day], status=BulkActionStatus.COMPLETED_SUCCESS)
    over = read_health(factory.instance, ["crafts", "notes"], factory.clock.now()).backfills
    assert {("notes", today())} <= {day for backfill in over if backfill.is_over for day in backfill.days}


def test_what_is_over_by_the_second_look_is_not_reported(factory: SilentFactory) -> None:
    factory.switch(SENSOR, on=False)
    factory.look()
    factory.switch(SENSOR, on=True)
    assert factory.look_for(TWO_LOOKS) == []


def test_two_who_look_send_one_message(factory: SilentFactory) -> None:
    factory.switch(SENSOR, on=False)
    for _ in range(2):
        factory.look()
        factory.look()
        factory.clock.move(minutes=5)
    assert len(factory.notifier.messages) == 1


def test_a_message_that_failed_is_sent_later(factory: SilentFactory) -> None:
    factory.notifier = FakeNotifier([TransientError(attempted="send", answer="no route to host")])
    factory.switch(SENSOR, on=False)
    assert len(factory.look_for(HALF_AN_HOUR)) == 1


def test_the_schedule_sends_the_morning_once(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYREEL_MORNING_AT", "00:00")  # has come, whenever this runs
    repository = deployment.defs.get_repository_def()
    schedule = repository.get_schedule_def("morning_message_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 0 * * *", ZONE)

    def tick(moment: datetime) -> Any:
        resources = {"project": ProjectResource(root=str(deployment.root))}
        return schedule.evaluate_tick(
            dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository, resources=resources)
        )

    noon = datetime.now(ZoneInfo(ZONE)).replace(hour=12)
    assert "is not today" in reason_of(tick(noon - timedelta(days=1)))
    (request,) = tick(noon).run_requests
    job = deployment.defs.resolve_job_def("maintenance")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert job.execute_in_process(run_config=request.run_config, instance=instance).success
    with deployment.project() as project:
        (message,) = ledger_rows(project, kind="notification")
    assert message["request"]["marker"] == f"project/morning/{today()}"
    assert "was sent" in reason_of(tick(noon))


def test_a_failed_tick_is_reported_in_our_words_or_the_cause(factory: SilentFactory) -> None:
    own = "dayreel.errors.ConfigurationError: The catalog is newer than this. Install that version.\n"
    for errors, shown in (((own, "ResolutionError: '0017'"), "The catalog is newer"), (("KeyError: 'x'",), "KeyError")):
        factory.clock.move(seconds=1)
        factory.tick(SENSOR, TickStatus.FAILURE, "SensorExecutionError: in a sensor", *errors)
        health = read_health(factory.instance, [], factory.clock.now())
        (silence,) = (silence for silence in health.silences if silence.subject == f"dagster tick {SENSOR}")
        assert f": {shown}" in silence.text


def test_the_sensor_asks_for_a_report_of_what_is_new(deployment: Deployment, tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        nothing = deployment.tick(instance, "expectation_watch_sensor")
        assert "everything that should exist does" in reason_of(nothing)
        instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp() - 3600, "SENSOR", None))
        (request,) = deployment.tick(instance, "expectation_watch_sensor").run_requests
        job = deployment.defs.resolve_job_def("maintenance")
        assert job.execute_in_process(run_config=request.run_config, instance=instance).success
        with deployment.project() as project:
            (silence,) = silences_of(project)
        assert (silence.subject, silence.reported_at) == ("dagster daemon", None)
        assert deployment.tick(instance, "expectation_watch_sensor").run_requests == []
