"""The acts on the shared folder that the queue consists of, one method each, what their refusals mean, and its clock.

It is the state manager's `Disk` with what folders need. `atomic_write` must not be used for a job: it makes
missing folders, and a worker that has lost its lease would make the folder of that lease again.
"""
# ruff: noqa: PTH102, PTH106, PTH116  # system calls on purpose, as in stores.state.disk

import contextlib
import errno
import os
import secrets
import shutil
from typing import Final

from dayreel.errors import StoreError
from dayreel.stores.state import Disk

# A job's folder may have been put there by anybody: never wait for a pipe in a file's place, never follow a link.
_OVERWRITE: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_NEW_FILE_MODE: Final = 0o666  # less the umask

GONE: Final = frozenset({errno.ENOENT, errno.ESTALE})
"""The folder is not there any more: somebody was quicker (ESTALE is how NFS says it of an open one)."""
TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})
"""A folder of that name is there already."""
FOREIGN: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO})
"""Something is in a job's place that no worker put there."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
CLOCK: Final = ".clock-"
"""How the files begin off which the folder's time is read."""


class QueueDisk(Disk):
    """The shared folder; `durable=False` as with `Disk`: the same steps without waiting for the device."""

    def make_directory(self, path: str) -> None:
        """Create a folder; raises `FileExistsError` when there is one."""
        os.mkdir(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty folder; one that is not empty, or not there, is left."""
        with contextlib.suppress(OSError):
            os.rmdir(path)

    def overwrite(self, path: str, raw: bytes) -> None:
        """Write a file of a few bytes in place: its time of change is then the file server's present.

        Setting only the time would do on a local disk and on NFS, but a CIFS client keeps it to itself.
        """
        fd = os.open(path, _OVERWRITE, _NEW_FILE_MODE)
        try:
            self.put(fd, raw)
            os.ftruncate(fd, len(raw))
        finally:
            os.close(fd)

    def write(self, path: str, raw: bytes, *, settled: bool = True) -> None:
        """Write a file aside and put it in place; its folder is never made.

        Args:
            settled: wait until the device has it; without, a power loss may take it.
        """
        folder, _, name = path.rpartition("/")
        aside = f"{folder}/.{name}.{secrets.token_hex(4)}"
        try:
            fd = self.write_aside(aside, raw)
            if settled:
                self.settle(fd)
            else:
                os.close(fd)
            self.replace(aside, path)
        except OSError:
            with contextlib.suppress(OSError):
                self.remove(aside)
            raise
        if settled:
            self.settle_directory(folder)

    def changed_at(self, path: str) -> float:
        """Return when the file was last changed, in seconds by the file server's clock."""
        return os.stat(path).st_mtime

    def remove_tree(self, path: str) -> None:
        """Remove a folder and all that is in it; what cannot be removed stays for the next sweep."""
        shutil.rmtree(path, ignore_errors=True)


def cannot(attempt: str, error: OSError) -> StoreError:
    """Return the error to raise when the shared folder refused.

    Args:
        attempt: what was tried, as a clause: "claim job 'p5-…'".
    """
    step = "Look whether the shared folder is mounted and may be written to; nothing of the job is lost."
    if error.errno in _FULL:
        step = "Make room on the shared folder and try again; nothing of the job is lost."
    where = f" at {os.fspath(error.filename)!r}" if error.filename else ""
    return StoreError(
        f"Tried to {attempt}; the shared folder answered{where}: {error.strerror or error}.", next_step=step
    )


class FolderClock:
    """The clock of the machine that keeps the files, read off a file that was written just now.

    Args:
        folder: any folder on the shared file system that can be written to.
    """

    def __init__(self, folder: str, disk: QueueDisk) -> None:
        self._folder = folder
        self._disk = disk

    def now(self) -> float:
        """Return seconds since the epoch, comparable with `QueueDisk.changed_at` and with nothing else.

        Raises:
            StoreError: no file could be written there.
        """
        path = f"{self._folder}/{CLOCK}{secrets.token_hex(6)}"
        try:
            self._disk.overwrite(path, b"now\n")
            return self._disk.changed_at(path)
        except OSError as error:
            raise cannot("read the time off the shared folder", error) from error
        finally:
            with contextlib.suppress(OSError):
                self._disk.remove(path)
