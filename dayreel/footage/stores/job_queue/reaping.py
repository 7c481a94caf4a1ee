"""Handing on the jobs whose workers have stopped answering, judged by the shared folder's own clock alone."""

from datetime import datetime

from dayreel.clock import Clock
from dayreel.errors import StoreError
from dayreel.footage.schemas.job import JobPlace, JobResult, JobSpec
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.cancelling import fail_cancelled
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import GONE, TAKEN, FolderClock, cannot

_LEASE_WITHOUT_SPEC_S = 120.0

_Moved = tuple[JobPlace, JobName]


def reap(places: Places, clock: Clock, folder_clock: FolderClock) -> list[_Moved]:
    """Hand on every stalled job; return where each is now, and under which name.

    Raises:
        StoreError: the shared folder refused.
    """
    names = [name for name in map(JobName.parse, places.entries("running")) if name is not None]
    if not names:
        return []
    present = folder_clock.now()
    moved = []
    for name in names:
        try:
            moved.append(_reap_one(places, clock, name, present))
        except OSError as error:
            # It ended, or somebody else handed it on, between two of our looks.
            if error.errno not in GONE | TAKEN or not places.is_there():
                raise cannot(f"hand on job {name.job!r}", error) from error
    return [outcome for outcome in moved if outcome is not None]


def stalled(places: Places, folder_clock: FolderClock) -> list[JobName]:
    """Return the running jobs that are due to be handed on; changes nothing.

    Raises:
        StoreError: the shared folder refused.
    """
    names = [name for name in map(JobName.parse, places.entries("running")) if name is not None]
    present = folder_clock.now() if names else 0.0
    return [name for name in names if _is_stalled(places, name, present)]


def _is_stalled(places: Places, name: JobName, present: float) -> bool:
    folder = places.of("running", name)
    try:
        silent_s = present - places.disk.changed_at(f"{folder}/{job_files.HEARTBEAT}")
        return silent_s > _lease_s(_spec(places, folder, name))
    except OSError:
        return False  # it has just ended, or was claimed by hand a moment ago


def _reap_one(places: Places, clock: Clock, name: JobName, present: float) -> _Moved | None:
    folder = places.of("running", name)
    try:
        silent_s = present - places.disk.changed_at(f"{folder}/{job_files.HEARTBEAT}")
    except FileNotFoundError:
        # Claimed by hand, without one: its lease counts from now.
        places.disk.overwrite(f"{folder}/{job_files.HEARTBEAT}", job_files.line("found without a heartbeat"))
        return None
    spec = _spec(places, folder, name)
    if silent_s <= _lease_s(spec):
        return None
    if (target := _has_ended(places, folder, name)) is not None:
        places.move("running", name, target)
        return target, name
    if (by := job_files.load_line(places.disk, folder, job_files.CANCEL)) is not None:
        fail_cancelled(places, clock, "running", name, by)
        return "failed", name
    return _hand_on(places, clock, name, spec, silent_s)


def _hand_on(places: Places, clock: Clock, name: JobName, spec: JobSpec | None, silent_s: float) -> _Moved:
    folder = places.of("running", name)
    result = _result(places, folder, name, clock.now(), silent_s)
    if spec is None or name.fence >= spec.max_attempts:
        places.move("running", name, "failed")
        documents = {job_files.RESULT: job_files.encode(result), job_files.STATE: job_files.line("failed")}
        places.announce(("failed", name), documents)
        return "failed", name
    places.announce(("running", name), {job_files.REST: job_files.line("stalled")}, settled=False)
    onwards = name.handed_on()
    places.move("running", name, "pending", onwards)
    documents = {
        job_files.earlier_result(name.fence): job_files.encode(result),
        job_files.STATE: job_files.line("pending"),
    }
    places.announce(("pending", onwards), documents)
    return "pending", onwards


def _has_ended(places: Places, folder: str, name: JobName) -> JobPlace | None:
    """Return where the job belongs when its worker has recorded its end, and died before the last rename."""
    try:
        result = job_files.load_result(places.disk, folder, name)
    except StoreError:
        return None
    if result is None:
        return None
    return "completed" if result.outcome == "done" else "failed"


def _spec(places: Places, folder: str, name: JobName) -> JobSpec | None:
    try:
        return job_files.load_spec(places.disk, folder, name)
    except StoreError:
        return None  # somebody has spoilt it: the job cannot be handed on and fails


def _lease_s(spec: JobSpec | None) -> float:
    return spec.lease_s if spec else _LEASE_WITHOUT_SPEC_S


def _result(places: Places, folder: str, name: JobName, now: datetime, silent_s: float) -> JobResult:
    worker = job_files.load_line(places.disk, folder, job_files.CLAIMED_BY) or "unknown"
    return JobResult(
        outcome="returned",
        error=f"worker {worker!r} stopped answering: no heartbeat for {silent_s:.0f} s by the shared folder's clock",
        worker=worker,
        fence=name.fence,
        started_at=_moment(job_files.load_line(places.disk, folder, job_files.CLAIMED_AT)) or now,
        finished_at=now,
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
