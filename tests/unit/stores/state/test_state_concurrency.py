"""Several processes at once: no update is lost, and nobody ever reads half a document."""

from pathlib import Path

import pytest

from dayreel.stores.state import PipelineState, StateLockError
from tests.unit.stores.state.race import race, start

pytestmark = pytest.mark.slow

HOLD = """
import sys
from dayreel.stores.state import PipelineState
with PipelineState(sys.argv[1], actor="night shift").transaction() as txn:
    txn.data["n"] = 1
    print(txn.transaction_id, flush=True)
    sys.stdin.read()
"""


def test_three_processes_lose_no_increment(tmp_path: Path) -> None:
    race(tmp_path / "pipeline.json", processes=3, increments=30)


def test_a_lock_timeout_names_the_holder_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    holder = start(HOLD, path)
    assert holder.stdout is not None
    transaction_id = holder.stdout.readline().strip()
    waiter = PipelineState(path, lock_timeout_s=0.1)
    with pytest.raises(StateLockError) as refused, waiter.transaction():
        pytest.fail("must not begin")
    for fact in (f"process {holder.pid} on", "actor 'night shift'", transaction_id, f"Wait for process {holder.pid}"):
        assert fact in str(refused.value)
    holder.kill()
    holder.communicate()
    with waiter.transaction() as txn:
        assert txn.data == {}, "the holder died inside its block"
    last = waiter.get_transaction_history()[1]
    assert (last["transaction_id"], last["outcome"]) == (transaction_id, "interrupted")
