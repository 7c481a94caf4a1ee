"""Named locks between processes: one works, the other is told who does. Freed by the system when a process dies."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from dayreel.errors import BusyError


@contextmanager
def hold(folder: Path, name: str, *, what: str, at: datetime, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock `name` while the block runs.

    Args:
        what: the work, as a clause for the one who is turned away: "make asmr_crafts for 2026-11-20".
        at: now, for the same purpose.
        wait_s: how long to wait for another holder; for work that is over in moments.

    Raises:
        BusyError: another process holds it; says which and since when. Nothing was done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.holder.json"
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise BusyError(
            f"Another process is already at it: to {what}{_who(holder)}.",
            next_step="Wait for it; nothing was done here.",
        ) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "since": at.isoformat(timespec="seconds")}), encoding="utf-8")
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
        return _who(folder / f"{name}.holder.json").strip(" ()") or "another process"
    lock.release()
    return None


def _who(holder: Path) -> str:
    # Only a help for people: the lock itself never depends on this file.
    try:
        told = json.loads(holder.read_text(encoding="utf-8"))
        return f" (process {told['pid']}, since {told['since']})"
    except (OSError, ValueError, KeyError):
        return ""
