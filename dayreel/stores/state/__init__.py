"""Transactions over a JSON file that several processes and people share, and that nothing can corrupt.

    state = PipelineState("pipeline.json")
    with state.transaction() as txn:
        txn.data["phase1"]["status"] = "success"

What is guaranteed, what that rests on and what it does not cover is described in docs/explanation/state.md; `python -m
dayreel.stores.state.demo` shows it. The package stands on filelock, pydantic and two small modules of dayreel (its
errors and its clock), and knows nothing of channels or videos.
"""

from dayreel.stores.state.disk import Disk
from dayreel.stores.state.engine import Commit
from dayreel.stores.state.errors import (
    Position,
    StateBackupError,
    StateCommittedError,
    StateConflictError,
    StateError,
    StateLockError,
    StateMigrationError,
    StateReadError,
    StateValidationError,
    StateWriteError,
)
from dayreel.stores.state.pipeline_state import PipelineState
from dayreel.stores.state.reader import ABSENT
from dayreel.stores.state.transaction import StateTransaction
from dayreel.stores.state.verification import Finding, Report

__all__ = [
    "ABSENT",
    "Commit",
    "Disk",
    "Finding",
    "PipelineState",
    "Position",
    "Report",
    "StateBackupError",
    "StateCommittedError",
    "StateConflictError",
    "StateError",
    "StateLockError",
    "StateMigrationError",
    "StateReadError",
    "StateTransaction",
    "StateValidationError",
    "StateWriteError",
]
