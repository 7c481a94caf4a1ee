"""Several workers at once, as processes: skewed clocks, networks of their own, killed and frozen."""

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import BusyError
from dayreel.footage.stores.job_queue import JobQueue
from tests.unit.footage.stores.job_queue.crowd import (
    DEADLINE_S,
    DISK,
    assert_each_done_once,
    attempts_logged,
    start,
    stopped_at_the_end,
    submit_until_all_had_some,
    wait_for,
)
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, make_spec
from tests.waiting import wait_until

SKEWED = [("attic", "--skew-hours", "7"), ("cellar", "--skew-hours", "-9000"), ("garden",)]


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


@pytest.mark.slow
def test_a_crowd_with_clocks_years_apart_does_every_job_once(shared: Shared) -> None:
    """Nobody but the workers is there: what is submitted is done without a controller."""
    workers = [start(shared.root, *options) for options in SKEWED]
    with stopped_at_the_end(shared.root, workers):
        count = submit_until_all_had_some(shared, {options[0] for options in SKEWED}, first=24)
        wait_for(shared.root, count)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert_each_done_once(shared, count)
    assert not attempts_logged(shared.root)["lost"]
    assert {info.fence for info in shared.queue.jobs()} == {1}, "no lease may be judged by a host's clock"


@pytest.fixture
def no_network() -> list[str]:
    """What runs a command in a network namespace of its own."""
    command = ["unshare", "--net"]
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs root and unshare (util-linux) to make network namespaces")
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this system does not let root make network namespaces")
    return command


@pytest.mark.slow
def test_workers_without_a_network_need_only_the_folder(shared: Shared, no_network: list[str]) -> None:
    seen = subprocess.run([*no_network, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True).stdout
    assert "eth" not in seen
    workers = [start(shared.root, name, before=no_network) for name in ("attic", "cellar")]
    with stopped_at_the_end(shared.root, workers):
        count = submit_until_all_had_some(shared, {"attic", "cellar"}, first=8)
        wait_for(shared.root, count)
    assert_each_done_once(shared, count)


@pytest.mark.slow
def test_workers_killed_or_frozen_lose_and_overwrite_nothing(shared: Shared) -> None:
    """Of two in the middle of a job one is killed, and one frozen past its lease; a third does everything."""

    def what_is_there() -> dict[Path, bytes]:
        files = [*(shared.root / "2-remuxed").rglob("*"), *shared.jobs.glob("*/*/*")]
        return {path: path.read_bytes() for path in files if path.is_file()}

    for number in range(2):
        shared.submit(f"movie-{number}")
    frozen, killed = workers = [start(shared.root, name, "--work-s", "3600") for name in ("attic", "cellar")]
    with stopped_at_the_end(shared.root, workers):
        try:
            wait_until(lambda: len(list(shared.root.glob("2-remuxed/.aside/*"))) == 2, within_s=DEADLINE_S)
            frozen.send_signal(signal.SIGSTOP)
            killed.kill()
            shared.pass_lease()
            assert [info.fence for info in shared.queue.reap()] == [2, 2]
            for number in range(2, 6):
                shared.submit(f"movie-{number}")
            workers.append(start(shared.root, "garden"))
            wait_until(lambda: len(attempts_logged(shared.root)["done"]) == 6, within_s=DEADLINE_S)
            before = what_is_there()
        finally:
            frozen.send_signal(signal.SIGCONT)
        wait_until(lambda: attempts_logged(shared.root)["lost"], within_s=DEADLINE_S)
    assert what_is_there() == before
    assert_each_done_once(shared, 6)
    fences = {info.item_id: info.fence for info in shared.queue.jobs()}
    assert [fences[f"movie-{number}"] for number in range(6)] == [2, 2, 1, 1, 1, 1]


def test_a_job_submitted_by_many_at_once_is_there_once(shared: Shared) -> None:
    """While workers claim and complete it in between: the way in which it could come twice."""
    spec, answers = make_spec(), []
    stop = threading.Event()

    def submit() -> None:
        answers.append(JobQueue(shared.root, clock=SystemClock(), disk=DISK).submit(spec))

    def do_jobs() -> None:
        while not stop.is_set():
            if shared.jobs.exists() and (claim := shared.claim()):
                claim.finish(make_result(claim))

    worker = threading.Thread(target=do_jobs)
    worker.start()
    submitters = [threading.Thread(target=submit) for _ in range(12)]
    for thread in submitters:
        thread.start()
    for thread in submitters:
        thread.join()
    stop.set()
    worker.join()
    assert sorted(answers) == [False] * 11 + [True]
    while claim := shared.claim():
        claim.finish(make_result(claim))
    assert shared.places() == {"completed": [f"{spec.job}.1"], "failed": [], "pending": [], "running": []}


def test_a_stalled_submitter_is_replaced_and_can_add_nothing(shared: Shared) -> None:
    shared.submit("movie-other")
    spec = make_spec()
    held = shared.jobs / "pending" / f".new-{spec.job}"
    (held / "of-the-sleeper").mkdir(parents=True)
    with pytest.raises(BusyError, match="right now"):
        shared.queue.submit(spec)
    shared.folder_clock.ahead_s += 60
    assert shared.queue.submit(spec)
    with pytest.raises(FileNotFoundError):
        (held / "of-the-sleeper").rename(shared.jobs / "pending" / f"{spec.job}.1")
    assert len(shared.places()["pending"]) == 2
