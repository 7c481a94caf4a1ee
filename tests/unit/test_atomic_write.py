"""Files that are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from dayreel.atomic_write import PRIVATE, atomic_write_bytes, atomic_write_text
from dayreel.errors import StoreError


def test_writing_text_creates_folders_and_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "idea.json"
    atomic_write_text(path, "Ton 🏺")
    atomic_write_text(path, "Glas")
    assert path.read_text(encoding="utf-8") == "Glas"
    assert [entry.name for entry in path.parent.iterdir()] == ["idea.json"]


def test_a_file_can_be_read_by_those_whom_the_umask_lets_in(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_text(tmp_path / "idea.json", "x")
        atomic_write_text(tmp_path / ".env", "x", mode=PRIVATE)
    finally:
        os.umask(before)
    assert (tmp_path / "idea.json").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_the_old_text_and_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "idea.json"
    atomic_write_text(path, "old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="no room left"):
            atomic_write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["idea.json"]


def test_a_part_is_not_listed_among_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lists the Parquet files of a mart while another is written, or after that was killed, sees whole ones."""
    listed: list[list[Path]] = []
    monkeypatch.setattr(os, "fsync", lambda _handle: listed.append(list(tmp_path.glob("*.parquet"))))
    atomic_write_bytes(tmp_path / "2026-11-20.parquet", b"a mart")
    assert listed[0] == []
    assert listed[-1] == [tmp_path / "2026-11-20.parquet"]
