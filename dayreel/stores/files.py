"""Files by their bytes: hashed in blocks. Writing them is `dayreel.atomic_write`; manifests are the stores' own."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

BLOCK = 1024 * 1024


def sha256_of(path: Path, *, pulse: Callable[[], None] | None = None, bypasses_cache: bool = False) -> str:
    """Return the SHA-256 (hex) of a file, read in blocks so that size does not matter.

    Args:
        pulse: called between blocks; what it raises ends the work.
        bypasses_cache: read it from the device, not from what the system remembers of it, where the system allows.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if bypasses_cache:
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
