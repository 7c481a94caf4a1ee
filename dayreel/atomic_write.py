"""A file under its final name is a whole file: written beside it, flushed, renamed. The one way to write what lasts.

Manifests are the state manager's, which also survives a power cut between any two of these steps; copies between disks
are read back, see `footage.stores.safe_copy`. What a file must contain to be usable is judged where it is used.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dayreel.errors import DiskFullError

SHARED = 0o666
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What the system answers when a disk is full, or what a person may use of it."""


@contextmanager
def atomic_write(dest: Path, *, keeps_suffix: bool = True) -> Iterator[Path]:
    """Give a path beside `dest` to write to; it becomes `dest` when the block ends, and is removed when it fails.

    The folder is made when it does not exist.

    Args:
        keeps_suffix: programs choose the format by it; without it nobody who lists such files takes a part for one.

    Raises:
        DiskFullError: there is no room left; what was there before is untouched.
        OSError: it could not be written for another reason; likewise.
    """
    with full_disk_reported(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        beside = dest.with_name(f".{dest.stem}-{secrets.token_hex(4)}.part{dest.suffix if keeps_suffix else ''}")
        try:
            yield beside
            put_in_place(beside, dest)
        finally:
            beside.unlink(missing_ok=True)


def atomic_write_text(dest: Path, text: str, *, mode: int = SHARED) -> None:
    """Write a small text file so that readers see the old or the new one, never a part; raises as `atomic_write`.

    Args:
        mode: permission bits from the first byte on, less the umask; `PRIVATE` for what holds a secret.
    """
    atomic_write_bytes(dest, text.encode("utf-8"), mode=mode)


def atomic_write_bytes(dest: Path, content: bytes, *, mode: int = SHARED) -> None:
    """Write a small file as `atomic_write_text` does."""
    # Not `tempfile`: that makes every file readable by its owner only, and colleagues share these folders.
    with atomic_write(dest, keeps_suffix=False) as beside, os.fdopen(os.open(beside, _NEW_FILE, mode), "wb") as file:
        file.write(content)


def put_in_place(written: Path, dest: Path) -> None:
    """Give a file that lies elsewhere on the same disk its final name, once the device has every byte of it."""
    with written.open("rb+") as file:
        os.fsync(file.fileno())
    written.replace(dest)
    folder = os.open(dest.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else a power cut may undo the rename
    finally:
        os.close(folder)


def make_private(path: Path, *, mode: int) -> None:
    """Take the right to a file or folder from everybody but its owner; what is not there or not ours is left alone."""
    with suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(mode)


@contextmanager
def full_disk_reported(dest: Path | None = None) -> Iterator[None]:
    """Turn the system's answer that a disk is full into a sentence; every face does so with what comes up to it.

    Args:
        dest: what was to be written; left out, what the system names.

    Raises:
        DiskFullError: there is no room left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(
            f"Tried to write {str(dest or error.filename or 'a file')!r}, but there is no room left; nothing was kept.",
            next_step="Free some space and run it again.",
        ) from error
