"""Messages about no content: sent once in each world, in a project that has made nothing yet."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from dayreel.errors import PermanentError
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.schemas.effect import NO_CONTENT, EffectKey
from dayreel.services.effects.intent import Intent
from dayreel.services.making.open_content import open_content
from dayreel.services.notify_people import REFUSED_RESTS, notified_about, notify_once, project_today
from dayreel.services.notify_run_failure import FailedRun, notify_run_failure
from dayreel.services.project import Project
from dayreel.services.upkeep.budget_alerts import budget_alerts
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import DAY, channel_of


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """A project without a single content."""
    return make_project()


@pytest.fixture
def in_either(make_project: Callable[..., Project], catalog: Catalog) -> Project:
    """The same on each database, for what the database itself refuses, and for moments."""
    return make_project(catalog=catalog)


def notify(project: Project, notifier: FakeNotifier, subject: str = "news/1") -> str:
    return notify_once(
        project, None, subject, "Look here.", notifiers=[notifier], name="own footage", about=["a thing"]
    )


def test_a_message_about_no_content_is_sent_once_in_each_world(project: Project) -> None:
    notifier = FakeNotifier()
    assert notify(project, notifier) == notify(project, notifier) == "own footage: log was notified: Look here."
    assert [message.marker for message in notifier.messages] == ["own footage/news/1"]
    assert notified_about(project, target="log") == {"a thing"}
    assert notified_about(project, target="slack") == set()
    live = replace(project, settings=project.settings.model_copy(update={"world": "live"}))
    assert notified_about(live, target="log") == set(), "the sandbox world's messages have notified nobody of anything"
    notify(live, notifier)
    assert len(notifier.messages) == 2
    with project.catalog.read() as connection:
        rows = connection.execute(select(effects.c.content_id, effects.c.channel, effects.c.day)).all()
    assert rows == [(None, None, project_today(project))] * 2


def test_a_refused_message_about_no_content_is_retried_next_day(in_either: Project) -> None:
    """There is no content to retry, and somebody will have mended the key by then."""
    notifier = FakeNotifier([PermanentError(attempted="post", answer="invalid_auth")])
    assert "was not notified" in notify(in_either, notifier)
    assert "a day later" in notify(in_either, notifier)
    assert notified_about(in_either, target="log") == {"a thing"}
    clock = in_either.clock
    assert isinstance(clock, FakeClock)
    clock.move(seconds=REFUSED_RESTS.total_seconds() + 60)
    assert notified_about(in_either, target="log") == set()
    assert "was notified" in notify(in_either, notifier)
    assert len(notifier.messages) == 1


def test_a_lost_answer_about_no_content_is_shown_and_looked_up(project: Project) -> None:
    notifier = FakeNotifier()
    notify(project, notifier)
    with project.catalog.write("money") as connection:
        connection.execute(effects.update().values(state="unknown"))
    (outcome,) = unknown_outcomes(project).of(None)
    assert outcome.about == NO_CONTENT
    (looked,) = reconcile(replace(project, providers={"log": notifier}))
    assert (looked.content_id, looked.outcome) == (NO_CONTENT, "confirmed")


def test_nothing_but_a_message_can_do_without_a_content(in_either: Project) -> None:
    key = EffectKey(NO_CONTENT, "segment", "fal", 1, "f")
    with pytest.raises(ValueError, match="belongs to a channel"):
        Intent(key, None, DAY, "video", most_usd=Decimal(1))
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        in_either.ledger.intend(connection, key, channel=None, day=DAY, layer="review")
    message = EffectKey(NO_CONTENT, "notification", "log", 1, "f")
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        in_either.ledger.intend(connection, message, channel="crafts", day=DAY, layer="review")


def test_the_database_rejects_a_second_message_about_no_content(in_either: Project) -> None:
    notify(in_either, FakeNotifier())
    with in_either.catalog.read() as connection:
        row = dict(connection.execute(select(effects)).mappings().one())
    row.pop("id")
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        connection.execute(insert(effects).values(row))


def test_a_failed_run_is_notified_where_nothing_was_ever_made(project: Project) -> None:
    notifier = FakeNotifier()
    failed = FailedRun("r1", "measure_posts", "", "", "the catalog is away")
    for _ in range(2):
        assert notify_run_failure(project, failed, notifiers=[notifier]).startswith(
            "project: log was notified: A run failed"
        )
    assert len(notifier.messages) == 1


def test_a_budget_alert_belongs_to_the_first_content_paid_for(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(config={"cap.day_usd": "1.00"})
    notify(project, FakeNotifier())
    row = open_content(project, channel_of(project), DAY)
    with project.catalog.write("money") as connection:
        key = EffectKey(row.id, "segment", "fal", 1, "f")
        number = project.ledger.intend(connection, key, channel=row.channel, day=row.day, layer="review")
        connection.execute(
            effects.update()
            .where(effects.c.id == number)
            .values(state="confirmed", settled_usd=Decimal(1), spent_on=project_today(project))
        )
    assert {alert.row.id for alert in budget_alerts(project, targets=["log"])} == {row.id}
