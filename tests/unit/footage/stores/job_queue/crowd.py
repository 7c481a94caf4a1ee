"""A worker as a process of its own: `python -m tests.unit.footage.stores.job_queue.crowd ROOT NAME`, and several.

It does tiny jobs until the file `stop` is in the folder, and writes what it did into `log/NAME`: `begin`, `done` or
`lost` with the job and the fence. A program of its own, because it is killed and frozen.
"""

import argparse
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dayreel.clock import SystemClock
from dayreel.errors import LeaseLostError
from dayreel.footage.schemas.job import JobResult
from dayreel.footage.stores.job_queue import JobClaim, JobName, JobQueue, QueueDisk, install
from tests.unit.footage.stores.job_queue.jobs import Shared
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[5]
DISK = QueueDisk(durable=False)
DEADLINE_S = 600.0
STOP_S = 120.0


class SkewedClock(SystemClock):
    """The clock of a machine that was never set."""

    def __init__(self, hours: float) -> None:
        self._skew = timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skew


def work(root: Path, name: str, *, skew_hours: float, work_s: float) -> None:
    """JobClaim, do and install jobs until asked to stop; hand on what others have left."""
    clock = SkewedClock(skew_hours)
    queue = JobQueue(root, clock=clock, disk=DISK)
    (root / "log").mkdir(exist_ok=True)
    with (root / "log" / name).open("a", encoding="utf-8", buffering=1) as log:
        while not (root / "stop").exists():
            queue.reap()
            claim = queue.claim(["remux"], worker=name, now=clock.now())
            if claim is None:
                clock.sleep(0.02)
                continue
            log.write(f"begin {claim.spec.job}.{claim.fence}\n")
            try:
                do(root, claim, clock, work_s)
                log.write(f"done {claim.spec.job}.{claim.fence}\n")
            except LeaseLostError:
                log.write(f"lost {claim.spec.job}.{claim.fence}\n")
                claim.discard()


def do(root: Path, claim: JobClaim, clock: SkewedClock, work_s: float) -> None:
    content = f"{claim.fence} {claim.worker}\n".encode()
    ends = clock.monotonic() + work_s
    while clock.monotonic() < ends:
        clock.sleep(0.02)
        claim.heartbeat()
    with suppress(FileNotFoundError):  # swept: the lease is lost, as finish will say
        (claim.aside / "film.mkv").write_bytes(content)
    output = {"path": "film.mkv", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    now = clock.now()
    result = JobResult.model_validate(
        {"outcome": "done", "outputs": [output], "worker": claim.worker, "fence": claim.fence}
        | {"started_at": claim.claimed_at, "finished_at": now}
    )
    claim.finish(result)
    install(root, claim.spec, result, disk=DISK)


def start(root: Path, name: str, *options: str, before: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """Start a worker; `before` is what runs it, such as `unshare -n`."""
    program = [*before, sys.executable, "-m", "tests.unit.footage.stores.job_queue.crowd", str(root), name, *options]
    return subprocess.Popen(program, cwd=PROJECT)


@contextmanager
def stopped_at_the_end(root: Path, workers: list["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """Ask the workers to stop when the block ends, and wait for them; those that hang are killed."""
    try:
        yield
    finally:
        (root / "stop").touch()
        for worker in workers:
            try:
                worker.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def submit_until_all_had_some(shared: Shared, workers: set[str], *, first: int = 4, **wishes: Any) -> int:
    """Submit jobs until each of these workers has had one, whenever it starts; return how many that are."""
    count = first
    for number in range(first):
        shared.submit(f"movie-{number}", **wishes)

    def look() -> bool:
        nonlocal count
        if not shared.places()["pending"]:
            shared.submit(f"movie-{count}", **wishes)
            count += 1
        return {info.claimed_by for info in shared.queue.jobs()} >= workers

    wait_until(look, within_s=DEADLINE_S)
    return count


def wait_for(root: Path, count: int) -> None:
    """Wait until so many jobs are completed."""
    completed = root / ".pipeline/jobs/completed"

    def so_far() -> int:
        return len(list(completed.iterdir()))

    wait_until(lambda: so_far() >= count, within_s=DEADLINE_S, otherwise=lambda: f"{so_far()} of {count} are completed")


def attempts_logged(root: Path) -> dict[str, Counter[str]]:
    """What all workers have written: how often each attempt was begun, done and lost."""
    counts: dict[str, Counter[str]] = {"begin": Counter(), "done": Counter(), "lost": Counter()}
    for path in (root / "log").iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, attempt = line.partition(" ")
            counts[word][attempt] += 1
    return counts


def assert_each_done_once(shared: Shared, count: int) -> None:
    """Every job completed, no attempt held by two, and in place what the attempt made that completed it."""
    places = shared.places()
    assert [len(places[place]) for place in ("pending", "running", "failed")] == [0, 0, 0]
    completed = [JobName.parse(entry) for entry in places["completed"]]
    assert len({name.job for name in completed if name}) == len(completed) == count
    log = attempts_logged(shared.root)
    assert max(log["begin"].values()) == 1, "an attempt was handed to two workers"
    done = {str(name) for name in completed}
    assert set(log["done"]) <= done, "an attempt was answered that it is done, and the job was completed by another"
    for name in completed:
        assert name is not None
        film = shared.root / f"2-remuxed/movies/{name.item_id}/film.mkv"
        assert int(film.read_text().split()[0]) == name.fence


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("name")
    parser.add_argument("--skew-hours", type=float, default=0.0)
    parser.add_argument("--work-s", type=float, default=0.0)
    options = parser.parse_args()
    work(options.root, options.name, skew_hours=options.skew_hours, work_s=options.work_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
