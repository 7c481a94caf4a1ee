"""What a person does to a job: stop it, try it again. The queue decides, the catalog follows, the record says who."""

from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import note_trouble
from dayreel.footage.library.settle_jobs import settle_jobs
from dayreel.footage.stores.reads import get_job
from dayreel.services.audit import note_act
from dayreel.services.transitions import advance


def cancel_job(library: Library, job: str, *, via: str = "cli") -> str:
    """Stop a job; return a sentence.

    Args:
        via: where the person did it, for the record.

    Raises:
        UsageError: there is no such job.
        StaleState: it is completed already.
        StoreError: the shared folder or the catalog cannot be used.
    """
    info = library.queue.cancel(job, by=library.studio.actor)
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
    with library.studio.catalog.read() as connection:
        # Completed in its folder and failed here: what it had made was looked for and is gone, see `settle_jobs`.
        is_lost = get_job(connection, job).state == "failed"
    library.queue.retry(job, is_lost=is_lost)
    _note(library, "retry job", job, via)
    now = library.studio.clock.now()
    with library.studio.catalog.write("library") as connection:
        row = get_job(connection, job)
        advance(
            connection,
            "job",
            job,
            "start",
            at=now,
            actor=library.studio.actor,
            trigger="manual",
            progress=0,
            error=None,
        )
        note_trouble(connection, row.item_id, None)
    return f"{job} is waiting for a worker again."


def _note(library: Library, act: str, job: str, via: str) -> None:
    studio = library.studio
    with studio.catalog.write("library") as connection:
        note_act(connection, act, job, actor=studio.actor, at=studio.clock.now(), via=via)
