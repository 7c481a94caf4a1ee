"""Questions about own footage in Slack and Discord: a card with two buttons, whose press answers as everywhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dayreel.errors import GateClosedError, UsageError
from dayreel.providers.notifiers.contract import Press
from dayreel.services.library.chat_gates import check_gate_press, gate_card
from dayreel.services.library.gates import answer
from dayreel.services.library.ingest import ingest, movie_name
from dayreel.services.library.news import tell_news
from dayreel.services.library.open_library import Library, open_library
from dayreel.services.library.tend import tend
from dayreel.services.reviewing.chat_review import ROOMS
from dayreel.services.studio import Studio
from dayreel.stores.catalog.item_reads import GateRow, get_gate
from tests.fakes.chats import Chat, chat_on
from tests.fakes.desk import desk_on
from tests.fakes.library import make_library, pretend_to_work
from tests.fakes.sandbox import RunningSandbox


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(params=["slack", "discord"])
def chat(request: pytest.FixtureRequest, studio: Studio, world: RunningSandbox, tiny_clip: Path) -> Chat:
    """A chat in which a remux review was asked."""
    world.clear_faults()
    world.reset()
    library = make_library(studio)
    ingest(library, movie_name("Hidden Falls", 2019), [tiny_clip])
    tend(library)
    pretend_to_work(library, "remux")
    tend(library)
    made = chat_on(library.studio, world, request.param)
    settings = made.studio.settings.model_copy(update={"library": library.root})
    here = replace(made.studio, settings=settings)
    made = Chat(made.name, here, world, desk_on(here))
    assert "was told" in tell_news(here, notifier=here.connect(made.name))[0]
    return made


def gate(chat: Chat) -> GateRow:
    with chat.studio.catalog.read() as connection:
        return get_gate(connection, 1)


def library_of(chat: Chat) -> Library:
    return open_library(chat.studio)


def test_a_question_is_a_card_that_is_asked_once_and_answered_by_a_press(chat: Chat) -> None:
    assert tell_news(chat.studio, notifier=chat.studio.connect(chat.name)) == []
    assert chat.buttons() == ["Approve", "Reject"]
    for words in ("Hidden Falls", "its language is fra", "/library#question-1"):
        assert words in chat.words()
    assert chat.press("approve").status_code == 200
    said = gate(chat)
    assert (said.status, said.via) == ("approved", chat.name)
    assert said.responded_by is not None
    assert f"({chat.name} " in said.responded_by
    assert chat.buttons() == []
    assert "Approved by" in chat.words()


def test_a_press_after_somebody_elses_answer_is_told_who_was_first(chat: Chat) -> None:
    answer(library_of(chat), 1, "rejected", by="Ana", via="desk")
    assert chat.press("approve").status_code == 200
    assert "answered first by 'Ana'" in chat.whispers()[-1]
    assert "Rejected by Ana" in chat.words()
    assert gate(chat).status == "rejected"


def test_a_press_elsewhere_or_about_something_else_answers_nothing(chat: Chat) -> None:
    room, ticket = str(chat.studio.variable(ROOMS[chat.name])), gate_card(chat.studio, gate(chat)).ticket  # type: ignore[index]
    good = Press("approve", ticket, "U1", "Eve", room)
    assert check_gate_press(chat.studio, chat.name, good).gate.id == 1  # type: ignore[arg-type]
    with pytest.raises(GateClosedError, match="another one"):
        check_gate_press(chat.studio, chat.name, replace(good, place="C0ELSEWHERE"))  # type: ignore[arg-type]
    for wrong in ("footage 1 0123456789abcdef", "footage 9 x", "footage", "footage -1 x"):
        with pytest.raises(UsageError):
            check_gate_press(chat.studio, chat.name, replace(good, ticket=wrong))  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        check_gate_press(chat.studio, chat.name, replace(good, act="caption"))  # type: ignore[arg-type]
