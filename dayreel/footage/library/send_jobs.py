"""Sending a job to the workers: one row in the catalog, then one folder in the queue. Never two for the same work."""

from typing import Any

from sqlalchemy import Connection, insert

from dayreel.errors import UsageError
from dayreel.footage.library.gates import free_names, name_of, propose_names
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import Submit
from dayreel.footage.rules.paths import ITEM_STAGES, STAGE_ROOTS, ItemStage
from dayreel.footage.schemas.job import JobFile, JobSpec
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.job_queue import job_id
from dayreel.footage.stores.reads import ItemRow, JobRow, get_item, jobs_of, moved_at
from dayreel.services.transitions import advance
from dayreel.stores.catalog.tables import jobs


def send_job(library: Library, row: ItemRow, manifest: ItemManifest, wanted: Submit) -> str:
    """Send the job for an item's next stage; return a sentence.

    Raises:
        UsageError: the item has moved, or the job is there already.
        StoreError: the catalog or the queue cannot be written.
    """
    with library.studio.catalog.write("library") as connection:
        now = get_item(connection, row.id)
        alive = [job.id for job in jobs_since_it_moved(connection, row.id) if job.role == wanted.role]
        if now.version != row.version or alive:
            raise UsageError(
                f"{row.id} needs no {wanted.role} job now (it is {now.state}; jobs: {', '.join(alive) or 'none'}).",
                next_step="`dayreel jobs list` shows them.",
            )
        overrides = {**_filing(library, connection, row, manifest, wanted), **wanted.overrides}
        spec = _spec(library, row, manifest, wanted.role, overrides)
        connection.execute(
            insert(jobs).values(
                id=spec.job,
                item_id=row.id,
                role=spec.role,
                state="idle",
                version=1,
                progress=0,
                spec=spec.model_dump(mode="json"),
                input_bytes=sum(file.size_bytes for file in spec.inputs),
                requested_at=spec.created_at,
                updated_at=spec.created_at,
            )
        )
        advance(connection, "job", spec.job, "start", at=spec.created_at, actor=library.studio.actor)
    library.queue.submit(spec)
    return f"{row.id}: {wanted.role} job {spec.job} is waiting for a worker"


def jobs_since_it_moved(connection: Connection, item_id: str) -> list[JobRow]:
    """Return an item's jobs since it came to where it is, the newest first: earlier ones were about other files."""
    since = moved_at(connection, item_id)
    return [job for job in jobs_of(connection, item_id=item_id) if since is None or job.requested_at >= since]


def _filing(
    library: Library, connection: Connection, row: ItemRow, manifest: ItemManifest, wanted: Submit
) -> dict[str, Any]:
    """Return names for the library where the plan asks nobody for them, and which files in it are this item's own."""
    if wanted.role != "file":
        return {}
    names = propose_names(connection, manifest, [file.path for file in manifest.stages["transcode"].files])
    before = library.items.manifest(name_of(row), "file")
    own = before.stages["file"].files if before is not None and "file" in before.stages else ()
    return {"names": free_names(connection, row, names), "replaces": [file.path for file in own]}


def _spec(
    library: Library, row: ItemRow, manifest: ItemManifest, role: ItemStage, overrides: dict[str, Any]
) -> JobSpec:
    name, now = name_of(row), library.studio.clock.now()
    before = ITEM_STAGES[ITEM_STAGES.index(role) - 1]
    source = manifest.stages[before]
    plan = getattr(library.plan, role)
    claims = {"script", "hours", "lease_s", "max_attempts"}
    return JobSpec(
        job=job_id(created_at=now, role=role, item_id=row.id),
        role=role,
        item_id=row.id,
        inputs=tuple(
            JobFile(path=f"{source.folder}/{file.path}", size_bytes=file.size_bytes, sha256=file.sha256)
            for file in source.files
        ),
        output_dir=STAGE_ROOTS["file"] if role == "file" else name.folder(role),
        marker_dir=name.marker_dir(role),
        parameters={
            **plan.model_dump(mode="json", exclude=claims),
            "min_size_ratio": library.plan.min_size_ratio,
            "max_duration_gap_s": library.plan.max_duration_gap_s,
            **overrides,
        },
        hours=plan.hours,
        timezone=library.plan.timezone,
        lease_s=plan.lease_s,
        max_attempts=plan.max_attempts,
        created_at=now,
        created_by=library.studio.actor,
    )
