"""How work is called off: cancelled, stopped, lease lost, killed. Nothing is lost, done twice or left running."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import BusyError, LeaseLostError, UsageError
from dayreel.footage.schemas.job import JobSpec
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.worker.lease import Lease
from dayreel.footage.worker.presence import WORKERS, Presence, list_workers
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.run import disk_full
from tests.fakes.clock import FakeClock
from tests.unit.footage.worker.conftest import LEAF, WITHIN_S, SharedFolder
from tests.waiting import is_running, wait_until


def slow_script(shared: SharedFolder) -> Path:
    """Let remux be a script that says that it has begun and then takes a minute; return where it says so."""
    begun = shared.root.parent / "begun"
    path = shared.root.parent / "slow.sh"
    path.write_text(f'#!/bin/bash\nsleep 60 & echo $! > "{begun}.new"; mv "{begun}.new" "{begun}"; wait\n')
    path.chmod(0o755)
    shared.plan(remux={"script": [str(path)]})
    return begun


@pytest.fixture
def slow_ffmpeg(shared: SharedFolder) -> None:
    """An encoder that, after the first frames, takes as long as its film lasts: somebody can call it off in time."""
    path = shared.root.parent / "slow-ffmpeg"
    path.write_text(
        "#!/bin/bash\nwords=()\n"
        'for word in "$@"; do\n'
        '[[ $word == -i && " $* " == *" libsvtav1 "* ]] && words+=(-readrate 1 -readrate_initial_burst 20)\n'
        f'words+=("$word"); done\nexec "{shared.ffmpeg}" "${{words[@]}}"\n'
    )
    path.chmod(0o755)
    shared.ffmpeg = path


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """Ten minutes of next to nothing."""
    path = tmp_path / "long.mp4"
    command = "-f lavfi -i color=s=64x36:r=10:d=600 -c:v libx264 -preset ultrafast"
    subprocess.run([find_ffmpeg(), "-v", "error", *command.split(), path], check=True, timeout=WITHIN_S)
    return path


def detail_of(shared: SharedFolder, spec: JobSpec) -> str:
    progress = shared.find(spec).progress
    return progress.detail if progress else ""


@pytest.mark.slow
@pytest.mark.usefixtures("slow_ffmpeg")
def test_a_job_cancelled_while_encoding_ends_and_leaves_nothing(shared: SharedFolder, long_clip: Path) -> None:
    source = shared.put(long_clip, stage="2-remuxed")
    spec = shared.submit("transcode", source, parameters={"preset": "av1"}, lease_s=20)
    with shared.working():
        wait_until(lambda: detail_of(shared, spec).startswith("transcode to av1: film.mp4"))
        shared.queue.cancel(spec.job, by="a person")
    assert shared.ended[0].outcome == "cancelled"
    info = shared.find(spec)
    assert (info.place, info.result.outcome if info.result else None) == ("failed", "cancelled")
    assert not (shared.root / f"3-transcoded/movies/{LEAF}").exists()
    assert shared.leftovers() == []
    assert source.exists()


@pytest.mark.slow
def test_a_stopped_worker_returns_its_job_without_an_attempt(shared: SharedFolder, clip: Path) -> None:
    begun = slow_script(shared)
    spec = shared.submit("remux", shared.put(clip), max_attempts=1)
    with shared.working():
        wait_until(begun.exists)
        (there,) = list_workers(shared.root)
        assert (there.seen.job, there.is_alive) == (spec.job, True)
        shared.stop.set()
    assert shared.ended[0].outcome == "returned"
    assert shared.find(spec).place == "pending"
    assert not is_running(int(begun.read_text()))
    assert list_workers(shared.root) == []


@pytest.mark.slow
def test_a_worker_that_loses_its_lease_stops_without_installing(shared: SharedFolder, clip: Path) -> None:
    begun = slow_script(shared)
    spec = shared.submit("remux", shared.put(clip), lease_s=0.4)
    running = shared.root / f".pipeline/jobs/running/{spec.job}.1"
    with shared.working():
        wait_until(begun.exists)
        running.rename(shared.root / f".pipeline/jobs/pending/{spec.job}.2")  # as a reaper does
    assert shared.ended[0].outcome == "lost"
    assert not is_running(int(begun.read_text()))
    shared.plan()
    shared.must_end("done")
    result = shared.find(spec).result
    assert result is not None
    assert result.fence == 2


def test_a_worker_without_heartbeats_stops_as_its_lease_ends(
    shared: SharedFolder, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is away for this machine alone, perhaps: by then somebody else may have the job."""
    shared.submit("remux", shared.put(clip), lease_s=8)
    claim = shared.queue.claim(["remux"], worker="attic", now=shared.clock.now())
    assert claim is not None
    shared.root.rename(shared.root.with_name("away"))
    clock, tries, beat = FakeClock(), [0], claim.heartbeat

    def counted() -> None:
        tries[0] += 1
        beat()

    monkeypatch.setattr(claim, "heartbeat", counted)
    with Lease(claim, clock, shared.stop, deadline_s=3600) as lease:
        clock.move(seconds=7)
        wait_until(lambda: tries[0] == 1)
        lease.pulse()
        clock.move(seconds=2)
        wait_until(lambda: tries[0] == 2)
    with pytest.raises(LeaseLostError, match="no heartbeat came through for 9 s"):
        lease.pulse()


@pytest.mark.slow
def test_a_full_disk_gives_the_job_back_and_leaves_nothing(shared: SharedFolder, clip: Path) -> None:
    full = shared.root.parent / "full-ffmpeg"
    full.write_text("#!/bin/sh\necho '[error] av_interleaved_write_frame(): No space left on device' >&2; exit 1\n")
    full.chmod(0o755)
    spec = shared.submit("remux", shared.put(clip), retry_delay_s=0)
    ffmpeg, shared.ffmpeg = shared.ffmpeg, full
    assert "the disk is full" in shared.must_end("returned")
    assert (shared.find(spec).place, shared.leftovers()) == ("pending", [])
    shared.ffmpeg = ffmpeg
    shared.must_end("done")


def test_a_worker_bug_is_its_jobs_and_the_next_is_done(
    shared: SharedFolder, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    spec = shared.submit("remux", shared.put(clip))
    with monkeypatch.context() as patch:
        patch.setattr("dayreel.footage.worker.roles.rewrap", broken)
        assert "a bug" in shared.must_end("returned")
    info = shared.find(spec)
    assert info.place == "pending"
    result = info.earlier_results()[0]
    assert "The worker itself failed" in (result.error or "")
    assert "in broken" in result.facts["trace"]
    assert shared.ended[-1].trace == result.facts["trace"]
    shared.submit("file", shared.put(clip, "other.mp4"), parameters={"names": {"other.mp4": "movies/A/a.mp4"}})
    shared.must_end("done")


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), disk_full(Path(), "remux 'film.mp4'")]
)
def test_a_full_disk_is_no_attempt_at_a_job(
    shared: SharedFolder, clip: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    spec = shared.submit("remux", shared.put(clip), max_attempts=1)
    with monkeypatch.context() as patch:
        patch.setattr("dayreel.footage.worker.roles.rewrap", full)
        shared.must_end("returned")
    assert shared.ended[-1].is_for_want_of_room
    assert shared.find(spec).place == "pending"
    shared.must_end("done")


def worker_process(shared: SharedFolder, name: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dayreel", "worker", "--roles", "remux,transcode", "--name", name]
    options = ["--library", str(shared.root), "--log-dir", str(shared.root.parent / "logs")]
    return subprocess.Popen([*command, *options], stderr=subprocess.PIPE)


def reaped(shared: SharedFolder, spec: JobSpec) -> list[JobInfo]:
    """Let it be an hour since the last heartbeat, and hand on the job; nothing while its worker holds it just now."""
    let_the_lease_pass(shared, spec)
    return shared.queue.reap()


def let_the_lease_pass(shared: SharedFolder, spec: JobSpec) -> None:
    """Let it be an hour since the last heartbeat."""
    heartbeat = shared.root / f".pipeline/jobs/running/{spec.job}.1/heartbeat"
    an_hour_ago = heartbeat.stat().st_mtime - 3600
    os.utime(heartbeat, (an_hour_ago, an_hour_ago))


@pytest.mark.slow
def test_a_second_worker_finishes_the_job_of_a_killed_one(shared: SharedFolder, clip: Path) -> None:
    begun = slow_script(shared)
    spec = shared.submit("remux", shared.put(clip), lease_s=1, retry_delay_s=0)
    with worker_process(shared, "first") as first:
        wait_until(begun.exists)
        first.kill()
    wait_until(lambda: not is_running(int(begun.read_text())))  # its process_guard ends what it had started
    let_the_lease_pass(shared, spec)
    shared.plan()
    with worker_process(shared, "second") as second:
        wait_until((shared.root / f"2-remuxed/movies/{LEAF}/.pipeline/remux.done").exists)
        second.send_signal(signal.SIGTERM)
        assert second.wait(WITHIN_S) == 0
        log = second.stderr.read().decode() if second.stderr else ""
    assert "stopped; 1 jobs done" in log
    result = shared.find(spec).result
    assert result is not None
    assert (result.worker, result.fence) == ("second", 2)
    assert len(probe(shared.root / f"2-remuxed/movies/{LEAF}/film.mkv").audio) == 2
    assert shared.leftovers() == []
    lines = (shared.root.parent / "logs/worker-second.jsonl").read_text().splitlines()
    assert '"outcome": "done"' in "".join(lines)


@pytest.mark.slow
def test_a_worker_resumed_after_its_lease_ended_drops_its_work(shared: SharedFolder, clip: Path) -> None:
    begun = slow_script(shared)
    spec = shared.submit("remux", shared.put(clip), lease_s=1, retry_delay_s=0)
    with worker_process(shared, "sleeper") as sleeper:
        wait_until(begun.exists)
        sleeper.send_signal(signal.SIGSTOP)
        wait_until(lambda: reaped(shared, spec))
        shared.plan()
        shared.must_end("done")
        done = shared.find(spec).result
        sleeper.send_signal(signal.SIGCONT)
        wait_until(lambda: not is_running(int(begun.read_text())))
        sleeper.send_signal(signal.SIGTERM)
        assert sleeper.wait(WITHIN_S) == 0
        log = sleeper.stderr.read().decode() if sleeper.stderr else ""
    assert f"{spec.job}: lost after" in log
    assert (done and done.worker, done and done.fence) == ("attic", 2)
    assert shared.find(spec).result == done
    assert shared.leftovers() == []


def test_a_name_belongs_to_one_live_worker(shared: SharedFolder) -> None:
    clock = SystemClock()
    with Presence(shared.root, "attic", ["remux"], clock):
        with pytest.raises(BusyError, match="A worker called 'attic' is at work already"):
            Presence(shared.root, "attic", ["remux"], clock).__enter__()
        with Presence(shared.root, "cellar", ["remux"], clock):
            assert [worker.seen.name for worker in list_workers(shared.root)] == ["attic", "cellar"]
    assert list_workers(shared.root) == []
    with pytest.raises(UsageError, match="cannot be called"):
        Presence(shared.root, "../attic", ["remux"], clock)


@pytest.mark.slow
def test_the_name_of_a_dead_worker_can_be_taken(shared: SharedFolder) -> None:
    ended = subprocess.run(["true"], check=True)
    assert ended.returncode == 0
    with Presence(shared.root, "attic", ["remux"], SystemClock()):
        path = shared.root / WORKERS / "attic.json"
        left = path.read_bytes()
    path.write_bytes(left.replace(f'"pid":{os.getpid()}'.encode(), b'"pid":4194303'))
    with Presence(shared.root, "attic", ["remux"], SystemClock()):
        pass
    path.write_bytes(left.replace(b'"host":"', b'"host":"other-'))
    with pytest.raises(BusyError, match="on other-"):
        Presence(shared.root, "attic", ["remux"], SystemClock()).__enter__()
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    with Presence(shared.root, "attic", ["remux"], SystemClock()):
        assert threading.active_count() > 1
