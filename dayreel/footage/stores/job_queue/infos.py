"""A job as a listing shows it: its name at once, its files when they are asked for.

A job may move between the listing and the question. The question is then put to where it is by now; it is never an
exception.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from dayreel.errors import StoreError
from dayreel.footage.schemas.job import JobPlace, JobProgress, JobResult, JobSpec
from dayreel.footage.stores.job_queue import job_files
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places

_Answer = TypeVar("_Answer")
_TRIES = 5


class JobInfo:
    """One job, or what lies in a job's place without being one.

    Attributes:
        job: its id; of what is not a job, the name that it has.
        fence: 0 of what is not a job.
        place: where it was listed.
    """

    def __init__(self, places: Places, place: JobPlace, entry: str) -> None:
        """Take the entry of a listing; nothing is read."""
        self._places = places
        self._name = JobName.parse(entry)
        self.job = self._name.job if self._name else entry
        self.fence = self._name.fence if self._name else 0
        self.place = place

    def __repr__(self) -> str:
        """Return the job and where it was."""
        return f"JobInfo({self.place}/{self._name or self.job})"

    @property
    def role(self) -> str | None:
        """Who can do it; None of what is not a job."""
        return self._name.role if self._name else None

    @property
    def item_id(self) -> str | None:
        """What it is done to; None of what is not a job."""
        return self._name.item_id if self._name else None

    @property
    def priority(self) -> int | None:
        """How urgent it is, 0 most; None of what is not a job."""
        return self._name.priority if self._name else None

    @property
    def made_at(self) -> datetime | None:
        """When it was made, as its name says; None of what is not a job."""
        return self._name.made_at if self._name else None

    @cached_property
    def problem(self) -> str | None:
        """Why no worker can take it, or why its result cannot be read; None when it is as it should be."""
        if self._name is None:
            return f"{self.job!r} is not the name of a job's folder"
        try:
            if self._read(job_files.load_spec, any_fence=True) is None and self._places.where(self.job) is None:
                return "it is not there any more, or it is not a folder"
            if self.place in ("completed", "failed"):
                self._read(job_files.load_result)
        except StoreError as error:
            return error.message
        return None

    @cached_property
    def spec(self) -> JobSpec | None:
        """What is to be made; None when that cannot be read, and `problem` says why."""
        return self._without_problem(job_files.load_spec, any_fence=True)

    @cached_property
    def result(self) -> JobResult | None:
        """What came of this attempt; None when it has not ended, or was lost with its worker."""
        return self._without_problem(job_files.load_result)

    @property
    def progress(self) -> JobProgress | None:
        """How far its worker says it is; read again each time."""
        return self._without_problem(job_files.load_progress)

    @property
    def claimed_by(self) -> str | None:
        """The worker that has, or had, this attempt."""
        return self._line(job_files.CLAIMED_BY)

    @property
    def claimed_at(self) -> datetime | None:
        """When that worker claimed it, by its own clock."""
        text = self._line(job_files.CLAIMED_AT)
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError:
            return None

    @property
    def cancelled_by(self) -> str | None:
        """Who asked for it to be stopped."""
        return self._line(job_files.CANCEL)

    def earlier_results(self) -> list[JobResult]:
        """Return what came of the attempts before this one, oldest first, as far as it is recorded."""
        results = []
        for fence in range(1, self.fence):
            name = JobName(self.job, fence)

            def load(folder: str, _: JobName, name: JobName = name) -> JobResult | None:
                file = job_files.earlier_result(name.fence)
                return job_files.load_result(self._places.disk, folder, name, file)

            results.append(self._ask(load, any_fence=True))
        return [result for result in results if result is not None]

    def _line(self, file: str) -> str | None:
        return self._ask(lambda folder, _: job_files.load_line(self._places.disk, folder, file))

    def _without_problem(self, load: Callable[..., _Answer | None], *, any_fence: bool = False) -> _Answer | None:
        try:
            return self._read(load, any_fence=any_fence)
        except StoreError:
            return None  # `problem` says why

    def _read(self, load: Callable[..., _Answer | None], *, any_fence: bool = False) -> _Answer | None:
        return self._ask(lambda folder, name: load(self._places.disk, folder, name), any_fence=any_fence)

    def _ask(self, load: Callable[[str, JobName], _Answer | None], *, any_fence: bool = False) -> _Answer | None:
        """Read from where the job is; None when it is nowhere, or under another fence and only this one is meant."""
        at: tuple[JobPlace, JobName] | None = (self.place, self._name) if self._name else None
        for _ in range(_TRIES):
            if at is None or (at[1] != self._name and not any_fence):
                return None
            try:
                return load(self._places.of(*at), at[1])
            except FileNotFoundError:
                at = self._places.where(self.job)
        return None
