"""Questions about own footage in Slack and Discord: a card with two buttons, whose press answers as everywhere."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import GateClosedError, UsageError
from dayreel.footage.library.chat_gates import gate_interaction
from dayreel.footage.library.gate_cards import gate_card
from dayreel.footage.library.gates import answer, look_up_again
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.news import notify_news
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.schemas.library import FilePlan, LibraryPlan
from dayreel.footage.stores.reads import GateRow, get_gate
from dayreel.providers.lookup.contract import TitleMatch
from dayreel.providers.notifiers.contract import Card, Interaction, ReviewNotifier
from dayreel.schemas.effect import Permit
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import do_chore, due_chores
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.registry import chat_named
from tests.fakes.chats import Chat, chat_on
from tests.fakes.desk import desk_on
from tests.fakes.library import make_library, pretend_to_work
from tests.fakes.sandbox import RunningSandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as running, running.standing_still():
        yield running


@pytest.fixture(params=["slack", "discord"])
def chat(request: pytest.FixtureRequest, project: Project, world: RunningSandbox, tiny_clip: Path) -> Chat:
    """A chat in which a remux review was asked."""
    world.clear_faults()
    world.reset()
    library = make_library(project)
    ingest(library, movie_name("Hidden Falls", 2019), [tiny_clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    made = chat_on(library.project, world, request.param)
    settings = made.project.settings.model_copy(update={"library": library.root})
    here = replace(made.project, settings=settings)
    made = Chat(made.name, here, world, desk_on(here))
    assert "was notified" in notify_news(here, notifier=here.connect(made.name))[0]
    return made


class Titles:
    """A service that knows one film."""

    def movie(self, _title: str, _year: int | None) -> TitleMatch:
        return TitleMatch("movie/7", "Falls: Uncut", 2019)


def gate(chat: Chat) -> GateRow:
    with chat.project.catalog.read() as connection:
        return get_gate(connection, 1)


def library_of(chat: Chat) -> Library:
    return open_library(chat.project)


def test_a_question_card_is_sent_once_and_answered_by_a_press(chat: Chat) -> None:
    assert notify_news(chat.project, notifier=chat.project.connect(chat.name)) == []
    assert chat.buttons() == ["Approve", "Reject"]
    for words in ("Hidden Falls", "its language is fra", "/library#question-1"):
        assert words in chat.words()
    assert chat.press("approve").status_code == 200
    question = gate(chat)
    assert (question.status, question.via) == ("approved", chat.name)
    assert question.responded_by is not None
    assert f"({chat.name} " in question.responded_by
    assert chat.buttons() == []
    assert "Approved by" in chat.words()


def test_a_press_after_another_answer_shows_who_was_first(chat: Chat) -> None:
    answer(library_of(chat), 1, "rejected", by="Ana", via="desk")
    assert chat.press("approve").status_code == 200
    assert "answered first by 'Ana'" in chat.whispers()[-1]
    assert "Rejected by Ana" in chat.words()
    assert gate(chat).status == "rejected"


def due(chat: Chat) -> list[str]:
    return [
        chore.name
        for chore in due_chores(chat.project, targets=everything_to(chat.name))
        if chore.name == "library_cards"
    ]


def deliver_messages(chat: Chat) -> list[str]:
    return do_chore(chat.project, "library_cards", notifiers=everything_to(chat.project.connect(chat.name)))


def test_a_card_answered_elsewhere_loses_its_buttons_by_itself(chat: Chat) -> None:
    assert due(chat) == []
    answer(library_of(chat), 1, "rejected", by="Ana", via="cli")
    assert chat.buttons() == ["Approve", "Reject"], "whoever answers there holds no messenger's key"
    assert due(chat) == ["library_cards"]
    (report,) = deliver_messages(chat)
    assert "shows how it stands" in report
    assert chat.buttons() == []
    assert "Rejected by Ana" in chat.words()
    assert due(chat) == []


def test_a_superseded_card_says_so_without_a_press(chat: Chat) -> None:
    library = library_of(chat)
    name = movie_name("Hidden Falls", 2019)
    marker = library.root / name.marker_dir("remux") / "remux.done"
    os.utime(marker, (1, 1))
    run_pass(library)
    assert gate(chat).status == "superseded"
    deliver_messages(chat)
    assert chat.buttons() == []
    assert "there is a newer question" in chat.words()


def test_a_card_whose_update_failed_stays_due_until_it_succeeds(chat: Chat) -> None:
    answer(library_of(chat), 1, "approved", by="Ana", via="desk")
    chat.world.arm(chat.name, "update", "error", times=3, status=503)
    (report,) = deliver_messages(chat)
    assert "still shows it as it was" in report
    assert due(chat) == ["library_cards"]
    deliver_messages(chat)
    assert (chat.buttons(), due(chat)) == ([], [])


def test_a_card_with_an_unknown_outcome_is_updated_once_known(chat: Chat) -> None:
    def ask_is(state: str) -> None:
        with chat.project.catalog.write("money") as connection:
            connection.execute(effects.update().where(effects.c.state != "intended").values(state=state))

    ask_is("unknown")
    answer(library_of(chat), 1, "approved", by="Ana", via="desk")
    assert due(chat) == [], "nobody knows which message to change"
    ask_is("confirmed")
    assert due(chat) == ["library_cards"]


def test_an_answer_given_while_a_card_is_being_sent_is_shown(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers then finds no card yet that had to follow."""
    notifier: ReviewNotifier = chat.project.connect(chat.name)
    with chat.project.catalog.write("money") as connection:
        connection.execute(effects.delete())
    ask = notifier.ask

    def ask_slowly(permit: Permit, card: Card, *, preview: Path | None) -> dict[str, Any]:
        answer(library_of(chat), 1, "approved", by="Ana", via="desk")
        return ask(permit, card, preview=preview)

    monkeypatch.setattr(notifier, "ask", ask_slowly)
    notify_news(chat.project, notifier=notifier)
    deliver_messages(chat)
    assert chat.buttons() == []


def test_a_new_lookup_updates_the_card_and_voids_old_buttons(
    chat: Chat,
) -> None:
    answer(library_of(chat), 1, "approved", by="Ana", via="desk")
    run_pass(library_of(chat))
    pretend_to_work(library_of(chat), "transcode")
    run_pass(library_of(chat))
    notifier: ReviewNotifier = chat.project.connect(chat.name)
    notify_news(chat.project, notifier=notifier)
    stale = chat.sign(button="approve")
    project = replace(chat.project, providers={**chat.project.providers, "tmdb": Titles()})
    library = replace(library_of(chat), project=project)
    look_up_again(replace(library, plan=LibraryPlan(file=FilePlan(lookup="tmdb"))), 2, by="Ana", via="desk")
    deliver_messages(chat)
    assert "Falls: Uncut" in chat.words()
    assert chat.buttons() == ["Approve", "Reject"]
    assert len(chat.messages()) == 2
    assert chat.deliver(stale).status_code == 200
    assert "looked up again" in chat.whispers()[-1]
    chat.press("approve")
    with chat.project.catalog.read() as connection:
        assert get_gate(connection, 3).status == "approved"
    assert chat.buttons() == []
    assert notify_news(chat.project, notifier=notifier) == []


def test_a_press_elsewhere_or_for_something_else_is_refused(chat: Chat) -> None:
    state = str(chat.project.variable(chat_named(chat.name).room))
    with chat.project.catalog.read() as connection:
        ticket = gate_card(chat.project, connection, gate(chat)).ticket
    good = Interaction("approve", ticket, "U1", "Eve", state)
    assert gate_interaction(chat.project, chat.name, good) is not None
    assert gate_interaction(chat.project, chat.name, replace(good, ticket="crafts-2026-11-20 r1")) is None
    with pytest.raises(GateClosedError, match="another one"):
        gate_interaction(chat.project, chat.name, replace(good, place="C0ELSEWHERE"))
    for wrong in ("footage 1 0123456789abcdef", "footage 9 x", "footage", "footage -1 x"):
        with pytest.raises(UsageError):
            gate_interaction(chat.project, chat.name, replace(good, ticket=wrong))
    with pytest.raises(UsageError):
        gate_interaction(chat.project, chat.name, replace(good, act="caption"))
