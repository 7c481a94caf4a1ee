"""Which code a world runs, so that one that was started before an update is not taken for one of today."""

import hashlib
from pathlib import Path


def code_version() -> str:
    """Return the same text for the same source of this package, as it is on disk now."""
    digest = hashlib.sha256()
    for file in sorted(path for path in Path(__file__).parent.iterdir() if path.is_file()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
