"""The shapes of a job on the shared folder, what is to be made and what came of it, and of a worker who does jobs.

The protocol is docs/reference/worker-protocol.md. Paths are relative to the shared folder, so that every machine may
have it mounted elsewhere. Claims and fences are `dayreel.footage.stores.job_queue`; what a role does is
`dayreel.footage.worker`.
"""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from dayreel.schemas.content import Shape

ROLE_PATTERN = r"^[a-z][a-z0-9_]{0,11}$"
HOURS_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"

JobPlace = Literal["pending", "running", "completed", "failed"]
JOB_PLACES: tuple[JobPlace, ...] = ("pending", "running", "completed", "failed")
"""The four folders of the queue, in the order in which a job goes through them."""


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text:
        raise ValueError("it must be a path inside the shared folder")
    return path.as_posix()


SharedPath = Annotated[str, AfterValidator(_inside)]
"""A path relative to the shared folder, with forward slashes."""


class JobFile(Shape):
    """A file a job reads or has made.

    Attributes:
        path: of an input, inside the shared folder; of an output, inside the job's `output_dir`.
    """

    path: SharedPath
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class JobSpec(Shape):
    """`spec.json`: what is to be made, written once by who submits the job.

    Attributes:
        job: the job's id, without a fence; see `dayreel.footage.stores.job_queue.names`.
        inputs: what it reads; a worker refuses a file that is not these bytes.
        output_dir: folder the outputs end up in.
        marker_dir: folder that gets `<role>.done` and `<role>.timestamp` once the outputs are in place.
        parameters: for the role; scripts get them as JSON.
        hours: like `22:00-06:00` in `timezone`: the job is claimed only then; None for any time.
        lease_s: how long a claim holds without a heartbeat, by the shared folder's own clock.
        max_attempts: claims before the job is given up.
        retry_delay_s: rest before another claim, times the number of attempts so far.
    """

    job: str = Field(max_length=100)
    role: str = Field(pattern=ROLE_PATTERN)
    item_id: str = Field(max_length=60)
    inputs: tuple[JobFile, ...]
    output_dir: SharedPath
    marker_dir: SharedPath
    parameters: dict[str, Any] = Field(default_factory=dict)
    hours: str | None = Field(None, pattern=HOURS_PATTERN)
    timezone: str = "UTC"
    lease_s: float = Field(120.0, gt=0)
    max_attempts: int = Field(3, ge=1, le=20)
    retry_delay_s: float = Field(30.0, ge=0)
    created_at: datetime
    created_by: str


class JobProgress(Shape):
    """`progress.json`: how far a running job is, as far as its worker knows."""

    percent: int = Field(0, ge=0, le=100)
    fps: float | None = None
    eta_s: float | None = None
    detail: str = ""


class JobResult(Shape):
    """`result.json`: what came of one attempt, with the evidence.

    Attributes:
        outcome: `done`; `failed`: trying again unchanged cannot help; `returned`: trying again can; `cancelled`.
        outputs: files in the attempt's aside folder, or, once installed, in `output_dir`.
        facts: measurements for lineage and statistics: streams, durations, sizes, commands; plain JSON.
    """

    outcome: Literal["done", "failed", "returned", "cancelled"]
    outputs: tuple[JobFile, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    worker: str
    fence: int = Field(ge=1)
    started_at: datetime
    finished_at: datetime


WORKER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"


class WorkerSeen(Shape):
    """One worker as it last described itself; whether it is alive is decided by the file's time on the folder's clock.

    Attributes:
        job: what it is working on.
        seen_at: by the worker's own clock, for people.
    """

    name: str = Field(pattern=WORKER_NAME)
    host: str
    pid: int
    roles: tuple[str, ...]
    job: str | None = None
    started_at: datetime
    seen_at: datetime
