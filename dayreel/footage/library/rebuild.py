"""Rebuilding the catalog's part about own footage from the shared folder alone: items, files, answers, jobs."""

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from dayreel.footage.library.clean_up import is_over
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import record_item
from dayreel.footage.rules.paths import ITEM_STAGES
from dayreel.footage.schemas.library import GateAnswer, ItemManifest
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.stores.reads import JobRow, find_item, list_items
from dayreel.queries.rows import as_row
from dayreel.stores.catalog.tables import human_approvals, jobs, media_items

_STATES = {"pending": "queued", "running": "rendering", "completed": "completed", "failed": "failed"}


def rebuild(library: Library) -> list[str]:
    """Forget every item of the catalog and read the folder again; earlier transitions stay as history.

    So do the jobs whose folders are removed since, see `clean_up`.

    Returns:
        One sentence per item, and what was left alone.

    Raises:
        StateError: a manifest is damaged; the catalog then has the items before it.
        StoreError: the catalog cannot be written.
    """
    with library.project.catalog.write("library") as connection:
        kept = [dict(row) for row in connection.execute(select(jobs)).mappings() if _is_history(connection, row)]
        connection.execute(delete(media_items))  # files, questions and jobs go with their items
    scan = library.items.scan()
    sentences = [f"left alone: {reason}" for reason in scan.left_alone]
    for item_id, found_item in sorted(scan.items.items()):
        manifest = library.items.newest_manifest(found_item.name)
        if manifest is None or not manifest.stages:
            sentences.append(f"{item_id}: marked, and never taken in: the next look does")
            continue
        newest = max(manifest.stages, key=ITEM_STAGES.index)
        record_item(library, manifest, made=(), newest=newest)
        _answers(library, manifest)
        sentences.append(f"{item_id}: {newest}, {len(manifest.answers)} answers")
    listed = library.queue.jobs()
    for info in listed:
        _job(library, info)
    _jobs_of_before(library, kept, {info.job for info in listed})
    sentences += [f"left alone: {info.problem}" for info in listed if info.problem]
    return sentences


def _is_history(connection: Connection, row: RowMapping) -> bool:
    job: JobRow = as_row(JobRow, row)
    return job.state in ("completed", "failed") and is_over(connection, job)


def _jobs_of_before(library: Library, kept: list[dict[str, Any]], there: set[str]) -> None:
    with library.project.catalog.write("library") as connection:
        items = {row.id for row in list_items(connection)}
        gone = [row for row in kept if row["id"] not in there and row["item_id"] in items]
        if gone:
            connection.execute(insert(jobs), gone)


def _answers(library: Library, manifest: ItemManifest) -> None:
    with library.project.catalog.write("library") as connection:
        for given in manifest.answers:
            connection.execute(insert(human_approvals).values(item_id=manifest.item_id, **_values(given)))


def _values(gate_answer: GateAnswer) -> dict[str, object]:
    return {
        "approval_type": gate_answer.approval_type,
        "status": gate_answer.status,
        "prompt_data": {},
        "subject_sha256": gate_answer.subject,
        "response_data": gate_answer.response,
        "requested_at": gate_answer.at,
        "responded_at": gate_answer.at,
        "responded_by": gate_answer.by,
        "via": gate_answer.via,
    }


def _job(library: Library, info: JobInfo) -> None:
    spec, result = info.spec, info.result
    if spec is None:
        return
    with library.project.catalog.write("library") as connection:
        item = find_item(connection, spec.item_id)
        if item is None:
            return
        connection.execute(
            insert(jobs).values(
                id=info.job,
                item_id=spec.item_id,
                role=spec.role,
                state=_STATES[info.place],
                version=1,
                progress=100 if info.place == "completed" else 0,
                spec=spec.model_dump(mode="json"),
                worker=info.claimed_by or (result.worker if result else None),
                fence=info.fence,
                error=result.error if result else None,
                input_bytes=sum(file.size_bytes for file in spec.inputs),
                output_bytes=sum(file.size_bytes for file in result.outputs) if result else None,
                requested_at=spec.created_at,
                started_at=result.started_at if result else None,
                finished_at=result.finished_at if result else None,
                updated_at=library.project.clock.now(),
            )
        )
        if info.place == "failed":
            words = f"Its {spec.role} job failed: {result.error if result else 'given up'}"
            connection.execute(update(media_items).where(media_items.c.id == item.id).values(error=words))
