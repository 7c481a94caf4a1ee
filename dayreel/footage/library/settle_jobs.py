"""Bringing the catalog's jobs up to what the queue's folders say, and installing what a worker that died could not.

The queue is the authority. Only jobs that the catalog believes to be open are looked at: a look stays cheap for years.
"""

from typing import Any

from dayreel.errors import StoreError
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import note_trouble
from dayreel.footage.schemas.job import JobPlace, JobSpec
from dayreel.footage.stores.job_queue import JobInfo, OutputLostError, install
from dayreel.footage.stores.reads import JobRow, jobs_of
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.transitions import advance


def settle_jobs(library: Library) -> list[str]:
    """Look at every open job; return a sentence for each that has changed.

    Raises:
        StoreError: the queue or the catalog cannot be used.
    """
    said = [f"{one.job}: stalled, taken back" for one in library.queue.reap()]
    with library.studio.catalog.read() as connection:
        rows = jobs_of(connection, states=UNDER_WAY)
    if not rows:
        return said
    listed = _listed(library, "pending", "running")
    if any(row.id not in listed for row in rows):  # only then is the history listed, once for all
        listed = {**_listed(library, "completed", "failed"), **listed}
    for row in rows:
        info = listed.get(row.id) or library.queue.find(row.id)
        if info is None:  # the row was written and the folder was not, or somebody removed it
            library.queue.submit(JobSpec.model_validate(row.spec))
            said.append(f"{row.id}: put into the queue again")
        else:
            said += _settle_or_tell(library, row, info)
    return said


def _listed(library: Library, *places: JobPlace) -> dict[str, JobInfo]:
    return {one.job: one for place in places for one in library.queue.jobs(place)}


def _settle_or_tell(library: Library, row: JobRow, info: JobInfo) -> list[str]:
    """Settle one job; its trouble is told and does not stop the next. What is lost fails, until somebody retries it."""
    try:
        return _settle(library, row, info)
    except OutputLostError as error:
        _fire(library, row, info, "fail", error=str(error))
        return [f"{row.id}: failed: {error}"]
    except StoreError as error:
        return [f"{row.id}: {error}"]


def _settle(library: Library, row: JobRow, info: JobInfo) -> list[str]:
    result = info.result
    if info.place == "completed":
        if result is None:
            why = info.problem or "its result is not there"
            return [
                f"{row.id}: completed, but {why}. Mend its result.json, or remove its folder to have it done again."
            ]
        install(library.root, JobSpec.model_validate(row.spec), result)
        _fire(library, row, info, "complete", progress=100, output_bytes=sum(one.size_bytes for one in result.outputs))
        return [f"{row.id}: done by {result.worker}"]
    if info.place == "failed":
        cancelled = result is not None and result.outcome == "cancelled"
        reason = (result.error if result else None) or "given up after too many attempts"
        _fire(library, row, info, "cancel" if cancelled else "fail", error=reason)
        return [f"{row.id}: {'cancelled' if cancelled else 'failed'}: {reason}"]
    if info.place == "running":
        _progress(library, row, info)
    elif row.state == "rendering":  # given back or taken back
        _fire(library, row, info, "fail", error="taken back: its worker gave it up")
        _fire(library, row, info, "start", progress=0)
        return [f"{row.id}: waiting again"]
    return []


def _progress(library: Library, row: JobRow, info: JobInfo) -> None:
    progress = info.progress
    percent = progress.percent if progress else 0
    detail = progress.detail if progress else ""
    if row.state == "rendering" and (row.progress, row.detail or "", row.fence) == (percent, detail, info.fence):
        return  # nothing new to tell: a look is no event
    _fire(library, row, info, "progress", progress=percent, detail=detail)


def _fire(library: Library, row: JobRow, info: JobInfo, event: str, **columns: Any) -> None:
    """Fire an event on a job's row; one that was never seen running is shown as having run."""
    now = library.studio.clock.now()
    result = info.result
    with library.studio.catalog.write("library") as connection:
        state = next(one.state for one in jobs_of(connection, item_id=row.item_id) if one.id == row.id)
        if event == "complete" and state == "queued":
            advance(connection, "job", row.id, "progress", at=now, actor=library.studio.actor)
        advance(
            connection,
            "job",
            row.id,
            event,
            at=now,
            actor=info.claimed_by or library.studio.actor,
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
            note_trouble(connection, row.item_id, words)
