"""Files by their bytes."""

import hashlib
import os
from pathlib import Path

import pytest

from dayreel.stores.files import sha256_of


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3 * 1024 * 1024 + 17])
def test_a_hash_is_that_of_all_bytes_however_many(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
