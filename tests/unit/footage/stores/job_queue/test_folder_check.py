"""What `dayreel doctor` finds out about a shared folder: each check on a folder that breaks just that promise."""

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.footage.stores.job_queue import QueueDisk
from dayreel.footage.stores.job_queue.folder_check import check_folder
from dayreel.schemas.check import Check
from tests.fakes.clock import FakeClock


def findings(root: Path, disk: QueueDisk | None = None) -> dict[str, Check]:
    clock = FakeClock() if disk else SystemClock()  # on a real folder, time must pass for its clock to move
    checks = check_folder(root, clock=clock, disk=disk or QueueDisk(durable=False))
    return {check.name.removeprefix("shared folder: "): check for check in checks}


class MakesTwice(QueueDisk):
    def make_directory(self, path: str) -> None:
        Path(path).mkdir(exist_ok=True)


class WritesTwice(QueueDisk):
    def write_aside(self, path: str, raw: bytes, *, mode: int | None = None) -> int:
        Path(path).unlink(missing_ok=True)
        return super().write_aside(path, raw, mode=mode)


class MovesOver(QueueDisk):
    def replace(self, source: str, target: str) -> None:
        if Path(source).is_dir() and Path(target).is_dir():
            shutil.rmtree(target)
        super().replace(source, target)


class Copies(QueueDisk):
    """Like a mounted bucket: a rename copies, and removes the source later, when the other racer has its copy too."""

    racers = threading.Barrier(2)

    def replace(self, source: str, target: str) -> None:
        shutil.copytree(source, target)
        if target.endswith(("-0", "-1")):
            self.racers.wait(60)
        shutil.rmtree(source, ignore_errors=True)


class HoldsOpenFiles(QueueDisk):
    def replace(self, source: str, target: str) -> None:
        if Path(source, "heartbeat").exists():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source)
        super().replace(source, target)


class StandsStill(QueueDisk):
    def changed_at(self, path: str) -> float:
        return 1_000_000.0


class FoldsCase(QueueDisk):
    def write_aside(self, path: str, raw: bytes, *, mode: int | None = None) -> int:
        folder, _, name = path.rpartition("/")
        if name.lower() in [there.name.lower() for there in Path(folder).iterdir()]:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        return super().write_aside(path, raw, mode=mode)


class LosesCase(QueueDisk):
    def names(self, directory: str) -> list[str]:
        return [name.upper() for name in super().names(directory)]


class CannotSettle(QueueDisk):
    def settle_directory(self, path: str) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)


class Refuses(QueueDisk):
    def overwrite(self, path: str, raw: bytes) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)


def test_a_local_folder_passes_every_check_and_nothing_is_left(tmp_path: Path) -> None:
    checks = findings(tmp_path)
    assert list(checks) == [
        "exclusive create",
        "rename",
        "rename race",
        "rename while written to",
        "time of change",
        "folder's clock",
        "case of names",
        "folder fsync",
    ]
    assert {check.verdict for name, check in checks.items() if name != "case of names"} == {"ok"}
    assert "this machine's; leases go by the folder's alone" in checks["folder's clock"].found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("disk", "name", "verdict", "words"),
    [
        (MakesTwice(durable=False), "exclusive create", "fail", "the same folder could be made twice"),
        (WritesTwice(durable=False), "exclusive create", "fail", "the same file could be made twice"),
        (MovesOver(durable=False), "rename", "fail", "over one that is not empty"),
        (Copies(durable=False), "rename race", "fail", "2 were answered that they had it"),
        (HoldsOpenFiles(durable=False), "rename while written to", "warn", "cannot be moved"),
        (StandsStill(durable=False), "time of change", "fail", "every lease would end"),
        (FoldsCase(durable=False), "case of names", "warn", "the same name"),
        (LosesCase(durable=False), "case of names", "fail", "would not be known again"),
        (CannotSettle(durable=False), "folder fsync", "warn", "cannot be made to last"),
        (Refuses(durable=False), "time of change", "fail", "it refused: Input/output error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, QueueDisk) else None,
)
def test_a_folder_that_fails_a_check_is_shown_with_a_next_step(
    tmp_path: Path, disk: QueueDisk, name: str, verdict: str, words: str
) -> None:
    check = findings(tmp_path, disk)[name]
    assert (check.verdict, words in check.found) == (verdict, True), check
    assert check.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_or_not_ours_is_reported(tmp_path: Path) -> None:
    [checks] = findings(tmp_path / "not-mounted").values()
    assert (checks.verdict, checks.next_step) == ("fail", "Mount it, or correct DAYREEL_LIBRARY.")

    class NotOurs(QueueDisk):
        def make_directory(self, path: str) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    [checks] = findings(tmp_path, NotOurs()).values()
    assert (checks.verdict, "Permission denied" in checks.found) == ("fail", True)
