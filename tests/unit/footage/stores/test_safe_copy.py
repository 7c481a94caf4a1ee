"""Large files brought elsewhere: whole, read back, and the original stays."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dayreel.errors import StoreError
from dayreel.footage.stores.safe_copy import safe_copy
from dayreel.stores.state import Disk


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mkv"
    path.write_bytes(os.urandom(3 * 1024 * 1024 + 17))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


class FaultyDisk(Disk):
    """A disk that keeps one byte wrong, or is full after so many bytes."""

    def __init__(self, *, keeps_wrong: bool = False, room: int = 1 << 40) -> None:
        super().__init__()
        self._keeps_wrong = keeps_wrong
        self._room = room

    def put(self, fd: int, raw: bytes) -> None:
        self._room -= len(raw)
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().put(fd, (b"\0" + raw[1:]) if self._keeps_wrong and raw else raw)


def test_a_copy_keeps_bytes_and_time_and_the_original_stays(film: Path, tmp_path: Path) -> None:
    dest = tmp_path / "library" / "Film (2001)" / "Film (2001).mkv"
    pulses: list[None] = []
    copied = safe_copy(film, dest, pulse=lambda: pulses.append(None))
    assert dest.read_bytes() == film.read_bytes()
    assert (copied.size_bytes, copied.sha256) == (film.stat().st_size, hashlib.sha256(film.read_bytes()).hexdigest())
    assert dest.stat().st_mtime == 1_000_000_000
    assert len(pulses) == 8  # four blocks written, four read back
    assert [entry.name for entry in dest.parent.iterdir()] == [dest.name]


def test_a_corrupting_disk_is_detected_and_nothing_changes(film: Path, tmp_path: Path) -> None:
    dest = tmp_path / "b" / "film.mkv"
    dest.parent.mkdir()
    dest.write_bytes(b"before")
    with pytest.raises(StoreError, match="read back from the disk"):
        safe_copy(film, dest, disk=FaultyDisk(keeps_wrong=True))
    assert film.exists()
    assert dest.read_bytes() == b"before"
    assert list(dest.parent.iterdir()) == [dest]


def test_a_full_disk_leaves_nothing_and_says_where_to_make_room(film: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No space left.*not touched.*Make room in"):
        safe_copy(film, tmp_path / "c" / "film.mkv", disk=FaultyDisk(room=2_000_000))
    assert film.exists()
    assert list((tmp_path / "c").iterdir()) == []


def test_an_original_with_an_unexpected_hash_is_not_copied(film: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the original has SHA-256"):
        safe_copy(film, tmp_path / "d" / "film.mkv", sha256="0" * 64)
    assert list((tmp_path / "d").iterdir()) == []


def test_a_file_is_never_copied_onto_itself(film: Path, tmp_path: Path) -> None:
    os.link(film, tmp_path / "same.mkv")
    with pytest.raises(StoreError, match="same file"):
        safe_copy(film, tmp_path / "same.mkv")
    assert film.exists()


def test_a_copy_that_is_called_off_leaves_nothing(film: Path, tmp_path: Path) -> None:
    def called_off() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        safe_copy(film, tmp_path / "f" / "film.mkv", pulse=called_off)
    assert list((tmp_path / "f").iterdir()) == []


class PulledPlug(Disk):
    """What is killed cleans nothing up."""

    def put(self, fd: int, raw: bytes) -> None:
        super().put(fd, raw)
        raise KeyboardInterrupt

    def remove(self, path: str) -> None:
        """Never comes to it."""


def test_what_a_killed_copy_left_goes_with_the_next(film: Path, tmp_path: Path) -> None:
    dest = tmp_path / "e" / "film.mkv"
    with pytest.raises(KeyboardInterrupt):
        safe_copy(film, dest, disk=PulledPlug())
    other = dest.with_name(".film 2.mkv.5f3ab2c1.0a1b2c3d.part")
    other.write_bytes(b"of another copy")
    assert len(list(dest.parent.iterdir())) == 2
    safe_copy(film, dest)
    assert sorted(dest.parent.iterdir()) == sorted([dest, other])
