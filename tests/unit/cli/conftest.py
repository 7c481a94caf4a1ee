"""A temporary project to type commands in, in this process or as a real process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from dayreel.cli import run

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def make_project(root: Path, *channels: str) -> Path:
    """Copy what a project needs, with these of the sample channels."""
    (root / "channels").mkdir(parents=True)
    (root / "dagster_home").mkdir()
    shutil.copy(REPOSITORY / "workspace.yaml", root)
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", root / "dagster_home")
    for name in channels:
        shutil.copy(REPOSITORY / "channels" / f"{name}.yaml", root / "channels")
    return root


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which commands are typed; nothing of the machine's own environment counts.

    What a command sets for its children (DAGSTER_HOME) is forgotten at the end, with everything else.
    """
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("DAYREEL_", "DAGSTER_"))]:
            del os.environ[name]
        root = make_project(tmp_path / "project", "asmr_crafts", "tiny_histories")
        monkeypatch.chdir(root)
        yield root


@pytest.fixture
def dayreel(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Type a command in this process."""

    def typed(*arguments: str) -> Told:
        capsys.readouterr()
        code = run(list(arguments))
        printed = capsys.readouterr()
        return Told(code, printed.out, printed.err)

    return typed


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Type a command as a process of its own; warnings of other people's code are not ours to fail on."""
    return subprocess.Popen(
        [sys.executable, "-m", "dayreel", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def finish(process: "subprocess.Popen[str]", within_s: float = 120) -> Told:
    """Wait for a command that was started."""
    out, err = process.communicate(timeout=within_s)
    return Told(process.returncode, out, err)
