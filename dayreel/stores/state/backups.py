"""Earlier states of a document: `.pipeline/backups/pipeline_20241106_120000_123456.json.bak`, named by UTC time.

A backup is made by giving the old file a second name before the rename takes the first one away, which costs no copy
and no second wait for the device. Older ones are compressed (`.bak.gz`), the oldest removed.
What could not be read when it was replaced is set aside as `.damaged`, and never offered for restoring.

Whether and when a backup is due is the engine's business.
"""

import gzip
import itertools
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from dayreel.clock import Clock
from dayreel.stores.state.disk import Disk
from dayreel.stores.state.errors import StateBackupError, StateError, StateWriteError

_STAMP: Final = "%Y%m%d_%H%M%S_%f"
_STAMP_LENGTH: Final = 22
_GZIP_LEVEL: Final = 5
_MAX_DAMAGED: Final = 5
_COMPRESSED_AT_ONCE: Final = 5


class BackupManager:
    """The backups of one document.

    Args:
        document: absolute path of the document.
        directory: where the backups are.
        max_backups: how many are kept; 0 keeps none.
        compress_after_s: the age at which they are compressed; None never does.
        max_size_bytes: the largest document that is read.
        guard: a context manager that holds the document's lock (or joins the holder), for calls from outside.
    """

    def __init__(
        self,
        *,
        document: str,
        directory: str,
        max_backups: int,
        compress_after_s: float | None,
        max_size_bytes: int,
        disk: Disk,
        clock: Clock,
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Touch nothing yet."""
        self.directory = Path(directory)
        self._max_backups = max_backups
        self._compress_after_s = compress_after_s
        self._max_size_bytes = max_size_bytes
        self._document = document
        self._directory = directory
        self._disk = disk
        self._clock = clock
        self._guard = guard
        self._stem, self._suffix = Path(document).stem, Path(document).suffix
        stamped = rf"{re.escape(self._stem)}_(\d{{8}}_\d{{6}}_\d{{6}}){re.escape(self._suffix)}"
        pattern = rf"{stamped}\.(bak|bak\.gz|damaged)"
        self._pattern = re.compile(pattern)
        self._known: list[str] | None = None
        self._next_look_at = datetime(1, 1, 1, tzinfo=UTC)

    def create_backup(self) -> Path | None:
        """Copy the document as it is now into the backups; None when there is no document.

        Raises:
            StateLockError: another process is writing.
            StateWriteError: the copy could not be written; the document is untouched.
        """
        with self._guard():
            self.forget()
            try:
                contents = self._disk.read(self._document, limit_bytes=self._max_size_bytes)
                self._disk.make_directories(self._directory)
                path = self._new_path("bak")
                self._write(path, contents.raw, contents.mode)
                self.note(path)
                self.rotate()
            except FileNotFoundError:
                return None
            except OSError as error:
                raise StateWriteError(
                    f"Tried to back up {self._document!r}; the system answered: {error}.",
                    next_step="The document is untouched; make room or correct the permissions, then repeat.",
                ) from error
            return Path(path)

    def paths(self) -> list[Path]:
        """Return the backups, newest first."""
        return [self.directory / name for name in reversed(self._names("bak", "bak.gz"))]

    def damaged(self) -> list[Path]:
        """Return what was set aside because it could not be read, newest first."""
        return [self.directory / name for name in reversed(self._names("damaged"))]

    def has_any(self) -> bool:
        """Return whether there is anything to go back to."""
        return bool(self._names("bak", "bak.gz"))

    def read(self, backup: str | Path) -> bytes:
        """Return the document that a backup holds; `backup` is a path, or a name in the backups.

        Raises:
            StateBackupError: it is not there, or its compression is damaged.
        """
        path = Path(backup)
        if not path.is_absolute() and not path.exists():
            path = self.directory / path
        try:
            raw = self._disk.read(str(path), limit_bytes=self._max_size_bytes).raw
            return gzip.decompress(raw) if path.suffix == ".gz" else raw
        except (OSError, EOFError, ValueError) as error:
            names = [known.name for known in self.paths()[:3]]
            raise StateBackupError(
                f"Tried to read the backup {str(backup)!r} of {self._document!r}; it answered: {error}.",
                next_step=f"Choose another one; the newest are {names}." if names else "There are no backups.",
            ) from error

    def forget(self) -> None:
        """Look at the directory again the next time: another process has been at work."""
        self._known = None

    def keep_old(self, raw: bytes, mode: int | None, *, is_readable: bool) -> str:
        """Give the document's present file a second name among the backups, and return it (engine, lock held)."""
        path = self._new_path("bak" if is_readable else "damaged")
        if not self._disk.link(self._document, path):
            self._write(path, raw, mode)
        return path

    def note(self, path: str) -> None:
        """Count a new backup among the others."""
        if path.endswith(".damaged"):
            for old in self.damaged()[_MAX_DAMAGED:]:
                self._disk.remove(str(old))
        elif self._known is not None:
            self._known.append(path.rpartition(os.sep)[2])

    def drop_unfinished(self) -> None:
        """Remove what an interrupted commit left: a second name of the present document, or half a copy."""
        self.forget()
        names = self._disk.names(self._directory)
        for name in names:
            if not self._pattern.fullmatch(name.removesuffix(".tmp")):
                continue  # it belongs to another document, or to nobody we know
            is_second_name = self._disk.is_same_file(self._path(name), self._document)
            if name.endswith(".tmp") or is_second_name or f"{name}.gz" in names:
                self._disk.remove(self._path(name))

    def rotate(self) -> None:
        """Remove the oldest beyond the limit, and compress a few of those that are old enough (lock held)."""
        names = self._all_names()
        while len(names) > self._max_backups:
            self._disk.remove(self._path(names[0]))
            del names[0]
        for name in self._due_for_compression(names):
            names[names.index(name)] = self._compress(name)

    def _due_for_compression(self, names: list[str]) -> list[str]:
        """Return the oldest plain ones beyond the age, few enough that no commit takes noticeably longer."""
        if self._compress_after_s is None or (now := self._clock.now()) < self._next_look_at:
            return []
        newest_due = self._stamped(now - timedelta(seconds=self._compress_after_s))
        old = itertools.takewhile(lambda name: name < newest_due, names)
        due = list(itertools.islice((name for name in old if name.endswith(".bak")), _COMPRESSED_AT_ONCE))
        if not due:  # it need not be the very moment
            self._next_look_at = now + timedelta(seconds=self._compress_after_s / 10)
        return due

    def _compress(self, name: str) -> str:
        plain = self._disk.read(self._path(name), limit_bytes=self._max_size_bytes)
        packed = gzip.compress(plain.raw, compresslevel=_GZIP_LEVEL, mtime=0)
        self._write(self._path(f"{name}.gz"), packed, plain.mode)
        self._disk.remove(self._path(name))
        return f"{name}.gz"

    def _write(self, path: str, raw: bytes, mode: int | None) -> None:
        """Write a backup with the permission bits of the document: it holds the same secrets."""
        aside = f"{path}.tmp"
        try:
            self._disk.settle(self._disk.write_aside(aside, raw, mode=mode))
            self._disk.replace(aside, path)
        except BaseException:
            self._disk.remove(aside)
            raise

    def _path(self, name: str) -> str:
        return f"{self._directory}{os.sep}{name}"

    def _new_path(self, kind: str) -> str:
        """Return a name later than every other one, also when the clock stood still or went back."""
        name = self._stamped(self._clock.now())
        names = self._all_names()
        if names and names[-1][: len(name)] >= name:
            newest = datetime.strptime(names[-1][len(self._stem) + 1 :][:_STAMP_LENGTH], _STAMP)  # noqa: DTZ007  UTC
            name = self._stamped(newest + timedelta(microseconds=1))
        return self._path(f"{name}.{kind}")

    def _stamped(self, moment: datetime) -> str:
        return f"{self._stem}_{moment.strftime(_STAMP)}{self._suffix}"

    def _all_names(self) -> list[str]:
        if self._known is None:
            self._known = self._names("bak", "bak.gz")
        return self._known

    def _names(self, *kinds: str) -> list[str]:
        """Return what is there now, oldest first."""
        matches = map(self._pattern.fullmatch, self._disk.names(self._directory))
        return [match.string for match in matches if match and match[2] in kinds]


def explain_unusable(backup: str | Path, error: StateError) -> StateBackupError:
    """Return the error for a backup that is there but does not hold a usable document."""
    return StateBackupError(
        f"The backup {str(backup)!r} does not hold a usable document: {error.message}.",
        next_step="Choose another one; `dayreel state backups PATH` lists them.",
    )
