"""Several processes at once: no update is lost, and nobody ever reads half a document."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dayreel.stores.state import PipelineState, StateLockError

ROOT = Path(__file__).parents[4]
INCREMENT = """
import sys
from dayreel.stores.state import PipelineState
state = PipelineState(sys.argv[1], lock_timeout_s=60, durable=False)
for _ in range(int(sys.argv[2])):
    with state.transaction() as txn:
        txn.data["n"] += 1
        txn.data["copies"] = [txn.data["n"]] * 300
"""
READ = """
import sys
from dayreel.stores.state import PipelineState
state = PipelineState(sys.argv[1])
reads = last = 0
while last < int(sys.argv[2]):
    document = state.read()
    assert set(document["copies"]) <= {document["n"]}, "torn"
    assert document["n"] >= last, "went back"
    last, reads = document["n"], reads + 1
print(reads)
"""
HOLD = """
import sys
from dayreel.stores.state import PipelineState
with PipelineState(sys.argv[1], actor="night shift").transaction() as txn:
    txn.data["n"] = 1
    print(txn.transaction_id, flush=True)
    sys.stdin.read()
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def race(path: Path, *, processes: int, increments: int) -> list[int]:
    total = processes * increments
    PipelineState(path).write({"n": 0, "copies": []})
    readers = [start(READ, path, total) for _ in range(2)]
    writers = [start(INCREMENT, path, increments) for _ in range(processes)]
    assert [writer.communicate(timeout=120)[0] for writer in writers] == [""] * processes
    assert all(writer.returncode == 0 for writer in writers)
    reads = [int(reader.communicate(timeout=60)[0]) for reader in readers]
    state = PipelineState(path)
    assert state.read()["n"] == total
    report = state.verify()
    assert report.is_ok
    assert report.notes == []
    assert report.record_count == total + 1
    return reads


@pytest.mark.slow
def test_eight_processes_lose_none_of_two_thousand_increments(tmp_path: Path) -> None:
    reads = race(tmp_path / "pipeline.json", processes=8, increments=250)
    assert min(reads) > 100


def test_three_processes_lose_no_increment(tmp_path: Path) -> None:
    race(tmp_path / "pipeline.json", processes=3, increments=30)


def test_a_lock_timeout_names_the_holder_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    holder = start(HOLD, path)
    assert holder.stdout is not None
    transaction_id = holder.stdout.readline().strip()
    waiter = PipelineState(path, lock_timeout_s=0.1)
    began = time.monotonic()
    with pytest.raises(StateLockError) as refused, waiter.transaction():
        pytest.fail("must not begin")
    assert time.monotonic() - began < 20
    for fact in (f"process {holder.pid} on", "actor 'night shift'", transaction_id, f"Wait for process {holder.pid}"):
        assert fact in str(refused.value)
    holder.kill()
    holder.communicate()
    with waiter.transaction() as txn:
        assert txn.data == {}, "the holder died inside its block"
    last = waiter.get_transaction_history()[1]
    assert (last["transaction_id"], last["outcome"]) == (transaction_id, "interrupted")
