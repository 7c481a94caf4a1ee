"""Rebuilding the catalog's part about own footage from the shared folder: items, files, answers, questions, jobs.

The folder decides. What it says is made again from it; what the catalog alone knows (numbers and prompts of questions,
refusals of files that never got there, jobs whose folders were removed) stays where the folder does not contradict it,
and where there is no catalog any more it is asked, looked at and found out again. One transaction, so that a crash
leaves the catalog as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from dayreel.footage.library.clean_up import is_over
from dayreel.footage.library.gates import ask, subject_of
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import note_words, put_item, put_trouble
from dayreel.footage.library.run_pass import on_the_way, step_of
from dayreel.footage.library.troubles import GO_ON, describe_trouble, fault_of_the_machine, try_item
from dayreel.footage.rules.flow import GATE_ABOUT, STAGE_AFTER, Ask
from dayreel.footage.rules.paths import ITEM_STAGES, STATE_OF, ItemName, ItemStage
from dayreel.footage.schemas.library import GateAnswer, ItemManifest
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.stores.reads import ItemRow, JobRow, find_item, list_items, name_of
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.stores.catalog.tables import human_approvals, jobs, media_items, state_transitions

_STATES = {"pending": "queued", "running": "rendering", "completed": "completed", "failed": "failed"}
_DOING = "read it again"


@dataclass
class _Folder:
    """What the folder says: manifests, items that were never taken in, what cannot be read, and the jobs."""

    manifests: list[ItemManifest] = field(default_factory=list)
    untaken: list[ItemName] = field(default_factory=list)
    troubles: list[tuple[ItemName, Exception]] = field(default_factory=list)
    jobs: list[JobInfo] = field(default_factory=list)


@dataclass
class _Before:
    """What the catalog knew."""

    rows: dict[str, ItemRow]
    gates: dict[str, list[dict[str, Any]]]
    jobs: dict[str, dict[str, Any]]
    history: set[str]
    stood: Mapping[str, tuple[str, int]]


def rebuild(library: Library) -> list[str]:
    """Forget every item of the catalog and read the folder again; earlier transitions stay as history.

    Returns:
        One sentence per item, and what was left alone.

    Raises:
        BusyError: another process works on this library now.
        StoreError: the catalog or the shared folder cannot be used; the catalog is as it was.
    """
    what, project = f"rebuild the catalog of {str(library.root)!r}", library.project
    with project.leases.held("library", what=what, at=project.clock.now()):
        before = _before(library)
        scan = library.items.scan({(row.kind, row.leaf): row.id for row in before.rows.values()})
        sentences = [f"left alone: {reason}" for reason in scan.left_alone]
        folder = _Folder(jobs=library.queue.jobs())
        for _, found_item in sorted(scan.items.items()):
            _read(library, folder, found_item.name)
        with library.project.catalog.write("library") as connection:
            sentences += _write(library, connection, folder, before)
        sentences += _ask(library)
        return sentences + [f"left alone: {info.problem}" for info in folder.jobs if info.problem]


def _before(library: Library) -> _Before:
    with library.project.catalog.read() as connection:
        rows = [dict(row) for row in connection.execute(select(jobs)).mappings()]
        gates: dict[str, list[dict[str, Any]]] = {}
        for gate in connection.execute(select(human_approvals).order_by(human_approvals.c.id)).mappings():
            gates.setdefault(gate["item_id"], []).append(dict(gate))
        return _Before(
            rows={row.id: row for row in list_items(connection)},
            gates=gates,
            jobs={row["id"]: row for row in rows},
            history={row["id"] for row in rows if _is_history(connection, row)},
            stood=_stood(connection),
        )


def _stood(connection: Connection) -> dict[str, tuple[str, int]]:
    """Return state and version of each item after its last step."""
    moves = state_transitions
    last = select(func.max(moves.c.id)).where(moves.c.entity == "media_item").group_by(moves.c.entity_id)
    query = select(moves.c.entity_id, moves.c.to_state, moves.c.version).where(moves.c.id.in_(last))
    return {row.entity_id: (row.to_state, row.version) for row in connection.execute(query)}


def _is_history(connection: Connection, row: dict[str, Any]) -> bool:
    job = JobRow(**row)
    return job.state in ("completed", "failed") and is_over(connection, job)


def _read(library: Library, folder: _Folder, name: ItemName) -> None:
    try:
        manifest = library.items.newest_manifest(name)
    except Exception as error:
        away = fault_of_the_machine(library, error)
        if away is not None:
            raise away from error
        folder.troubles.append((name, error))
        return
    if manifest is None or not manifest.stages:
        folder.untaken.append(name)
    else:
        folder.manifests.append(manifest)


def _write(library: Library, connection: Connection, folder: _Folder, before: _Before) -> list[str]:
    connection.execute(delete(media_items))  # files, questions and jobs go with their items
    sentences = []
    by_item: dict[str, list[JobInfo]] = {}
    for info in folder.jobs:
        by_item.setdefault(info.item_id or "", []).append(info)
    for manifest in folder.manifests:
        name = ItemName(manifest.kind, manifest.leaf, manifest.item_id)
        try:
            with connection.begin_nested():
                _item(library, connection, manifest, before, by_item.get(manifest.item_id, []))
        except Exception as error:
            away = fault_of_the_machine(library, error)
            if away is not None:
                raise away from error
            folder.troubles.append((name, error))
            continue
        newest = max(manifest.stages, key=ITEM_STAGES.index)
        sentences.append(f"{manifest.item_id}: {newest}, {len(manifest.answers)} answers")
    for name in folder.untaken:
        _as_it_was(connection, before.rows.get(name.item_id))
        sentences.append(f"{name.item_id}: marked, and never taken in: the next look does")
    for name, fault in folder.troubles:
        row = before.rows.get(name.item_id)
        _as_it_was(connection, row)
        words, trouble = describe_trouble(library, name, row, _DOING, fault)
        put_trouble(library, connection, name, words, trouble)
        sentences.append(f"{name.item_id}: cannot {_DOING}. {words}")
    for kept in before.rows.values():  # files that were refused where they came from
        if kept.state == "quarantined" and find_item(connection, kept.id) is None:
            _as_it_was(connection, kept)
    _questions(connection, folder, before)
    _jobs(library, connection, folder, before)
    return sentences


def _item(
    library: Library, connection: Connection, manifest: ItemManifest, before: _Before, infos: list[JobInfo]
) -> None:
    newest = max(manifest.stages, key=ITEM_STAGES.index)
    stood = before.stood.get(manifest.item_id)
    if stood is not None and stood[0] != STATE_OF[newest]:
        stood = None
    at = {stage: _reached(library, manifest, stage, infos) for stage in manifest.stages}
    put_item(library, connection, manifest, made=(), newest=newest, at=at, stood=stood)
    row, now = before.rows.get(manifest.item_id), find_item(connection, manifest.item_id)
    if (
        row is not None
        and now is not None
        and (row.state, row.metadata.get("stamps"))
        == (
            now.state,
            now.metadata["stamps"],
        )
    ):
        kept = {"metadata": {**now.metadata, **row.metadata}, "error": row.error, "updated_at": row.updated_at}
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(**kept))


def _reached(library: Library, manifest: ItemManifest, stage: ItemStage, infos: list[JobInfo]) -> datetime:
    """Return when an item came to a stage: never after the job that was sent because of it, whatever clocks said."""
    made = manifest.stages[stage]
    files = {f"{made.folder}/{file.path}": file.sha256 for file in made.files}
    sent = [
        info.spec.created_at
        for info in infos
        if info.role == STAGE_AFTER.get(stage)
        and info.spec is not None
        and {file.path: file.sha256 for file in info.spec.inputs} == files
    ]
    return min(made.made_at, library.project.clock.now(), *sent)


def _still_asks(gate: Mapping[str, Any], manifest: ItemManifest) -> bool:
    kind = gate["approval_type"]
    return GATE_ABOUT[kind] in manifest.stages and subject_of(manifest, kind) == gate["subject_sha256"]


def _questions(connection: Connection, folder: _Folder, before: _Before) -> None:
    """Put back answers as the manifests have them, and from the catalog what is still asked and what was superseded.

    Those that have a number get it before the others are given one.
    """
    items = {row.id: row for row in list_items(connection)}
    known: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for manifest in folder.manifests:
        gates = before.gates.get(manifest.item_id, []) if manifest.item_id in items else []
        open_now = [gate for gate in gates if gate["status"] == "pending" and _still_asks(gate, manifest)]
        known += [*open_now, *(gate for gate in gates if gate["status"] == "superseded")]
        for given in manifest.answers if manifest.item_id in items else ():
            row = _answer(manifest.item_id, given, gates)
            (known if "id" in row else new).append(row)
    for rows in (sorted(known, key=lambda row: int(row["id"])), new):
        if rows:
            connection.execute(insert(human_approvals), rows)


def _answer(item_id: str, given: GateAnswer, gates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an answer as a row: with its question's number and prompt, where the catalog still knew them."""
    values = {
        "item_id": item_id,
        "approval_type": given.approval_type,
        "status": given.status,
        "prompt_data": {},
        "subject_sha256": given.subject,
        "response_data": given.response,
        "requested_at": given.at,
        "responded_at": given.at,
        "responded_by": given.by,
        "via": given.via,
    }
    same = ("approval_type", "status", "subject_sha256", "responded_at", "responded_by")
    known = next((gate for gate in gates if all(gate[key] == values[key] for key in same)), None)
    return values if known is None else {**known, "response_data": given.response}


def _as_it_was(connection: Connection, row: ItemRow | None) -> None:
    """Put back the row of an item of which the folder says too little; one that was refused stays refused."""
    if row is not None:
        connection.execute(insert(media_items).values({**vars(row)}))


def _jobs(library: Library, connection: Connection, folder: _Folder, before: _Before) -> None:
    items = {row.id for row in list_items(connection)}
    there = set()
    for info in folder.jobs:
        there.add(info.job)
        spec, row = info.spec, before.jobs.get(info.job)
        if spec is None or spec.item_id not in items:
            continue
        if row is None or (row["state"] not in UNDER_WAY and row["state"] != _STATES[info.place]):
            row = _job(library, info)
        connection.execute(insert(jobs).values(row))
        if info.place == "failed" and not is_over(connection, JobRow(**row)):
            _blame(connection, info)
    gone = [before.jobs[job] for job in before.history - there if before.jobs[job]["item_id"] in items]
    if gone:
        connection.execute(insert(jobs), gone)


def _blame(connection: Connection, info: JobInfo) -> None:
    item = find_item(connection, info.item_id or "")
    if item is not None and item.error is None:
        result = info.result
        how = "was cancelled" if result is not None and result.outcome == "cancelled" else "failed"
        reason = (result.error if result else None) or "given up after too many attempts"
        note_words(connection, item.id, f"Its {info.role} job {how}: {reason}")


def _job(library: Library, info: JobInfo) -> dict[str, Any]:
    spec, result = info.spec, info.result
    assert spec is not None  # noqa: S101  asked before
    return {
        "id": info.job,
        "item_id": spec.item_id,
        "role": spec.role,
        "state": _STATES[info.place],
        "version": 1,
        "progress": 100 if info.place == "completed" else 0,
        "detail": None,
        "spec": spec.model_dump(mode="json"),
        "worker": info.claimed_by or (result.worker if result else None),
        "fence": info.fence,
        "error": result.error if result else None,
        "input_bytes": sum(file.size_bytes for file in spec.inputs),
        "output_bytes": sum(file.size_bytes for file in result.outputs) if result else None,
        "requested_at": spec.created_at,
        "started_at": result.started_at if result else None,
        "finished_at": result.finished_at if result else None,
        "updated_at": library.project.clock.now(),
    }


def _ask(library: Library) -> list[str]:
    """Ask what is to be asked and was not: where the catalog was lost, its open questions were as well."""

    def again(row: ItemRow) -> str:
        step, manifest = step_of(library, row)
        return ask(library, row, manifest, step.gate) if isinstance(step, Ask) and manifest is not None else ""

    return [
        sentence
        for row in on_the_way(library)
        if row.error is None
        for sentence in try_item(library, name_of(row), row, GO_ON, partial(again, row))
    ]
