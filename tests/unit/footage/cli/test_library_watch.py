"""`dayreel library watch` as a program that runs for days: what it writes down, and that one at a time does it."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.footage.library.open_library import WATCH_LOCK
from dayreel.footage.stores.plan import start_library
from tests.unit.cli.conftest import Told
from tests.waiting import wait_until


def stop_once_it_tends(log: Path) -> threading.Thread:
    def look() -> None:
        try:
            wait_until(lambda: log.is_file() and "tended" in log.read_text())
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_the_controller_writes_json_lines_and_stops_on_a_signal(
    project: Path, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = project / "shared"
    start_library(shared)
    monkeypatch.setenv("DAYREEL_LIBRARY", str(shared))
    marker = shared / "1-ripped/movies/Page_2001/.pipeline"
    marker.mkdir(parents=True)
    (marker.parent / "page.mov").write_text("<html>404</html>")
    (marker / "rip.done").touch()
    thread = stop_once_it_tends(project / "logs/library-watch.jsonl")
    result = dayreel("library", "watch", "--log-dir", str(project / "logs"))
    thread.join()
    assert (result.code, result.out) == (0, "")
    messages = result.err.splitlines()
    assert messages[0] == f"Watching {shared}. Ctrl-C stops."
    assert messages[-1] == "Stopped."
    lines = [json.loads(line) for line in (project / "logs/library-watch.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "tended", "stopped"]
    assert lines[1]["message"].startswith("movie-page_2001: rip refused: ")
    assert {"at", "level", "event", "message"} <= set(lines[1])
    assert (project / "var/locks" / f"{WATCH_LOCK}.lock").exists()
