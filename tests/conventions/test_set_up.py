"""The set-up of `.venv`: what it begins again, what it leaves alone, which Python it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SET_UP = Path(__file__).parents[2] / "requirements" / "set_up.sh"
# Stands for both interpreters: it writes down what is installed, and fails where asked.
PYTHON = f"""#!/bin/sh
case "$*" in
  "-m venv --clear "*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo empty >> log;;
  *"pip"*install*installer.lock*) exit 1;;
  *"pip"*install*) echo "$*" | sed 's/.* //' >> log; [ ! -e fails ];;
  *) exec {sys.executable} "$@";;
esac
"""
RUNTIME = ["empty", "requirements/runtime.lock", "."]

pytestmark = pytest.mark.slow


class Clone:
    """A clone with a runtime lock and one for tests."""

    def __init__(self, root: Path, python: str = PYTHON) -> None:
        self.root = root
        (root / "requirements").mkdir()
        for name in ("runtime", "dev"):
            (root / f"requirements/{name}.lock").touch()
        (root / "python").write_text(python)
        (root / "python").chmod(0o755)

    def set_up(self, name: str, ready: str) -> "subprocess.CompletedProcess[str]":
        command = [str(SET_UP), ".venv", name, f".venv/{ready}", f"requirements/{name}.lock"]
        environment = {**os.environ, "PYTHON": "./python"}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def installed(self) -> list[str]:
        """Return what was emptied and installed since this was last asked."""
        log = self.root / "log"
        lines = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_what_is_ready_is_left_alone(clone: Clone) -> None:
    clone.set_up("runtime", ".run-ready").check_returncode()
    assert clone.installed() == RUNTIME
    clone.set_up("runtime", ".run-ready").check_returncode()
    assert not clone.installed()


def test_a_newer_lock_is_installed_into_what_is_there(clone: Clone) -> None:
    clone.set_up("runtime", ".run-ready").check_returncode()
    clone.set_up("dev", ".dev-ready").check_returncode()
    assert clone.installed() == [*RUNTIME, "requirements/dev.lock"]


def test_what_was_interrupted_is_begun_again_from_nothing(clone: Clone) -> None:
    clone.set_up("runtime", ".run-ready").check_returncode()
    (clone.root / "fails").touch()
    assert clone.set_up("dev", ".dev-ready").returncode != 0
    (clone.root / "fails").unlink()
    clone.installed()
    clone.set_up("dev", ".dev-ready").check_returncode()
    assert clone.installed() == [*RUNTIME, "requirements/dev.lock"]
    assert (clone.root / ".venv/.run-ready").exists()


def test_two_at_once_set_up_once(clone: Clone) -> None:
    command = [str(SET_UP), ".venv", "runtime", ".venv/.run-ready", "requirements/runtime.lock"]
    environment = {**os.environ, "PYTHON": "./python"}
    both = [subprocess.Popen(command, cwd=clone.root, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert clone.installed() == RUNTIME


def test_a_python_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    old = 'import sys; sys.version_info = (3, 10, 0); sys.version = "3.10.0 (old)"; exec(sys.argv[1])'
    clone = Clone(tmp_path, f"#!/bin/sh\nexec {sys.executable} -c '{old}' \"$2\"\n")
    refused = clone.set_up("runtime", ".run-ready")
    assert refused.returncode != 0
    assert refused.stderr.startswith("dayreel needs Python 3.11 to 3.13, and this is 3.10.0")
    assert not (tmp_path / ".venv").exists()
