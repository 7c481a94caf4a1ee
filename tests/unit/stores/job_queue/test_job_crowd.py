"""Several workers at once, as processes: skewed clocks, networks of their own, killed and frozen."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import BusyError
from dayreel.stores.job_queue import JobName, install
from tests.unit.stores.job_queue.crowd import DISK, start, stopped_at_the_end, told, wait_for
from tests.unit.stores.job_queue.jobs import Shared, make_result, make_spec, write_output
from tests.waiting import wait_until

SKEWED = [("attic", "--skew-hours", "7"), ("cellar", "--skew-hours", "-9000"), ("garden",)]


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def submit_many(shared: Shared, count: int, **wishes: Any) -> None:
    for number in range(count):
        shared.submit(f"movie-{number}", **wishes)


def assert_each_done_once(shared: Shared, count: int) -> None:
    """Every job completed, no attempt held by two, and in place what the attempt made that completed it."""
    places = shared.places()
    assert [len(places[place]) for place in ("pending", "running", "failed")] == [0, 0, 0]
    completed = [JobName.parse(entry) for entry in places["completed"]]
    assert len({name.job for name in completed if name}) == len(completed) == count
    log = told(shared.root)
    assert max(log["begin"].values()) == 1, "an attempt was handed to two workers"
    done = {str(name) for name in completed}
    assert set(log["done"]) <= done, "an attempt was told that it is done, and the job was completed by another"
    for name in completed:
        assert name is not None
        film = shared.root / f"2-remuxed/movies/{name.item_id}/film.mkv"
        assert int(film.read_text().split()[0]) == name.fence


@pytest.mark.slow
def test_a_crowd_with_clocks_years_apart_does_every_job_once(shared: Shared) -> None:
    """Nobody but the workers is there: what is submitted is done without a controller."""
    submit_many(shared, 200)
    workers = [start(shared.root, *options) for options in SKEWED]
    with stopped_at_the_end(shared.root, workers):
        wait_for(shared.root, 200)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert_each_done_once(shared, 200)
    assert not told(shared.root)["lost"]
    assert {info.fence for info in shared.queue.jobs()} == {1}, "no lease may be judged by a host's clock"
    assert len({info.claimed_by for info in shared.queue.jobs()}) == 3, "each has had some"


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
    submit_many(shared, 60)
    workers = [start(shared.root, name, before=no_network) for name in ("attic", "cellar")]
    with stopped_at_the_end(shared.root, workers):
        wait_for(shared.root, 60)
    assert_each_done_once(shared, 60)


@pytest.mark.slow
def test_workers_killed_or_frozen_lose_and_overwrite_nothing(shared: Shared) -> None:
    """Leases of half a second; every so often one worker is killed and started anew, or frozen past its lease."""
    count, chance = 36, random.Random(11)
    submit_many(shared, count, lease_s=0.5, max_attempts=20)
    workers = [start(shared.root, name, "--work-s", "0.1") for name in ("attic", "cellar", "garden")]
    frozen: dict[int, float] = {}
    completed = shared.jobs / "completed"
    ends = time.monotonic() + 60
    with stopped_at_the_end(shared.root, workers):
        try:
            while len(list(completed.iterdir())) < count:
                assert time.monotonic() < ends
                time.sleep(chance.uniform(0.1, 0.4))
                place = chance.randrange(len(workers))
                worker = workers[place]
                if place in frozen:
                    if time.monotonic() - frozen[place] > 1.2:
                        worker.send_signal(signal.SIGCONT)
                        del frozen[place]
                elif chance.random() < 0.3 and len(frozen) < 2:
                    worker.send_signal(signal.SIGSTOP)
                    frozen[place] = time.monotonic()
                elif chance.random() < 0.3:
                    worker.kill()
                    worker.wait()
                    workers[place] = start(shared.root, f"again-{time.monotonic_ns()}", "--work-s", "0.1")
        finally:
            for place in frozen:
                workers[place].send_signal(signal.SIGCONT)
    for info in shared.queue.jobs("completed"):  # those whose worker was killed before it could install
        assert info.spec is not None
        assert info.result is not None
        install(shared.root, info.spec, info.result, disk=DISK)
    assert_each_done_once(shared, count)
    assert max(info.fence for info in shared.queue.jobs()) > 1, "nobody was disturbed: the test has shown nothing"


@pytest.fixture
def frozen_worker(shared: Shared) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process that has claimed the only job and was frozen in the middle of it."""
    shared.submit()
    worker = start(shared.root, "sleeper", "--work-s", "0.5")
    wait_until(lambda: list(shared.root.glob("2-remuxed/.aside/*")))
    worker.send_signal(signal.SIGSTOP)
    with stopped_at_the_end(shared.root, [worker]):
        yield worker
        worker.send_signal(signal.SIGCONT)


@pytest.mark.slow
def test_a_worker_thawed_after_its_lease_ended_changes_nothing(
    shared: Shared, frozen_worker: "subprocess.Popen[bytes]"
) -> None:
    shared.pass_lease()
    assert [info.fence for info in shared.queue.reap()] == [2]
    claim = shared.must_claim("second")
    result = make_result(claim, "done", write_output(claim, content=b"2 second\n"))
    claim.finish(result)
    install(shared.root, claim.spec, result, disk=DISK)
    before = {path: path.read_bytes() for path in shared.root.rglob("*") if path.is_file() and "log" not in path.parts}
    frozen_worker.send_signal(signal.SIGCONT)
    wait_until(lambda: told(shared.root)["lost"])
    after = {path: path.read_bytes() for path in shared.root.rglob("*") if path.is_file() and "log" not in path.parts}
    assert after == before
    assert_each_done_once(shared, 1)


def test_a_job_submitted_by_many_at_once_is_there_once(shared: Shared) -> None:
    """While workers claim and complete it in between: the way in which it could come twice."""
    spec, answers = make_spec(), []
    stop = threading.Event()

    def submit() -> None:
        answers.append(Shared(shared.root).queue.submit(spec))

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
