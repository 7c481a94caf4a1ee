"""Own footage in the terminal: questions answered with the keyboard, jobs and workers, what each item waits for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from dayreel.clock import SystemClock
from dayreel.errors import TransientError
from dayreel.footage.library.gates import answer
from dayreel.footage.library.ingest import movie_name
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.schemas.job import JobProgress
from dayreel.footage.stores.reads import GateRow, get_gate, jobs_of
from dayreel.footage.tui.library import LibraryScreen
from dayreel.footage.worker.presence import Presence
from dayreel.providers.lookup.contract import TitleMatch
from dayreel.services.audit import recent_acts
from dayreel.services.project import Project
from tests.fakes.library import library_with, pretend_to_work
from tests.fakes.project import reviewable
from tests.unit.tui.terminals import Keyboard, WatchedTerminal, run, same_as_stored, terminal, text, until

SNAPSHOTS = Path(__file__).parent / "snapshots"
FALLS = movie_name("Hidden Falls", 2019)


@pytest.fixture
def library(make_project: Callable[..., Project], tiny_clip: Path) -> Library:
    """A movie that waits for a worker."""
    return library_with(make_project(), FALLS, tiny_clip)


def work(library: Library, role: str) -> None:
    pretend_to_work(library, role)
    run_pass(library)


def gate(library: Library, number: int) -> GateRow:
    with library.project.catalog.read() as connection:
        return get_gate(connection, number)


def test_answering_both_questions_by_keyboard_matches_snapshots(library: Library) -> None:
    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        work(library, "remux")
        await keyboard.press("5")
        await same_as_stored(app, keyboard, "library", "waits for your answer (1)", "remuxed (1)", folder=SNAPSHOTS)
        await keyboard.press("enter")
        await same_as_stored(app, keyboard, "streams", "its language is fra", folder=SNAPSHOTS)
        await keyboard.press("a")
        await until(app, "Approve these streams of Hidden Falls?")
        assert gate(library, 1).status == "pending"
        await keyboard.press("y")
        await until(app, "approved by alma via tui", "Recorded: question 1")
        run_pass(library)
        work(library, "transcode")
        await keyboard.press("escape")
        await until(app, "are these names right?")
        await keyboard.press("enter")
        await until(app, "movies/Hidden Falls (2019)/Hidden Falls (2019).mp4")
        await keyboard.press("e")
        await until(app, "one line for each file")
        app.screen.query_one(TextArea).text = "\n"
        await keyboard.press("ctrl+s")
        await until(app, "It has to be 1 lines, none empty.")
        app.screen.query_one(TextArea).text = "movies/Falls/Falls.mp4"
        await keyboard.press("ctrl+s")
        await same_as_stored(app, keyboard, "names", "a approves them", "movies/Falls/Falls.mp4", folder=SNAPSHOTS)
        await keyboard.press("a", "y")
        await until(app, "Recorded: question 2")

    run(terminal(library.project), story)
    assert [(question.responded_by, question.via) for question in (gate(library, 1), gate(library, 2))] == [
        ("alma", "tui")
    ] * 2
    assert gate(library, 2).response_data == {"names": {"tiny.mp4": "movies/Falls/Falls.mp4"}}


class Titles:
    """A service that knows one film, once it is not away any more."""

    is_away = True

    def movie(self, _title: str, _year: int | None) -> TitleMatch:
        if self.is_away:
            raise TransientError(attempted="look it up", answer="HTTP 503")
        return TitleMatch("movie/7", "Falls Uncut", 2019)


def test_titles_are_looked_up_again_with_a_key(library: Library) -> None:
    with (library.root / "library.yaml").open("a") as plan:
        plan.write("file: {lookup: tmdb}\n")
    titles = Titles()
    library.project.providers["tmdb"] = titles
    library = open_library(library.project)
    work(library, "remux")
    answer(library, 1, "approved", by="ana", via="cli")
    run_pass(library)
    work(library, "transcode")
    titles.is_away = False

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "are these names right?")
        await keyboard.press("enter")
        assert (await until(app, "question 2", "Look up again")).count("tmdb could not be asked") == 1
        await keyboard.press("l")
        await until(app, "question 3", "movies/Falls Uncut (2019)/Falls Uncut (2019).mp4")
        await keyboard.press("a", "y")
        await until(app, "Recorded: question 3")

    run(terminal(library.project), story)
    assert (gate(library, 2).status, gate(library, 3).status) == ("superseded", "approved")


def test_streams_can_be_typed_and_a_late_answer_shows_the_first(library: Library) -> None:
    work(library, "remux")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "waits for your answer (1)")
        await keyboard.press("enter")
        await until(app, "its language is fra")
        for words, reason in (("0;1", "is not a valid list of numbers"), ("0,7", "cannot be kept")):
            await keyboard.press("k")
            await until(app, "Which streams are kept?")
            assert app.screen.query_one(Input).value == "0,1"
            app.screen.query_one(Input).value = words
            await keyboard.press("enter")
            await until(app, reason)
        await keyboard.press("r")
        await until(app, "stays as it is until somebody")
        answer(library, 1, "rejected", by="ben", via="cli", response={"keep": [0, 2]})
        await keyboard.press("y")
        await until(app, "answered first by 'ben'", "rejected by ben via cli, to keep [0, 2]")

    run(terminal(library.project), story)
    assert gate(library, 1).responded_by == "ben"


def test_jobs_and_workers_are_seen_and_a_job_is_cancelled(library: Library) -> None:
    claim = library.queue.claim(["remux"], worker="attic", now=library.project.clock.now())
    assert claim is not None
    claim.progress(JobProgress(percent=40, fps=23.5, eta_s=185, detail="12 of 30 min"))

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "workers: none; `dayreel worker` starts one", "40 %", "23.5 fps", "3 min left")
        with Presence(library.root, "attic", ["remux", "transcode"], SystemClock()):
            await until(app, "attic", "at work", "remux, transcode")
        await keyboard.press("x")
        await until(app, "Cancel p5-")
        await keyboard.press("y")
        await until(app, "stops as soon as its worker")
        assert claim.is_cancelled()

    run(terminal(library.project), story)
    with library.project.catalog.read() as connection:
        assert recent_acts(connection, limit=1)[0].via == "tui"


def test_a_failed_job_is_tried_again(library: Library) -> None:
    pretend_to_work(library, "remux", error="the disc is scratched")
    run_pass(library)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "failed", "the disc is scratched")
        await keyboard.press("t")
        await until(app, "is waiting for a worker again")

    run(terminal(library.project), story)
    with library.project.catalog.read() as connection:
        assert [job.state for job in jobs_of(connection)] == ["queued"]


def test_an_absent_folder_is_reported_and_its_items_still_shown(library: Library) -> None:
    library.root.rename(library.root.with_name("unplugged"))

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "so it is not a shared folder of dayreel", "movie-hidden_falls_2019")

    run(terminal(library.project), story)


def test_without_a_shared_folder_the_key_says_what_it_takes(make_project: Callable[..., Project]) -> None:
    """And what the screen has to say about itself, before or after, does not take the answer's place."""
    project = make_project()

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("5")
        await until(app, "DAYREEL_LIBRARY is not set", "due or missed")
        assert app.current_mode == "day"
        row = reviewable(project)
        await until(app, row.id, gone="due or missed")
        assert "DAYREEL_LIBRARY is not set" in text(app)

    run(terminal(project), story)


def test_keys_can_be_asked_for_before_the_list_is_there() -> None:
    """The last line of the screen before asks the one that has just been opened."""
    assert LibraryScreen().check_action("copy_text", ()) is True
