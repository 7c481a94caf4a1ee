"""Where items, questions and jobs stand, as documents for every face: CLI, desk, terminal, chat. Changes nothing."""

from typing import Any

from sqlalchemy import Connection, select

from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import ASKED, GATE_AFTER
from dayreel.footage.stores.reads import (
    GateRow,
    ItemRow,
    JobRow,
    gates_of,
    get_item,
    jobs_of,
    list_items,
    name_of,
    newest_refusals,
)
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import state_transitions

_NEXT = {
    "ripped": "a worker remuxes it",
    "remuxed": "a worker transcodes it",
    "transcoded": "a worker files it",
    "in_library": "",
    "quarantined": "fix the file and ingest it again",
}


def items_document(catalog: Catalog, *, state: str | None = None, most: int | None = None) -> list[dict[str, Any]]:
    """Return the items (of one state, or all), by id: where each is, what it waits for, and what went wrong.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        open_jobs = {job.item_id: job for job in reversed(jobs_of(connection, states=UNDER_WAY))}
        asked = {gate.item_id: gate for gate in gates_of(connection, status="pending")}
        refused = newest_refusals(connection)
        rows = list_items(connection, None if state is None else [state], most=most)
        return [_item(row, open_jobs.get(row.id), asked.get(row.id), refused.get(row.id)) for row in rows]


def item_document(library: Library, item_id: str) -> dict[str, Any]:
    """Return one item's whole story: stages with files and evidence, questions, jobs, transitions.

    Raises:
        UsageError: there is no such item.
        StateError, StoreError: its manifest or the catalog cannot be read.
    """
    with library.project.catalog.read() as connection:
        row = get_item(connection, item_id)
    manifest = library.items.newest_manifest(name_of(row))
    return {
        **remembered_item(library.project.catalog, item_id),
        "origin": list(manifest.origin) if manifest else [],
        "priority": manifest.priority if manifest else None,
        "stages": {stage: made.model_dump(mode="json") for stage, made in manifest.stages.items()} if manifest else {},
    }


def remembered_item(catalog: Catalog, item_id: str) -> dict[str, Any]:
    """Return what the catalog alone knows of an item: all but `origin`, `priority` and `stages`.

    Raises:
        UsageError: there is no such item.
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        row = get_item(connection, item_id)
        jobs = jobs_of(connection, item_id=item_id)
        gates = gates_of(connection, item_id=item_id)
        moves = _moves(connection, item_id)
        refused = newest_refusals(connection, item_id=item_id)
    open_job = next((job for job in jobs if job.state in UNDER_WAY), None)
    asked = next((gate for gate in gates if gate.status == "pending"), None)
    return {
        **_item(row, open_job, asked, refused.get(item_id)),
        "gates": [gate_document(gate, title=row.title) for gate in gates],
        "jobs": [job_document(job) for job in jobs],
        "history": moves,
    }


def gates_document(catalog: Catalog) -> list[dict[str, Any]]:
    """Return every question that waits for a person, the oldest first."""
    with catalog.read() as connection:
        waiting = gates_of(connection, status="pending")
        return [gate_document(gate, title=get_item(connection, gate.item_id).title) for gate in waiting]


def jobs_document(catalog: Catalog, *, most: int = 100) -> list[dict[str, Any]]:
    """Return the newest jobs, the newest first."""
    with catalog.read() as connection:
        return [job_document(job) for job in jobs_of(connection, most=most)]


def gate_document(gate: GateRow, *, title: str | None = None) -> dict[str, Any]:
    """Return one question as a document, under the title of its item where that is known."""
    return {
        "id": gate.id,
        "item_id": gate.item_id,
        "title": title or gate.item_id,
        "type": gate.approval_type,
        "asked": ASKED[gate.approval_type],
        "status": gate.status,
        "prompt": gate.prompt_data,
        "response": gate.response_data,
        "requested_at": _moment(gate.requested_at),
        "responded_at": _moment(gate.responded_at),
        "responded_by": gate.responded_by,
        "via": gate.via,
    }


def job_document(job: JobRow) -> dict[str, Any]:
    """Return one job as a document; its states are those of every render (seed 004)."""
    return {
        "job": job.id,
        "item_id": job.item_id,
        "role": job.role,
        "state": job.state,
        "progress": job.progress,
        "detail": job.detail,
        "worker": job.worker,
        "attempt": job.fence,
        "error": job.error,
        "requested_at": _moment(job.requested_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
    }


def _item(row: ItemRow, job: JobRow | None, gate: GateRow | None, refusal: GateRow | None) -> dict[str, Any]:
    return {
        "item_id": row.id,
        "kind": row.kind,
        "title": row.title,
        "year": row.year,
        "series": row.series,
        "season": row.season,
        "disc": row.disc,
        "state": row.state,
        "folder": row.folder_path,
        "error": row.error,
        "trouble": row.metadata.get("trouble"),
        "gate": gate.id if gate else None,
        "job": job.id if job else None,
        "progress": job.progress if job else None,
        "next": _next(row, job, gate, refusal),
        "updated_at": _moment(row.updated_at),
    }


def _next(row: ItemRow, job: JobRow | None, gate: GateRow | None, refusal: GateRow | None) -> str:
    if gate is not None:
        return f"dayreel library answer {gate.id} approved"
    if job is not None:
        return f"{job.role}: {job.state}" + (f" {job.progress} %" if job.state == "rendering" else "")
    if row.error is not None:
        return f"dayreel library show {row.id}"
    if refusal is not None and refusal.approval_type == GATE_AFTER.get(row.state):
        again = "a worker makes it again" if refusal.response_data else "make it again and touch its marker again"
        return f"{refusal.responded_by} said no: {again}"
    return _NEXT[row.state]


def _moves(connection: Connection, item_id: str) -> list[dict[str, Any]]:
    query = (
        select(state_transitions)
        .where(state_transitions.c.entity == "media_item", state_transitions.c.entity_id == item_id)
        .order_by(state_transitions.c.id)
    )
    names = ("from_state", "to_state", "event", "trigger", "actor", "notes")
    return [
        {**{name: row[name] for name in names}, "at": _moment(row["at"])}
        for row in connection.execute(query).mappings()
    ]


def _moment(at: Any) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
