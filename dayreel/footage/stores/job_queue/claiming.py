"""Claiming one job: one rename decides who has it. Which job is tried is `queue`."""

import os
from datetime import datetime

from dayreel.clock import Clock
from dayreel.errors import StoreError
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.cancelling import fail_cancelled
from dayreel.footage.stores.job_queue.claim import Claim
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import FOREIGN, GONE, TAKEN, cannot


def take(places: Places, clock: Clock, name: JobName, worker: str) -> Claim | None:
    """Claim a job; None when somebody was quicker, or when what lies there is none: it is then left as it was.

    Raises:
        StoreError: the shared folder refused; the job is where it was.
    """
    if places.has("completed", name) or places.has("failed", name):
        return None  # a copy somebody has put there: this fence has had its worker
    claimed_at = clock.now()
    try:
        # The heartbeat goes first: a job never runs, not for a moment, with an old one.
        beat = job_files.heartbeat_line(worker, claimed_at)
        places.disk.overwrite(f"{places.of('pending', name)}/{job_files.HEARTBEAT}", beat)
        places.disk.replace(places.of("pending", name), places.of("running", name))
    except OSError as error:
        if error.errno in GONE | TAKEN | FOREIGN and places.is_writable():
            return None
        raise cannot(f"claim job {name.job!r}", error) from error
    try:
        return _signed(places, clock, name, worker, claimed_at)
    except OSError as error:
        _let_go(places, name)
        if error.errno in GONE | FOREIGN and places.is_there():
            return None
        raise cannot(f"claim job {name.job!r}", error) from error
    except StoreError:
        _let_go(places, name)
        return None  # its spec is none (any more): `JobInfo.problem` tells


def _signed(places: Places, clock: Clock, name: JobName, worker: str, claimed_at: datetime) -> Claim | None:
    running = places.of("running", name)
    spec = job_files.load_spec(places.disk, running, name)
    if (by := job_files.load_line(places.disk, running, job_files.CANCEL)) is not None:
        fail_cancelled(places, clock, "running", name, by)  # whoever cancelled it got no further than that
        return None
    told = {
        job_files.FENCE: str(name.fence),
        job_files.CLAIMED_BY: worker,
        job_files.CLAIMED_AT: claimed_at.isoformat(timespec="milliseconds"),
        job_files.PID: str(os.getpid()),
        job_files.STATE: "running",
    }
    for file, text in told.items():
        places.disk.overwrite(f"{running}/{file}", job_files.line(text))
    claim = Claim(places, clock, name, spec, worker=worker, claimed_at=claimed_at)
    places.disk.make_directories(str(claim.aside))
    return claim


def _let_go(places: Places, name: JobName) -> None:
    """Put back a job that could not be signed. Nobody has been handed the claim, so its fence can serve again."""
    try:
        places.disk.replace(places.of("running", name), places.of("pending", name))
    except OSError:
        return  # without a heartbeat it is handed on when its lease is over
