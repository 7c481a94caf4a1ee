"""The demonstration is run, so that it cannot promise what does not hold."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]


def test_the_demonstration_proves_every_guarantee() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "dayreel.stores.state.demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("proved:") == 7
    assert done.stderr == ""


def test_the_package_stands_alone() -> None:
    """It may be taken out of dayreel with its errors and its clock."""
    code = "import sys, dayreel.stores.state; print([m for m in sys.modules if m.startswith('dayreel.')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    foreign = [
        name
        for name in eval(done.stdout)
        if not name.startswith(("dayreel.stores.state", "dayreel.errors", "dayreel.clock")) and name != "dayreel.stores"
    ]
    assert foreign == []
