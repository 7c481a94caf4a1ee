"""Doubts, deadlines, money and failures: each notified or looked up once, by a run, and never in a loop."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select, update

from dayreel.processes import owner_of, this_process
from dayreel.queries.rows import get_content
from dayreel.services.configure import write_config
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.reviewing.expire_reviews import overdue_reviews
from dayreel.services.upkeep.chores import Chore, do_chore, due_chores
from dayreel.stores.catalog.tables import content, effects
from pipeline_assets.maintenance_jobs import Failure
from tests.days import today
from tests.fakes.clock import NINE, FakeClock
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import Deployment, failures, reason_of

DAY = today()
NOTES_ID = f"notes-{DAY}"


def _messages(sandbox: RunningSandbox) -> list[str]:
    return [str(message["text"]) for message in sandbox.effects()["messages"]]


def _obey(deployment: Deployment, instance: dg.DagsterInstance, request: dg.RunRequest, job: str) -> Any:
    return deployment.defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
    )


def _hours_from_now(deployment: Deployment, hours: float) -> None:
    with deployment.project() as project, project.catalog.write() as connection:
        deadline = project.clock.now() + timedelta(hours=hours)
        connection.execute(update(content).where(content.c.id == NOTES_ID).values(review_deadline_at=deadline))


def test_with_nothing_in_doubt_nothing_is_started(made: Deployment, instance: dg.DagsterInstance) -> None:
    assert "nothing is in doubt or overdue" in reason_of(made.tick(instance, "chore_due_sensor"))


def _due_reviews(project: Project) -> list[Chore]:
    """Return the chores of reviews; by the hour at which the tests run, others are due too, such as the day's bills."""
    return [chore for chore in due_chores(project, targets=everything_to("slack")) if chore.name == "reviews"]


def test_people_are_reminded_once_and_then_the_review_expires(
    made: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    with made.project() as project, project.catalog.read() as connection:
        deadline = get_content(connection, NOTES_ID).review_deadline_at
    assert deadline is not None
    with made.project(clock=FakeClock(deadline - timedelta(hours=7))) as project:
        assert _due_reviews(project) == []
    with made.project(clock=FakeClock(deadline - timedelta(hours=5))) as project:
        assert len(_due_reviews(project)) == 1
        do_chore(project, "reviews", notifiers=everything_to(project.connect("slack")))
        assert _due_reviews(project) == []
        do_chore(project, "reviews", notifiers=everything_to(project.connect("slack")))
    assert len([text for text in _messages(sandbox) if "still waits for review" in text]) == 1
    with made.project(clock=FakeClock(deadline + timedelta(hours=1))) as project:
        do_chore(project, "reviews", notifiers=everything_to(project.connect("slack")))
        with project.catalog.read() as connection:
            assert get_content(connection, NOTES_ID).state == "expired"
        assert overdue_reviews(project, targets=["slack"]) == []
    assert len([text for text in _messages(sandbox) if "has expired" in text]) == 1


def test_the_sensor_starts_the_run_that_expires(made: Deployment, instance: dg.DagsterInstance) -> None:
    _hours_from_now(made, -1)
    (request,) = made.tick(instance, "chore_due_sensor").run_requests
    assert request.tags["dayreel/trigger"].startswith("reviews: expire notes-")
    assert _obey(made, instance, request, "maintenance").success
    assert made.tick(instance, "chore_due_sensor").run_requests == []


def test_a_decision_that_comes_in_between_wins(made: Deployment) -> None:
    _hours_from_now(made, -1)
    with made.project() as project:
        overdue = overdue_reviews(project, targets=["slack"])
        assert [chore.act for chore in overdue] == ["expire"]
        made.decide(NOTES_ID, "approved")
        assert do_chore(project, "reviews", notifiers=everything_to(project.connect("slack"))) == []
        with project.catalog.read() as connection:
            assert get_content(connection, NOTES_ID).state == "approved"


def test_a_message_that_cannot_be_sent_holds_nothing_back(made: Deployment, sandbox: RunningSandbox) -> None:
    _hours_from_now(made, -1)
    sandbox.arm("slack", "post", "error", times=9, code="is_archived")
    with made.project() as project:
        report = do_chore(project, "reviews", notifiers=everything_to(project.connect("slack")))
        with project.catalog.read() as connection:
            assert get_content(connection, NOTES_ID).state == "expired"
    assert "slack was not notified" in report[0]


def test_an_unknown_outcome_is_looked_up_ever_more_rarely(made: Deployment) -> None:
    made.add_effect(NOTES_ID, at=NINE)

    def turns(minutes: range) -> int:
        keys = set()
        for ahead in minutes:
            with made.project(clock=FakeClock(NINE + timedelta(minutes=ahead))) as project:
                (key,) = [
                    chore.key
                    for chore in due_chores(project, targets=everything_to("slack"))
                    if chore.name == "reconcile"
                ]
            keys.add(key)
        return len(keys)

    assert turns(range(1, 50, 12)) == 5
    assert turns(range(5 * 60, 8 * 60, 10)) == 3
    assert turns(range(48 * 60, 54 * 60, 60)) == 2


def test_what_a_living_process_is_sending_is_no_doubt(made: Deployment) -> None:
    """Process 1 lives as long as the machine."""
    made.add_effect(NOTES_ID, state="sent", owner=owner_of(1), lease_until_at=datetime.now(UTC))
    with made.project() as project:
        assert due_chores(project, targets=everything_to("slack")) == []


def test_a_released_effect_that_no_run_resumes_is_in_doubt(made: Deployment) -> None:
    handle = {"request_id": "r1"}
    made.add_effect(NOTES_ID, at=NINE, state="sent", owner=None, handle=handle, lease_until_at=NINE)
    dues = []
    for minutes in (0, 19, 21):
        with made.project(clock=FakeClock(NINE + timedelta(minutes=minutes))) as project:
            dues.append([chore.name for chore in due_chores(project, targets=everything_to("slack"))])
    assert dues == [[], [], ["reconcile"]]


def test_what_this_process_has_left_behind_is_a_doubt(made: Deployment) -> None:
    made.add_effect(NOTES_ID, state="sent", owner=this_process(), lease_until_at=datetime.now(UTC))
    with made.project() as project:
        assert [chore.name for chore in due_chores(project, targets=everything_to("slack"))] == ["reconcile"]


def test_the_run_writes_off_what_nobody_can_look_up(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.add_effect(NOTES_ID, kind="llm", target="anthropic", layer="idea")
    (request,) = made.tick(instance, "chore_due_sensor").run_requests
    result = _obey(made, instance, request, "maintenance")
    assert result.success, failures(result)
    with made.project() as project:
        assert [
            chore for chore in due_chores(project, targets=everything_to("slack")) if chore.name == "reconcile"
        ] == []


def test_work_that_makes_no_progress_is_notified_once(made: Deployment, sandbox: RunningSandbox) -> None:
    with made.project() as project, project.catalog.write() as connection:
        connection.execute(update(content).values(state="rendering", updated_at=NINE))
    dues = []
    for minutes in (0, 115, 121):
        with made.project(clock=FakeClock(NINE + timedelta(minutes=minutes))) as project:
            dues.append([chore.name for chore in due_chores(project, targets=everything_to("slack"))])
            for _ in range(2):
                do_chore(project, "stalled", notifiers=everything_to(project.connect("slack")))
    assert dues == [[], [], ["stalled"]]
    (reminders,) = [text for text in _messages(sandbox) if "has made no progress" in text]
    assert f"`dayreel retry {NOTES_ID}`" in reminders


@pytest.mark.parametrize(("spent", "levels"), [("7.99", []), ("8.00", ["80"]), ("10.00", ["100"])])
def test_people_are_notified_once_when_the_days_money_runs_out(
    made: Deployment, sandbox: RunningSandbox, spent: str, levels: list[str]
) -> None:
    with made.project() as project, project.catalog.write() as connection:
        write_config(connection, "cap.day_usd", "10", by="ana", at=project.clock.now())
    made.add_effect(NOTES_ID, state="confirmed", settled_usd=Decimal(spent))
    with made.project() as project:
        due = [chore for chore in due_chores(project, targets=everything_to("slack")) if chore.name == "budgets"]
        assert [chore.about.rsplit("/", 1)[1] for chore in due] == levels
        for _ in range(2):
            do_chore(project, "budgets", notifiers=everything_to(project.connect("slack")))
        assert [chore for chore in due_chores(project, targets=everything_to("slack")) if chore.name == "budgets"] == []
    assert len([text for text in _messages(sandbox) if "of cap.day_usd" in text]) == len(levels)


FROM_THE_START = json.dumps({"record_id": -1})


def _failed(made: Deployment, instance: dg.DagsterInstance, **tags: str) -> str:
    """Let a post fail that nobody has approved, and return its run."""
    failed = made.run(instance, "publish", DAY, ["notes", "posts", "outbox"], tags={"channel": "notes"})
    assert not failed.success
    _tag(instance, failed.run_id, **tags)
    return failed.run_id


def _tag(instance: dg.DagsterInstance, run_id: str, **tags: str) -> None:
    instance.add_run_tags(run_id, {f"dagster/{name}": value for name, value in tags.items()})


def test_a_failed_run_is_notified_once(made: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox) -> None:
    run_id = _failed(made, instance)
    tick = made.tick(instance, "run_failed_sensor", FROM_THE_START)
    (request,) = tick.run_requests
    assert request.run_key == f"failed:{run_id}"
    assert made.tick(instance, "run_failed_sensor", tick.cursor).run_requests == []
    for _ in range(2):
        assert _obey(made, instance, request, "notify_run_failure").success
    (text,) = [text for text in _messages(sandbox) if "A run failed" in text]
    assert f"publish notes {DAY}" in text
    assert f"/runs/{run_id}" in text


def test_a_failure_reaches_every_notifier_of_its_route(made: Deployment, instance: dg.DagsterInstance) -> None:
    with (made.root / ".env").open("a", encoding="utf-8") as settings:
        settings.write("\nDAYREEL_NOTIFY_FAILURE=slack, ntfy\n")
    _failed(made, instance)
    (request,) = made.tick(instance, "run_failed_sensor", FROM_THE_START).run_requests
    for _ in range(2):
        assert _obey(made, instance, request, "notify_run_failure").success
    with made.project() as project, project.catalog.read() as connection:
        failed = effects.c.request["marker"].as_string().contains("/failed/")
        sent = connection.execute(select(effects.c.target, effects.c.state).where(failed)).all()
    assert sorted(map(tuple, sent)) == [("ntfy", "confirmed"), ("slack", "confirmed")]


def test_a_foreign_run_in_the_same_instance_is_not_ours(made: Deployment, instance: dg.DagsterInstance) -> None:
    """Neither a job that is not in this graph, nor Dagster's own job for assets of another one, which has its name."""

    @dg.op
    def fail() -> None:
        raise dg.Failure("no")

    @dg.job
    def theirs() -> None:
        fail()

    @dg.asset
    def their_table() -> None:
        raise dg.Failure("no")

    theirs.execute_in_process(instance=instance, raise_on_error=False)
    dg.materialize([their_table], instance=instance, raise_on_error=False)
    assert made.tick(instance, "run_failed_sensor", FROM_THE_START).run_requests == []


def test_what_failed_before_the_first_look_is_history(made: Deployment, instance: dg.DagsterInstance) -> None:
    _failed(made, instance)
    tick = made.tick(instance, "run_failed_sensor")
    assert tick.run_requests == []
    assert made.tick(instance, "run_failed_sensor", tick.cursor).run_requests == []


def test_of_three_attempts_the_last_is_notified(made: Deployment, instance: dg.DagsterInstance) -> None:
    first = _failed(made, instance, will_retry="true")
    tick = made.tick(instance, "run_failed_sensor", FROM_THE_START)
    assert tick.run_requests == []
    second = _failed(made, instance, will_retry="true", auto_retry_run_id="third")
    _tag(instance, first, auto_retry_run_id=second)
    third = _failed(made, instance, will_retry="false")
    (request,) = made.tick(instance, "run_failed_sensor", tick.cursor).run_requests
    assert request.run_key == f"failed:{third}"


@pytest.mark.parametrize("given_up", [True, False])
def test_a_retry_that_never_comes_is_notified(
    made: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, given_up: bool
) -> None:
    """Dagster gives a retry up when its code server cannot be reached, and makes none for a backfill that is over."""
    run_id = _failed(made, instance, will_retry="true")
    tick = made.tick(instance, "run_failed_sensor", FROM_THE_START)
    if given_up:
        _tag(instance, run_id, will_retry="false")
    else:
        monkeypatch.setattr("sensors.failures.RETRY_WAIT_S", 0.0)
    (request,) = made.tick(instance, "run_failed_sensor", tick.cursor).run_requests
    assert request.run_key == f"failed:{run_id}"


def test_a_failed_notification_is_not_notified(made: Deployment, instance: dg.DagsterInstance) -> None:
    failed = made.defs.resolve_job_def("notify_run_failure").execute_in_process(
        instance=instance,
        run_config=dg.RunConfig(ops={"notify": Failure(run_id="x", job="j", channel="notes", day="no day", said="s")}),
        raise_on_error=False,
    )
    assert not failed.success
    assert made.tick(instance, "run_failed_sensor", FROM_THE_START).run_requests == []


def test_a_lost_answer_is_looked_up_by_the_sensors_run(
    bought: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    """The request for a language model whose answer was lost is written off, and the day can go on."""
    sandbox.arm("openai", "responses", "lose_answer", times=4)
    result = bought.run(instance, "make_day_crafts", DAY, ["crafts", "ideas"])
    assert not result.success
    (request,) = bought.tick(instance, "chore_due_sensor").run_requests
    assert _obey(bought, instance, request, "maintenance").success
    assert bought.tick(instance, "chore_due_sensor").run_requests == []
