"""The steps that other systems take, with what they lack taken away and what they refuse refused.

Windows has no `pread`, no directory to flush, a lock that keeps every other reader from its first byte, and refuses to
replace a file that somebody reads. macOS has the same lock as Linux and no `posix_fadvise`.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.stores.state import PipelineState, StateLockError
from dayreel.stores.state import lock as lock_module


class WindowsLock:
    """`LockFileEx` on the first byte, as filelock takes it there."""

    def __init__(self) -> None:
        self.holders: dict[int, int] = {}
        self.locks = 0
        self._read: Callable[[int, int], bytes] = os.read

    def lock(self, fd: int, *, blocking: bool) -> bool:
        assert not blocking
        self.locks += 1
        return self.holders.setdefault(os.fstat(fd).st_ino, fd) == fd

    def unlock(self, fd: int) -> None:
        assert self.holders.pop(os.fstat(fd).st_ino) == fd

    def read(self, fd: int, size: int) -> bytes:
        if self.holders.get(os.fstat(fd).st_ino, fd) != fd and os.lseek(fd, 0, os.SEEK_CUR) == 0:
            raise PermissionError(13, "Permission denied")
        return self._read(fd, size)


@pytest.fixture(params=["win32", "darwin"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> WindowsLock | None:
    monkeypatch.setattr(sys, "platform", request.param)
    monkeypatch.delattr(os, "posix_fadvise")
    if request.param == "darwin":
        return None
    for name in ("pread", "pwrite", "O_DIRECTORY", "fchmod"):
        monkeypatch.delattr(os, name)
    windows = WindowsLock()
    monkeypatch.setattr(lock_module, "lock_descriptor", windows.lock)
    monkeypatch.setattr(lock_module, "unlock_descriptor", windows.unlock)
    monkeypatch.setattr(os, "read", windows.read)
    refusals = [PermissionError(13, "Access is denied"), PermissionError(13, "Access is denied")]
    replace = os.replace

    def replace_when_closed(source: str, target: str) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_when_closed)
    return windows


def test_a_document_is_committed_on_other_systems(system: WindowsLock | None, tmp_path: Path) -> None:
    state = PipelineState(tmp_path / "pipeline.json")
    state.write({"n": 1, "words": "first\nsecond"})
    with state.transaction() as txn:
        txn.data["n"] += 1
    with pytest.raises(KeyError), state.transaction() as txn:
        del txn.data["nothing"]
    assert state.read() == {"n": 2, "words": "first\nsecond"}
    assert [record["outcome"] for record in state.get_transaction_history()] == [
        "rolled back",
        "committed",
        "committed",
    ]
    assert state.verify().is_ok
    if system is not None:
        assert system.locks >= 3
        assert not system.holders


def test_a_waiter_on_other_systems_names_who_is_in_the_way(system: WindowsLock | None, tmp_path: Path) -> None:
    del system
    path = tmp_path / "pipeline.json"
    with PipelineState(path, actor="night shift").transaction() as txn:
        txn.data["n"] = 1
        owner = lock_module._owners.pop(str(path.resolve()) + ".lock")
        with pytest.raises(StateLockError) as refused:
            PipelineState(path, timeout=0.01)._lock.acquire(timeout_s=0.01)
        lock_module._owners[str(path.resolve()) + ".lock"] = owner
    assert f"process {os.getpid()} on" in str(refused.value)
    assert "actor 'night shift'" in str(refused.value)
