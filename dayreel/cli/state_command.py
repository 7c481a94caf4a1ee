"""`dayreel state`: look at a state document, check it, and go back.

Only words and formats; the work is in `dayreel.stores.state`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dayreel.cli.output import print_json
from dayreel.errors import UsageError

if TYPE_CHECKING:
    from dayreel.stores.state import PipelineState, Report

_PATH = click.argument("path", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def state() -> None:
    """Look at a state document (a manifest), check it, and go back to an earlier one."""


@state.command()
@_PATH
@_JSON
def show(path: Path, *, as_json: bool) -> None:
    """Print the document."""
    document, digest = _existing(path).read_with_digest()
    if as_json:
        print_json({"path": str(path), "digest": digest, "document": document})
    else:
        print_json(document)


@state.command()
@_PATH
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@_JSON
def history(path: Path, limit: int, *, as_json: bool) -> None:
    """Print what happened to the document, newest first."""
    records = _existing(path).get_transaction_history(limit)
    if as_json:
        print_json(records)
        return
    for record in records:
        places = ", ".join(place or "everything" for place in record["changed_paths"][:3])
        what = record["details"] or places
        click.echo(f"{record['timestamp']}  {record['outcome']:<11}  {record['operation']:<11}  {what}")
        click.echo(f"    {record['transaction_id']}  by {record['actor']}")


@state.command()
@_PATH
@_JSON
def verify(path: Path, *, as_json: bool) -> None:
    """Check document, log and backups; exit code 1 and the way back when something is wrong."""
    report = _existing(path).verify()
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    if not report.is_ok:
        raise click.exceptions.Exit(1)


@state.command()
@_PATH
@_JSON
def backups(path: Path, *, as_json: bool) -> None:
    """Print the backups, newest first, and whether each can be used."""
    kept = _existing(path).verify().backups
    if as_json:
        print_json([vars(backup) for backup in kept])
        return
    for backup in kept:
        left_by = f"as {backup.transaction_id} left it" if backup.transaction_id else "not in the log"
        click.echo(f"{backup.name}  {left_by if backup.is_usable else 'CANNOT BE USED'}")
    click.echo(f"{len(kept)} backup(s)")


@state.command()
@_PATH
@click.option("--backup", help="A backup's name, as `dayreel state backups` prints it.")
@click.option("--transaction", "transaction_id", help="The document as this transaction left it.")
@click.option("--at", help="The document as it was at this moment (ISO 8601; UTC unless it says otherwise).")
@_JSON
def restore(path: Path, backup: str | None, transaction_id: str | None, at: str | None, *, as_json: bool) -> None:
    """Put an earlier state back; what is there now is backed up first."""
    if sum(choice is not None for choice in (backup, transaction_id, at)) != 1:
        raise UsageError("Say which state to restore.", next_step="Give one of --backup, --transaction and --at.")
    document = _existing(path)
    document.restore_backup(backup, transaction_id=transaction_id, at=None if at is None else _moment(at))
    record = document.get_transaction_history(limit=1)[0]
    if as_json:
        print_json(record)
    else:
        click.echo(f"{path}: {record['details']} (transaction {record['transaction_id']})")


def _existing(path: Path) -> PipelineState:
    """Return the state of a document that is there, or was: a mistyped path must not look like a new document."""
    from dayreel.stores.state import PipelineState

    document = PipelineState(path)
    if not document.path.exists() and not document.get_transaction_history(1) and not document.list_backups(1):
        raise UsageError(f"There is no document at {str(path)!r}, and no trace of one.", next_step="Check the path.")
    return document


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a moment in time.", next_step="Write it as 2026-01-31T06:00:00+00:00."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_report(report: Report) -> None:
    usable = sum(backup.is_usable for backup in report.backups)
    click.echo(f"{report.path}: {'in order' if report.is_ok else 'NOT in order'}")
    click.echo(f"  digest {report.digest}, {report.record_count} log records, {usable} usable backups")
    for word, findings in (("problem", report.problems), ("note", report.notes)):
        for finding in findings:
            click.echo(f"{word}: {finding.where}: {finding.what}")
            if finding.next_step:
                click.echo(f"    {finding.next_step}")


command = state
