"""What people do to a job: stop it, or try a failed one again."""

from dayreel.clock import Clock
from dayreel.errors import BusyError, StaleState, UsageError
from dayreel.footage.schemas.job import JobPlace, JobResult
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import GONE, TAKEN, cannot

_TRIES = 5
_NOBODY = "somebody"
_GONE = "`dayreel jobs list` shows them; the folder of one that ended long ago is gone (`keep_jobs_days`)."


def cancel(places: Places, clock: Clock, job: str, by: str) -> None:
    """Ask for a job to be stopped; a pending one fails at once. One that has failed already stays as it is.

    Raises:
        UsageError: there is no such job.
        StaleState: it is completed already.
        BusyError: it moved each time it was reached for.
        StoreError: the shared folder refused.
    """
    for _ in range(_TRIES):
        place, name = _locate(places, job)
        if place == "completed":
            raise StaleState(f"Job {job!r} is completed; there is nothing left to cancel.")
        if place == "failed":
            return
        try:
            # Said first: whoever claims it before the next step finds this, and stops.
            places.disk.overwrite(f"{places.of(place, name)}/{job_files.CANCEL}", job_files.line(by or _NOBODY))
            if place == "pending":
                fail_cancelled(places, clock, place, name, by)
            return
        except OSError as error:
            if error.errno not in GONE or not places.is_there():
                raise cannot(f"cancel job {job!r}", error) from error
    raise _moving("cancel", job)


def retry(places: Places, job: str, *, is_lost: bool = False) -> None:
    """Put a failed job back among the pending ones, under the next fence and without a rest.

    Args:
        is_lost: a completed one too, whose outputs are gone.

    Raises:
        UsageError: there is no such job.
        StaleState: it has not failed.
        BusyError: it moved each time it was reached for.
        StoreError: the shared folder refused.
    """
    for _ in range(_TRIES):
        place, name = _locate(places, job)
        if place != "failed" and not (is_lost and place == "completed"):
            raise StaleState(f"Job {job!r} is {place}; only one that has failed can be tried again.")
        folder = places.of(place, name)
        try:
            _keep_result(places, folder, name)
            for file in (job_files.CANCEL, job_files.REST):
                places.disk.remove(f"{folder}/{file}")
            places.disk.overwrite(f"{folder}/{job_files.STATE}", job_files.line("pending"))
            places.move(place, name, "pending", name.handed_on())
            return
        except OSError as error:
            if error.errno not in GONE | TAKEN or not places.is_there():
                raise cannot(f"try job {job!r} again", error) from error
    raise _moving("try again", job)


def fail_cancelled(places: Places, clock: Clock, place: JobPlace, name: JobName, by: str) -> None:
    """Move a job on which nobody is working to the failed ones, with a result that says who stopped it.

    Raises:
        OSError: as the system says: ENOENT when somebody else was quicker.
    """
    places.move(place, name, "failed")
    now = clock.now()
    result = JobResult(
        outcome="cancelled", error=f"cancelled by {by}", worker=by, fence=name.fence, started_at=now, finished_at=now
    )
    places.announce(
        ("failed", name), {job_files.RESULT: job_files.encode(result), job_files.STATE: job_files.line("failed")}
    )


def _keep_result(places: Places, folder: str, name: JobName) -> None:
    try:
        places.disk.replace(f"{folder}/{job_files.RESULT}", f"{folder}/{job_files.earlier_result(name.fence)}")
    except OSError as error:
        if error.errno not in GONE:
            raise


def _locate(places: Places, job: str) -> tuple[JobPlace, JobName]:
    located = places.where(job)
    if located is None:
        raise UsageError(f"There is no job {job!r} in {places.jobs}.", next_step=_GONE)
    return located


def _moving(what: str, job: str) -> BusyError:
    return BusyError(
        f"Tried to {what} job {job!r}, and it moved each time.", next_step="Try it again; nothing was done."
    )
