"""`dayreel worker`: what it refuses to start with, what it writes down, and that it leaves the process as it was."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import StoreError
from dayreel.footage.cli.json_log import open_log
from dayreel.footage.cli.worker_command import note_end
from dayreel.footage.stores.plan import start_library
from dayreel.footage.worker.attempt import Ended
from tests.unit.cli.conftest import Told

Dayreel = Callable[..., Told]


@pytest.fixture
def library(project: Path) -> Path:
    start_library(project / "shared")
    return project / "shared"


def test_an_idle_worker_with_once_exits_and_logs_two_lines(
    project: Path, library: Path, dayreel: Dayreel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYREEL_LIBRARY", str(library))
    before = signal.getsignal(signal.SIGTERM)
    result = dayreel("worker", "--roles", "remux,file", "--name", "attic", "--once")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines()[-1] == "worker attic stopped; 0 jobs done"
    lines = [json.loads(line) for line in (project / "var/logs/worker-attic.jsonl").read_text().splitlines()]
    assert [(line["event"], line["worker"]) for line in lines] == [("started", "attic"), ("stopped", "attic")]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--roles", "rip", "--name", "a"), 2, "Workers do remux, transcode, file, not rip"),
        (("--roles", "remux", "--name", "a/b"), 2, "cannot be called 'a/b'"),
        (("--roles", "remux", "--name", "a", "--library", "elsewhere"), 1, "so it is not a shared folder"),
    ],
)
def test_a_worker_that_cannot_work_says_why_at_once(
    library: Path, dayreel: Dayreel, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = dayreel("worker", "--library", str(library), "--once", *arguments)
    assert result.code == code
    assert words in result.err


def test_a_worker_without_a_shared_folder_names_the_setting(project: Path, dayreel: Dayreel) -> None:
    result = dayreel("worker", "--roles", "remux", "--name", "attic", "--once")
    assert result.code == 1
    assert "DAYREEL_LIBRARY" in result.err


def test_what_is_below_the_level_is_shown_and_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_log(tmp_path, "worker-attic", level="warn") as log:
        note_end(log, Ended("p5-1", "remux", "done", "film.mkv", 61.25))
        note_end(log, Ended("p5-2", "remux", "failed", "not the same footage", 1.0))
    assert len(capsys.readouterr().err.splitlines()) == 2
    (line,) = (tmp_path / "worker-attic.jsonl").read_text().splitlines()
    assert (json.loads(line)["level"], json.loads(line)["job"]) == ("WARNING", "p5-2")


def test_each_job_logs_one_text_and_one_json_line_with_rotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dayreel.footage.cli.json_log._FILE_BYTES", 600)
    with open_log(tmp_path / "logs", "worker-attic", worker="attic") as log:
        for number in range(4):
            note_end(log, Ended(f"p5-{number}", "remux", "done", "film.mkv", 61.25))
        log.trouble(StoreError("The shared folder is away."))
    assert capsys.readouterr().err.splitlines()[0] == "p5-0: done after 61 s: film.mkv"
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names[:2] == ["worker-attic.jsonl", "worker-attic.jsonl.1"]
    last = json.loads((tmp_path / "logs/worker-attic.jsonl").read_text().splitlines()[-1])
    assert (last["level"], last["kind"], last["event"]) == ("ERROR", "StoreError", "trouble")
    job = json.loads((tmp_path / "logs/worker-attic.jsonl.1").read_text().splitlines()[0])
    assert (job["outcome"], job["seconds"], job["role"]) == ("done", 61.25, "remux")
