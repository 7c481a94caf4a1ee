"""`dayreel library watch` as a program that runs for days: what it writes down, and that one at a time does it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.cli.opened import opened_library
from dayreel.errors import DayreelError
from dayreel.services.library.watch_folder import WATCH_LOCK, watch_folder
from dayreel.stores.library_plan import start_library
from tests.unit.cli.conftest import Told

WITHIN_S = 30.0


def stop_once_it_watches(log: Path) -> threading.Thread:
    def look() -> None:
        deadline = time.monotonic() + WITHIN_S
        while not (log.is_file() and log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_a_share_that_goes_away_is_told_once_and_tended_again_when_it_is_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, away = project / "shared", project / "away"
    start_library(shared)
    monkeypatch.setenv("DAYREEL_LIBRARY", str(shared))
    monkeypatch.setattr("dayreel.services.library.watch_folder.AWAY_S", 0.0)
    stop = threading.Event()
    told: list[str] = []

    def trouble(error: DayreelError) -> None:
        told.append(f"trouble: {error.message}")
        assert list(shared.iterdir()) == [], "nothing is written where the share is not mounted"
        shared.rmdir()
        away.rename(shared)

    with opened_library() as library:
        shared.rename(away)
        shared.mkdir()  # where it would be mounted
        marker = away / "1-ripped/movies/Page_2001/.pipeline"
        marker.mkdir(parents=True)
        (marker.parent / "page.mov").write_text("<html>404</html>")
        (marker / "rip.done").touch()

        def tell(said: str) -> None:
            told.append(said)
            stop.set()

        watch_folder(library, stop=stop, tell=tell, tell_trouble=trouble)
    assert len(told) == 2
    assert told[0].startswith("trouble: There is no library.yaml in")
    assert told[1].startswith("movie-page_2001: rip refused: ")


def test_the_controller_writes_json_lines_and_stops_when_told(
    project: Path, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = project / "shared"
    start_library(shared)
    monkeypatch.setenv("DAYREEL_LIBRARY", str(shared))
    marker = shared / "1-ripped/movies/Page_2001/.pipeline"
    marker.mkdir(parents=True)
    (marker.parent / "page.mov").write_text("<html>404</html>")
    (marker / "rip.done").touch()
    thread = stop_once_it_watches(project / "logs/library-watch.jsonl")
    told = dayreel("library", "watch", "--log-dir", str(project / "logs"))
    thread.join()
    assert (told.code, told.out) == (0, "")
    said = told.err.splitlines()
    assert said[0] == f"Watching {shared}. Ctrl-C stops."
    assert said[-1] == "Stopped."
    lines = [json.loads(line) for line in (project / "logs/library-watch.jsonl").read_text().splitlines()]
    assert [one["event"] for one in lines] == ["started", "tended", "stopped"]
    assert lines[1]["message"].startswith("movie-page_2001: rip refused: ")
    assert {"at", "level", "event", "message"} <= set(lines[1])
    assert (project / "var/locks" / f"{WATCH_LOCK}.lock").exists()
