"""A process that is killed at any step of a commit leaves the old document or the new one, and a log that tells."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dayreel.stores.state import PipelineState
from tests.unit.stores.state.disks import Crash, CrashingDisk

ROOT = Path(__file__).parents[4]
BEFORE_THE_RENAME = {"write_aside", "link", "settle_existing", "make_directories", "names"}
AFTER_THE_RENAME = {"append", "remove"}


def kill(tmp_path: Path, kills: int, seed: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.unit.stores.state.crash", "--json", "--folder", str(tmp_path)]
    command += ["--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def judge(rows: list[dict[str, Any]]) -> int:
    for row in rows:
        assert row.get("old", 0) + row.get("new", 0) == row.get("kills", 0)
        if row["step"] in AFTER_THE_RENAME and row["kind"] != "with compression":
            assert row.get("old", 0) == 0, row
    assert {row["step"] for row in rows if row.get("old")} >= BEFORE_THE_RENAME
    assert {row["step"] for row in rows if row.get("new")} >= AFTER_THE_RENAME
    return sum(row.get("kills", 0) for row in rows)


def test_a_kill_at_any_step_leaves_the_old_or_the_new_document(tmp_path: Path) -> None:
    assert judge(kill(tmp_path, kills=150, seed=1)) > 140


@pytest.mark.slow
def test_1500_seeded_kills_leave_the_old_or_the_new_document(tmp_path: Path) -> None:
    assert judge(kill(tmp_path, kills=1500, seed=2)) > 1450


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
