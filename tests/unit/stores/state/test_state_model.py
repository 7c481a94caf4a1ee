"""Any order of commits, roll-backs, restores and crashes behaves as a dictionary with a list of earlier ones."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dayreel.stores.state import PipelineState, StateConflictError
from dayreel.stores.state.strict_json import decode
from tests.unit.stores.state.disks import Crash, CrashingDisk

pytestmark = pytest.mark.slow

MAX_BACKUPS = 4
keys = st.sampled_from(["a", "b", "ü", "phase/1"])
values = st.integers() | st.text(max_size=5) | st.lists(st.booleans(), max_size=3) | st.dictionaries(keys, st.none())


class DocumentMachine(RuleBasedStateMachine):
    """The model: the document, and what a backup holds, newest last."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "pipeline.json"
        self.model: dict[str, Any] | None = None
        self.earlier: list[dict[str, Any]] = []
        self.commits = 0

    def open(self, **options: Any) -> PipelineState:
        return PipelineState(self.path, max_backups=MAX_BACKUPS, **{"durable": False, **options})

    def committed(self, document: dict[str, Any]) -> None:
        if self.model is not None:
            self.earlier = [*self.earlier, self.model][-MAX_BACKUPS:]
        self.model = document
        self.commits += 1

    @initialize()
    def begin(self) -> None:
        self.kept = self.open()

    @rule(key=keys, value=values, is_kept=st.booleans())
    def set_a_value(self, key: str, value: Any, is_kept: bool) -> None:
        with (self.kept if is_kept else self.open()).transaction() as txn:
            assert txn.data == (self.model or {})
            txn.data[key] = value
        self.committed({**(self.model or {}), key: value})

    @rule(document=st.dictionaries(keys, values))
    def replace_everything(self, document: dict[str, Any]) -> None:
        self.kept.write(document)
        self.committed(copy.deepcopy(document))

    @rule(key=keys, value=values)
    def roll_back(self, key: str, value: Any) -> None:
        try:
            with self.kept.transaction() as txn:
                txn.data[key] = value
                raise LookupError(key)
        except LookupError:
            pass

    @rule(key=keys)
    def edit_what_was_read_too_early(self, key: str) -> None:
        stale = self.kept.digest()
        with self.open().transaction() as txn:
            txn.data[key] = f"{txn.data.get(key)}!"
        self.committed({**(self.model or {}), key: f"{(self.model or {}).get(key)}!"})
        try:
            self.kept.write({}, expected_digest=stale)
        except StateConflictError:
            return
        raise AssertionError("a stale edit was let through")

    @precondition(lambda self: self.earlier)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.earlier) - 1))
        wanted = self.earlier[-1 - index]
        self.kept.restore_backup(self.kept.list_backups()[index])
        self.committed(copy.deepcopy(wanted))

    @precondition(lambda self: self.model is not None)
    @rule(at=st.integers(1, 20), half=st.booleans(), value=st.integers())
    def crash(self, at: int, half: bool, value: int) -> None:
        assert self.model is not None
        backups = [self.kept.backup_manager.read(path) for path in self.kept.list_backups()]
        disk = CrashingDisk(at, half=half)
        try:
            with self.open(disk=disk).transaction() as txn:
                txn.data["a"] = value
        except Crash:
            pass
        new = {**self.model, "a": value}
        now = self.kept.read()
        assert now in (self.model, new)
        if "replace" in disk.steps[:-1] or disk.count < at:
            assert now == new
            self.committed(new)
            with self.open().transaction() as txn:  # completes the rotation that the crash cut short
                txn.data["after"] = 1
            self.committed({**new, "after": 1})
        else:
            assert now == self.model
            with self.open().transaction() as txn:
                txn.data["after"] = 2
            assert len(self.kept.list_backups()) == min(len(backups) + 1, MAX_BACKUPS)
            self.committed({**self.model, "after": 2})

    @invariant()
    def the_document_and_its_backups_are_the_models(self) -> None:
        assert self.open().read() == (self.model or {})
        backups = [self.kept.backup_manager.read(path) for path in reversed(self.kept.list_backups())]
        assert [decode(raw) for raw in backups] == self.earlier

    @invariant()
    def everything_is_in_order(self) -> None:
        report = self.open().verify()
        assert report.is_ok, report.problems
        assert [note for note in report.notes if note.where != "log"] == []

    def teardown(self) -> None:
        self.folder.cleanup()


DocumentMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
TestDocument = DocumentMachine.TestCase
