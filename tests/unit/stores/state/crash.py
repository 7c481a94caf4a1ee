"""Kills a child at every step of a commit, thousands of times, and checks what is left: `python -m
tests.unit.stores.state.crash --kills 4000` prints the table of docs/explanation/state.md.

A program of its own, because forking it is quick and forking pytest is not.
"""

# ruff: noqa: T201

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from dayreel.stores.state import Disk, PipelineState, StateReadError
from dayreel.stores.state.strict_json import encode
from tests.unit.stores.state.disks import KillingDisk, SteppingDisk

KINDS = ("first commit", "transaction", "write", "restore", "with compression")
FRESH_EVERY = 60
BEFORE_THE_RENAME = {"write_aside", "link", "settle_existing", "make_directories", "names"}
AFTER_THE_RENAME = {"append", "remove"}
PROJECT = Path(__file__).parents[4]


def child_state(path: Path, kind: str, disk: Disk, actor: str) -> PipelineState:
    compress_after_s = 0.0 if kind == "with compression" else None
    return PipelineState(path, max_backups=3, disk=disk, actor=actor, compress_after_s=compress_after_s)


def act(state: PipelineState, kind: str, number: int) -> None:
    """Make the change whose interruption is tested."""
    if kind == "restore":
        state.restore_backup(state.list_backups()[-1])
    elif kind == "write":
        state.write({"number": number, "text": "written " * 50})
    else:
        with state.transaction() as txn:
            txn.data["number"] = number
            txn.data["text"] = f"changed by {number} " * 50


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def prepare(path: Path, kind: str) -> None:
    """Leave a document with a full set of backups, or nothing at all for the first commit."""
    if kind == "first commit":
        shutil.rmtree(path.parent, ignore_errors=True)
    elif not path.exists() or len(PipelineState(path).get_transaction_history(None)) > FRESH_EVERY:
        shutil.rmtree(path.parent, ignore_errors=True)
        for number in range(5):
            act(child_state(path, "transaction", Disk(durable=False), "prepare"), "transaction", -number)


def rehearse(root: Path, kind: str) -> tuple[list[str], int]:
    """Return the steps of a commit of this kind, and the number of the one that renames."""
    path = root / kind.replace(" ", "-") / "pipeline.json"
    prepare(path, kind)
    disk = SteppingDisk()
    act(child_state(path, kind, disk, "rehearsal"), kind, 1)
    return disk.steps, disk.steps.index("replace") + 1


def kill_once(path: Path, kind: str, at: int, *, half: bool, actor: str, number: int) -> bool:
    """Fork, commit, die at step `at`; return whether the child was killed (and not done before)."""
    pid = os.fork()
    if pid == 0:
        act(child_state(path, kind, KillingDisk(at, half=half), actor), kind, number)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and os.waitstatus_to_exitcode(status) != 0:
        raise AssertionError(f"the child ended with {status} at step {at} of {kind}")
    return killed


def expected_after(path: Path, kind: str, number: int) -> bytes:
    """Return the bytes that the change leads to, worked out without making it."""
    if kind == "restore":
        return PipelineState(path).backup_manager.read(PipelineState(path).list_backups()[-1])
    if kind == "write":
        return encode({"number": number, "text": "written " * 50})[0]
    before = json.loads(path.read_bytes()) if path.exists() else {}
    return encode(before | {"number": number, "text": f"changed by {number} " * 50})[0]


def check(path: Path, old: bytes | None, new: bytes, actor: str) -> str:
    """Check everything that was promised, and return which document stands."""
    now = content(path)
    assert now in (old, new), f"neither old nor new: {now!r}"
    state = PipelineState(path, max_backups=3, durable=False, actor="afterwards")
    try:
        state.read()
    except StateReadError:
        assert now is None, "a document that stands must be readable"
    with state.transaction() as txn:
        txn.data["next"] = actor
    report = state.verify()
    assert report.is_ok, report.problems
    assert not report.notes or all(note.where == "log" for note in report.notes), report.notes
    allowed = {path.name, f"{path.name}.lock", ".pipeline"}
    litter = [name for name in names(path.parent) if name not in allowed]
    litter += [name for name in names(path.parent / ".pipeline/backups") if name.endswith(".tmp")]
    assert not litter, litter
    records = [record for record in state.get_transaction_history(10) if record["actor"] == actor]
    if old != new:  # else nobody can know which of the two stands
        assert sum(record["success"] for record in records) == (now == new), (records, now == new)
    assert len(records) <= 1, records
    return "new" if now == new else "old"


def run(kills: int, seed: int, root: Path) -> list[dict[str, Any]]:
    """Kill `kills` times; return one row for every step that was met: kind, step, kills, old, new.

    The first ones go to each step of each kind, before it and in the middle of it; 0 is for those alone.
    """
    chance = random.Random(seed)
    rehearsed = {kind: rehearse(root, kind) for kind in KINDS}
    places = [
        (kind, at, half)
        for kind, (steps, _) in rehearsed.items()
        for at in range(1, len(steps) + 1)
        for half in (False, True)
    ]
    chance.shuffle(places)
    rows: dict[tuple[str, str], Counter[str]] = {}
    for number in range(kills or len(places)):
        kind, at, half = places[number] if number < len(places) else chance.choice(places)
        path = root / kind.replace(" ", "-") / "pipeline.json"
        prepare(path, kind)
        old, new = content(path), expected_after(path, kind, number)
        actor = f"kill-{number}"
        killed = kill_once(path, kind, at, half=half, actor=actor, number=number)
        stands = check(path, old, new, actor)
        steps, _ = rehearsed[kind]
        row = rows.setdefault((kind, steps[at - 1]), Counter())
        row.update(["kills", stands] if killed else ["finished before it"])
    return [{"kind": kind, "step": step, **dict(row)} for (kind, step), row in rows.items()]


def judge(rows: list[dict[str, Any]]) -> int:
    """Check that either document stands where it must, and return how many were killed."""
    for row in rows:
        assert row.get("old", 0) + row.get("new", 0) == row.get("kills", 0)
        if row["step"] in AFTER_THE_RENAME and row["kind"] != "with compression":
            assert row.get("old", 0) == 0, row
    assert {row["step"] for row in rows if row.get("old")} >= BEFORE_THE_RENAME
    assert {row["step"] for row in rows if row.get("new")} >= AFTER_THE_RENAME
    return sum(row.get("kills", 0) for row in rows)


def kill(folder: Path, *, kills: int, seed: int) -> list[dict[str, Any]]:
    """Run this program and return its rows."""
    command = [sys.executable, "-m", "tests.unit.stores.state.crash", "--json", "--folder", str(folder)]
    command += ["--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as root:
        rows = run(options.kills, options.seed, Path(root))
    if options.as_json:
        print(json.dumps(rows))
        return 0
    print("| killed at | kills | old document stands | new document stands | neither |\n|---|---|---|---|---|")
    for step in dict.fromkeys(row["step"] for row in rows):
        same = [row for row in rows if row["step"] == step]
        kills, old, new = (sum(row.get(word, 0) for row in same) for word in ("kills", "old", "new"))
        print(f"| {step} | {kills} | {old} | {new} | {kills - old - new} |")
    print(f"| all | {sum(row.get('kills', 0) for row in rows)} | | | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
