"""Claiming a job, and what its worker may say and do for as long as it has the lease. Which job is tried is `queue`.

One rename decides who has it. Nothing of a claim works without the folder `running/<job>.<fence>`: once somebody else
has moved it, every call ends in `LeaseLostError`, and what this attempt has made stays aside until it is swept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dayreel.clock import Clock
from dayreel.errors import LeaseLostError, StoreError
from dayreel.footage.schemas.job import JobPlace, JobProgress, JobResult, JobSpec
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.cancelling import fail_cancelled
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import FOREIGN, GONE, TAKEN, cannot


class JobClaim:
    """A lease on one job under one fence, held by one worker.

    Attributes:
        spec: what is to be made.
        fence: which handing-out of the job this is, from 1.
        aside: the empty folder to write outputs into, named as in `JobResult.outputs`.
        claimed_at: by this machine's clock.
    """

    def __init__(
        self, places: Places, clock: Clock, name: JobName, spec: JobSpec, *, worker: str, claimed_at: datetime
    ) -> None:
        """Made by `JobQueue.claim` alone."""
        self._places = places
        self._clock = clock
        self._name = name
        self._folder = places.of("running", name)
        self.spec = spec
        self.fence = name.fence
        self.worker = worker
        self.claimed_at = claimed_at
        self.aside = Path(places.aside(spec.output_dir, name))
        self._is_done_written = False

    def heartbeat(self) -> None:
        """Say that the work goes on; due well within `spec.lease_s`.

        Raises:
            LeaseLostError: somebody else has the job by now; stop working on it.
            StoreError: the shared folder refused; the lease may still be held, trying again can help.
        """
        with self._holding("say that it is being worked on"):
            beat = job_files.heartbeat_line(self.worker, self._clock.now())
            self._places.disk.overwrite(f"{self._folder}/{job_files.HEARTBEAT}", beat)

    def is_cancelled(self) -> bool:
        """Return whether somebody has asked for the work to stop; then stop it and finish with outcome `cancelled`."""
        return os.path.exists(f"{self._folder}/{job_files.CANCEL}")  # noqa: PTH110  a share that stumbles says no

    def progress(self, progress: JobProgress) -> None:
        """Report how far the work is.

        Raises:
            LeaseLostError: somebody else has the job by now; stop working on it.
            StoreError: the shared folder refused.
        """
        with self._holding("report its progress"):
            path = f"{self._folder}/{job_files.PROGRESS}"
            self._places.disk.write(path, job_files.encode(progress), settled=False)

    def finish(self, result: JobResult) -> None:
        """End the job for good: `done` completes it, `failed` and `cancelled` fail it. Then call `install`.

        Raises:
            LeaseLostError: somebody else has the job by now; nothing of this attempt counts.
            StoreError: the shared folder refused (trying again can help), or an output is not in `aside` as reported.
            ValueError: the result is `returned`, or of another attempt.
        """
        self._must_be_ours(result)
        if result.outcome == "returned":
            raise ValueError("a job that is returned has not ended: use give_back")
        self._end(result, "completed" if result.outcome == "done" else "failed")

    def give_back(self, result: JobResult, *, is_fault: bool = True) -> JobPlace:
        """Hand the job on to whoever claims it next, but for one that was cancelled; return where it is now.

        Args:
            result: outcome `returned`, with the reason; kept beside the job.
            is_fault: whether the attempt went wrong: the job then rests, and fails when it has had `max_attempts`.
                False when only this worker is stopping.

        Raises:
            LeaseLostError: somebody else has the job already.
            StoreError: the shared folder refused; trying again can help.
            ValueError: the result is not `returned`, or of another attempt.
        """
        self._must_be_ours(result)
        if result.outcome != "returned":
            raise ValueError(f"a job that is {result.outcome} has ended: use finish")
        if self.is_cancelled():
            self._end(result.model_copy(update={"outcome": "cancelled"}), "failed")
            return "failed"
        # The fence counts the attempts: it grows whenever the job is handed on.
        if is_fault and self.fence >= self.spec.max_attempts:
            self._end(result, "failed")
            return "failed"
        disk, onwards = self._places.disk, self._name.handed_on()
        with self._holding("give it back"):
            disk.write(f"{self._folder}/{job_files.earlier_result(self.fence)}", job_files.encode(result))
            if is_fault:
                rest = {job_files.REST: job_files.line(self.worker)}
                self._places.announce(("running", self._name), rest, settled=False)
            disk.overwrite(f"{self._folder}/{job_files.STATE}", job_files.line("pending"))
            self._places.move("running", self._name, "pending", onwards)
        self.discard()
        return "pending"

    def discard(self) -> None:
        """Remove what this attempt has made so far; for one who has stopped working after `LeaseLostError`.

        Outputs that were recorded as done stay: somebody may have completed the job for us where we do not see it yet,
        and nobody else has its outputs. If not, a sweep removes them.
        """
        if not self._is_done_written:
            self._places.disk.remove_tree(str(self.aside))

    def _end(self, result: JobResult, target: JobPlace) -> None:
        with self._holding(f"move it to {target}"):
            try:
                if target == "completed":
                    # On disk before the move announces them: after a power cut a completed job with empty files would
                    # be filed as footage.
                    self._settle_outputs(result)
                    self._is_done_written = True
                self._places.disk.write(f"{self._folder}/{job_files.RESULT}", job_files.encode(result))
                self._places.disk.overwrite(f"{self._folder}/{job_files.STATE}", job_files.line(target))
                self._places.move("running", self._name, target)
            except OSError as error:
                # It may be there all the same: an NFS server has done it and its first answer was lost, or somebody
                # found this result, and no heartbeat, and moved the job for us.
                if error.errno not in GONE or not self._has_ended_with(result, target):
                    raise
        if target == "failed":
            self.discard()

    def _has_ended_with(self, result: JobResult, target: JobPlace) -> bool:
        try:
            there = job_files.load_result(self._places.disk, self._places.of(target, self._name), self._name)
        except (FileNotFoundError, StoreError):
            return False
        return there is not None and job_files.encode(there) == job_files.encode(result)

    def _settle_outputs(self, result: JobResult) -> None:
        """Make the outputs and their names last before anything says that they are there."""
        # The names too: fsync of a file does not make its directory entry last.
        folders = {self.aside, self.aside.parent}
        for output in result.outputs:
            path = self.aside / output.path
            folders |= {folder for folder in path.parents if folder.is_relative_to(self.aside)}
            if path.stat().st_size != output.size_bytes:
                raise StoreError(
                    f"Job {self._name.job!r} was to be finished with {output.path!r} of {output.size_bytes} bytes, "
                    f"and the file has {path.stat().st_size}.",
                    next_step="Give it back; the next attempt makes it again.",
                )
            self._places.disk.settle_existing(str(path))
        for folder in folders:
            self._places.disk.settle_directory(str(folder))

    def _must_be_ours(self, result: JobResult) -> None:
        if result.fence != self.fence:
            raise ValueError(f"the result is of attempt {result.fence}, and the claim of attempt {self.fence}")

    @contextmanager
    def _holding(self, what: str) -> Iterator[None]:
        """Turn what the system says into: the lease is lost, or the shared folder is in trouble."""
        try:
            yield
        except OSError as error:
            # Only a folder that is gone from a share that is still there means a lost lease: an unmounted share looks
            # the same from one path alone.
            is_lost = error.errno in GONE and self._places.is_there() and not self._places.has("running", self._name)
            if is_lost or error.errno in TAKEN:
                raise LeaseLostError(
                    f"Worker {self.worker!r} wanted to {what}: job {self._name.job!r} under fence {self.fence}. "
                    "It does not have that job any more.",
                    next_step="Drop what was made for it; whoever has it now makes it again.",
                ) from error
            raise cannot(f"{what}: job {self._name.job!r} under fence {self.fence}", error) from error


def take(places: Places, clock: Clock, name: JobName, worker: str) -> JobClaim | None:
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
        return None  # it is not a valid spec (any more): `JobInfo.problem` says why


def _signed(places: Places, clock: Clock, name: JobName, worker: str, claimed_at: datetime) -> JobClaim | None:
    running = places.of("running", name)
    spec = job_files.load_spec(places.disk, running, name)
    if (by := job_files.load_line(places.disk, running, job_files.CANCEL)) is not None:
        fail_cancelled(places, clock, "running", name, by)  # whoever cancelled it got no further than that
        return None
    signature = {
        job_files.FENCE: str(name.fence),
        job_files.CLAIMED_BY: worker,
        job_files.CLAIMED_AT: claimed_at.isoformat(timespec="milliseconds"),
        job_files.PID: str(os.getpid()),
        job_files.STATE: "running",
    }
    for file, text in signature.items():
        places.disk.overwrite(f"{running}/{file}", job_files.line(text))
    claim = JobClaim(places, clock, name, spec, worker=worker, claimed_at=claimed_at)
    places.disk.make_directories(str(claim.aside))
    return claim


def _let_go(places: Places, name: JobName) -> None:
    """Put back a job that could not be signed. Nobody has been handed the claim, so its fence can serve again."""
    try:
        places.disk.replace(places.of("running", name), places.of("pending", name))
    except OSError:
        return  # without a heartbeat it is handed on when its lease is over
