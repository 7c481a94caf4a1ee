"""Shows each guarantee on real files in a temporary folder: `python -m dayreel.stores.state.demo`.

Every step does what would break a plain `json.dump` and prints what was proved; a guarantee that does not hold ends the
program with exit code 1. A demonstration, not a test: the tests kill at every step and thousands of times.
"""
# ruff: noqa: T201  a program that talks

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from dayreel.stores.state import (
    Disk,
    PipelineState,
    StateConflictError,
    StateLockError,
    StateReadError,
    StateValidationError,
)

PROCESSES: Final = 4
INCREMENTS: Final = 50


class Phase(BaseModel):
    """The schema of the demonstration's documents."""

    status: str
    count: int = 0


class NotProvedError(Exception):
    """A guarantee did not hold."""


class DyingDisk(Disk):
    """Kills the process where a commit would rename, or just after."""

    def __init__(self, *, after: bool) -> None:
        """Say on which side of the rename the process ends."""
        super().__init__()
        self.after = after

    def replace(self, source: str, target: str) -> None:
        """Die."""
        if self.after:
            super().replace(source, target)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run every demonstration; return 1 when one of them proves the contrary."""
    failed = 0
    for number, show in enumerate(DEMONSTRATIONS, start=1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                proved = show(Path(folder) / "pipeline.json")
                print(f"{number}. proved: {proved}")
            except NotProvedError as error:
                failed += 1
                print(f"{number}. NOT PROVED: {error}")
    return 1 if failed else 0


def _require(fact: bool, what: str) -> None:
    if not fact:
        raise NotProvedError(what)


def _refused(kind: type[Exception], action: Callable[[], object]) -> str:
    try:
        action()
    except kind as error:
        return str(error)
    raise NotProvedError(f"{kind.__name__} was not raised")


def atomic(path: Path) -> str:
    """Kill a child on either side of the rename."""
    state = PipelineState(path)
    state.write({"status": "old"})
    for after, expected in ((False, "old"), (True, "new")):
        pid = os.fork()
        if pid == 0:
            PipelineState(path, disk=DyingDisk(after=after)).write({"status": "new"})
        os.waitpid(pid, 0)
        _require(state.read() == {"status": expected}, f"after the kill the document is {state.read()}")
    with state.transaction() as txn:
        txn.data["status"] = "going on"
    outcomes = [record["outcome"] for record in state.get_transaction_history()]
    _require(outcomes == ["committed", "recovered", "interrupted", "committed"], f"the log says {outcomes}")
    return "killed before the rename: the old document; after it: the new one; the next transaction logs both"


def rolled_back(path: Path) -> str:
    """Raise inside a block."""
    state = PipelineState(path)
    state.write({"status": "before"})
    before = path.read_bytes()

    def fail() -> None:
        with state.transaction() as txn:
            txn.data["status"] = "half done"
            raise RuntimeError("the phase failed")

    _refused(RuntimeError, fail)
    _require(path.read_bytes() == before, "the document changed")
    return f"an exception changes nothing, and the log says: {state.get_transaction_history(1)[0]['details']}"


def concurrent(path: Path) -> str:
    """Count up in four processes."""
    PipelineState(path).write({"status": "counting", "count": 0})
    children = []
    for _ in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            for _ in range(INCREMENTS):
                with PipelineState(path, durable=False).transaction() as txn:
                    txn.data["count"] += 1
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    count = PipelineState(path).read()["count"]
    _require(count == PROCESSES * INCREMENTS, f"the count is {count}: increments were lost")
    return f"{PROCESSES} processes x {INCREMENTS} increments make {count}"


def locked(path: Path) -> str:
    """Ask for a lock that another thread holds, and for one that this thread holds."""
    state = PipelineState(path, lock_timeout_s=0.1)
    refusals: list[str] = []
    with state.transaction() as txn:
        txn.data["status"] = "held"
        refusals.append(_refused(StateLockError, state.transaction().__enter__))
        other = threading.Thread(target=lambda: refusals.append(_refused(StateLockError, lambda: state.write({}))))
        other.start()
        other.join()
    _require(len(refusals) > 1, "a second writer came in")
    return f"nobody waits for ever: {refusals[-1].split(';')[1].split('.')[0].strip()}"


def validated(path: Path) -> str:
    """Write what does not fit, and what JSON cannot give back."""
    state = PipelineState(path, schema=Phase)
    state.write({"status": "good"})
    refusal = _refused(StateValidationError, lambda: state.write({"count": 1}))
    _refused(StateValidationError, lambda: state.write({"status": "good", "more": float("nan")}))
    _require(state.read() == {"status": "good"}, "something wrong was written")
    return f"nothing invalid reaches the disk: {refusal.split('; ')[1].split('. ')[0]}"


def backed_up(path: Path) -> str:
    """Rotate backups, damage the document, go back."""
    state = PipelineState(path, max_backups=3)
    for count in range(6):
        state.write({"count": count})
    path.write_text('{"count": 5')
    refusal = _refused(StateReadError, state.read)
    _require("dayreel state restore" in refusal, "the error does not name the way back")
    state.restore_backup(state.list_backups()[0])
    _require(state.read() == {"count": 4}, "the backup is not the state before")
    return f"{len(state.list_backups())} backups kept, a damaged document restored from the newest"


def guarded(path: Path) -> str:
    """Edit what somebody else has changed meanwhile."""
    state = PipelineState(path)
    state.write({"count": 1})
    _, digest = state.read_with_digest()
    PipelineState(path, actor="somebody else").write({"count": 2})
    _refused(StateConflictError, lambda: state.write({"count": 100}, expected_digest=digest))
    _require(state.read() == {"count": 2}, "the other's change was lost")
    return "an edit of a stale copy is refused"


DEMONSTRATIONS = (atomic, rolled_back, concurrent, locked, validated, backed_up, guarded)


if __name__ == "__main__":
    sys.exit(main())
