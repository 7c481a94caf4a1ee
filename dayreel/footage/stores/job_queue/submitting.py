"""Putting a job into the queue, once, however many submit it at the same time.

`pending/.new-<job>/` is made exclusively: it says "I am submitting this". Its holder looks whether the job is anywhere
already, writes the folder inside, and renames that into place. Whoever finds a holder that is too old moves the whole
thing away: what the holder has written goes with it, so that when it wakes it has nothing left to put into place.
"""

import contextlib
import errno
import secrets

from dayreel.clock import Clock
from dayreel.errors import BusyError, StoreError, UsageError
from dayreel.footage.schemas.job import JOB_PLACES, JobSpec
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.infos import JobInfo
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import GONE, TAKEN, FolderClock, cannot
from dayreel.footage.stores.job_queue.sweeping import NEW, put_away

TAKE_OVER_S = 10.0
"""Submitting takes milliseconds; whoever is at it for longer has died or been put to sleep."""
_WAITS_S = (0.1, 0.2, 0.4, 0.8, *[1.0] * 14)
"""Between looks at what another one is at; in all longer than it takes until that may be taken over."""


def submit(places: Places, clock: Clock, folder_clock: FolderClock, spec: JobSpec) -> bool:
    """Put a job into the queue; return False when it is there already. For the errors see `JobQueue.submit`."""
    name = JobName.parse(f"{spec.job}.1")
    problem = job_files.what_does_not_fit(spec, name) if name else "its id does not follow the pattern"
    if name is None or problem:
        raise UsageError(f"Tried to submit job {spec.job!r}: {problem}.", next_step="Make its id with `job_id`.")
    try:
        _make_places(places)
        for wait_s in _WAITS_S:
            if (was_put := _try_once(places, name, spec)) is not None:
                return was_put
            if _is_there(places, spec):
                return False
            _take_over(places, folder_clock, name)
            clock.sleep(wait_s)
    except OSError as error:
        raise cannot(f"submit job {spec.job!r}", error) from error
    raise BusyError(f"Somebody else is submitting job {spec.job!r} right now.", next_step="Look again in a moment.")


def _try_once(places: Places, name: JobName, spec: JobSpec) -> bool | None:
    """Return True when the job was put, False when it was there already, None when somebody else is at it."""
    disk = places.disk
    held = places.of("pending", f"{NEW}{name.job}")
    try:
        disk.make_directory(held)
    except FileExistsError:
        return None
    inside = f"{held}/{secrets.token_hex(6)}"
    try:
        # Looked at again under the hold: whoever held it before us has put the job or given up.
        if _is_there(places, spec):
            return False
        disk.make_directory(inside)
        disk.write(f"{inside}/{job_files.STATE}", job_files.line("pending"), settled=False)
        disk.write(f"{inside}/{job_files.SPEC}", job_files.encode(spec))
        disk.replace(inside, places.of("pending", name))
        disk.settle_directory(places.of("pending"))
    except OSError as error:
        if error.errno in GONE | TAKEN and places.is_there():
            return None  # taken over while we slept
        raise
    finally:
        disk.remove_tree(inside)
        disk.remove_directory(held)
    return True


def _take_over(places: Places, folder_clock: FolderClock, name: JobName) -> None:
    held = places.of("pending", f"{NEW}{name.job}")
    with contextlib.suppress(FileNotFoundError):
        if folder_clock.now() - places.disk.changed_at(held) > TAKE_OVER_S:
            put_away(places, held)


def _is_there(places: Places, spec: JobSpec) -> bool:
    located = places.where(spec.job)
    if located is None:
        return False
    there = JobInfo(places, located[0], str(located[1])).spec
    if there is None or _work(there) != _work(spec):
        raise StoreError(
            f"Tried to submit job {spec.job!r}; there is another one under this id among the {located[0]} ones.",
            next_step="Submit it under an id of its own.",
        )
    return True


def _work(spec: JobSpec) -> dict[str, object]:
    # As JSON: what has been read back has lists where there were tuples.
    return spec.model_dump(mode="json", exclude={"created_at", "created_by"})


def _make_places(places: Places) -> None:
    if not places.root_is_there():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder; is it mounted?", places.root)
    for place in JOB_PLACES:
        places.disk.make_directories(places.of(place))
