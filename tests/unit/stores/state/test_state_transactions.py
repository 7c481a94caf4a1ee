"""Transactions in one process: roll back, refuse, wait, migrate, go back."""

import asyncio
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from dayreel.errors import DayreelError, StaleState
from dayreel.stores.state import (
    ABSENT,
    Commit,
    Disk,
    PipelineState,
    StateBackupError,
    StateCommittedError,
    StateConflictError,
    StateError,
    StateLockError,
    StateMigrationError,
    StateReadError,
    StateValidationError,
)
from tests.unit.stores.state.crash import names


class Clock:
    """A clock that moves a second at every look, or as set."""

    def __init__(self, step_s: float = 1.0) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.step_s = step_s

    def now(self) -> datetime:
        self.at += timedelta(seconds=self.step_s)
        return self.at

    def monotonic(self) -> float:
        return (self.at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Counter(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    count: int
    on: datetime | None = None


MakeState = Callable[..., PipelineState]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "content" / "pipeline.json"


@pytest.fixture
def make_state(path: Path) -> MakeState:
    def make(**options: Any) -> PipelineState:
        return PipelineState(path, **{"durable": False, **options})

    return make


def test_the_files_are_where_the_source_document_draws_them(make_state: MakeState, path: Path) -> None:
    state = make_state()
    state.write({"a": 1})
    state.write({"a": 2})
    assert names(path.parent) == [".pipeline", "pipeline.json", "pipeline.json.lock"]
    assert names(path.parent / ".pipeline") == ["backups", "transactions.log"]
    (backup,) = state.list_backups()
    assert backup.parent == path.parent / ".pipeline/backups"
    assert re.fullmatch(r"pipeline_\d{8}_\d{6}_\d{6}\.json\.bak", backup.name)


def test_an_exception_changes_nothing_and_the_log_says_why(make_state: MakeState, path: Path) -> None:
    state = make_state(actor="tester")
    state.write({"a": {"b": 1}})
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), state.transaction() as txn:  # noqa: PT012  the block is what is tested
        txn.data["a"]["b"] = 2
        raise KeyboardInterrupt("enough")
    assert path.read_bytes() == before
    record = state.get_transaction_history(1)[0]
    assert (record["success"], record["outcome"], record["actor"]) == (False, "rolled back", "tester")
    assert record["details"] == "rolled back: KeyboardInterrupt: enough"
    assert record["digest_before"] == record["digest_after"] == state.digest()
    with state.transaction() as txn:
        assert txn.data == {"a": {"b": 1}}, "a rolled-back change must not come back"


def test_a_record_names_who_changed_what_and_how_long_it_took(make_state: MakeState) -> None:
    state = make_state(actor="tester")
    before = state.digest()
    with state.transaction(actor="somebody else") as txn:
        txn.data["a"] = {"b": [1]}
    assert before == ABSENT == txn.digest
    record = state.get_transaction_history()[0]
    assert record["transaction_id"] == txn.transaction_id
    assert record["digest_after"] == txn.committed_digest == state.digest()
    assert (record["actor"], record["pid"], record["changed_paths"]) == ("somebody else", os.getpid(), ["/a"])
    assert record["duration_s"] > 0
    assert datetime.fromisoformat(record["timestamp"]).tzinfo is not None


def test_a_block_may_replace_the_document_only_with_a_dict(make_state: MakeState) -> None:
    state = make_state()
    with state.transaction() as txn:
        txn.data = {"replaced": True}
    assert state.read() == {"replaced": True}
    with pytest.raises(StateValidationError, match="must be a dict"), state.transaction() as txn:
        txn.data = None  # type: ignore[assignment]
    assert state.read() == {"replaced": True}


def test_what_was_read_and_what_was_seeded_is_nobody_elses(make_state: MakeState) -> None:
    state = make_state()
    seed: dict[str, Any] = {"a": [1]}
    with state.transaction(seed_data=seed) as txn:
        txn.data["a"].append(2)
    kept = txn.data
    assert seed == {"a": [1]}
    with state.transaction() as again:
        kept["a"].append("from outside a transaction")
        state.read()["a"].append("from a reader")
    assert again.data == state.read() == {"a": [1, 2]}


def test_a_transaction_inside_another_is_refused_at_once(make_state: MakeState, path: Path) -> None:
    state = make_state()
    with state.transaction() as txn:
        txn.data["a"] = 1
        for other in (state, PipelineState(path)):
            with pytest.raises(StateLockError, match="inside another one of the same thread"), other.transaction():
                pytest.fail("must not begin")
        assert state.backup_manager.create_backup() is None, "looking is not a transaction"
    assert state.read() == {"a": 1}


def test_a_second_thread_waits_and_then_learns_who_holds_it(make_state: MakeState, path: Path) -> None:
    state = make_state(actor="first")
    refusals: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with state.transaction() as txn:
            txn.data["n"] = 1
            entered.set()
            leave.wait(120)

    thread = threading.Thread(target=hold, name="holder")
    thread.start()
    entered.wait(120)
    try:
        with pytest.raises(StateLockError) as refused, PipelineState(path, lock_timeout_s=0.05).transaction():
            pytest.fail("must not begin")
        refusals.append(str(refused.value))
    finally:
        leave.set()
        thread.join()
    assert f"process {os.getpid()} on " in refusals[0]
    assert "thread 'holder', actor 'first'" in refusals[0]
    assert "since 20" in refusals[0]
    assert "never stale" in refusals[0]
    with PipelineState(path).transaction() as txn:
        txn.data["n"] += 1
    assert state.read() == {"n": 2}


def test_threads_that_share_a_state_lose_no_update(make_state: MakeState) -> None:
    state = make_state()

    def add() -> None:
        for _ in range(25):
            with state.transaction() as txn:
                txn.data["n"] = txn.data.get("n", 0) + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.read() == {"n": 100}
    assert state.verify().is_ok


def test_a_removed_lock_file_does_not_admit_two_writers(make_state: MakeState, path: Path) -> None:
    """Whoever locks a file that is no longer under its name locks nothing, and notices."""
    state = make_state()
    state.write({"n": 0})
    path.with_name("pipeline.json.lock").unlink()
    with state.transaction() as txn:
        txn.data["n"] = 1
        with pytest.raises(StateLockError), PipelineState(path, lock_timeout_s=0).transaction():
            pytest.fail("must not begin")


def test_a_transaction_is_used_once(make_state: MakeState) -> None:
    txn = make_state().transaction()
    with txn:
        txn.data["a"] = 1
    with pytest.raises(StateError, match="used a second time"), txn:
        pytest.fail("must not begin")


def test_tasks_wait_for_each_other_without_blocking_the_loop(make_state: MakeState) -> None:
    state = make_state()
    held, done = threading.Event(), threading.Event()

    async def add() -> None:
        for _ in range(10):
            async with state.transaction() as txn:
                await asyncio.sleep(0)
                txn.data["n"] = txn.data.get("n", 0) + 1

    def hold_on() -> None:
        with state.transaction():
            held.set()
            assert done.wait(60)

    async def main() -> None:
        await asyncio.to_thread(held.wait, 60)
        adding = [asyncio.create_task(add()) for _ in range(8)]
        for _ in range(20):  # the loop would stand at the first of these, were it blocked by who waits for the thread
            await asyncio.sleep(0.001)
        assert not any(task.done() for task in adding)
        done.set()
        await asyncio.gather(*adding)

    thread = threading.Thread(target=hold_on)
    thread.start()
    try:
        asyncio.run(main())
    finally:
        done.set()
        thread.join(60)
    assert state.read() == {"n": 80}


def test_nested_tasks_are_refused_and_cancelled_ones_roll_back(make_state: MakeState) -> None:
    state = make_state()
    state.write({"n": 1})

    async def nested() -> None:
        async with state.transaction():
            with pytest.raises(StateLockError, match="same task"):
                async with state.transaction():
                    pytest.fail("must not begin")
            with pytest.raises(StateLockError, match="same thread"), state.transaction():
                pytest.fail("must not begin")

    async def cancelled(inside: asyncio.Event) -> None:
        async with state.transaction() as txn:
            txn.data["n"] = 2
            inside.set()
            await asyncio.Event().wait()

    async def main() -> None:
        await nested()
        inside = asyncio.Event()
        task = asyncio.create_task(cancelled(inside))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert state.read() == {"n": 1}
    assert state.get_transaction_history(1)[0]["error"].startswith("CancelledError")


def test_a_conflicting_edit_is_refused_and_names_who_changed_it(make_state: MakeState) -> None:
    state = make_state(actor="first")
    state.write({"n": 1})
    document, digest = state.read_with_digest()
    make_state(actor="second").write({"n": 2})
    with pytest.raises(StateConflictError, match="'second' changed it at") as refused:
        state.write({"n": document["n"] + 10}, expected_digest=digest)
    assert isinstance(refused.value, StaleState)
    assert (refused.value.expected, refused.value.actual) == (digest, state.digest())
    assert state.read() == {"n": 2}
    with state.transaction(expected_digest=state.digest()) as txn:
        txn.data["n"] = 3
    with pytest.raises(StateConflictError), state.transaction(expected_digest=ABSENT):
        pytest.fail("must not begin")


def test_the_schema_is_checked_on_write_on_request_and_on_read(make_state: MakeState, path: Path) -> None:
    state = make_state(schema=Counter, validate_on_read=True)
    state.write({"count": 1, "on": "2026-01-01T00:00:00Z"})
    with pytest.raises(StateValidationError) as refused, state.transaction() as txn:
        txn.data |= {"count": "secret value", "more": 1}
    assert "/count" in str(refused.value)
    assert "/more" in str(refused.value)
    assert "secret value" not in str(refused.value)
    assert state.read()["count"] == 1
    with state.transaction(validate=False) as txn:
        txn.data["count"] = "not a number"
    with pytest.raises(StateValidationError, match="Tried to read"):
        state.read()
    assert state.read(validate=False)["count"] == "not a number"
    assert not state.verify().is_ok
    path.unlink()


def two_steps() -> dict[int, Callable[[dict[str, Any]], dict[str, Any]]]:
    return {
        0: lambda old: {"values": [old["value"]]},
        1: lambda old: {**old, "values": {"all": old["values"]}},
    }


def test_old_documents_migrate_on_read_and_are_saved_on_commit(make_state: MakeState, path: Path) -> None:
    make_state().write({"value": 7})
    written = path.read_bytes()
    state = make_state(migrations=two_steps())
    assert state.read() == {"schema_version": 2, "values": {"all": [7]}}
    assert path.read_bytes() == written, "reading writes nothing"
    with state.transaction() as txn:
        txn.data["more"] = True
    assert make_state().read() == {"schema_version": 2, "values": {"all": [7]}, "more": True}
    changed = state.get_transaction_history(1)[0]["changed_paths"]
    assert set(changed) == {"/schema_version", "/values", "/more", "/value"}
    with state.transaction() as txn:
        assert txn.data["schema_version"] == 2


def test_each_kind_of_migration_failure_has_its_own_message(make_state: MakeState) -> None:
    state = make_state(migrations={1: lambda old: {"x": old["missing"]}}, version_field="version")
    for document, what in (
        ({"version": 3}, "knows versions up to 2"),
        ({}, "the steps start at 1"),
        ({"version": 1}, "KeyError: 'missing'"),
        ({"version": "one"}, "must be a whole number"),
    ):
        make_state().write(document)
        with pytest.raises(StateMigrationError, match=what):
            state.read()
    with pytest.raises(StateValidationError, match="current version is 2"):
        state.write({"x": 1})
    with pytest.raises(ValueError, match="without a gap"):
        make_state(migrations={0: dict, 2: dict})


def test_a_new_document_begins_at_the_present_version(make_state: MakeState) -> None:
    state = make_state(migrations=two_steps())
    with state.transaction() as txn:
        txn.data["a"] = 1
    assert state.read() == {"schema_version": 2, "a": 1}


def test_a_document_that_is_gone_is_not_taken_for_a_new_one(make_state: MakeState, path: Path) -> None:
    state = make_state()
    assert state.read() == {}
    state.write({"a": 1})
    state.write({"a": 2})
    path.unlink()
    with pytest.raises(StateReadError, match="the file is gone") as refused:
        make_state().read()
    assert "dayreel state restore" in refused.value.next_step
    with pytest.raises(StateReadError), state.transaction():
        pytest.fail("must not begin")
    assert state.restore_backup(state.list_backups()[0])
    assert state.read() == {"a": 1}


def test_backups_rotate_and_are_compressed_when_they_are_old(make_state: MakeState) -> None:
    state = make_state(max_backups=8, compress_after_s=60.0, clock=Clock(step_s=7))
    for number in range(20):
        state.write({"n": number})
    backups = state.list_backups(limit=None)
    assert [state.backup_manager.read(backup) for backup in backups] == [
        b'{\n  "n": %d\n}\n' % number for number in range(18, 10, -1)
    ]
    assert [backup.suffix for backup in backups] == sorted(backup.suffix for backup in backups)
    assert {backup.suffix for backup in backups} == {".bak", ".gz"}
    assert state.restore_backup(backups[-1])
    assert state.read() == {"n": 11}
    assert state.verify().is_ok


def test_a_stopped_or_backward_clock_keeps_backups_in_order(make_state: MakeState) -> None:
    state = make_state(clock=Clock(step_s=-5), max_backups=4)
    for number in range(8):
        state.write({"n": number})
    documents = [state.backup_manager.read(backup) for backup in state.list_backups()]
    assert documents == [b'{\n  "n": %d\n}\n' % number for number in (6, 5, 4, 3)]


def test_an_unreadable_document_is_set_aside_and_not_offered(make_state: MakeState, path: Path) -> None:
    state = make_state()
    state.write({"n": 1})
    state.write({"n": 2})
    path.write_text("{damaged")
    state.restore_backup(state.list_backups()[0])
    assert state.read() == {"n": 1}
    assert len(state.list_backups()) == 1
    assert [kept.read_text() for kept in state.backup_manager.damaged()] == ["{damaged"]


def test_a_state_is_restored_by_transaction_and_by_time(make_state: MakeState) -> None:
    state = make_state(clock=Clock(step_s=1))
    for number in range(5):
        state.write({"n": number})
    records = state.get_transaction_history()
    state.restore_backup(transaction_id=records[3]["transaction_id"])
    assert state.read() == {"n": 1}
    moment = datetime.fromisoformat(records[1]["timestamp"]) + timedelta(milliseconds=1)
    state.restore_backup(at=moment)
    assert state.read() == {"n": 3}
    last = state.get_transaction_history(1)[0]
    assert (last["operation"], last["success"]) == ("restore", True)
    assert last["details"].startswith("restored from pipeline_")
    for choice, what in (
        ({"transaction_id": "nobody"}, "the log has no such one"),
        ({"at": datetime(2020, 1, 1, tzinfo=UTC)}, "its log begins later"),
        ({"backup_path": "pipeline_nothing.json.bak"}, "Tried to read the backup"),
    ):
        with pytest.raises(StateBackupError, match=what):
            state.restore_backup(**choice)
    with pytest.raises(ValueError, match="exactly one"):
        state.restore_backup()
    with pytest.raises(ValueError, match="aware"):
        state.restore_backup(at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_damaged_backup_is_refused_and_reported(make_state: MakeState) -> None:
    state = make_state()
    state.write({"n": 1})
    state.write({"n": 2})
    (backup,) = state.list_backups()
    backup.write_bytes(b"{")
    with pytest.raises(StateBackupError, match="does not hold a usable document"):
        state.restore_backup(backup)
    assert state.read() == {"n": 2}
    report = state.verify()
    assert [problem.where for problem in report.problems] == ["backup"]
    packed = backup.with_name(f"{backup.name}.gz")
    backup.rename(packed)
    with pytest.raises(StateBackupError, match="Tried to read the backup"):
        state.restore_backup(packed)


def test_a_manual_backup_is_a_copy_of_its_own(make_state: MakeState, path: Path) -> None:
    state = make_state(backup_before_write=False)
    state.write({"n": 1})
    state.write({"n": 2})
    assert state.list_backups() == []
    backup = state.backup_manager.create_backup()
    assert backup is not None
    path.write_text("edited in place")
    assert state.list_backups() == [backup]
    state.restore_backup(backup)
    assert state.read() == {"n": 2}


def test_hooks_run_after_unlocking_and_cannot_undo_a_commit(make_state: MakeState) -> None:
    seen: list[Commit] = []

    def follow(commit: Commit) -> None:
        seen.append(commit)
        if commit.operation == "write":
            with state.transaction() as txn:
                txn.data["followed"] = True

    def fail(commit: Commit) -> None:
        raise RuntimeError("the bell is broken")

    state = make_state(hooks=[follow])
    state.write({"n": 1})
    assert state.read() == {"n": 1, "followed": True}
    assert [commit.changed_paths for commit in seen] == [("/n",), ("/followed",)]
    assert seen[0].digest_after == seen[1].digest_before
    with pytest.raises(StateCommittedError, match="the bell is broken") as refused:
        make_state(hooks=[fail]).write({"n": 2})
    assert "Do not repeat" in refused.value.next_step
    assert state.read() == {"n": 2}


def test_a_torn_last_line_of_the_log_is_tolerated_and_reported(make_state: MakeState, path: Path) -> None:
    state = make_state()
    state.write({"n": 1})
    log = path.parent / ".pipeline/transactions.log"
    with log.open("ab") as file:
        file.write(b'{"document": "pipeline.json", "transact')
    assert len(state.get_transaction_history()) == 1
    assert any("cut short" in note.what for note in state.verify().notes)
    state.write({"n": 2})
    assert [record["success"] for record in state.get_transaction_history()] == [True, True]
    report = state.verify()
    assert report.is_ok
    assert [note.what for note in report.notes] == ["line 2 of transactions.log is not a record"]


def test_two_documents_of_one_folder_keep_their_histories_apart(path: Path) -> None:
    first, other = (PipelineState(path.with_name(name), durable=False) for name in ("a.json", "a_b.json"))
    for number in range(3):
        first.write({"n": number})
        other.write({"m": number})
    assert len(first.get_transaction_history()) == len(other.get_transaction_history()) == 3
    assert len(first.list_backups()) == 2
    assert first.verify().is_ok
    assert other.verify().is_ok


def test_history_reads_back_over_many_blocks_of_the_log(make_state: MakeState) -> None:
    state = make_state(backup_before_write=False)
    for number in range(260):
        state.write({"n": number, "é": "x"})
    history = state.get_transaction_history(limit=None)
    assert len(history) == 260
    assert len({record["transaction_id"] for record in history}) == 260
    assert history == sorted(history, key=lambda record: record["timestamp"], reverse=True)


def test_a_document_edited_by_hand_is_noticed_and_then_built_on(make_state: MakeState, path: Path) -> None:
    state = make_state(actor="tester")
    state.write({"n": 1})
    path.write_text('{"n": 5}')
    (problem,) = state.verify().problems
    assert "changed without a transaction" in problem.what
    assert "To keep the file as it is, do nothing" in problem.next_step
    with state.transaction() as txn:
        assert txn.data == {"n": 5}
        txn.data["n"] += 1
    assert state.read() == {"n": 6}
    report = state.verify()
    assert report.is_ok
    assert any("without a transaction" in note.what for note in report.notes)


def test_a_documents_permissions_and_symlink_are_kept(make_state: MakeState, path: Path) -> None:
    make_state().write({"n": 1})
    path.chmod(0o600)
    link = path.parent.parent / "link.json"
    link.symlink_to(path)
    PipelineState(link).write({"n": 2})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PipelineState(path).read() == {"n": 2}


def test_backups_are_as_private_as_the_document(make_state: MakeState, path: Path) -> None:
    """Also those that are a file of their own: compressed, made on request, or where there are no hard links."""

    class NoLinks(Disk):
        def link(self, source: str, target: str) -> bool:
            return False

    for disk in (Disk(), NoLinks()):
        state = make_state(disk=disk, compress_after_s=2.0, clock=Clock(step_s=1))
        state.write({"n": 1})
        path.chmod(0o600)
        state.backup_manager.create_backup()
        for number in range(3):
            state.write({"n": number})
        modes = {backup.suffix: stat.S_IMODE(backup.stat().st_mode) for backup in state.list_backups()}
        assert modes == {".bak": 0o600, ".gz": 0o600}


@pytest.mark.slow
def test_a_forked_child_cannot_end_its_parents_transaction(make_state: MakeState) -> None:
    """Only the process that took the lock has it; the child gets an error and the parent commits."""
    state = make_state(lock_timeout_s=0.05)
    state.write({"n": 1})
    txn = state.transaction()
    with txn:
        txn.data["n"] = 2
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                txn.__exit__(None, None, None)
            except StateError:
                code = 2
            try:
                state.write({"n": 3})
            except StateLockError:
                code += 10
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 12
    assert state.read() == {"n": 2}


def test_every_error_is_a_dayreel_error_with_a_next_step(make_state: MakeState, path: Path) -> None:
    assert issubclass(StateError, DayreelError)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(DayreelError) as refused:
        make_state().read()
    assert refused.value.next_step
    assert str(path) in refused.value.message


def test_looking_at_what_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    state = PipelineState(tmp_path / "nowhere" / "pipeline.json")
    assert state.read() == {}
    assert state.verify().is_ok
    assert state.backup_manager.create_backup() is None
    assert (state.get_transaction_history(), state.list_backups()) == ([], [])
    assert names(tmp_path) == []


def test_removed_state_folders_fail_only_the_next_write(make_state: MakeState, path: Path) -> None:
    state = make_state()
    state.write({"n": 1})
    shutil.rmtree(path.parent / ".pipeline")
    with pytest.raises(StateError, match="No such file"):
        state.write({"n": 2})
    state.write({"n": 3})
    assert state.read() == {"n": 3}
    assert len(state.list_backups()) == 1


def test_a_log_that_cannot_be_read_is_a_state_error_too(make_state: MakeState, path: Path) -> None:
    state = make_state()
    state.write({"n": 1})
    log = path.parent / ".pipeline/transactions.log"
    log.unlink()
    log.mkdir()
    for look in (state.get_transaction_history, state.verify):
        with pytest.raises(StateReadError, match="Tried to read the log"):
            look()
    assert state.read() == {"n": 1}
