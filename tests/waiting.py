"""Waiting for what other threads and processes do: looking again and again, until a deadline no machine should need."""

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

WITHIN_S = 120.0

Thing = TypeVar("Thing")


def wait_until(
    look: Callable[[], Thing | None],
    *,
    within_s: float = WITHIN_S,
    every_s: float = 0.02,
    otherwise: Callable[[], object] = str,
) -> Thing:
    """Return the first thing `look` finds that is neither empty nor false; after the deadline fail with `otherwise`."""
    ends = time.monotonic() + within_s
    while not (value := look()):
        assert time.monotonic() < ends, otherwise() or f"it was not so within {within_s:g} s"
        time.sleep(every_s)
    return value


def is_running(pid: int) -> bool:
    """Return whether a process lives; one that has ended and whose parent has not asked after it does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
