"""A process that is killed at any step of a commit leaves the old document or the new one, and a log that shows it."""

import os
from pathlib import Path

import pytest

from dayreel.stores.state import PipelineState
from tests.unit.stores.state.crash import judge, kill
from tests.unit.stores.state.disks import Crash, CrashingDisk


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_old_or_the_new_document(tmp_path: Path) -> None:
    """Each step of each kind of commit, before it and in the middle of it; `make soak` has thousands at random."""
    assert judge(kill(tmp_path, kills=0, seed=1)) > 190


@pytest.mark.parametrize(
    ("step", "outcome", "what"),
    [("link", "interrupted", "before the rename"), ("append", "recovered", "after the rename; its change stands")],
)
def test_the_log_shows_if_a_process_died_before_or_after_rename(
    step: str, outcome: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.json"
    PipelineState(path).write({"n": 1})
    rehearsal = CrashingDisk()
    PipelineState(path, disk=rehearsal).write({"n": 2})
    died = CrashingDisk(at=rehearsal.steps.index(step) + 1)
    with pytest.raises(Crash):
        PipelineState(path, disk=died, actor="the dead").write({"n": 3})
    report = PipelineState(path).verify()
    assert report.is_ok
    assert any("was cut short" in note.what for note in report.notes)
    with PipelineState(path).transaction() as txn:
        assert txn.data == {"n": 3 if outcome == "recovered" else 2}
    record = PipelineState(path).get_transaction_history()[1]
    assert (record["outcome"], record["operation"], record["actor"]) == (outcome, "recovery", "the dead")
    assert what in record["details"]
    assert PipelineState(path).verify().notes == []


def test_a_commit_waits_for_the_device_to_have_file_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power loss may take, no kill shows: a rename that the folder has not written down yet is undone by one."""
    path = tmp_path / "pipeline.json"
    PipelineState(path).write({"n": 1})
    waited_for: list[int] = []
    wait = os.fsync

    def watch(fd: int) -> None:
        waited_for.append(os.fstat(fd).st_ino)
        wait(fd)

    monkeypatch.setattr(os, "fsync", watch)
    PipelineState(path).write({"n": 2})
    document, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert document in waited_for[: waited_for.index(folder)]


def test_a_hand_edit_after_a_crash_is_not_logged_as_a_recovery(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    PipelineState(path).write({"n": 1})
    rehearsal = CrashingDisk()
    PipelineState(path, disk=rehearsal).write({"n": 2})
    with pytest.raises(Crash):
        PipelineState(path, disk=CrashingDisk(at=rehearsal.steps.index("link") + 1)).write({"n": 3})
    path.write_text('{"n": 9}')
    with PipelineState(path).transaction() as txn:
        txn.data["n"] += 1
    record = PipelineState(path).get_transaction_history()[1]
    assert (record["outcome"], record["success"]) == ("interrupted", False)
    assert "changed since by something else" in record["details"]
    assert PipelineState(path).read() == {"n": 10}
