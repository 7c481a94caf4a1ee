"""Processes that count up one document together, while others read it: no update is lost, no read is torn."""

import subprocess
import sys
from pathlib import Path

from dayreel.stores.state import PipelineState

PROJECT = Path(__file__).parents[4]
WITHIN_S = 1800.0
INCREMENT = """
import sys
from dayreel.stores.state import PipelineState
state = PipelineState(sys.argv[1], lock_timeout_s=600, durable=False)
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


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def race(path: Path, *, processes: int, increments: int) -> list[int]:
    total = processes * increments
    PipelineState(path).write({"n": 0, "copies": []})
    readers = [start(READ, path, total) for _ in range(2)]
    writers = [start(INCREMENT, path, increments) for _ in range(processes)]
    assert [writer.communicate(timeout=WITHIN_S)[0] for writer in writers] == [""] * processes
    assert all(writer.returncode == 0 for writer in writers)
    reads = [int(reader.communicate(timeout=WITHIN_S)[0]) for reader in readers]
    state = PipelineState(path)
    assert state.read()["n"] == total
    report = state.verify()
    assert report.is_ok
    assert report.notes == []
    assert report.record_count == total + 1
    return reads
