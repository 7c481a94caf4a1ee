"""Checking a document, its log and its backups against each other. Reads only; repairs nothing.

A `problem` needs a person; a `note` is worth knowing (a line cut by a crash, a change made past the state manager that
later commits have built on).
"""

from __future__ import annotations

import itertools
import shlex
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dayreel.stores.state import strict_json
from dayreel.stores.state.errors import StateError, StateReadError
from dayreel.stores.state.reader import ABSENT, Reader

if TYPE_CHECKING:
    from dayreel.stores.state.backups import BackupManager
    from dayreel.stores.state.lock import Signature
    from dayreel.stores.state.log import Record, TransactionLog


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: where, what, and what to do (a command, where there is one)."""

    where: Literal["document", "log", "backup", "lock"]
    what: str
    next_step: str = ""


@dataclass(frozen=True)
class BackupState:
    """One backup: its name, whether it can be used, its digest, and the transaction that left the document so."""

    name: str
    is_usable: bool
    digest: str | None
    transaction_id: str | None


@dataclass
class Report:
    """What `verify` found.

    Attributes:
        path: the document.
        digest: SHA-256 of the file, "absent", or None when it cannot be read as a file.
        size_bytes: its size; None when there is none.
        record_count: records of this document in the log.
        backups: newest first.
        problems: what needs a person; `is_ok` is true when there are none.
        notes: what is worth knowing.
    """

    path: str
    digest: str | None = None
    size_bytes: int | None = None
    record_count: int = 0
    backups: list[BackupState] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Return whether nothing needs a person."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"is_ok": self.is_ok, **asdict(self)}


def verify(reader: Reader, *, log: TransactionLog, backups: BackupManager, holder: Signature | None) -> Report:
    """Return what is right and wrong with a document; the caller holds the lock."""
    report = Report(reader.path)
    records, damaged_lines = log.read_all()
    report.record_count = len(records)
    for line in damaged_lines:
        what = f"line {line.line} of {log.path.name} is not a record"
        report.notes.append(Finding("log", f"{what} (cut short by a crash)" if line.is_last else what))
    _check_chain(records, report)
    _check_backups(records, backups, report)
    _check_holder(holder, report)
    _check_document(reader, records, report, is_interrupted=holder is not None and holder.is_held)
    return report


def _check_chain(records: list[Record], report: Report) -> None:
    for earlier, later in itertools.pairwise(records):
        if later["digest_before"] != earlier["digest_after"]:
            report.notes.append(
                Finding(
                    "log",
                    f"between {earlier['transaction_id']!r} ({earlier['timestamp']}) and {later['transaction_id']!r} "
                    f"({later['timestamp']}) the document was changed without a transaction, or records are missing",
                )
            )


def _check_backups(records: list[Record], backups: BackupManager, report: Report) -> None:
    left_by = {record["digest_after"]: record["transaction_id"] for record in records if record["success"]}
    for path in backups.paths():
        try:
            raw = backups.read(path)
            strict_json.decode(raw)
        except StateError as error:
            report.backups.append(BackupState(path.name, is_usable=False, digest=None, transaction_id=None))
            what = f"{path.name} cannot be used: {error.message}"
            report.problems.append(Finding("backup", what, f"Remove {shlex.quote(str(path))}; it helps nobody."))
        else:
            digest = strict_json.digest(raw)
            report.backups.append(
                BackupState(path.name, is_usable=True, digest=digest, transaction_id=left_by.get(digest))
            )
    report.notes.extend(
        Finding("backup", f"{path.name} is a document that could not be read when it was replaced")
        for path in backups.damaged()
    )


def _check_holder(holder: Signature | None, report: Report) -> None:
    if holder is not None and holder.is_held:
        what = f"transaction {holder.transaction_id!r} of process {holder.pid} on {holder.host!r} was cut short"
        report.notes.append(Finding("lock", what, "The next transaction tidies up and completes the log."))


def _check_document(reader: Reader, records: list[Record], report: Report, *, is_interrupted: bool) -> None:
    try:
        raw, _ = reader.load()
        report.digest = reader.digest(raw)
        report.size_bytes = None if raw is None else len(raw)
        document = reader.parse(raw)
        if raw is not None:
            exact = strict_json.encode(document)[0] if reader.migrations else raw
            reader.check_schema(exact, doing="read")
    except StateReadError as error:
        report.problems.append(Finding("document", error.message, _way_back(reader, records, report)))
        return
    except StateError as error:
        report.problems.append(Finding("document", error.message, error.next_step))
    tip = records[-1]["digest_after"] if records else None
    if tip is not None and tip != report.digest and not is_interrupted:
        last = records[-1]
        what = (
            f"the document was changed without a transaction after {last['transaction_id']!r} "
            f"({last['timestamp']}): the log says digest {tip[:12]!r}, the file has {str(report.digest)[:12]!r}"
        )
        report.problems.append(Finding("document", what, _accept_or(reader, records, report)))


def _way_back(reader: Reader, records: list[Record], report: Report) -> str:
    """Return the command that restores the best usable backup, and what would be lost by it."""
    best = next((backup for backup in report.backups if backup.is_usable), None)
    if best is None:
        return "No backup can be used; correct the file by hand, or replace the whole document with write()."
    command = f"dayreel state restore {shlex.quote(reader.path)} --backup {best.name}"
    return f"Get back with `{command}`. {_loss(records, best)}"


def _accept_or(reader: Reader, records: list[Record], report: Report) -> str:
    keep = "To keep the file as it is, do nothing: the next commit builds on it."
    if report.digest == ABSENT:
        keep = ""
    return f"{_way_back(reader, records, report)} {keep}".strip()


def _loss(records: list[Record], backup: BackupState) -> str:
    """Say what the backup does not have, from the log."""
    if backup.transaction_id is None:
        return "The log does not know which transaction left the document so."
    ids = [record["transaction_id"] for record in records]
    later = [record for record in records[ids.index(backup.transaction_id) + 1 :] if record["success"]]
    if not later:
        return f"It is the document as transaction {backup.transaction_id!r}, the last one, left it: nothing is lost."
    lost = "; ".join(
        f"{record['transaction_id']} by {record['actor']!r} at {record['timestamp']} "
        f"(changed {', '.join(path or 'everything' for path in record['changed_paths'][:5]) or 'places not logged'})"
        for record in later[-3:]
    )
    kept = f"It has everything up to transaction {backup.transaction_id!r}"
    return f"{kept}; {len(later)} later one(s) would be lost: {lost}."
