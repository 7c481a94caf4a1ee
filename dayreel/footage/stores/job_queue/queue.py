"""The queue as its users see it: submit, claim, reap, cancel, retry, list. What a claim may do is `claim`."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path

from dayreel.clock import Clock
from dayreel.errors import StoreError
from dayreel.footage.rules.work_hours import is_within_hours
from dayreel.footage.schemas.job import JobPlace, JobSpec
from dayreel.footage.stores.job_queue import cancelling, job_files, reaping, submitting
from dayreel.footage.stores.job_queue.claim import JobClaim, take
from dayreel.footage.stores.job_queue.infos import JobInfo
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import FolderClock, QueueDisk, cannot
from dayreel.footage.stores.job_queue.sweeping import put_away, sweep

FEW = 8
"""So many jobs of the same urgency are tried in any order, so that workers do not all reach for the first."""
SWEEP_EVERY_S = 300.0


class JobQueue:
    """The jobs on one shared folder.

    Args:
        root: the shared folder as this machine sees it.
        clock: this machine's clock: for `claimed_at` and results, never for leases.
        disk: the file system; `QueueDisk(durable=False)` does not wait for the device.
        folder_clock: the shared folder's own clock, read off the folder unless given.
        chance: decides which of the first few jobs is tried first.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock,
        disk: QueueDisk | None = None,
        folder_clock: FolderClock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """Keep where the queue is; nothing is made before the first job."""
        self._disk = disk or QueueDisk()
        self._places = Places(root.absolute(), self._disk)
        self._clock = clock
        self._folder_clock = folder_clock or FolderClock(self._places.jobs, self._disk)
        self._chance = chance or random.Random()
        self._specs: dict[str, JobSpec] = {}
        self._swept_at = float("-inf")

    def submit(self, spec: JobSpec) -> bool:
        """Put a job into the queue; return False when it was there already, in whatever state.

        Raises:
            StoreError: there is another job under this id, or the shared folder refused.
            BusyError: somebody else is submitting the same job right now.
            UsageError: the id does not follow the pattern, or the spec does not fit the id.
        """
        return submitting.submit(self._places, self._clock, self._folder_clock, spec)

    def claim(self, roles: Iterable[str], *, worker: str, now: datetime) -> JobClaim | None:
        """Take the most urgent job that one of `roles` may do at `now`, or None when there is none.

        What lies among the pending jobs and is none is left alone; `jobs` names it.

        Raises:
            StoreError: the shared folder refused; every job is still where it was.
        """
        wanted = frozenset(roles)
        entries = self._places.entries("pending")
        self._forget_specs_but(entries)
        rested_by: float | None = None
        for name in self._in_turn(entries, wanted):
            spec = self._spec(name)
            if spec is None or not is_within_hours(spec.hours, spec.timezone, now):
                continue
            if name.fence > 1 and (rests_since := self._changed_at("pending", name, job_files.REST)) is not None:
                rested_by = self._folder_clock.now() if rested_by is None else rested_by
                if rested_by - rests_since < spec.retry_delay_s * (name.fence - 1):
                    continue
            if claim := take(self._places, self._clock, name, worker):
                return claim
        return None

    def reap(self) -> list[JobInfo]:
        """Hand on the jobs whose workers have stopped answering, and sweep what was left behind; return those jobs.

        Whoever is about may do it: workers do, and the controller.

        Raises:
            StoreError: the shared folder refused.
        """
        moved = reaping.reap(self._places, self._clock, self._folder_clock)
        if self._clock.monotonic() - self._swept_at > SWEEP_EVERY_S and self._places.is_there():
            sweep(self._places, self._folder_clock)
            self._swept_at = self._clock.monotonic()
        return [JobInfo(self._places, place, str(name)) for place, name in moved]

    def stalled(self) -> list[JobInfo]:
        """Return the jobs that `reap` would hand on now; changes nothing.

        Raises:
            StoreError: the shared folder refused.
        """
        names = reaping.stalled(self._places, self._folder_clock)
        return [JobInfo(self._places, "running", str(name)) for name in names]

    def cancel(self, job: str, *, by: str) -> JobInfo:
        """Stop a job: a pending one at once, a running one as soon as its worker sees it; return where it is now.

        Raises:
            UsageError: there is no such job.
            StaleState: it is completed already.
            StoreError: the shared folder refused.
        """
        cancelling.cancel(self._places, self._clock, job, by)
        return self._locate(job)

    def retry(self, job: str, *, is_lost: bool = False) -> JobInfo:
        """Put a failed or cancelled job back among the pending ones, with the next fence; return it.

        It has at least one more attempt, and waits for nothing.

        Args:
            is_lost: a completed one too: whoever asks has seen that its outputs are gone, see `OutputLostError`.

        Raises:
            UsageError: there is no such job.
            StaleState: it has not failed.
            StoreError: the shared folder refused.
        """
        cancelling.retry(self._places, job, is_lost=is_lost)
        return self._locate(job)

    def remove(self, ended: JobInfo) -> bool:
        """Remove an ended job's folder in one step for whoever looks; return False when it has moved meanwhile.

        Whoever removes it answers for its being installed, and for nobody's asking for the job again.

        Raises:
            StoreError: the shared folder refused.
            ValueError: the job has not ended.
        """
        if ended.place not in ("completed", "failed"):
            raise ValueError(f"{ended} has not ended")
        try:
            put_away(self._places, self._places.of(ended.place, JobName(ended.job, ended.fence)))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise cannot(f"remove job {ended.job!r}", error) from error
        return True

    def completed(self, name: JobName) -> JobInfo | None:
        """Return the job that this very attempt has completed, or None. Lists nothing, however many have."""
        return JobInfo(self._places, "completed", str(name)) if self._places.has("completed", name) else None

    def jobs(self, place: JobPlace | None = None) -> list[JobInfo]:
        """Return the jobs in a place, or in all, by urgency and age; what is not a job is among them, with a `problem`.

        Raises:
            StoreError: the shared folder cannot be read.
        """
        listed = self._places.scan() if place is None else [(place, entry) for entry in self._places.entries(place)]
        return [JobInfo(self._places, where, entry) for where, entry in listed]

    def find(self, job: str) -> JobInfo | None:
        """Return a job wherever it is, or None when there is none of this id.

        Raises:
            StoreError: the shared folder cannot be read.
        """
        located = self._places.where(job)
        return JobInfo(self._places, located[0], str(located[1])) if located else None

    def _locate(self, job: str) -> JobInfo:
        info = self.find(job)
        if info is None:
            raise StoreError(
                f"Job {job!r} was there a moment ago and is not any more: somebody has removed its folder."
            )
        return info

    def _in_turn(self, entries: list[str], roles: frozenset[str]) -> Iterator[JobName]:
        """Give the jobs to try, most urgent first. No more names are parsed than are looked at: there may be many."""
        for _, urgent in groupby(entries, key=lambda entry: entry[:2]):
            parsed = map(JobName.parse, urgent)
            fitting = (name for name in parsed if name is not None and name.role in roles)
            while few := list(islice(fitting, FEW)):
                self._chance.shuffle(few)
                yield from few

    def _spec(self, name: JobName) -> JobSpec | None:
        """Return a pending job's spec as far as it decides about claiming; read once, because it never changes."""
        if (known := self._specs.get(name.job)) is not None:
            return known
        try:
            spec = job_files.load_spec(self._disk, self._places.of("pending", name), name)
        except (FileNotFoundError, StoreError):
            return None  # taken meanwhile, or not a job: `JobInfo.problem` says why
        self._specs[name.job] = spec
        return spec

    def _forget_specs_but(self, entries: list[str]) -> None:
        if len(self._specs) > len(entries):
            pending = {entry.rpartition(".")[0] for entry in entries}
            self._specs = {job: spec for job, spec in self._specs.items() if job in pending}

    def _changed_at(self, place: JobPlace, name: JobName, file: str) -> float | None:
        try:
            return self._disk.changed_at(f"{self._places.of(place, name)}/{file}")
        except OSError:
            return None
