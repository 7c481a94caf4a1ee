"""A large file brought into another folder or onto another disk, whole. The original stays: see `library.clean_up`.

Copied aside while being hashed, settled on the device, read back from there, compared, and only then given its name.
Moving outputs within one file system is `job_queue.install`, which renames.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from dayreel.errors import StoreError
from dayreel.media.run import Pulse
from dayreel.stores.files import BLOCK, sha256_of
from dayreel.stores.state import Disk


@dataclass(frozen=True)
class Copied:
    """What was copied, as it was read back."""

    size_bytes: int
    sha256: str


def safe_copy(
    source: Path,
    dest: Path,
    *,
    sha256: str | None = None,
    pulse: Pulse | None = None,
    disk: Disk | None = None,
) -> Copied:
    """Copy `source` to `dest`, whole or not at all; a file that is there is replaced.

    Args:
        sha256: what `source` must be.
        pulse: called between blocks; what it raises ends the work and leaves nothing behind.

    Raises:
        StoreError: `source` is not what it should be, the copy reads back differently, the disk is full or refused.
            `source` is untouched, and so is what was at `dest`.
    """
    disk = disk or Disk()
    doing = f"copy {str(source)!r} to {str(dest)!r}"
    of_dest = f".{dest.name[:40]}.{hashlib.sha256(dest.name.encode()).hexdigest()[:8]}."
    aside = dest.with_name(f"{of_dest}{secrets.token_hex(4)}.part")
    try:
        _refuse_itself(source, dest, doing)
        disk.make_directories(str(dest.parent))
        try:
            written = _write(source, aside, pulse, disk)
            _refuse_difference(written.sha256, sha256, f"{doing}; the original has SHA-256")
            shutil.copystat(source, aside)
            read_back = sha256_of(aside, pulse=pulse, bypasses_cache=True)
            _refuse_difference(read_back, written.sha256, f"{doing}; read back from the disk, the copy has SHA-256")
            disk.replace(str(aside), str(dest))
            # What was killed on the way has left its own, of which nothing more becomes.
            for left in dest.parent.iterdir():
                if left.name.startswith(of_dest) and left.name.endswith(".part"):
                    disk.remove(str(left))
        finally:
            disk.remove(str(aside))
        disk.settle_directory(str(dest.parent))
    except OSError as error:
        raise _refused(doing, error, dest) from error
    return written


def _write(source: Path, aside: Path, pulse: Pulse | None, disk: Disk) -> Copied:
    digest = hashlib.sha256()
    size = 0
    fd = disk.write_aside(str(aside), b"")
    try:
        with source.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                size += len(block)
                disk.put(fd, block)
                if pulse is not None:
                    pulse()
    except BaseException:
        os.close(fd)
        raise
    disk.settle(fd)
    return Copied(size_bytes=size, sha256=digest.hexdigest())


def _refuse_itself(source: Path, dest: Path, doing: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if source.samefile(dest):
            raise StoreError(f"Tried to {doing}; they are the same file.", next_step="Nothing has to be copied.")


def _refuse_difference(actual: str, due: str | None, what: str) -> None:
    if due is not None and actual != due:
        raise StoreError(
            f"Tried to {what} {actual}, and {due} is due.",
            next_step="The copy was dropped and the original kept. Check disks and network before trying again.",
        )


def _refused(doing: str, error: OSError, dest: Path) -> StoreError:
    step = "Check that both may be read and written by this user."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        step = f"Make room in {str(dest.parent)!r} and run it again."
    where = f" at {os.fspath(error.filename)!r}" if error.filename else ""
    return StoreError(
        f"Tried to {doing}; the system answered{where}: {error.strerror or error}. The original was not touched.",
        next_step=step,
    )
