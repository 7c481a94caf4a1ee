"""The jobs of items: sent to the workers, followed until they end, stopped or tried again by a person.

The queue's folders are the authority, and the catalog follows. A job is one row first and one folder then, never two
for the same work. Only jobs that the catalog believes to be open are looked at: a look stays cheap for years.
"""

from functools import partial
from typing import Any

from sqlalchemy import Connection, insert

from dayreel.errors import UsageError
from dayreel.footage.library.gates import films_of, free_names, propose_names
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import note_words
from dayreel.footage.library.troubles import try_item
from dayreel.footage.rules.flow import Submit
from dayreel.footage.rules.paths import ITEM_STAGES, STAGE_ROOTS, ItemStage
from dayreel.footage.schemas.job import JobFile, JobPlace, JobSpec
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.job_queue import DEFAULT_PRIORITY, JobInfo, OutputLostError, install, job_id
from dayreel.footage.stores.reads import ItemRow, JobRow, get_item, get_job, jobs_of, list_items, moved_at, name_of
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.audit import note_act
from dayreel.services.transitions import advance
from dayreel.stores.catalog.tables import jobs


def send_job(library: Library, row: ItemRow, manifest: ItemManifest, wanted: Submit) -> str:
    """Send the job for an item's next stage; return a sentence.

    Raises:
        UsageError: the item has moved, or the job is there already.
        StoreError: the catalog or the queue cannot be written.
    """
    with library.project.catalog.write("library") as connection:
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
        advance(connection, "job", spec.job, "start", at=spec.created_at, actor=library.project.actor)
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
    names = propose_names(connection, manifest, films_of(manifest.stages["transcode"]))
    before = library.items.manifest(name_of(row), "file")
    own = before.stages["file"].files if before is not None and "file" in before.stages else ()
    return {"names": free_names(connection, row, names), "replaces": [file.path for file in own]}


def _spec(
    library: Library, row: ItemRow, manifest: ItemManifest, role: ItemStage, overrides: dict[str, Any]
) -> JobSpec:
    name, now = name_of(row), library.project.clock.now()
    before = ITEM_STAGES[ITEM_STAGES.index(role) - 1]
    source = manifest.stages[before]
    plan = getattr(library.plan, role)
    claims = {"script", "hours", "lease_s", "max_attempts"}
    return JobSpec(
        job=job_id(
            priority=DEFAULT_PRIORITY if manifest.priority is None else manifest.priority,
            created_at=now,
            role=role,
            item_id=row.id,
        ),
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
        created_by=library.project.actor,
    )


def settle_jobs(library: Library) -> list[str]:
    """Look at every open job; return a sentence for each that has changed.

    Raises:
        StoreError: the queue or the catalog cannot be used.
    """
    sentences = [f"{taken_back.job}: stalled, taken back" for taken_back in library.queue.reap()]
    with library.project.catalog.read() as connection:
        rows = jobs_of(connection, states=UNDER_WAY)
    if not rows:
        return sentences
    listed = _listed(library, "pending", "running")
    if any(row.id not in listed for row in rows):  # only then is the history listed, once for all
        listed = {**_listed(library, "completed", "failed"), **listed}
    with library.project.catalog.read() as connection:
        items = {item.id: item for item in list_items(connection)}
    for row in rows:
        item = items[row.item_id]
        act = partial(_settle, library, row, listed.get(row.id))
        sentences += try_item(library, name_of(item), item, f"follow its {row.role} job", act)
    return sentences


def _listed(library: Library, *places: JobPlace) -> dict[str, JobInfo]:
    return {job.job: job for place in places for job in library.queue.jobs(place)}


def _settle(library: Library, row: JobRow, listed: JobInfo | None) -> str:
    """Settle one job; return a sentence where it has changed. A lost one fails, until somebody retries it.

    Raises:
        StoreError: the queue or the catalog cannot be used.
    """
    info = listed or library.queue.find(row.id)
    if info is None:  # the row was written and the folder was not, or somebody removed it
        library.queue.submit(JobSpec.model_validate(row.spec))
        return f"{row.id}: put into the queue again"
    try:
        return _settled(library, row, info)
    except OutputLostError as error:
        _fire(library, row, info, "fail", error=str(error))
        return f"{row.id}: failed: {error}"


def _settled(library: Library, row: JobRow, info: JobInfo) -> str:
    result = info.result
    if info.place == "completed":
        if result is None:
            why = info.problem or "its result is not there"
            return f"{row.id}: completed, but {why}. Fix its result.json, or remove its folder to have it done again."
        install(library.root, JobSpec.model_validate(row.spec), result)
        size = sum(output.size_bytes for output in result.outputs)
        _fire(library, row, info, "complete", progress=100, output_bytes=size)
        return f"{row.id}: done by {result.worker}"
    if info.place == "failed":
        cancelled = result is not None and result.outcome == "cancelled"
        reason = (result.error if result else None) or "given up after too many attempts"
        _fire(library, row, info, "cancel" if cancelled else "fail", error=reason)
        return f"{row.id}: {'cancelled' if cancelled else 'failed'}: {reason}"
    if info.place == "running":
        _progress(library, row, info)
    elif row.state == "rendering":  # given back or taken back
        _fire(library, row, info, "fail", error="taken back: its worker gave it up")
        _fire(library, row, info, "start", progress=0)
        return f"{row.id}: waiting again"
    return ""


def _progress(library: Library, row: JobRow, info: JobInfo) -> None:
    progress = info.progress
    percent = progress.percent if progress else 0
    detail = progress.detail if progress else ""
    if row.state == "rendering" and (row.progress, row.detail or "", row.fence) == (percent, detail, info.fence):
        return  # no change to record: a look is not an event
    _fire(library, row, info, "progress", progress=percent, detail=detail)


def _fire(library: Library, row: JobRow, info: JobInfo, event: str, **columns: Any) -> None:
    """Fire an event on a job's row; one that was never seen running is shown as having run."""
    now = library.project.clock.now()
    result = info.result
    with library.project.catalog.write("library") as connection:
        state = next(job.state for job in jobs_of(connection, item_id=row.item_id) if job.id == row.id)
        if event == "complete" and state == "queued":
            advance(connection, "job", row.id, "progress", at=now, actor=library.project.actor)
        advance(
            connection,
            "job",
            row.id,
            event,
            at=now,
            actor=info.claimed_by or library.project.actor,
            notes=columns.get("error") or columns.get("detail"),
            worker=info.claimed_by or (result.worker if result else None),
            fence=info.fence,
            started_at=result.started_at if result else info.claimed_at,
            finished_at=result.finished_at if result else None,
            **columns,
        )
        if event in ("fail", "cancel") and info.place in ("failed", "completed"):
            how = "was cancelled" if event == "cancel" else "failed"
            words = f"Its {row.role} job {how}: {columns['error']}"
            note_words(connection, row.item_id, words)


def cancel_job(library: Library, job: str, *, via: str = "cli") -> str:
    """Stop a job; return a sentence.

    Args:
        via: where the person did it, for the record.

    Raises:
        UsageError: there is no such job.
        StaleState: it is completed already.
        StoreError: the shared folder or the catalog cannot be used.
    """
    info = library.queue.cancel(job, by=library.project.actor)
    _note(library, "cancel job", job, via)
    settle_jobs(library)
    if info.place == "running":
        return f"{job} stops as soon as its worker ({info.claimed_by or 'unknown'}) looks."
    return f"{job} is cancelled. `dayreel jobs retry {job}` brings it back."


def retry_job(library: Library, job: str, *, via: str = "cli") -> str:
    """Put a failed or cancelled job into the queue again; return a sentence.

    Args:
        via: where the person did it, for the record.

    Raises:
        UsageError: there is no such job.
        StaleState: it has not failed.
        StoreError: the shared folder or the catalog cannot be used.
    """
    settle_jobs(library)
    with library.project.catalog.read() as connection:
        # Completed in its folder and failed here: what it had made was looked for and is gone, see `settle_jobs`.
        is_lost = get_job(connection, job).state == "failed"
    library.queue.retry(job, is_lost=is_lost)
    _note(library, "retry job", job, via)
    now = library.project.clock.now()
    with library.project.catalog.write("library") as connection:
        row = get_job(connection, job)
        advance(
            connection,
            "job",
            job,
            "start",
            at=now,
            actor=library.project.actor,
            trigger="manual",
            progress=0,
            error=None,
        )
        note_words(connection, row.item_id, None)
    return f"{job} is waiting for a worker again."


def _note(library: Library, act: str, job: str, via: str) -> None:
    project = library.project
    with project.catalog.write("library") as connection:
        note_act(connection, act, job, actor=project.actor, at=project.clock.now(), via=via)
