"""Messages about no content: told once in each world, in a project that has made nothing yet."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from dayreel.errors import PermanentError
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.schemas.effect import HOUSE, EffectKey
from dayreel.services.effects.intent import Intent
from dayreel.services.making.open_content import open_content
from dayreel.services.studio import Studio
from dayreel.services.tell_failure import FailedRun, tell_failure
from dayreel.services.tell_people import REFUSED_RESTS, house_day, tell_once, told_about
from dayreel.services.upkeep.budget_alerts import budget_alerts
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.studio import DAY, channel_of


@pytest.fixture
def studio(make_studio: Callable[..., Studio]) -> Studio:
    """A project without a single content."""
    return make_studio()


@pytest.fixture
def in_either(make_studio: Callable[..., Studio], catalog: Catalog) -> Studio:
    """The same on each database, for what the database itself refuses, and for moments."""
    return make_studio(catalog=catalog)


def tell(studio: Studio, notifier: FakeNotifier, subject: str = "news/1") -> str:
    return tell_once(studio, None, subject, "Look here.", notifier=notifier, name="own footage", about=["a thing"])


def test_a_message_about_no_content_is_sent_once_in_each_world(studio: Studio) -> None:
    notifier = FakeNotifier()
    assert tell(studio, notifier) == tell(studio, notifier) == "own footage: log was told: Look here."
    assert [one.marker for one in notifier.messages] == ["own footage/news/1"]
    assert told_about(studio, target="log") == {"a thing"}
    assert told_about(studio, target="slack") == set()
    live = replace(studio, settings=studio.settings.model_copy(update={"world": "live"}))
    assert told_about(live, target="log") == set(), "the sandbox world's messages have told nobody anything"
    tell(live, notifier)
    assert len(notifier.messages) == 2
    with studio.catalog.read() as connection:
        rows = connection.execute(select(effects.c.content_id, effects.c.channel, effects.c.day)).all()
    assert rows == [(None, None, house_day(studio))] * 2


def test_a_refused_message_about_no_content_is_retried_next_day(in_either: Studio) -> None:
    """There is no content to retry, and somebody will have mended the key by then."""
    notifier = FakeNotifier([PermanentError(attempted="post", answer="invalid_auth")])
    assert "was not told" in tell(in_either, notifier)
    assert "a day later" in tell(in_either, notifier)
    assert told_about(in_either, target="log") == {"a thing"}
    clock = in_either.clock
    assert isinstance(clock, FakeClock)
    clock.move(seconds=REFUSED_RESTS.total_seconds() + 60)
    assert told_about(in_either, target="log") == set()
    assert "was told" in tell(in_either, notifier)
    assert len(notifier.messages) == 1


def test_a_lost_answer_about_no_content_is_shown_and_looked_up(studio: Studio) -> None:
    notifier = FakeNotifier()
    tell(studio, notifier)
    with studio.catalog.write("money") as connection:
        connection.execute(effects.update().values(state="unknown"))
    (outcome,) = unknown_outcomes(studio).of(None)
    assert outcome.about == HOUSE
    (looked,) = reconcile(replace(studio, providers={"log": notifier}))
    assert (looked.content_id, looked.outcome) == (HOUSE, "confirmed")


def test_nothing_but_a_message_can_do_without_a_content(in_either: Studio) -> None:
    key = EffectKey(HOUSE, "segment", "fal", 1, "f")
    with pytest.raises(ValueError, match="belongs to a channel"):
        Intent(key, None, DAY, "video", most_usd=Decimal(1))
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        in_either.ledger.intend(connection, key, channel=None, day=DAY, layer="review")
    message = EffectKey(HOUSE, "notification", "log", 1, "f")
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        in_either.ledger.intend(connection, message, channel="crafts", day=DAY, layer="review")


def test_the_database_rejects_a_second_message_about_no_content(in_either: Studio) -> None:
    tell(in_either, FakeNotifier())
    with in_either.catalog.read() as connection:
        row = dict(connection.execute(select(effects)).mappings().one())
    row.pop("id")
    with pytest.raises(IntegrityError), in_either.catalog.write("money") as connection:
        connection.execute(insert(effects).values(row))


def test_a_failed_run_is_told_where_nothing_was_ever_made(studio: Studio) -> None:
    notifier = FakeNotifier()
    failed = FailedRun("r1", "measure_posts", "", "", "the catalog is away")
    for _ in range(2):
        assert tell_failure(studio, failed, notifier=notifier).startswith("the house: log was told: A run failed")
    assert len(notifier.messages) == 1


def test_a_budget_alert_belongs_to_the_first_content_paid_for(
    make_studio: Callable[..., Studio],
) -> None:
    studio = make_studio(config={"cap.day_usd": "1.00"})
    tell(studio, FakeNotifier())
    row = open_content(studio, channel_of(studio), DAY)
    with studio.catalog.write("money") as connection:
        key = EffectKey(row.id, "segment", "fal", 1, "f")
        number = studio.ledger.intend(connection, key, channel=row.channel, day=row.day, layer="review")
        connection.execute(
            effects.update()
            .where(effects.c.id == number)
            .values(state="confirmed", settled_usd=Decimal(1), spent_on=house_day(studio))
        )
    assert {one.row.id for one in budget_alerts(studio, target="log")} == {row.id}
