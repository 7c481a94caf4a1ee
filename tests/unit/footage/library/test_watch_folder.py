"""The watch over the shared folder: news is noticed, noise is not, and quiet never means blind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from watchfiles import Change

from dayreel.clock import SystemClock
from dayreel.footage.library.ingest import movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.library.watch_folder import matters, watch_folder
from dayreel.services.project import Project
from tests.fakes.library import drop, make_library
from tests.waiting import WITHIN_S, wait_until

FALLS = movie_name("Hidden Falls", 2019)


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project(clock=SystemClock()))


@contextmanager
def watched(library: Library) -> Iterator[list[str]]:
    """Watch until the block ends; gives what the watch says."""
    lines: list[str] = []
    stop = threading.Event()
    options = {"stop": stop, "report": lines.append, "notify_trouble": lambda error: lines.append(str(error))}
    thread = threading.Thread(target=watch_folder, args=(library,), kwargs=options)
    thread.start()
    try:
        yield lines
    finally:
        stop.set()
        thread.join(WITHIN_S)
    assert not thread.is_alive()


@contextmanager
def heartbeats(library: Library) -> Iterator[None]:
    """Let a worker say that it is there, again and again, until the block ends."""
    presence = library.root / ".pipeline" / "workers"
    presence.mkdir(parents=True)
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(0.02):
            (presence / "one.json").write_text("{}", encoding="utf-8")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def until(lines: list[str], words: str) -> None:
    wait_until(lambda: any(words in line for line in lines), otherwise=lambda: lines)


@pytest.mark.slow
def test_a_marker_in_a_new_folder_is_noticed_amid_heartbeats(
    library: Library, tmp_path: Path, tiny_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put into a new folder at once raises no event of its own, and workers never let the folder be quiet."""
    looks: list[list[str]] = []

    def look(library: Library) -> list[str]:
        looks.append(run_pass(library))
        return looks[-1]

    monkeypatch.setattr("dayreel.footage.library.watch_folder.run_pass", look)
    monkeypatch.setattr("dayreel.footage.library.watch_folder.QUIET_S", float("inf"))  # only an event makes it look
    whole = drop(replace(library, root=tmp_path / "aside"), FALLS, "rip", tiny_clip)
    place = library.root / FALLS.folder("rip")
    place.parent.mkdir(parents=True, exist_ok=True)
    with heartbeats(library), watched(library) as lines:
        wait_until(lambda: len(looks) == 2)  # one before the watch is up, and one at its first answer
        whole.rename(place)
        until(lines, "rip done")
        until(lines, "remux job")


@pytest.mark.slow
def test_a_new_plan_applies_next_pass_and_a_bad_one_is_reported(
    library: Library, tiny_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dayreel.footage.library.watch_folder.AWAY_S", 0.1)
    plan = library.root / "library.yaml"
    with watched(library) as lines:
        plan.write_text("remux_review: maybe\n", encoding="utf-8")
        until(lines, "library.yaml:1: remux_review")
        plan.write_text("remux_review: false\n", encoding="utf-8")
        drop(library, FALLS, "rip", tiny_clip)
        drop(library, FALLS, "remux", tiny_clip)
        until(lines, "transcode job")


def test_an_absent_share_is_reported_once_and_resumed_when_back(library: Library, tiny_clip: Path) -> None:
    shared, away = library.root, library.root.with_name("away")
    drop(library, FALLS, "rip", tiny_clip)
    shared.rename(away)
    shared.mkdir()  # where it would be mounted

    class MountedAtTheThirdTry(threading.Event):
        """Nobody waits between two tries."""

        tries = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.tries += 1
            if self.tries == 3:
                away.rename(shared)  # which works on an empty folder alone: nothing was written there
            return self.is_set()

    stop = MountedAtTheThirdTry()
    lines: list[str] = []

    def log(words: str) -> None:
        lines.append(words)
        stop.set()

    watch_folder(library, stop=stop, report=log, notify_trouble=lambda error: lines.append(f"trouble: {error.message}"))
    assert stop.tries == 3
    assert lines[0].startswith("trouble: There is no library.yaml in ")
    assert lines[1] == f"{FALLS.item_id}: rip done"


@pytest.mark.parametrize(
    ("change", "path", "has_changes"),
    [
        (Change.added, "/s/2-remuxed/movies/Falls/.pipeline/remux.done", True),
        (Change.added, "/s/1-ripped/movies/Falls", True),
        (Change.added, "/s/.pipeline/jobs/completed/p5-20261120T090000-remux-movie-falls.1", True),
        (Change.modified, "/s/.pipeline/jobs/running/p5-20261120T090000-remux-movie-falls.1/progress.json", True),
        (Change.deleted, "/s/1-ripped/movies/Falls/a.mkv", False),
        (Change.modified, "/s/.pipeline/jobs/running/p5-20261120T090000-remux-movie-falls.1/heartbeat", False),
        (Change.modified, "/s/.pipeline/workers/one.json", False),
        (Change.added, "/s/2-remuxed/.aside/p5-20261120T090000-remux-movie-falls.1/a.mkv", False),
        (Change.modified, "/s/2-remuxed/movies/Falls/.pipeline/metadata.json", True),
        (Change.modified, "/s/2-remuxed/movies/Falls/.pipeline/transactions.log", False),
    ],
)
def test_what_workers_and_the_watch_itself_write_is_no_news(change: Change, path: str, has_changes: bool) -> None:
    assert matters(change, path) is has_changes
