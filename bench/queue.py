"""The job queue: jobs a second with 1, 4 and 16 workers, and listing 10,000: `python -m bench queue`.

The workers are processes of their own on one folder; each claims, finishes and claims again, as fast as it can, and the
device is waited for as always. Every job is counted afterwards: none lost, none done twice. Bars are ratios of the same
run: sixteen workers together do no less than one (herding), and a listing that reads no file costs little more than
the directory's own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dayreel.clock import SystemClock
from dayreel.footage.schemas.job import JobResult, JobSpec
from dayreel.footage.stores.job_queue import JobQueue, QueueDisk, job_id

JOBS = 1000
LISTED = 10_000
WORKERS = (1, 4, 16)
MOMENT = datetime(2026, 1, 1, 6, tzinfo=UTC)
BARS = {"sixteen_to_one": 1.0, "listing_to_readdir": 12.0}


def submit_many(root: Path, count: int, *, durable: bool = True) -> JobQueue:
    """Put jobs into an empty folder."""
    queue = JobQueue(root, clock=SystemClock(), disk=QueueDisk(durable=durable))
    for number in range(count):
        job = job_id(created_at=MOMENT, role="remux", item_id=f"movie-{number:05}")
        queue.submit(
            JobSpec(
                job=job,
                role="remux",
                item_id=f"movie-{number:05}",
                inputs=(),
                output_dir="2-remuxed/movies/one",
                marker_dir="2-remuxed/movies/one/.pipeline",
                created_at=MOMENT,
                created_by="bench",
            )
        )
    return queue


def work(root: Path, name: str) -> None:
    """Do jobs until there are none, and say how many and from when to when, by the machine's own clock."""
    clock = SystemClock()
    queue = JobQueue(root, clock=clock)
    while not (root / "go").exists():
        clock.sleep(0.01)
    began, done = time.time(), 0
    while claim := queue.claim(["remux"], worker=name, now=clock.now()):
        now = clock.now()
        facts: dict[str, Any] = {"outcome": "done", "worker": name, "fence": claim.fence}
        claim.finish(JobResult(**facts, started_at=now, finished_at=now))
        done += 1
    print(json.dumps({"began": began, "ended": time.time(), "done": done}))


def measure_workers(folder: Path, count: int) -> float:
    """Return jobs a second that `count` workers claim and finish together."""
    root = folder / f"{count}-workers"
    root.mkdir()
    queue = submit_many(root, JOBS, durable=False)
    program = [sys.executable, "-m", "bench.queue", "--worker", str(root)]
    workers = [subprocess.Popen([*program, str(number)], stdout=subprocess.PIPE, text=True) for number in range(count)]
    time.sleep(1.0 + 0.3 * count)  # until every one has started
    (root / "go").touch()
    reports = [json.loads(worker.communicate()[0]) for worker in workers]
    assert sum(report["done"] for report in reports) == JOBS, "a job was lost, or done twice"
    assert len({info.job for info in queue.jobs("completed")}) == len(queue.jobs()) == JOBS
    took_s: float = max(report["ended"] for report in reports) - min(report["began"] for report in reports)
    return JOBS / took_s


def measure_listing(folder: Path) -> tuple[float, float]:
    """Return seconds for a listing of all pending jobs, and for the bare reading of their directory."""
    root = folder / "listed"
    (root / ".pipeline/jobs/pending").mkdir(parents=True)
    for number in range(LISTED):
        job = job_id(created_at=MOMENT, role="remux", item_id=f"movie-{number:05}")
        (root / f".pipeline/jobs/pending/{job}.1").mkdir()
    queue = JobQueue(root, clock=SystemClock())
    listing, bare = [], []
    for _ in range(5):
        began = time.perf_counter()
        assert len(queue.jobs("pending")) == LISTED
        listing.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert len(os.listdir(root / ".pipeline/jobs/pending")) == LISTED  # noqa: PTH208  bare
        bare.append(time.perf_counter() - began)
    return min(listing), min(bare)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=2, metavar=("ROOT", "NAME"))
    options = parser.parse_args()
    if options.worker:
        work(Path(options.worker[0]), options.worker[1])
        return 0
    with tempfile.TemporaryDirectory() as name:
        rates = {count: measure_workers(Path(name), count) for count in WORKERS}
        listing_s, bare_s = measure_listing(Path(name))
    print(f"| workers | jobs claimed and finished a second, of {JOBS} |\n|---|---|")
    for count, rate in rates.items():
        print(f"| {count} | {rate:.0f} |")
    ratios = {"sixteen_to_one": rates[16] / rates[1], "listing_to_readdir": listing_s / bare_s}
    print(
        f"\nSixteen workers together do {ratios['sixteen_to_one']:.2f} of what one does (bar {BARS['sixteen_to_one']})."
    )
    print(
        f"Listing {LISTED} pending jobs: {listing_s * 1000:.0f} ms, {ratios['listing_to_readdir']:.1f} times the bare "
        f"reading of the directory (bar {BARS['listing_to_readdir']})."
    )
    held = ratios["sixteen_to_one"] >= BARS["sixteen_to_one"]
    return 0 if held and ratios["listing_to_readdir"] <= BARS["listing_to_readdir"] else 1


if __name__ == "__main__":
    sys.exit(main())
