"""Plain files of a content: written aside and renamed, hashed in blocks. The manifest is `stores.contents`."""

import hashlib
import os
import tempfile
from pathlib import Path

_BLOCK = 1024 * 1024


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in blocks so that size does not matter."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a small text file so that readers see the old or the new one, never a part.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    write_whole_bytes(path, text.encode("utf-8"))


def write_whole_bytes(path: Path, content: bytes) -> None:
    """Write a small file so that readers see the old or the new one, never a part.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
