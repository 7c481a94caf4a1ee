"""`PipelineState`: transactions over one JSON file that several processes share. The face of the package.

Wires reader, lock, log, backups and engine together for one path and offers what a caller needs. Rules belong there.
"""

from __future__ import annotations

import getpass
import os
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dayreel.clock import Clock, SystemClock
from dayreel.stores.state import strict_json
from dayreel.stores.state.backups import BackupManager, explain_unusable
from dayreel.stores.state.disk import Disk
from dayreel.stores.state.engine import Commit, Engine
from dayreel.stores.state.errors import StateBackupError, StateReadError
from dayreel.stores.state.lock import DocumentLock
from dayreel.stores.state.log import TransactionLog
from dayreel.stores.state.reader import Reader
from dayreel.stores.state.transaction import Options, StateTransaction
from dayreel.stores.state.verification import Report, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from dayreel.stores.state.migration import Migrations

FOLDER: Final = ".pipeline"


class PipelineState:
    """A JSON document that nothing can corrupt.

    Args:
        path: the document; it need not exist, and neither need its folder. A symbolic link is followed once, now.
        validate_on_read: check the schema on every `read`.
        max_backups: how many earlier states are kept.
        backup_before_write: keep the state before every commit.
        schema: the pydantic model that documents must fit; without one they are plain JSON objects, and fit
            `PipelineDocument` where `validate_on_read` asks for validation.
        lock_timeout_s: how long a transaction waits for another writer.
        timeout: the same, under the name that the source document gives it; it wins.
        durable: wait for the device (fsync); without it everything but the protection against power loss remains.
        actor: who writes, for the log and for whoever waits; the name of the user by default.
        migrations: steps for older documents: step `n` takes version `n` to `n + 1`. Applied on read, kept by the next
            commit.
        version_field: the top-level field that holds the version.
        hooks: called with a `Commit` after every commit, when the lock is free again.
        compress_after_s: the age at which a commit compresses backups; None never does.
        max_size_bytes: the largest document that is read or written.
        clock: for timestamps and timeouts.
        disk: how the file system is reached; for tests. It then decides about `durable`.
    """

    def __init__(
        self,
        path: str | Path,
        validate_on_read: bool = False,
        max_backups: int = 50,
        backup_before_write: bool = True,
        schema: type[BaseModel] | None = None,
        lock_timeout_s: float = 10.0,
        durable: bool = True,
        *,
        timeout: float | None = None,
        actor: str | None = None,
        migrations: Migrations | None = None,
        version_field: str = "schema_version",
        hooks: Sequence[Callable[[Commit], None]] = (),
        compress_after_s: float | None = 3600.0,
        max_size_bytes: int = strict_json.MAX_SIZE_BYTES,
        clock: Clock | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Wire the parts together; the file system is not touched before the first use."""
        lock_timeout_s = lock_timeout_s if timeout is None else timeout
        if max_backups < 0 or lock_timeout_s < 0:
            raise ValueError("max_backups and lock_timeout_s must not be negative")
        self.path = Path(os.path.realpath(path))  # unlike `resolve`, leaves links in a circle for `read` to report
        self._validate_on_read = validate_on_read
        self._lock_timeout_s = lock_timeout_s
        parent = self.path.parent
        name, folder = str(self.path), parent if parent.name == FOLDER else parent / FOLDER
        clock = clock or SystemClock()
        disk = disk or Disk(durable=durable, clock=clock)
        self._lock = DocumentLock(f"{name}.lock", document=name, disk=disk, clock=clock)
        self._log = TransactionLog(str(folder / "transactions.log"), document=self.path.name, disk=disk)
        self.backup_manager = BackupManager(
            document=name,
            directory=str(folder / "backups"),
            max_backups=max_backups,
            compress_after_s=compress_after_s,
            max_size_bytes=max_size_bytes,
            disk=disk,
            clock=clock,
            guard=self._file_lock,
        )
        self._reader = Reader(
            name,
            schema=schema or (_default_schema() if validate_on_read else None),
            migrations=migrations or {},
            version_field=version_field,
            max_size_bytes=max_size_bytes,
            disk=disk,
            backups=self.backup_manager,
            log=self._log,
        )
        self._engine = Engine(
            reader=self._reader,
            actor=actor or _user(),
            backup_before_write=backup_before_write,
            lock_timeout_s=lock_timeout_s,
            hooks=hooks,
            disk=disk,
            clock=clock,
            lock=self._lock,
            log=self._log,
            backups=self.backup_manager,
        )

    def __repr__(self) -> str:
        """Return the call that makes this object."""
        return f"PipelineState({str(self.path)!r})"

    def read(self, validate: bool | None = None) -> dict[str, Any]:
        """Return the document, without the lock; `{}` when there never was one.

        Args:
            validate: check the schema; None does what `validate_on_read` says.

        Raises:
            StateReadError: it is damaged, gone, or of an unknown version; the message names the way back.
            StateValidationError: it does not fit the schema.
        """
        return self.read_with_digest(validate)[0]

    def read_with_digest(self, validate: bool | None = None) -> tuple[dict[str, Any], str]:
        """Return the document and the digest to give to `transaction(expected_digest=)`; raises as `read` does."""
        raw, _ = self._reader.load()
        document = self._reader.parse(raw)
        if validate or (validate is None and self._validate_on_read):
            exact = strict_json.encode(document)[0] if self._reader.migrations or raw is None else raw
            self._reader.check_schema(exact, doing="read")
        return document, self._reader.digest(raw)

    def digest(self) -> str:
        """Return the SHA-256 of the file as it is, readable or not; `ABSENT` when there is none."""
        return self._reader.digest(self._reader.load()[0])

    def write(self, data: dict[str, Any], validate: bool = True, *, expected_digest: str | None = None) -> None:
        """Replace the whole document in one transaction; what was there need not be readable.

        Raises:
            StateError: as a transaction does; nothing has changed then, unless it is a `StateCommittedError`.
        """
        options = Options("write", validate=validate, replaces=True, expected_digest=expected_digest)
        with StateTransaction(self._engine, options) as txn:
            txn.data = data

    def transaction(
        self,
        validate: bool = True,
        seed_data: dict[str, Any] | None = None,
        *,
        expected_digest: str | None = None,
        actor: str | None = None,
    ) -> StateTransaction:
        """Return a transaction, for `with` or `async with`; it commits when the block ends.

        A block that raises changes nothing.

        Args:
            validate: check the result against the schema.
            seed_data: start from a copy of this instead of from the present document (a full replacement).
            expected_digest: refuse with `StateConflictError` when the document is not the one with this digest.
            actor: who does it, when not the one this state was made for.

        Raises:
            StateValidationError: `seed_data` is not plain JSON.
        """
        seed = None if seed_data is None else strict_json.encode(seed_data)[1]
        return StateTransaction(
            self._engine,
            Options(
                validate=validate,
                replaces=seed_data is not None,
                seed=seed,
                expected_digest=expected_digest,
                actor=actor,
            ),
        )

    def list_backups(self, limit: int | None = 10) -> list[Path]:
        """Return the backups, newest first; None for all."""
        return self.backup_manager.paths()[:limit]

    def restore_backup(
        self,
        backup_path: str | Path | None = None,
        *,
        transaction_id: str | None = None,
        at: datetime | None = None,
    ) -> bool:
        """Put an earlier state back, byte for byte, in a logged transaction; what is there now is backed up first.

        Args:
            backup_path: a backup, as `list_backups` gives it, or its name.
            transaction_id: the document as this transaction left it.
            at: the document as it was at this moment (aware).

        Returns:
            True; whatever prevents it is raised.

        Raises:
            StateBackupError: there is no such backup, or it cannot be used.
            ValueError: not exactly one of the three was given.
        """
        if sum(choice is not None for choice in (backup_path, transaction_id, at)) != 1:
            raise ValueError("restore_backup needs exactly one of backup_path, transaction_id and at")
        if backup_path is not None:
            raw, source = self.backup_manager.read(backup_path), Path(backup_path).name
        else:
            raw, source = self._find(transaction_id, at)
        try:
            strict_json.decode(raw)
        except StateReadError as error:
            raise explain_unusable(source, error) from error
        options = Options("restore", validate=False, replaces=True, exact=raw, details=f"restored from {source}")
        with StateTransaction(self._engine, options):
            pass
        return True

    def get_transaction_history(self, limit: int | None = 50) -> list[dict[str, Any]]:
        """Return what happened to the document, newest first; None for all.

        Each record has `transaction_id timestamp operation outcome success actor pid host digest_before digest_after
        duration_s changed_paths backup error details`.
        """
        records = self._log.newest_first()
        return list(records) if limit is None else [record for record, _ in zip(records, range(limit), strict=False)]

    def verify(self) -> Report:
        """Check document, log and backups against each other; reads only, while no writer is at work.

        Raises:
            StateLockError: a writer did not finish in time.
        """
        with self._file_lock():
            return verify(self._reader, log=self._log, backups=self.backup_manager, holder=self._lock.read_signature())

    def _file_lock(self, timeout: float | None = None) -> AbstractContextManager[None]:
        return self._lock.hold(timeout_s=self._lock_timeout_s if timeout is None else timeout)

    def _find(self, transaction_id: str | None, at: datetime | None) -> tuple[bytes, str]:
        """Return the document as a transaction or a moment left it, looking at contents, not at names."""
        record = self._record_of(transaction_id) if transaction_id else self._record_at(at)
        wanted = str(record["digest_after"])
        for candidate in [self.path, *self.backup_manager.paths()]:
            try:
                raw = self.backup_manager.read(candidate)
            except StateBackupError:
                continue  # a damaged or missing candidate is simply not the one
            if self._reader.digest(raw) == wanted:
                return raw, candidate.name
        raise StateBackupError(
            f"Tried to restore {str(self.path)!r} as transaction {record['transaction_id']!r} left it at "
            f"{record['timestamp']}; no backup holds it any more (digest {wanted[:12]!r}).",
            next_step="Choose another state; `dayreel state history PATH` and `dayreel state backups PATH` list them.",
        )

    def _record_of(self, transaction_id: str) -> dict[str, Any]:
        for record in self._log.newest_first():
            if record["transaction_id"] == transaction_id:
                return record
        raise StateBackupError(
            f"Tried to restore {str(self.path)!r} as transaction {transaction_id!r} left it; the log has no such one.",
            next_step="`dayreel state history PATH` lists them.",
        )

    def _record_at(self, at: datetime | None) -> dict[str, Any]:
        if at is None or at.tzinfo is None:
            raise ValueError(f"at must be an aware datetime, and is {at!r}")
        for record in self._log.newest_first():
            if datetime.fromisoformat(str(record["timestamp"])) <= at.astimezone(UTC):
                return record
        raise StateBackupError(
            f"Tried to restore {str(self.path)!r} as it was at {at.isoformat()}; its log begins later.",
            next_step="`dayreel state history PATH` shows since when.",
        )


def _default_schema() -> type[BaseModel]:
    from dayreel.stores.state.models import PipelineDocument  # noqa: PLC0415  most documents bring their own

    return PipelineDocument


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an unnamed user of a container
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"
