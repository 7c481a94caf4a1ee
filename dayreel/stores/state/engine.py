"""The commit, step by step, and what follows an interrupted one. Every change goes through here.

    1 back up   the present file gets a second name among the backups
    2 write     the new document goes to a file of its own beside the old one
    3 settle    fsync: the device has it, whole
    4 rename    in one step it takes the old one's place; before it nothing has happened, after it the commit stands
    5 settle    fsync of the directory: the rename survives a power cut
    6 log       one line in `.pipeline/transactions.log`
    7 rotate    old backups are compressed and removed

Reading is `reader`'s business; schemas, versions, digests and backups are decided in the modules that are called.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dayreel.stores.state import strict_json
from dayreel.stores.state.changes import changed_members, changed_paths, split_members
from dayreel.stores.state.errors import (
    StateCommittedError,
    StateConflictError,
    StateError,
    StateReadError,
    StateWriteError,
)
from dayreel.stores.state.lock import Hold, Signature, sign_as
from dayreel.stores.state.migration import require_current
from dayreel.stores.state.reader import ABSENT, Known, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dayreel.clock import Clock
    from dayreel.stores.state.backups import BackupManager
    from dayreel.stores.state.disk import Disk
    from dayreel.stores.state.lock import DocumentLock
    from dayreel.stores.state.log import Outcome, TransactionLog
    from dayreel.stores.state.transaction import StateTransaction

_LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Commit:
    """What a hook receives about a commit that stands."""

    path: str
    transaction_id: str
    operation: str
    actor: str
    digest_before: str
    digest_after: str
    changed_paths: tuple[str, ...]


@dataclass(slots=True)
class _Open:
    """What the engine keeps about the open transaction."""

    hold: Hold
    signature: Signature
    raw: bytes | None
    mode: int | None
    known: Known | None
    started_s: float
    backup: str | None = None


class Engine:
    """The one that replaces a document; `PipelineState` is its face.

    Args:
        reader: how the document is read.
        actor: who writes, unless a transaction says otherwise.
        backup_before_write: make a backup in every commit.
        lock_timeout_s: how long to wait for another writer.
        hooks: called with a `Commit` after the lock is free again.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        actor: str,
        backup_before_write: bool,
        lock_timeout_s: float,
        hooks: Sequence[Callable[[Commit], None]],
        disk: Disk,
        clock: Clock,
        lock: DocumentLock,
        log: TransactionLog,
        backups: BackupManager,
    ) -> None:
        """Touch nothing yet."""
        self.path = reader.path
        self._reader = reader
        self._actor = actor
        self._backs_up = backup_before_write
        self._lock_timeout_s = lock_timeout_s
        self._hooks = tuple(hooks)
        self._disk = disk
        self._clock = clock
        self._lock = lock
        self._log_file = log
        self._backups = backups
        self._directory, name = os.path.split(self.path)
        stem = os.path.splitext(name)[0]  # noqa: PTH122  raw names, as the disk takes them
        self._aside = f"{self._directory}{os.sep}{stem}"
        self._aside_pattern = re.compile(rf"{re.escape(stem)}\.\d+_\d+\.tmp")
        self._open: _Open | None = None
        self._last_transaction_id = ""

    def begin(self, txn: StateTransaction) -> None:
        """Take the lock and put the document into `txn.data`; raises what `StateTransaction.__enter__` documents."""
        with self._explained("open a transaction on"):
            self._make_room(txn)
            hold = self._lock.acquire(timeout_s=self._lock_timeout_s)
            self._begin(txn, hold)

    async def begin_async(self, txn: StateTransaction) -> None:
        """Take the lock without blocking the event loop, then go on as `begin` does."""
        with self._explained("open a transaction on"):
            self._make_room(txn)
            hold = await self._lock.acquire_async(timeout_s=self._lock_timeout_s)
            self._begin(txn, hold)

    def end(self, txn: StateTransaction, error: BaseException | None) -> None:
        """Commit `txn`, or roll it back because of `error`, and let the lock go either way."""
        opened, self._open = self._open, None
        if opened is None or opened.hold.pid != os.getpid():
            raise StateError(
                f"Transaction {txn.transaction_id!r} was opened in another process than the one that ends it.",
                next_step="Open the transaction after the fork, in the process that uses it.",
            )
        if error is not None:
            self._roll_back(txn, opened, error)
            return
        try:
            raw, after = self._render(txn)
        except BaseException as refused:
            self._roll_back(txn, opened, refused)
            raise
        self._commit(txn, opened, raw, after)
        self._run_hooks(txn, opened)

    # -- opening -------------------------------------------------------------------------------------------------------

    def _make_room(self, txn: StateTransaction) -> None:
        txn.transaction_id = f"{self._clock.now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        if self._reader.known is None:  # this instance has not committed yet
            self._disk.make_directories(str(self._backups.directory))

    def _begin(self, txn: StateTransaction, hold: Hold) -> None:
        try:
            if hold.was_interrupted:
                self._recover(hold.previous)
            if hold.previous is None or hold.previous.transaction_id != self._last_transaction_id:
                self._backups.forget()
            raw, mode = self._reader.load()
            txn.digest = self._reader.digest(raw)
            self._check_expectation(txn)
            txn.data = self._data_for(txn, raw)
            signature = self._sign(txn, hold)
        except BaseException:
            self._lock.release(hold)
            raise
        known = self._reader.known if raw is not None and self._reader.is_known(raw) else None
        self._open = _Open(hold, signature, raw, mode, known, self._clock.monotonic())

    def _sign(self, txn: StateTransaction, hold: Hold) -> Signature:
        signature = sign_as(
            transaction_id=txn.transaction_id,
            actor=txn.options.actor or self._actor,
            since=self._clock.now().isoformat(),
            digest_before=txn.digest,
        )
        self._lock.sign(hold, signature)
        return signature

    def _data_for(self, txn: StateTransaction, raw: bytes | None) -> dict[str, Any]:
        if txn.options.replaces:
            return txn.options.seed if txn.options.seed is not None else {}
        return self._reader.take(raw)

    def _check_expectation(self, txn: StateTransaction) -> None:
        expected = txn.options.expected_digest
        if expected is None or expected == txn.digest:
            return
        last = next(self._log_file.newest_first(), None)
        is_logged = last is not None and last["digest_after"] == txn.digest
        who = (
            f"{last['actor']!r} changed it at {last['timestamp']}"
            if last and is_logged
            else "not through a transaction"
        )
        raise StateConflictError(
            f"Tried to change {self.path!r} as it was read (digest {expected[:12]!r}); it has changed since "
            f"(digest {txn.digest[:12]!r}): {who}.",
            next_step="Nothing was written; read it again, and apply the change to what is there now.",
            expected=expected,
            actual=txn.digest,
        )

    # -- ending --------------------------------------------------------------------------------------------------------

    def _roll_back(self, txn: StateTransaction, opened: _Open, error: BaseException) -> None:
        """Log a block that raised; the document was not touched, so there is nothing to undo."""
        what = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        is_clean = False
        try:
            self._log(txn, opened, "rolled back", error=what, details=f"rolled back: {what}")
            is_clean = True
        except OSError as problem:
            error.add_note(f"(the roll-back could not be logged: {problem})")
        finally:
            self._lock.release(opened.hold, clean=is_clean)

    def _render(self, txn: StateTransaction) -> tuple[bytes, dict[str, Any]]:
        if txn.options.exact is not None:
            return txn.options.exact, strict_json.decode(txn.options.exact)
        raw, after = strict_json.encode(txn.data, max_size_bytes=self._reader.max_size_bytes)
        if self._reader.migrations:
            require_current(after, self._reader.migrations, field=self._reader.version_field)
        if txn.options.validate:
            self._reader.check_schema(raw, doing="write")
        return raw, after

    def _commit(self, txn: StateTransaction, opened: _Open, raw: bytes, after: dict[str, Any]) -> None:
        aside = f"{self._aside}.{os.getpid()}_{secrets.randbits(62)}.tmp"
        try:
            members = self._put_in_place(txn, opened, raw, after, aside)
        except OSError as error:
            self._undo(txn, opened, aside, error)
            raise self._not_written(error) from error
        except BaseException:
            self._lock.release(opened.hold, clean=False)  # the next transaction finds out how far this one came
            raise
        try:
            self._finish(txn, opened)
        except OSError as error:
            raise self._not_finished(txn, error) from error
        finally:
            self._lock.release(opened.hold, clean=self._last_transaction_id == txn.transaction_id)
        if txn.options.exact is None:
            self._reader.known = Known(raw, str(txn.committed_digest), members, after)

    def _put_in_place(
        self, txn: StateTransaction, opened: _Open, raw: bytes, after: dict[str, Any], aside: str
    ) -> list[bytes]:
        if opened.raw is not None and self._backs_up:
            if opened.known is None or not opened.known.is_ours:
                self._disk.settle_existing(self.path)
            is_readable = not txn.options.replaces or self._reader.as_it_was(opened.raw) is not None
            opened.backup = self._backups.keep_old(opened.raw, opened.mode, is_readable=is_readable)
        fd = self._disk.write_aside(aside, raw, mode=opened.mode)
        try:  # the device is writing meanwhile
            txn.committed_digest = strict_json.digest(raw)
            self._lock.announce(opened.hold, txn.committed_digest)
            members = split_members(raw)
            if opened.known is not None and txn.options.exact is None:
                txn.changed_paths = changed_members(opened.known.members, members)
            else:
                txn.changed_paths = changed_paths(self._reader.as_it_was(opened.raw), after)
        finally:
            self._disk.settle(fd)
        self._disk.replace(aside, self.path)
        return members

    def _finish(self, txn: StateTransaction, opened: _Open) -> None:
        self._disk.settle_directory(self._directory)
        self._log(txn, opened, "committed", details=txn.options.details)
        if opened.backup:
            self._backups.note(opened.backup)
            self._backups.rotate()
        self._last_transaction_id = txn.transaction_id

    def _undo(self, txn: StateTransaction, opened: _Open, aside: str, error: OSError) -> None:
        """Remove what a refused commit made; what cannot be removed now is left to the next transaction."""
        try:
            for path in filter(None, (aside, opened.backup)):
                self._disk.remove(path)
        except OSError as problem:
            error.add_note(f"(left to the next transaction: {problem})")
        self._backups.forget()
        self._reader.known = None  # look at everything again, the folders included
        txn.committed_digest, txn.changed_paths = None, []
        self._roll_back(txn, opened, error)

    def _log(
        self, txn: StateTransaction, opened: _Open, outcome: Outcome, *, details: str, error: str | None = None
    ) -> None:
        signature = opened.signature
        self._log_file.append(
            {
                "transaction_id": txn.transaction_id,
                "timestamp": self._clock.now().isoformat(),
                "operation": txn.options.operation,
                "outcome": outcome,
                "success": outcome == "committed",
                "actor": signature.actor,
                "pid": signature.pid,
                "host": signature.host,
                "digest_before": txn.digest,
                "digest_after": txn.committed_digest or txn.digest,
                "duration_s": round(self._clock.monotonic() - opened.started_s, 6),
                "changed_paths": txn.changed_paths,
                "backup": opened.backup.rpartition(os.sep)[2] if opened.backup and error is None else None,
                "error": error,
                "details": details,
            }
        )

    def _run_hooks(self, txn: StateTransaction, opened: _Open) -> None:
        if not self._hooks:
            return
        commit = Commit(
            path=self.path,
            transaction_id=txn.transaction_id,
            operation=txn.options.operation,
            actor=opened.signature.actor,
            digest_before=txn.digest,
            digest_after=str(txn.committed_digest),
            changed_paths=tuple(txn.changed_paths),
        )
        for hook in self._hooks:
            try:
                hook(commit)
            except Exception as error:
                raise self._not_finished(txn, error) from error

    # -- after an interruption -----------------------------------------------------------------------------------------

    def _recover(self, previous: Signature | None) -> None:
        """Tidy up after a holder that was cut short, and complete the log; doing it twice does no harm."""
        for name in self._disk.names(self._directory):
            if self._aside_pattern.fullmatch(name):
                self._disk.remove(f"{self._directory}{os.sep}{name}")
        self._backups.drop_unfinished()
        if previous is None:
            return
        last = next(self._log_file.newest_first(), None)
        if last is None or last["transaction_id"] != previous.transaction_id:
            self._log_file.append(self._recovery_record(previous))

    def _recovery_record(self, previous: Signature) -> dict[str, Any]:
        now = self._digest_now()
        stands = bool(previous.digest_after) and now == previous.digest_after
        who = f"process {previous.pid} on {previous.host!r} was cut short"
        if stands:
            details = f"{who} after the rename; its change stands"
        elif now == previous.digest_before:
            details = f"{who} before the rename; nothing had changed"
        else:
            details = f"{who}, and the document was changed since by something else"
        return {
            "transaction_id": previous.transaction_id,
            "timestamp": self._clock.now().isoformat(),
            "operation": "recovery",
            "outcome": "recovered" if stands else "interrupted",
            "success": stands,
            "actor": previous.actor,
            "pid": previous.pid,
            "host": previous.host,
            "digest_before": previous.digest_before,
            "digest_after": now if stands else previous.digest_before,
            "duration_s": None,
            "changed_paths": [],
            "backup": None,
            "error": None if stands else details,
            "details": details,
        }

    def _digest_now(self) -> str:
        try:
            return self._reader.digest(self._reader.load()[0])
        except StateReadError:
            return "unreadable"

    # -- words ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Turn the system's refusals before anything was written into one sentence."""
        try:
            yield
        except OSError as error:
            raise StateWriteError(
                f"Tried to {doing} {self.path!r}; the system answered: {error}.",
                next_step="Nothing was changed; make room or correct the permissions, then repeat.",
            ) from error

    def _not_written(self, error: OSError) -> StateWriteError:
        wrapped = StateWriteError(
            f"Tried to replace {self.path!r}; the system answered: {error}.",
            next_step="The old document stands; make room or correct the permissions, then repeat.",
        )
        for note in getattr(error, "__notes__", ()):
            wrapped.add_note(note)
        return wrapped

    def _not_finished(self, txn: StateTransaction, error: Exception) -> StateCommittedError:
        return StateCommittedError(
            f"Transaction {txn.transaction_id!r} on {self.path!r} stands, and a step after it went wrong: "
            f"{type(error).__name__}: {error}.",
            next_step="Do not repeat the change; the next transaction completes the log and the rotation.",
            transaction_id=txn.transaction_id,
        )


__all__ = ["ABSENT", "Commit", "Engine"]
