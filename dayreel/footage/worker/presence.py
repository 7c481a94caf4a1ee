"""Who is there to work: one small file per worker on the shared folder. A help for people; no job depends on it.

A name belongs to one worker at a time, because claims and results carry it. A file that was not touched for a minute,
by the shared folder's own clock, is left over from a worker that died.
"""

import contextlib
import os
import re
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from pydantic import ValidationError

from dayreel.clock import Clock
from dayreel.errors import BusyError, StoreError, UsageError
from dayreel.footage.rules.paths import MARKER_FOLDER
from dayreel.footage.schemas.job import WORKER_NAME, WorkerSeen
from dayreel.footage.stores.job_queue import FolderClock, QueueDisk

WORKERS = f"{MARKER_FOLDER}/workers"
GONE_AFTER_S = 60.0
_TOUCHED_EVERY_S = 10.0


@dataclass(frozen=True)
class WorkerStatus:
    """A worker's file, and how long ago it was touched by the shared folder's clock."""

    seen: WorkerSeen
    silent_s: float

    @property
    def is_alive(self) -> bool:
        """Return whether it was heard of within the last minute."""
        return self.silent_s <= GONE_AFTER_S


def list_workers(root: Path) -> list[WorkerStatus]:
    """Return every worker that has a file, by name; files that are none are left out.

    Raises:
        StoreError: the shared folder refused.
    """
    folder = root / WORKERS
    if not folder.is_dir():
        return []
    now = FolderClock(str(folder), QueueDisk()).now()
    workers = []
    for path in sorted(folder.glob("[!.]*.json")):
        status = _read(path, now)
        if status is not None:
            workers.append(status)
    return workers


class Presence:
    """Keeps a worker's file for as long as the block runs."""

    def __init__(self, root: Path, name: str, roles: Sequence[str], clock: Clock) -> None:
        """Keep who it is.

        Raises:
            UsageError: the name cannot be a file's.
        """
        if not re.fullmatch(WORKER_NAME, name):
            raise UsageError(
                f"A worker cannot be called {name!r}.", next_step="Use letters, digits, `-`, `_` and `.`, at most 40."
            )
        self._path = root / WORKERS / f"{name}.json"
        self._clock = clock
        self._disk = QueueDisk(durable=False)
        self._lock = threading.Lock()
        self._over = threading.Event()
        now = clock.now()
        self._seen = WorkerSeen(
            name=name, host=socket.gethostname(), pid=os.getpid(), roles=tuple(roles), started_at=now, seen_at=now
        )
        self._thread = threading.Thread(target=self._touch_again, name=f"presence {name}", daemon=True)

    def __enter__(self) -> Self:
        """Take the name.

        Raises:
            BusyError: a live worker has it.
            StoreError: the shared folder refused.
        """
        try:
            self._disk.make_directories(str(self._path.parent))
            self._take()
        except OSError as error:
            raise StoreError(
                f"Worker {self._seen.name!r} could not write {str(self._path)!r}: {error.strerror or error}.",
                next_step="Look whether the shared folder is mounted and may be written to.",
            ) from error
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the name back."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._path.unlink()

    def working_on(self, job: str | None) -> None:
        """Say which job it is on, or that it is idle."""
        self._write(job)

    def _take(self) -> None:
        for _ in range(2):
            with contextlib.suppress(FileExistsError):
                self._disk.settle(self._disk.write_aside(str(self._path), self._line()))  # fails where one is
                return
            now = FolderClock(str(self._path.parent), self._disk).now()
            other = _read(self._path, now)
            if other is not None and other.is_alive and not self._is_dead_here(other.seen):
                raise BusyError(
                    f"A worker called {self._seen.name!r} is at work already (process {other.seen.pid} on "
                    f"{other.seen.host}, heard of {other.silent_s:.0f} s ago).",
                    next_step="Give this one another --name, or stop that one.",
                )
            with contextlib.suppress(FileNotFoundError):  # only one of two that start at once moves it
                left = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
                self._path.rename(left)
                left.unlink()
        raise BusyError(
            f"Another worker is starting as {self._seen.name!r} right now.", next_step="Give this one another --name."
        )

    def _is_dead_here(self, seen: WorkerSeen) -> bool:
        return seen.host == self._seen.host and not psutil.pid_exists(seen.pid)

    def _touch_again(self) -> None:
        while not self._over.wait(_TOUCHED_EVERY_S):
            self._write(self._seen.job)

    def _write(self, job: str | None) -> None:
        with self._lock, contextlib.suppress(OSError):  # the next touch, or the next job, finds out about the folder
            self._seen = self._seen.model_copy(update={"job": job, "seen_at": self._clock.now()})
            if self._is_ours() or not self._path.exists():
                self._disk.write(str(self._path), self._line(), settled=False)

    def _is_ours(self) -> bool:
        """Return whether the file is this worker's: one that was paused for long may have lost its name."""
        there = _read(self._path, 0.0)
        return there is not None and (there.seen.host, there.seen.pid) == (self._seen.host, self._seen.pid)

    def _line(self) -> bytes:
        return f"{self._seen.model_dump_json()}\n".encode()


def _read(path: Path, now: float) -> WorkerStatus | None:
    try:
        return WorkerStatus(WorkerSeen.model_validate_json(path.read_bytes()), max(0.0, now - path.stat().st_mtime))
    except (OSError, ValidationError):
        return None
