"""Plain files: written aside and renamed, hashed in blocks. Manifests are `contents` and `footage.stores.items`."""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

SHARED = 0o666
PRIVATE = 0o600
BLOCK = 1024 * 1024


def sha256_of(path: Path, *, pulse: Callable[[], None] | None = None, is_read_anew: bool = False) -> str:
    """Return the SHA-256 (hex) of a file, read in blocks so that size does not matter.

    Args:
        pulse: called between blocks; what it raises ends the work.
        is_read_anew: read it from the device, not from what the system remembers of it, where the system allows.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if is_read_anew:
            forget_pages(file.fileno())
        while block := file.read(BLOCK):
            digest.update(block)
            if pulse is not None:
                pulse()
    return digest.hexdigest()


def forget_pages(fd: int) -> None:
    """Ask the system to forget what it remembers of an open file that is on the device."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def write_whole(path: Path, text: str, *, mode: int = SHARED) -> None:
    """Write a small text file so that readers see the old or the new one, never a part.

    Args:
        mode: permission bits from the first byte on, less the umask; `PRIVATE` for what holds a secret.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    write_whole_bytes(path, text.encode("utf-8"), mode=mode)


def write_whole_bytes(path: Path, content: bytes, *, mode: int = SHARED) -> None:
    """Write a small file as `write_whole` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    # Not `tempfile`: that makes every file readable by its owner only, and colleagues share these folders.
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
