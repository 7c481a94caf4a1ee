"""Every act on the file system that a commit consists of, one method each.

That makes the order of a commit readable in one place (`engine`), and lets a test hand in a disk that fails, fills
up or kills the process at any of these acts. What each `settle` (fsync) buys is described in docs/explanation/state.md.
"""
# ruff: noqa: PTH102, PTH105, PTH108, PTH112, PTH120, PTH121, PTH208
# System calls on purpose: this is the hot path, and each line is one step of a guarantee.

import contextlib
import errno
import os
import stat
import sys
from dataclasses import dataclass
from typing import Final

from dayreel.clock import Clock, SystemClock

_BYTES: Final = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines
# A named pipe in the file's place must not hang the reader.
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BYTES
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BYTES
_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | _BYTES
OPEN_LOCK: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | _BYTES
_NO_LINK: Final = {errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV}
_REPLACE_PAUSES_S: Final = (0.001, 0.005, 0.02, 0.1, 0.3, 0.6)
_NEW_FILE_MODE: Final = 0o666  # less the umask


class TooLargeError(OSError):
    """The file is larger than the caller wants to hold in memory."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of a regular file and its permission bits."""

    raw: bytes
    mode: int


class Disk:
    """The real file system.

    Args:
        clock: for pauses.
        durable: wait for the device where a guarantee needs it; without it the same steps run, and only the
            protection against power loss is gone.
    """

    def __init__(self, *, durable: bool = True, clock: Clock | None = None) -> None:
        self.durable = durable
        self._clock = clock or SystemClock()

    def read(self, path: str, *, limit_bytes: int) -> Contents:
        """Return the whole file as it was at one moment: a rename in between does not matter to an open file.

        Raises:
            OSError: as the system says; `IsADirectoryError` and `TooLargeError` included.
        """
        fd = os.open(path, _READ)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise IsADirectoryError(errno.EISDIR, "it is a directory or a device, not a regular file", path)
            if facts.st_size > limit_bytes:
                raise TooLargeError(errno.EFBIG, f"{facts.st_size} bytes, and {limit_bytes} is the limit", path)
            return Contents(_read_to_end(fd, facts.st_size), stat.S_IMODE(facts.st_mode))
        finally:
            os.close(fd)

    def make_directories(self, path: str) -> None:
        """Create `path` and what is missing above it, and make the new names last."""
        missing = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.mkdir(directory)
            self.settle_directory(os.path.dirname(directory))

    def link(self, source: str, target: str) -> bool:
        """Give the file a second name; return False where the file system has no hard links."""
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        return True

    def write_aside(self, path: str, raw: bytes, *, mode: int | None = None) -> int:
        """Create `path` with `raw` in it and return the open descriptor, for `settle`.

        The device is asked to start writing at once, so that the caller can work on while it does.
        """
        fd = os.open(path, _CREATE, _NEW_FILE_MODE if mode is None else mode)
        try:
            self.put(fd, raw)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            if self.durable and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def put(self, fd: int, raw: bytes) -> None:
        """Write all of `raw` where the descriptor stands."""
        written = os.write(fd, raw)
        while written < len(raw):
            written += os.write(fd, raw[written:])

    def settle(self, fd: int) -> None:
        """Wait until the device has the file, and close it."""
        try:
            if self.durable:
                os.fsync(fd)
        finally:
            os.close(fd)

    def settle_existing(self, path: str) -> None:
        """Wait until the device has a file that somebody else wrote."""
        if self.durable:
            self.settle(os.open(path, _READ))

    def settle_directory(self, path: str) -> None:
        """Wait until the device has the directory's names; a no-op where directories cannot be opened (Windows)."""
        if self.durable and hasattr(os, "O_DIRECTORY"):
            self.settle(os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY))

    def replace(self, source: str, target: str) -> None:
        """Put `source` in the place of `target` in one step that no reader can see half of.

        Windows refuses while somebody has `target` open; readers have it for moments, so it is tried for a second.
        """
        for pause_s in _REPLACE_PAUSES_S if sys.platform == "win32" else ():
            try:
                os.replace(source, target)
            except PermissionError:
                self._clock.sleep(pause_s)
            else:
                return
        os.replace(source, target)

    def append(self, path: str, line: bytes) -> None:
        """Add one line; a torn line before it is ended first, so that it cannot swallow the new one."""
        fd = os.open(path, _APPEND, _NEW_FILE_MODE)
        try:
            size = os.fstat(fd).st_size
            if size and read_at(fd, 1, size - 1) != b"\n":
                line = b"\n" + line
            self.put(fd, line)
        finally:
            os.close(fd)

    def sign(self, fd: int, raw: bytes, offset: int) -> None:
        """Write into the open lock file."""
        if hasattr(os, "pwrite"):
            os.pwrite(fd, raw, offset)
        else:  # Windows
            os.lseek(fd, offset, os.SEEK_SET)
            os.write(fd, raw)

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory, sorted; none when it does not exist."""
        try:
            return sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def is_same_file(self, first: str, other: str) -> bool:
        """Return whether two names are the same file on the device."""
        try:
            return os.path.samefile(first, other)
        except FileNotFoundError:
            return False


def read_at(fd: int, size: int, offset: int) -> bytes:
    """Return up to `size` bytes from `offset` on; where there is no `pread` (Windows) the descriptor stands behind them
    afterwards.
    """
    if hasattr(os, "pread"):
        return os.pread(fd, size, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


def _read_to_end(fd: int, expected: int) -> bytes:
    raw = os.read(fd, expected + 1)
    if len(raw) == expected:
        return raw
    parts = [raw]
    while parts[-1]:
        parts.append(os.read(fd, 1 << 20))
    return b"".join(parts)
