"""Names of jobs and of their folders. Pure; a name that does not follow the pattern to the letter is not a job.

A job's id is `p<priority>-<UTC time>-<role>-<item>`, so that a listing in order of names is one by urgency, then age.
Its folder is called `<job>.<fence>`: the fence goes up by one whenever the job is handed to somebody else.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from dayreel.errors import UsageError

DEFAULT_PRIORITY = 5
_STAMP = "%Y%m%dT%H%M%S"
_JOB = re.compile(
    r"p(?P<priority>[0-9])-(?P<stamp>[0-9]{8}T[0-9]{6})-(?P<role>[a-z][a-z0-9_]{0,11})-(?P<item>[a-z0-9][a-z0-9_-]{0,59})"
)
_FENCE = re.compile(r"[1-9][0-9]{0,5}")


def job_id(*, priority: int = DEFAULT_PRIORITY, created_at: datetime, role: str, item_id: str) -> str:
    """Return the id of a job.

    Args:
        priority: 0 is the most urgent, 9 the least.

    Raises:
        UsageError: a part does not fit the pattern; says which id came out.
    """
    job = f"p{priority}-{created_at.astimezone(UTC):{_STAMP}}-{role}-{item_id}"
    if not _JOB.fullmatch(job):
        raise UsageError(
            f"Tried to name a job, and {job!r} is not a name for one.",
            next_step="Take a priority of 0 to 9, a role like `remux`, an item of lower case letters, digits, _ and -.",
        )
    return job


@dataclass(frozen=True, order=True)
class JobName:
    """The name of a job's folder: its id and its fence."""

    job: str
    fence: int

    def __str__(self) -> str:
        """Return the folder's name."""
        return f"{self.job}.{self.fence}"

    @classmethod
    def parse(cls, folder: str) -> "JobName | None":
        """Return whose folder this is, or None when it is not a job's."""
        job, dot, fence = folder.rpartition(".")
        if not dot or not _FENCE.fullmatch(fence) or not _JOB.fullmatch(job):
            return None
        return cls(job, int(fence))

    @property
    def priority(self) -> int:
        """How urgent the job is: 0 most, 9 least."""
        return int(self._part("priority"))

    @property
    def stamp(self) -> str:
        """When the job was made, in a form that sorts."""
        return self._part("stamp")

    @property
    def made_at(self) -> datetime | None:
        """When the job was made, by the clock of who made it; None where its name has no such day."""
        try:
            return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None

    @property
    def role(self) -> str:
        """Who can do it."""
        return self._part("role")

    @property
    def item_id(self) -> str:
        """What it is done to."""
        return self._part("item")

    def handed_on(self) -> "JobName":
        """Return the name that the job has for the next one who claims it."""
        return JobName(self.job, self.fence + 1)

    def _part(self, name: str) -> str:
        match = _JOB.fullmatch(self.job)
        if match is None:  # made by hand in code, not parsed
            raise UsageError(f"{self.job!r} is not the id of a job.")
        return match[name]
