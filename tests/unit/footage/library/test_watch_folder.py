"""The watch over the shared folder: news is noticed, noise is not, and quiet never means blind."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchfiles import Change

from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.footage.library.ingest import movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.watch_folder import matters, watch_folder
from dayreel.services.studio import Studio
from tests.fakes.library import drop, make_library
from tests.waiting import wait_until

FALLS = movie_name("Hidden Falls", 2019)
DEADLINE_S = 30.0


@pytest.fixture
def library(make_studio: Callable[..., Studio]) -> Library:
    return make_library(make_studio(clock=SystemClock()))


@pytest.fixture
def said(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a watch says that runs as long as the test."""
    monkeypatch.setattr("dayreel.footage.library.watch_folder.AWAY_S", 0.1)
    told: list[str] = []
    stop = threading.Event()
    options = {"stop": stop, "tell": told.append, "tell_trouble": lambda error: told.append(str(error))}
    thread = threading.Thread(target=watch_folder, args=(library,), kwargs=options)
    thread.start()
    yield told
    stop.set()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def until(told: list[str], words: str) -> None:
    wait_until(lambda: any(words in one for one in told), otherwise=lambda: told)


@pytest.mark.slow
def test_a_marker_in_a_new_folder_is_noticed_amid_heartbeats(
    library: Library, said: list[str], tiny_clip: Path
) -> None:
    """What is put into a new folder at once raises no event of its own, and workers never let the folder be quiet."""
    presence = library.root / ".pipeline" / "workers"
    presence.mkdir(parents=True)
    beating = threading.Event()

    def beat() -> None:
        while not beating.wait(0.02):
            (presence / "one.json").write_text("{}", encoding="utf-8")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        time.sleep(0.3)  # the watch is up
        drop(library, FALLS, "rip", tiny_clip)
        until(said, "rip done")
        until(said, "remux job")
    finally:
        beating.set()
        thread.join()


@pytest.mark.slow
def test_a_new_plan_applies_next_pass_and_a_bad_one_is_reported(
    library: Library, said: list[str], tiny_clip: Path
) -> None:
    plan = library.root / "library.yaml"
    plan.write_text("remux_review: maybe\n", encoding="utf-8")
    until(said, "library.yaml:1: remux_review")
    plan.write_text("remux_review: false\n", encoding="utf-8")
    drop(library, FALLS, "rip", tiny_clip)
    drop(library, FALLS, "remux", tiny_clip)
    until(said, "transcode job")


def test_an_absent_share_is_reported_once_and_resumed_when_back(
    library: Library, tiny_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dayreel.footage.library.watch_folder.AWAY_S", 0.05)
    shared, away = library.root, library.root.with_name("away")
    drop(library, FALLS, "rip", tiny_clip)
    shared.rename(away)
    shared.mkdir()  # where it would be mounted
    stop = threading.Event()
    told: list[str] = []

    def trouble(error: DayreelError) -> None:
        told.append(f"trouble: {error.message}")
        threading.Timer(0.2, mount).start()

    def mount() -> None:
        shared.rmdir()  # nothing was written there
        away.rename(shared)

    def tell(words: str) -> None:
        told.append(words)
        stop.set()

    watch_folder(library, stop=stop, tell=tell, tell_trouble=trouble)
    assert [words.partition(" in ")[0] for words in told[:1]] == ["trouble: There is no library.yaml"]
    assert told[1] == f"{FALLS.item_id}: rip done"


@pytest.mark.parametrize(
    ("change", "path", "is_news"),
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
def test_what_workers_and_the_watch_itself_write_is_no_news(change: Change, path: str, is_news: bool) -> None:
    assert matters(change, path) is is_news
