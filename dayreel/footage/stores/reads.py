"""Shared queries over own footage: items, their files, questions about them, jobs. Nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, func, select

from dayreel.errors import UsageError
from dayreel.footage.rules.paths import ItemName
from dayreel.queries.rows import as_row
from dayreel.stores.catalog.tables import human_approvals, jobs, media_files, media_items, state_transitions

_Row = TypeVar("_Row", "ItemRow", "GateRow", "JobRow")


@dataclass(frozen=True)
class ItemRow:
    """Where one item stands; the columns of the `media_items` table."""

    id: str
    kind: str
    leaf: str
    title: str
    year: int | None
    series: str | None
    season: int | None
    disc: int | None
    state: str
    version: int
    folder_path: str | None
    perceptual_hash: str | None
    metadata: dict[str, Any]
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class GateRow:
    """One question to a person; the columns of the `human_approvals` table."""

    id: int
    item_id: str
    approval_type: str
    status: str
    prompt_data: dict[str, Any]
    subject_sha256: str
    response_data: dict[str, Any] | None
    requested_at: datetime
    responded_at: datetime | None
    responded_by: str | None
    via: str | None


@dataclass(frozen=True)
class JobRow:
    """One job of a worker; the columns of the `jobs` table."""

    id: str
    item_id: str
    role: str
    state: str
    version: int
    progress: int
    detail: str | None
    spec: dict[str, Any]
    worker: str | None
    fence: int | None
    error: str | None
    input_bytes: int
    output_bytes: int | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


def name_of(row: ItemRow) -> ItemName:
    """Return who an item is."""
    return ItemName("movie" if row.kind == "movie" else "tv", row.leaf, row.id)


def find_item(connection: Connection, item_id: str) -> ItemRow | None:
    """Return one item, or None when there is none of that id."""
    return _find(connection, ItemRow, media_items, item_id)


def get_item(connection: Connection, item_id: str) -> ItemRow:
    """Return one item.

    Raises:
        UsageError: there is none of that id.
    """
    row = find_item(connection, item_id)
    if row is None:
        raise UsageError(f"There is no item {item_id!r}.", next_step="`dayreel library list` shows them.")
    return row


def list_items(
    connection: Connection, states: Sequence[str] | None = None, *, most: int | None = None
) -> list[ItemRow]:
    """Return the items in some states (None: in any), by id."""
    query = select(media_items).order_by(media_items.c.id).limit(most)
    if states is not None:
        query = query.where(media_items.c.state.in_(states))
    return _rows(connection, ItemRow, query)


def gates_of(connection: Connection, *, item_id: str | None = None, status: str | None = None) -> list[GateRow]:
    """Return questions, the oldest first: of one item, in one status, or all."""
    query = select(human_approvals).order_by(human_approvals.c.id)
    if item_id is not None:
        query = query.where(human_approvals.c.item_id == item_id)
    if status is not None:
        query = query.where(human_approvals.c.status == status)
    return _rows(connection, GateRow, query)


def newest_refusals(connection: Connection, *, item_id: str | None = None) -> dict[str, GateRow]:
    """Return, by item, its newest question where a person's answer to it was no: of one item, or of all."""
    newest = select(func.max(human_approvals.c.id)).group_by(human_approvals.c.item_id)
    if item_id is not None:
        newest = newest.where(human_approvals.c.item_id == item_id)
    query = select(human_approvals).where(human_approvals.c.id.in_(newest), human_approvals.c.status == "rejected")
    return {gate.item_id: gate for gate in _rows(connection, GateRow, query)}


def count_items(connection: Connection) -> dict[str, int]:
    """Return how many items are in each state that has any."""
    query = select(media_items.c.state, func.count().label("items")).group_by(media_items.c.state)
    return {row.state: int(row.items) for row in connection.execute(query)}


def count_waiting_gates(connection: Connection) -> int:
    """Return how many questions wait for a person."""
    waiting = select(func.count()).select_from(human_approvals).where(human_approvals.c.status == "pending")
    return int(connection.execute(waiting).scalar_one())


def get_gate(connection: Connection, gate_id: int) -> GateRow:
    """Return one question.

    Raises:
        UsageError: there is none of that number.
    """
    gate = _find(connection, GateRow, human_approvals, gate_id)
    if gate is None:
        raise UsageError(f"There is no question {gate_id}.", next_step="`dayreel library gates` shows them.")
    return gate


def jobs_of(
    connection: Connection, *, item_id: str | None = None, states: Sequence[str] | None = None, most: int | None = None
) -> list[JobRow]:
    """Return jobs, the newest first: of one item, in some states, or all."""
    query = select(jobs).order_by(jobs.c.requested_at.desc(), jobs.c.id.desc()).limit(most)
    if item_id is not None:
        query = query.where(jobs.c.item_id == item_id)
    if states is not None:
        query = query.where(jobs.c.state.in_(states))
    return _rows(connection, JobRow, query)


def ended_jobs(connection: Connection, ids: Sequence[str], *, before: datetime) -> list[JobRow]:
    """Return those of these jobs that have ended and were not touched since `before`."""
    is_over = (jobs.c.state.in_(("completed", "failed")), jobs.c.updated_at < before)
    return _rows(connection, JobRow, select(jobs).where(jobs.c.id.in_(ids), *is_over).order_by(jobs.c.id))


def get_job(connection: Connection, job: str) -> JobRow:
    """Return one job.

    Raises:
        UsageError: there is none of that id.
    """
    row = _find(connection, JobRow, jobs, job)
    if row is None:
        raise UsageError(f"There is no job {job!r}.", next_step="`dayreel jobs list` shows them.")
    return row


def items_with(connection: Connection, sha256: str) -> list[str]:
    """Return the ids of the items that have a file with these bytes."""
    query = select(media_files.c.item_id).where(media_files.c.sha256 == sha256).distinct()
    return list(connection.execute(query).scalars())


def moved_at(connection: Connection, item_id: str) -> datetime | None:
    """Return when an item last moved, or None when it never did."""
    query = select(func.max(state_transitions.c.at)).where(
        state_transitions.c.entity == "media_item", state_transitions.c.entity_id == item_id
    )
    return connection.execute(query).scalar()


def moved_ats(connection: Connection) -> dict[str, datetime]:
    """Return when each item last moved: `moved_at` for all of them at once."""
    moves = state_transitions
    query = select(moves.c.entity_id, func.max(moves.c.at).label("at")).where(moves.c.entity == "media_item")
    return {row.entity_id: row.at for row in connection.execute(query.group_by(moves.c.entity_id))}


def waiting_since(connection: Connection, asked: Sequence[str]) -> dict[str, datetime]:
    """Return, by item, when the newest of its open jobs and unanswered questions came up.

    Args:
        asked: the types of questions that hold an item.
    """
    since: dict[str, datetime] = {}
    for table, is_open in (
        (jobs, jobs.c.state.in_(("queued", "rendering"))),
        (human_approvals, (human_approvals.c.status == "pending") & human_approvals.c.approval_type.in_(asked)),
    ):
        query = (
            select(table.c.item_id, func.max(table.c.requested_at).label("at")).where(is_open).group_by(table.c.item_id)
        )
        for row in connection.execute(query):
            since[row.item_id] = max(row.at, since.get(row.item_id, row.at))
    return since


def _find(connection: Connection, kind: type[_Row], table: Table, key: str | int) -> _Row | None:
    return next(iter(_rows(connection, kind, select(table).where(table.c.id == key))), None)


def _rows(connection: Connection, kind: type[_Row], query: Select[Any]) -> list[_Row]:
    return [as_row(kind, row) for row in connection.execute(query).mappings()]
