"""Named locks between processes: one works, the other learns who does. Freed by the system when a process dies."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dayreel.errors import BusyError


@contextmanager
def hold(folder: Path, name: str, *, what: str, at: datetime, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock `name` while the block runs.

    Args:
        what: the work, as a clause for whoever is turned away meanwhile: "make asmr_crafts for 2026-11-20".
        at: now, for the same purpose.
        wait_s: how long to wait for another holder; for work that is over in moments.

    Raises:
        BusyError: another process holds it; says which, for what and since when. Nothing was done.
    """
    holder = folder / f"{name}.holder.json"

    def busy() -> str:
        holder_facts = _noted(holder)
        return f"Another process is already at it: to {holder_facts.get('what', what)}{_who(holder_facts)}."

    with alone(folder / f"{name}.lock", wait_s=wait_s, busy=busy):
        note = {"pid": os.getpid(), "since": at.isoformat(timespec="seconds"), "what": what}
        holder.write_text(json.dumps(note), encoding="utf-8")
        yield


@contextmanager
def alone(path: Path, *, wait_s: float, busy: Callable[[], str]) -> Iterator[None]:
    """Hold the lock at `path` while the block runs; for work too short to be reported by name; see `hold` for other
    work.

    Args:
        wait_s: how long to wait for another holder.
        busy: says in a sentence who is in the way; called only then.

    Raises:
        BusyError: another process held it for as long. Nothing was done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise BusyError(busy(), next_step="Wait for it; nothing was done here.") from None
    try:
        yield
    finally:
        lock.release()


def who_holds(folder: Path, name: str) -> str | None:
    """Return which process holds the lock `name` and since when, in words, or None when nobody does."""
    if not folder.is_dir():
        return None
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _who(_noted(folder / f"{name}.holder.json")).strip(" ()") or "another process"
    lock.release()
    return None


def _noted(holder: Path) -> dict[str, Any]:
    # Only a help for people: the lock itself never depends on this file.
    try:
        facts = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _who(facts: dict[str, Any]) -> str:
    return f" (process {facts['pid']}, since {facts['since']})" if {"pid", "since"} <= facts.keys() else ""
