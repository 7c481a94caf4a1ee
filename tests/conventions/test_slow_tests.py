"""Tests that start processes are marked slow: the hooks of `tests/conftest.py` fail the others."""

import subprocess
import sys

import pytest


@pytest.mark.xfail(strict=True, raises=pytest.fail.Exception, reason="it starts a process and is not marked slow")
def test_a_test_that_starts_a_process_must_be_slow() -> None:
    subprocess.run([sys.executable, "-S", "-c", ""], check=True, timeout=60)
