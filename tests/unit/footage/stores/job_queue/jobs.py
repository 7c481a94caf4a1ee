"""Jobs to test with: a spec, a result, a queue on an empty folder whose clock can be moved."""

import hashlib
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dayreel.footage.schemas.job import JobFile, JobResult, JobSpec
from dayreel.footage.stores.job_queue import FolderClock, JobClaim, JobQueue, QueueDisk, job_id
from tests.fakes.clock import NINE, FakeClock


class MovedFolderClock(FolderClock):
    """The folder's own clock, ahead by what a test has let pass."""

    def __init__(self, root: Path, disk: QueueDisk) -> None:
        super().__init__(str(root), disk)
        self.ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


class Shared:
    """A shared folder with a queue on it."""

    def __init__(self, root: Path, disk: QueueDisk | None = None) -> None:
        self.root = root
        self.disk = disk or QueueDisk(durable=False)
        self.clock = FakeClock()
        self.folder_clock = MovedFolderClock(root, QueueDisk(durable=False))
        self.queue = JobQueue(
            root, clock=self.clock, disk=self.disk, folder_clock=self.folder_clock, chance=random.Random(7)
        )
        self.jobs = root / ".pipeline/jobs"

    def submit(self, item: str = "movie-one", **wishes: Any) -> JobSpec:
        spec = make_spec(item, **wishes)
        assert self.queue.submit(spec)
        return spec

    def claim(self, *roles: str, worker: str = "attic", now: datetime = NINE) -> JobClaim | None:
        return self.queue.claim(roles or ("remux", "transcode"), worker=worker, now=now)

    def must_claim(self, worker: str = "attic") -> JobClaim:
        claim = self.claim(worker=worker)
        assert claim is not None
        return claim

    def pass_lease(self) -> None:
        self.pass_hours(1)

    def pass_hours(self, hours: float) -> None:
        """On the folder's clock as on this machine's."""
        self.folder_clock.ahead_s += 3600 * hours
        self.clock.move(hours=hours)

    def places(self) -> dict[str, list[str]]:
        """The names in each place, hidden ones too."""
        return {
            path.name: sorted(entry.name for entry in path.iterdir())
            for path in sorted(self.jobs.iterdir())
            if path.is_dir()
        }


def make_spec(item: str = "movie-one", *, role: str = "remux", priority: int = 5, **wishes: Any) -> JobSpec:
    created_at = wishes.pop("created_at", datetime(2026, 11, 20, 9, tzinfo=UTC))
    job = job_id(priority=priority, created_at=created_at, role=role, item_id=item)
    facts: dict[str, Any] = {
        "job": job,
        "role": role,
        "item_id": item,
        "inputs": (),
        "output_dir": f"2-remuxed/movies/{item}",
        "marker_dir": f"2-remuxed/movies/{item}/.pipeline",
        "created_at": created_at,
        "created_by": "test",
        "retry_delay_s": 0,
    }
    return JobSpec(**facts | wishes)


def make_result(claim: JobClaim, outcome: str = "done", *outputs: JobFile, **facts: Any) -> JobResult:
    document: dict[str, Any] = {"outcome": outcome, "outputs": outputs, "worker": claim.worker, "fence": claim.fence}
    return JobResult(**document | {"started_at": NINE, "finished_at": NINE} | facts)


def write_output(claim: JobClaim, path: str = "film.mkv", content: bytes = b"remuxed") -> JobFile:
    target = claim.aside / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return JobFile(path=path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
