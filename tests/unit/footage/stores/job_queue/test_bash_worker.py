"""`deploy/worker.sh`, run for real: what it does is read by the queue as if a worker of dayreel had done it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dayreel.footage.schemas.job import JobFile
from dayreel.footage.stores.job_queue import JobInfo, install
from tests.unit.footage.stores.job_queue.crowd import (
    DISK,
    PROJECT,
    start,
    stopped_at_the_end,
    submit_until_all_had_some,
    wait_for,
)
from tests.unit.footage.stores.job_queue.jobs import Shared
from tests.waiting import is_running, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in ("bash", "setsid", "sha256sum", "realpath")),
        reason="needs bash, GNU coreutils and setsid",
    ),
]

OWN = {"PATH": os.environ["PATH"], "HOME": "/", "TELEGRAM_TOKEN": "a secret of the machine"}
OWN |= {"HEARTBEAT_S": "0.1", "IDLE_S": "0.1"}
WITHIN_S = 300
WORK = """
case $JOB in
*bad*) exit 65 ;;
*flaky*) exit 3 ;;
esac
mkdir subs
cat "$INPUT_FILES" >'a "film", é & co.mkv'
printf %s "$PARAMETERS" >subs/parameters.json
env >environment.txt
"""


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    (tmp_path / "a & b").mkdir()
    return Shared(tmp_path / "a & b")


def command(shared: Shared, script: str) -> list[str]:
    return [str(PROJECT / "deploy/worker.sh"), str(shared.root), "remux", "bash", "bash", "-euc", script]


def run_once(shared: Shared, script: str = WORK) -> None:
    """Do what there is, until there is nothing."""
    subprocess.run(command(shared, script), env=OWN | {"ONCE": "1"}, check=True, timeout=WITHIN_S)


def with_stub(folder: Path, name: str, script: str) -> dict[str, str]:
    """Return the environment in which `name` is this script."""
    stub = folder / "bin" / name
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/bash\n{script}\n")
    stub.chmod(0o755)
    return OWN | {"PATH": f"{stub.parent}:{OWN['PATH']}"}


@contextmanager
def running(shared: Shared, script: str, environment: dict[str, str] = OWN) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command(shared, script), env=environment) as worker:
        try:
            yield worker
        finally:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()


def only_job(shared: Shared) -> JobInfo:
    [info] = shared.queue.jobs()
    return info


def an_input(shared: Shared, content: bytes = b"ripped") -> JobFile:
    folder = shared.root / "1-ripped"
    folder.mkdir()
    (folder / "one.mkv").write_bytes(content)
    return JobFile(path="1-ripped/one.mkv", size_bytes=6, sha256=hashlib.sha256(b"ripped").hexdigest())


def test_the_exit_code_completes_returns_or_fails_a_job(shared: Shared) -> None:
    source = an_input(shared)
    parameters = {"languages": ["eng"], "title": 'say "hi"'}
    good = shared.submit("movie-good", inputs=(source,), parameters=parameters)
    bad, flaky = shared.submit("movie-bad"), shared.submit("movie-flaky", max_attempts=2)
    shared.submit("movie-night", hours="22:00-06:00")
    shared.submit("movie-other", role="transcode")
    run_once(shared)
    infos = {info.item_id: info for info in shared.queue.jobs()}
    assert [info.problem for info in infos.values()] == [None] * 5
    assert (infos["movie-night"].place, infos["movie-other"].place) == ("pending", "pending")
    assert (infos["movie-bad"].place, infos["movie-bad"].fence) == ("failed", 1)
    assert (infos["movie-flaky"].place, infos["movie-flaky"].fence) == ("failed", 2)
    assert [earlier.error for earlier in infos["movie-flaky"].earlier_results()] == ["ended with code 3"]
    assert (bad.job, flaky.job) == (infos["movie-bad"].job, infos["movie-flaky"].job)
    done = infos["movie-good"]
    assert (done.place, done.claimed_by) == ("completed", "bash")
    assert done.result is not None
    assert {file.path for file in done.result.outputs} == {
        'a "film", é & co.mkv',
        "subs/parameters.json",
        "environment.txt",
    }
    install(shared.root, good, done.result, disk=DISK)
    placed = shared.root / good.output_dir
    for file in done.result.outputs:
        assert hashlib.sha256((placed / file.path).read_bytes()).hexdigest() == file.sha256
    assert (placed / 'a "film", é & co.mkv').read_bytes() == b"ripped"
    assert json.loads((placed / "subs/parameters.json").read_text()) == parameters
    environment = (placed / "environment.txt").read_text()
    assert "TELEGRAM" not in environment
    assert f"\nITEM_ID={good.item_id}\n" in environment


def test_an_input_that_has_changed_is_refused(shared: Shared) -> None:
    shared.submit(inputs=(an_input(shared, b"others"),))
    run_once(shared, "echo never >film.mkv")
    assert only_job(shared).place == "failed"
    assert not list(shared.root.glob("2-remuxed/.aside/*"))


def test_strange_jobs_are_left_alone(shared: Shared) -> None:
    spec = shared.submit()
    pending = shared.jobs / "pending"
    for name, raw in ((f"{spec.job}-half", b'{"job": '), (f"{spec.job}-none", None), ("p0-x-remux-y.1", b"{}")):
        folder = pending / (name if name.endswith(".1") else f"{name}.1")
        folder.mkdir()
        if raw is not None:
            (folder / "spec.json").write_bytes(raw)
    (pending / f"{spec.job}-file.1").write_text("no folder")
    (pending / f"{spec.job}-link.1").symlink_to("/")
    piped = shutil.copytree(pending / f"{spec.job}.1", pending / f"{spec.job}-pipe.1")
    (piped / "spec.json").write_text((piped / "spec.json").read_text().replace(spec.job, f"{spec.job}-pipe"))
    os.mkfifo(piped / "heartbeat")
    run_once(shared, "echo x >film.mkv")
    assert len(shared.places()["pending"]) == 6
    assert len(shared.places()["completed"]) == 1


def test_bash_and_python_workers_together_do_every_job_once(shared: Shared) -> None:
    python = [start(shared.root, "python", "--work-s", "0.15")]
    with stopped_at_the_end(shared.root, python), running(shared, "echo $JOB >film.mkv"):
        count = submit_until_all_had_some(shared, {"bash", "python"}, lease_s=30)
        wait_for(shared.root, count)
    infos = shared.queue.jobs()
    assert [(info.place, info.fence, info.problem) for info in infos] == [("completed", 1, None)] * count


def test_a_cancelled_command_is_killed_with_its_children(shared: Shared) -> None:
    spec = shared.submit()
    with running(shared, "echo $$ >pid; sleep 600 & echo $! >child; wait"):
        wait_until(lambda: list(shared.root.glob("2-remuxed/.aside/*/child")))
        [child] = shared.root.glob("2-remuxed/.aside/*/child")
        wait_until(child.read_text)
        pids = [int(child.read_text()), int(child.with_name("pid").read_text())]
        assert shared.queue.cancel(spec.job, by="maria").place == "running"
        wait_until(lambda: only_job(shared).place == "failed")
        assert not any(is_running(pid) for pid in pids)
    info = only_job(shared)
    assert info.result is not None
    assert info.result.outcome == "cancelled"


def test_a_frozen_worker_that_lost_its_lease_drops_its_work(shared: Shared) -> None:
    shared.submit()
    with running(shared, "echo late >film.mkv; sleep 600") as worker:
        wait_until(lambda: list(shared.root.glob("2-remuxed/.aside/*/film.mkv")))
        worker.send_signal(signal.SIGSTOP)
        shared.pass_lease()
        shared.queue.reap()
        claim = shared.must_claim("second")
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: not list(shared.root.glob("2-remuxed/.aside/*.1")))
        assert (only_job(shared).place, only_job(shared).fence, only_job(shared).claimed_by) == ("running", 2, "second")
        claim.heartbeat()


def test_a_stopped_worker_returns_its_job_with_no_attempt_used(shared: Shared) -> None:
    shared.submit(max_attempts=1)
    with running(shared, "touch begun; sleep 600") as worker:
        wait_until(lambda: list(shared.root.glob("2-remuxed/.aside/*/begun")))
        worker.terminate()
        worker.wait(timeout=WITHIN_S)
    info = only_job(shared)
    assert (info.place, info.fence) == ("pending", 2)
    assert [earlier.error for earlier in info.earlier_results()] == ["the worker was stopped"]
    assert shared.must_claim().fence == 2, "it need not rest"


def test_one_failed_heartbeat_write_does_not_discard_the_work(shared: Shared, tmp_path: Path) -> None:
    """A folder that is full answers so: it is not the same as a lease that was lost."""
    shared.submit()
    rounds = tmp_path / "rounds"  # a heartbeat follows each
    here = with_stub(tmp_path, "timeout", f'echo >>{rounds}\nexec {shutil.which("timeout")} "$@"')
    with running(shared, "touch begun; until [[ -e go ]]; do sleep 0.1; done; echo film >film.mkv", here):
        wait_until(lambda: list(shared.root.glob("2-remuxed/.aside/*/begun")))
        heartbeat = next(shared.jobs.glob("running/*")) / "heartbeat"
        heartbeat.unlink()
        heartbeat.mkdir()
        before = rounds.stat().st_size
        wait_until(lambda: rounds.stat().st_size > before + 2)
        next(shared.root.glob("2-remuxed/.aside/*/begun")).with_name("go").touch()
        wait_until(lambda: only_job(shared).place == "completed")


def test_outputs_survive_when_the_last_renames_reply_is_lost(shared: Shared, tmp_path: Path) -> None:
    spec = shared.submit()
    here = with_stub(tmp_path, "mv", f'{shutil.which("mv")} "$@"\n[[ ${{@: -1}} != */completed/* ]]')
    subprocess.run(command(shared, "echo film >film.mkv"), env=here | {"ONCE": "1"}, check=True, timeout=WITHIN_S)
    done = only_job(shared)
    assert (done.place, done.result is not None) == ("completed", True)
    install(shared.root, spec, done.result, disk=DISK)  # type: ignore[arg-type]
    assert (shared.root / spec.output_dir / "film.mkv").read_text() == "film\n"
