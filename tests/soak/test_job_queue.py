"""The job queue with a thousand jobs and five workers, and with workers that are killed and frozen all the time."""

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from dayreel.footage.stores.job_queue import install
from tests.unit.footage.stores.job_queue.crowd import (
    DISK,
    assert_each_done_once,
    attempts_logged,
    start,
    stopped_at_the_end,
)
from tests.unit.footage.stores.job_queue.jobs import Shared
from tests.waiting import wait_until

JOBS = 1_000
CLOCKS_H = (0, 7, -9_000, 0.5, 60_000)
DISTURBED_JOBS, SEED = 300, 11
LEASE_S = 2.0
WITHIN_S = 1_800.0


def test_a_thousand_jobs_are_each_done_once(tmp_path: Path, figure: Callable[[str], None]) -> None:
    shared = Shared(tmp_path)
    for number in range(JOBS):
        shared.submit(f"movie-{number}")
    began = time.monotonic()
    workers = [start(tmp_path, f"worker-{n}", "--skew-hours", str(hours)) for n, hours in enumerate(CLOCKS_H)]
    with stopped_at_the_end(tmp_path, workers):
        wait_until(lambda: completed(shared) >= JOBS, within_s=WITHIN_S, every_s=0.5)
        took_s = time.monotonic() - began
    assert_each_done_once(shared, JOBS)
    assert not attempts_logged(tmp_path)["lost"]
    shares = sorted(Counter(info.claimed_by for info in shared.queue.jobs()).values())
    figure(f"{JOBS:,} jobs, 0 lost, 0 done twice, {JOBS / took_s:.0f} a second; shares of the five workers {shares}")


def test_killed_and_frozen_workers_lose_no_job(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """Every so often one worker is killed and replaced, or frozen past its lease and woken again."""
    shared, chance = Shared(tmp_path), random.Random(SEED)
    for number in range(DISTURBED_JOBS):
        shared.submit(f"movie-{number}", lease_s=LEASE_S, max_attempts=20)
    started = 3
    workers = [worker(tmp_path, number) for number in range(started)]
    frozen: dict[int, float] = {}
    freezes = 0
    ends = time.monotonic() + WITHIN_S
    with stopped_at_the_end(tmp_path, workers):
        try:
            while completed(shared) < DISTURBED_JOBS:
                assert time.monotonic() < ends, f"{completed(shared)} of {DISTURBED_JOBS} are completed"
                time.sleep(chance.uniform(0.1, 0.4))
                place = chance.randrange(len(workers))
                if place in frozen:
                    if time.monotonic() - frozen[place] > 2 * LEASE_S:
                        workers[place].send_signal(signal.SIGCONT)
                        del frozen[place]
                elif chance.random() < 0.3 and len(frozen) < 2:
                    workers[place].send_signal(signal.SIGSTOP)
                    frozen[place] = time.monotonic()
                    freezes += 1
                elif chance.random() < 0.3:
                    workers[place].kill()
                    workers[place].wait()
                    workers[place] = worker(tmp_path, started)
                    started += 1
        finally:
            for place in frozen:
                workers[place].send_signal(signal.SIGCONT)
    for info in shared.queue.jobs("completed"):  # those whose worker was killed before it could install
        assert info.spec is not None
        assert info.result is not None
        install(tmp_path, info.spec, info.result, disk=DISK)
    assert_each_done_once(shared, DISTURBED_JOBS)
    handed_on = sum(info.fence > 1 for info in shared.queue.jobs())
    assert handed_on, "nobody was disturbed: it has shown nothing"
    figure(
        f"{DISTURBED_JOBS} jobs, {started - 3} workers killed, {freezes} times one frozen, {handed_on} jobs handed on, "
        "0 lost, 0 overwritten"
    )


def worker(root: Path, number: int) -> "subprocess.Popen[bytes]":
    return start(root, f"worker-{number}", "--work-s", "0.1")


def completed(shared: Shared) -> int:
    return len(list((shared.jobs / "completed").iterdir()))
