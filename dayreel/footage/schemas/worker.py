"""The shape of `workers/<name>.json` on the shared folder: who is there to do jobs. Jobs themselves: `schemas.job`."""

from datetime import datetime

from pydantic import Field

from dayreel.schemas.content import Shape

WORKER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"


class WorkerSeen(Shape):
    """One worker as it last described itself; whether it is alive is told by the file's time on the folder's clock.

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
