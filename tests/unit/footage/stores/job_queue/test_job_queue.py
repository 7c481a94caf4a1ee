"""The way of a job through the queue, one process at a time."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayreel.errors import BusyError, LeaseLostError, StaleState, StoreError, UsageError
from dayreel.footage.schemas.job import JobProgress
from dayreel.footage.stores.job_queue import JobName, JobQueue, QueueDisk, install
from dayreel.stores.state.disk import Contents
from tests.fakes.clock import NINE, FakeClock
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, make_spec, write_output


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def test_a_job_goes_from_pending_through_running_to_completed(shared: Shared) -> None:
    spec = shared.submit()
    assert [(info.place, info.spec) for info in shared.queue.jobs()] == [("pending", spec)]
    claim = shared.must_claim()
    running = shared.queue.find(spec.job)
    assert running is not None
    assert (running.place, running.fence, running.claimed_by) == ("running", 1, "attic")
    assert running.claimed_at == NINE
    claim.progress(JobProgress(percent=40, fps=24.0))
    assert running.progress == JobProgress(percent=40, fps=24.0)
    result = make_result(claim, "done", write_output(claim))
    claim.finish(result)
    assert [(info.place, info.result) for info in shared.queue.jobs()] == [("completed", result)]
    assert shared.claim() is None


def test_a_job_is_completed_once_the_device_has_its_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power loss would otherwise leave a job that says it is done, and a film without an end."""
    shared = Shared(tmp_path, QueueDisk())
    shared.submit()
    claim = shared.must_claim()
    output = write_output(claim, "disc/film.mkv")
    waited_for: list[int] = []
    wait = os.fsync

    def watch(fd: int) -> None:
        waited_for.append(os.fstat(fd).st_ino)
        wait(fd)

    monkeypatch.setattr(os, "fsync", watch)
    claim.finish(make_result(claim, "done", output))
    result = shared.jobs / "completed" / f"{claim.spec.job}.1" / "result.json"
    settled_first = waited_for[: waited_for.index(result.stat().st_ino)]
    film = claim.aside / output.path
    assert {film.stat().st_ino, film.parent.stat().st_ino, claim.aside.stat().st_ino} <= set(settled_first)


def test_a_running_jobs_folder_holds_the_files_of_the_protocol(shared: Shared) -> None:
    shared.submit()
    claim = shared.must_claim()
    folder = shared.jobs / "running" / f"{claim.spec.job}.1"
    files = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert json.loads(files.pop("spec.json"))["job"] == claim.spec.job
    assert files.pop("heartbeat").endswith("attic")
    assert files == {
        "state": "running",
        "fence": "1",
        "claimed_by": "attic",
        "claimed_at": "2026-11-20T09:00:00.000+00:00",
        "pid": str(os.getpid()),
    }


def test_a_job_is_submitted_once_wherever_it_has_got_to(shared: Shared) -> None:
    spec = shared.submit()
    later = spec.model_copy(update={"created_at": NINE + timedelta(days=1), "created_by": "another"})
    assert not shared.queue.submit(later)
    claim = shared.must_claim()
    assert not shared.queue.submit(spec)
    claim.give_back(make_result(claim, "returned"))
    assert not shared.queue.submit(spec)
    claim = shared.must_claim()
    claim.finish(make_result(claim))
    assert not shared.queue.submit(spec)
    assert len(shared.queue.jobs()) == 1


def test_another_job_under_the_same_id_is_refused(shared: Shared) -> None:
    spec = shared.submit()
    with pytest.raises(StoreError, match="another one under this id"):
        shared.queue.submit(spec.model_copy(update={"parameters": {"preset": "av1"}}))
    assert [info.spec for info in shared.queue.jobs()] == [spec]


def test_an_invalid_id_is_refused_and_nothing_is_created(shared: Shared) -> None:
    for job in ("remux-1", "../../x", "p5-20261120T090000-remux-Movie", "p5-20261120T090000-transcode-movie-one"):
        with pytest.raises(UsageError):
            shared.queue.submit(make_spec().model_copy(update={"job": job}))
    assert not shared.jobs.exists()


def test_an_unmounted_folder_is_an_error_and_not_an_empty_queue(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path / "not-mounted", clock=FakeClock())
    for ask in (
        queue.jobs,
        lambda: queue.claim(["remux"], worker="attic", now=NINE),
        lambda: queue.submit(make_spec()),
    ):
        with pytest.raises(StoreError, match="not-mounted"):
            ask()
    assert not (tmp_path / "not-mounted").exists()


def test_the_most_urgent_job_comes_first_and_then_the_oldest(shared: Shared) -> None:
    shared.submit("movie-late", created_at=NINE)
    shared.submit("movie-urgent", priority=1, created_at=NINE)
    early = NINE - timedelta(days=1)
    for number in range(12):
        shared.submit(f"movie-early-{number:02}", created_at=early)
    order = [shared.must_claim().spec.item_id for _ in range(5)]
    assert order[0] == "movie-urgent"
    assert "movie-late" not in order
    assert order[1:] != sorted(order[1:]), "workers must not all reach for the first"


def test_only_the_roles_that_were_asked_for_are_claimed(shared: Shared) -> None:
    shared.submit(role="transcode")
    assert shared.claim("remux") is None
    assert shared.claim("remux", "transcode") is not None


def test_a_job_with_hours_waits_for_them_in_its_own_zone(shared: Shared) -> None:
    shared.submit(hours="22:00-06:00", timezone="Europe/Berlin")
    assert shared.claim(now=datetime(2026, 11, 20, 20, 59, tzinfo=UTC)) is None
    assert shared.claim(now=datetime(2026, 11, 20, 21, 0, tzinfo=UTC)) is not None


def test_a_returned_job_gets_the_next_fence_and_keeps_results(shared: Shared) -> None:
    spec = shared.submit(max_attempts=2)
    first = shared.must_claim()
    result = make_result(first, "returned", error="no space left")
    assert first.give_back(result) == "pending"
    second = shared.must_claim("cellar")
    assert second.fence == 2
    info = shared.queue.find(spec.job)
    assert info is not None
    assert info.earlier_results() == [result]
    last = make_result(second, "returned", error="again")
    assert second.give_back(last) == "failed"
    assert [(info.place, info.fence, info.result) for info in shared.queue.jobs()] == [("failed", 2, last)]


def test_a_stopping_worker_gives_back_without_using_an_attempt(shared: Shared) -> None:
    shared.submit(max_attempts=1, retry_delay_s=600)
    claim = shared.must_claim()
    assert claim.give_back(make_result(claim, "returned"), is_fault=False) == "pending"
    assert shared.must_claim().fence == 2


def test_a_job_rests_before_it_is_tried_again_longer_each_time(shared: Shared) -> None:
    shared.submit(retry_delay_s=600)
    for attempt in (1, 2):
        claim = shared.must_claim()
        claim.give_back(make_result(claim, "returned"))
        shared.folder_clock.ahead_s = 600 * attempt - 60
        assert shared.claim() is None
        shared.folder_clock.ahead_s += 120


def test_a_lease_expires_by_folder_clock_and_bars_its_holder(shared: Shared) -> None:
    spec = shared.submit()
    sleeper = shared.must_claim()
    output = write_output(sleeper, content=b"the sleeper's")
    assert shared.queue.reap() == []
    shared.pass_lease()
    assert [(info.job, info.place, info.fence) for info in shared.queue.reap()] == [(spec.job, "pending", 2)]
    second = shared.must_claim("cellar")
    before = shared.places()
    for act in (
        sleeper.heartbeat,
        lambda: sleeper.progress(JobProgress(percent=99)),
        lambda: sleeper.finish(make_result(sleeper, "done", output)),
        lambda: sleeper.finish(make_result(sleeper, "failed")),
        lambda: sleeper.give_back(make_result(sleeper, "returned")),
    ):
        with pytest.raises(LeaseLostError, match="does not have that job any more"):
            act()
    assert shared.places() == before
    assert issubclass(LeaseLostError, BusyError)
    [results] = next(iter(shared.queue.jobs())).earlier_results()
    assert results.outcome == "returned"
    assert "no heartbeat for" in str(results.error)
    second.finish(make_result(second))


def test_a_heartbeat_keeps_the_lease_despite_the_local_clock(shared: Shared) -> None:
    shared.submit(lease_s=120)
    claim = shared.must_claim()
    shared.clock.move(days=-400)
    claim.heartbeat()
    shared.clock.move(days=900)
    assert shared.queue.reap() == []
    claim.finish(make_result(claim))


def test_a_stalled_job_with_no_attempts_left_fails_and_says_why(shared: Shared) -> None:
    shared.submit(max_attempts=1)
    shared.must_claim()
    shared.pass_lease()
    [info] = shared.queue.reap()
    assert (info.place, info.fence) == ("failed", 1)
    assert info.result is not None
    assert "'attic' stopped answering" in str(info.result.error)


def test_a_claim_found_without_heartbeat_gets_a_full_lease(shared: Shared) -> None:
    shared.submit()
    claim = shared.must_claim()
    beat = shared.jobs / "running" / f"{claim.spec.job}.1" / "heartbeat"
    beat.unlink()
    assert shared.queue.reap() == []
    assert beat.exists()
    shared.pass_lease()
    assert len(shared.queue.reap()) == 1


def test_a_worker_that_dies_after_its_result_has_finished(shared: Shared) -> None:
    spec = shared.submit()
    claim = shared.must_claim()
    result = make_result(claim, "done", write_output(claim))
    (shared.jobs / "running" / f"{spec.job}.1" / "result.json").write_text(result.model_dump_json())
    shared.pass_lease()
    assert [(info.place, info.result) for info in shared.queue.reap()] == [("completed", result)]
    claim.finish(result)  # it was only asleep: that is what it wanted


def test_a_pending_job_is_cancelled_at_once(shared: Shared) -> None:
    spec = shared.submit()
    info = shared.queue.cancel(spec.job, by="maria")
    assert (info.place, info.cancelled_by) == ("failed", "maria")
    assert info.result is not None
    assert info.result.outcome == "cancelled"
    assert shared.claim() is None
    assert shared.queue.cancel(spec.job, by="maria").place == "failed"


def test_a_running_job_is_asked_to_stop(shared: Shared) -> None:
    spec = shared.submit()
    claim = shared.must_claim()
    assert not claim.is_cancelled()
    assert shared.queue.cancel(spec.job, by="maria").place == "running"
    assert claim.is_cancelled()
    claim.finish(make_result(claim, "cancelled"))
    assert [info.place for info in shared.queue.jobs()] == ["failed"]


def test_a_cancelled_job_that_is_given_back_is_not_done_again(shared: Shared) -> None:
    spec = shared.submit()
    claim = shared.must_claim()
    shared.queue.cancel(spec.job, by="maria")
    assert claim.give_back(make_result(claim, "returned"), is_fault=False) == "failed"
    [info] = shared.queue.jobs()
    assert info.result is not None
    assert (info.place, info.result.outcome) == ("failed", "cancelled")


def test_a_cancelled_job_whose_worker_died_is_not_done_again(shared: Shared) -> None:
    spec = shared.submit()
    shared.must_claim()
    shared.queue.cancel(spec.job, by="maria")
    shared.pass_lease()
    [info] = shared.queue.reap()
    assert info.place == "failed"
    assert info.result is not None
    assert info.result.outcome == "cancelled"


def test_an_interrupted_cancel_is_completed_by_the_next_claim(shared: Shared) -> None:
    spec = shared.submit()
    (shared.jobs / "pending" / f"{spec.job}.1" / "cancel").write_text("maria\n")
    assert shared.claim() is None
    assert [(info.place, info.cancelled_by) for info in shared.queue.jobs()] == [("failed", "maria")]


def test_cancel_and_retry_refuse_completed_or_unknown_jobs(shared: Shared) -> None:
    spec = shared.submit()
    claim = shared.must_claim()
    with pytest.raises(StaleState, match="running"):
        shared.queue.retry(spec.job)
    claim.finish(make_result(claim))
    with pytest.raises(StaleState, match="completed"):
        shared.queue.cancel(spec.job, by="maria")
    with pytest.raises(StaleState, match="completed"):
        shared.queue.retry(spec.job)
    with pytest.raises(UsageError, match="no job"):
        shared.queue.cancel("p5-20261120T090000-remux-nothing", by="maria")


def test_a_failed_or_cancelled_job_retries_under_the_next_fence(shared: Shared) -> None:
    spec = shared.submit(max_attempts=1, retry_delay_s=600)
    claim = shared.must_claim()
    claim.give_back(make_result(claim, "returned", error="no space left"))
    info = shared.queue.retry(spec.job)
    assert (info.place, info.fence, info.result) == ("pending", 2, None)
    assert [result.error for result in info.earlier_results()] == ["no space left"]
    shared.queue.cancel(spec.job, by="maria")
    shared.queue.retry(spec.job)
    again = shared.must_claim()
    assert again.fence == 3
    assert not again.is_cancelled()
    again.finish(make_result(again))


def test_a_result_of_another_attempt_or_wrong_kind_is_refused(shared: Shared) -> None:
    shared.submit()
    claim = shared.must_claim()
    with pytest.raises(ValueError, match="attempt 2"):
        claim.finish(make_result(claim, fence=2))
    with pytest.raises(ValueError, match="give_back"):
        claim.finish(make_result(claim, "returned"))
    with pytest.raises(ValueError, match="finish"):
        claim.give_back(make_result(claim, "done"))


def test_a_job_is_not_finished_with_outputs_that_are_not_there(shared: Shared) -> None:
    shared.submit()
    claim = shared.must_claim()
    output = write_output(claim)
    (claim.aside / output.path).write_bytes(b"short")
    with pytest.raises(StoreError, match="of 7 bytes, and the file has 5"):
        claim.finish(make_result(claim, "done", output))
    (claim.aside / output.path).unlink()
    with pytest.raises(StoreError, match="No such file"):
        claim.finish(make_result(claim, "done", output))
    claim.heartbeat()


def test_a_listing_is_sorted_and_follows_jobs_that_moved_on(shared: Shared) -> None:
    first, second = shared.submit("movie-a"), shared.submit("movie-b", priority=0)
    listed = shared.queue.jobs("pending")
    assert [info.job for info in listed] == [second.job, first.job]
    claims = [shared.must_claim(), shared.must_claim()]
    assert [info.spec for info in listed] == [second, first]
    assert [info.problem for info in listed] == [None, None]
    for claim in claims:
        claim.give_back(make_result(claim, "returned"))
    assert [info.claimed_by for info in listed] == [None, None], "that was another attempt"
    assert [info.place for info in shared.queue.jobs()] == ["pending", "pending"]
    assert JobQueue(shared.root, clock=shared.clock, disk=QueueDisk(durable=False)).find("no-such-job") is None


class ListingDisk(QueueDisk):
    """Notes which places are listed."""

    def __init__(self) -> None:
        super().__init__(durable=False)
        self.listed: list[str] = []

    def names(self, directory: str) -> list[str]:
        self.listed.append(directory.rpartition("/")[2])
        return super().names(directory)


def test_claiming_working_and_reaping_never_list_the_history(tmp_path: Path) -> None:
    disk = ListingDisk()
    shared = Shared(tmp_path, disk)
    shared.submit()
    disk.listed.clear()
    claim = shared.must_claim()
    claim.heartbeat()
    claim.finish(make_result(claim))
    shared.queue.reap()
    assert shared.queue.stalled() == []
    shared.queue.jobs("pending")
    assert shared.queue.completed(JobName(claim.spec.job, 1)) is not None
    assert shared.queue.completed(JobName(claim.spec.job, 2)) is None
    assert not {"completed", "failed"} & set(disk.listed)


def test_an_ended_job_is_removed_at_once_even_for_its_holders(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    shared.submit()
    claim = shared.must_claim()
    (running,) = shared.queue.jobs("running")
    with pytest.raises(ValueError, match="has not ended"):
        shared.queue.remove(running)
    result = make_result(claim)
    claim.finish(result)
    (ended,) = shared.queue.jobs("completed")
    assert shared.queue.remove(ended)
    assert not shared.queue.remove(ended), "somebody was quicker"
    assert (ended.spec, ended.result, shared.queue.find(ended.job)) == (None, None, None)
    with pytest.raises(StoreError, match="has not completed"):
        install(shared.root, claim.spec, result)
    with pytest.raises(LeaseLostError):
        claim.heartbeat()
    assert not any(shared.places().values())


class StaleDisk(QueueDisk):
    """A share whose last answer is lost, and on which this machine does not see the new name yet."""

    def replace(self, source: str, target: str) -> None:
        super().replace(source, target)
        if "/completed/" in target:
            raise FileNotFoundError(errno.ENOENT, "no such folder", source)

    def read(self, path: str, *, limit_bytes: int) -> Contents:
        if "/completed/" in path:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return super().read(path, limit_bytes=limit_bytes)


def test_outputs_reported_done_survive_a_finish_that_seems_lost(tmp_path: Path) -> None:
    """Somebody may have completed the job for its worker, who would otherwise remove what only it has made."""
    shared = Shared(tmp_path, StaleDisk(durable=False))
    spec = shared.submit()
    claim = shared.must_claim()
    result = make_result(claim, "done", write_output(claim))
    with pytest.raises(LeaseLostError):
        claim.finish(result)
    claim.discard()
    install(shared.root, spec, result, disk=QueueDisk(durable=False))
    assert (shared.root / spec.output_dir / "film.mkv").read_bytes() == b"remuxed"


def test_a_share_that_stumbles_cancels_nothing(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that keeps the lease asks this twice a second, and must not die of it."""
    shared.submit()
    claim = shared.must_claim()

    def stumble(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", stumble)
        assert not claim.is_cancelled()
    shared.queue.cancel(claim.spec.job, by="ana")
    assert claim.is_cancelled()
