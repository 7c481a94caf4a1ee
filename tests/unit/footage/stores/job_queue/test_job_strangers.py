"""What people and scripts leave among the jobs: it is named and left alone, and the jobs beside it go on."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import StoreError
from dayreel.footage.stores.job_queue import JobInfo
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, make_spec

SPEC = make_spec("movie-strange", priority=0)


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    shared = Shared(tmp_path)
    shared.submit("movie-good")
    return shared


def drop(shared: Shared, spec: bytes | None, name: str = f"{SPEC.job}.1") -> Path:
    folder = shared.jobs / "pending" / name
    folder.mkdir()
    if spec is not None:
        (folder / "spec.json").write_bytes(spec)
    return folder


def changed(**wishes: Any) -> bytes:
    return json.dumps(SPEC.model_dump(mode="json") | wishes).encode()


def strange(shared: Shared) -> JobInfo:
    [infos] = [info for info in shared.queue.jobs("pending") if info.problem]
    return infos


SPECS: dict[str, tuple[bytes | None, str]] = {
    "none": (None, "missing"),
    "empty": (b"", "spec.json"),
    "half": (changed()[:100], "spec.json"),
    "no JSON": (b"<html>502</html>", "spec.json"),
    "a list": (b"[1]", "spec.json"),
    "not UTF-8": (b'{"job": "\xff\xfe"}', "spec.json"),
    "deep": (b"[" * 100_000, "spec.json"),
    "too large": (b'"' + b"x" * 2_000_000 + b'"', "limit"),
    "unknown field": (changed(shell="rm -rf /"), "shell"),
    "missing field": (b'{"job": "x"}', "role"),
    "of another job": (changed(job=make_spec("movie-other").job), "its folder says otherwise"),
    "of another role": (changed(role="transcode"), "its folder says otherwise"),
    "out of the folder": (changed(output_dir="../../etc"), "inside the shared folder"),
    "absolute": (changed(output_dir="/etc"), "inside the shared folder"),
    "into the queue": (changed(output_dir=".pipeline/jobs/completed"), "not a folder for outputs"),
    "the folder itself": (changed(marker_dir="."), "not a folder for outputs"),
    "no such zone": (changed(timezone="Mars/Base"), "no zone"),
    "a zone that is a path": (changed(timezone="../../etc/passwd"), "no zone"),
    "no such hours": (changed(hours="25:00-26:00"), "hours"),
    "a lease of nothing": (changed(lease_s=0), "lease_s"),
    "an endless lease": (changed(lease_s=float("inf")), "lease_s"),
}


@pytest.mark.parametrize("kind", SPECS)
def test_an_invalid_spec_is_reported_and_the_next_job_is_done(shared: Shared, kind: str) -> None:
    raw, problem = SPECS[kind]
    folder = drop(shared, raw)
    before = sorted(path.name for path in folder.iterdir())
    claim = shared.must_claim()
    assert claim.spec.item_id == "movie-good"
    assert shared.claim() is None
    assert shared.queue.reap() == []
    info = strange(shared)
    assert problem in str(info.problem)
    assert (info.job, info.spec) == (SPEC.job, None)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert len(str(info.problem)) < 500


def test_a_spec_that_gets_whole_later_is_done_then(shared: Shared) -> None:
    folder = drop(shared, changed()[:100])
    assert shared.must_claim().spec.item_id == "movie-good"
    (folder / "spec.json").write_bytes(changed())
    assert shared.must_claim().spec == SPEC


@pytest.mark.parametrize("name", ["Movie Night", "p5-20261120T090000-remux-movie.1.bak", f"{SPEC.job}.01", "notes.txt"])
def test_a_name_that_is_none_is_listed_with_its_problem(shared: Shared, name: str) -> None:
    drop(shared, changed(), name)
    assert shared.must_claim().spec.item_id == "movie-good"
    assert (strange(shared).job, strange(shared).fence) == (name, 0)
    assert name in str(strange(shared).problem)


def test_hidden_names_are_no_jobs(shared: Shared) -> None:
    drop(shared, changed(), f".{SPEC.job}.1")
    assert [info.item_id for info in shared.queue.jobs()] == ["movie-good"]


def put_file(path: Path) -> None:
    path.write_bytes(changed())


def put_link(path: Path) -> None:
    elsewhere = path.parents[3] / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "spec.json").write_bytes(changed())
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("put", [put_file, put_link])
def test_a_file_or_a_link_in_a_jobs_place_is_left_alone(shared: Shared, put: Callable[[Path], None]) -> None:
    path = shared.jobs / "pending" / f"{SPEC.job}.1"
    put(path)
    assert shared.must_claim().spec.item_id == "movie-good"
    assert shared.claim() is None
    assert "not a folder" in str(strange(shared).problem)
    assert path.exists()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_out(path: Path) -> None:
    path.symlink_to(path.parents[4] / "precious")


def folder(path: Path) -> None:
    path.mkdir()


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path must be short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize("put", [pipe, link_out, folder, listening])
@pytest.mark.parametrize("file", ["heartbeat", "state", "claimed_by", "spec.json", "result.json", "rest", "cancel"])
def test_no_worker_hangs_on_or_writes_through_a_misplaced_file(
    shared: Shared, put: Callable[[Path], None], file: str
) -> None:
    (shared.root / "precious").write_bytes(b"precious")
    path = drop(shared, None if file == "spec.json" else changed()) / file
    put(path)
    claim = shared.must_claim()
    assert claim.spec.item_id == "movie-good"
    claim.finish(make_result(claim, "failed"))
    assert shared.claim() is None
    assert file in str(strange(shared).problem)
    assert (shared.root / "precious").read_bytes() == b"precious"


def test_a_running_job_with_blocked_files_fails_once_it_stalls(shared: Shared) -> None:
    claim = shared.must_claim()
    for file in ("heartbeat", "result.json", "rest", "state"):
        path = shared.jobs / "running" / f"{claim.spec.job}.1" / file
        path.unlink(missing_ok=True)
        path.mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        claim.heartbeat()
    with pytest.raises(StoreError, match="Is a directory"):
        claim.finish(make_result(claim))
    shared.pass_lease()
    assert [info.place for info in shared.queue.reap()] == ["failed"]


def test_a_copy_of_a_job_that_has_ended_is_not_done_again(shared: Shared) -> None:
    claim = shared.must_claim()
    claim.finish(make_result(claim))
    name = f"{claim.spec.job}.1"
    drop(shared, (shared.jobs / "completed" / name / "spec.json").read_bytes(), name)
    assert shared.claim() is None
    info = shared.queue.find(claim.spec.job)
    assert info is not None
    assert info.place == "completed"


def test_a_running_job_with_a_damaged_spec_fails_once_it_stalls(shared: Shared) -> None:
    claim = shared.must_claim()
    (shared.jobs / "running" / f"{claim.spec.job}.1" / "spec.json").write_bytes(b"{")
    shared.pass_lease()
    assert [info.place for info in shared.queue.reap()] == ["failed"]


def test_an_invalid_result_is_shown_as_the_ended_jobs_problem(shared: Shared) -> None:
    claim = shared.must_claim()
    claim.finish(make_result(claim))
    (shared.jobs / "completed" / f"{claim.spec.job}.1" / "result.json").write_bytes(b"{}")
    [info] = shared.queue.jobs("completed")
    assert "result.json" in str(info.problem)
    assert info.result is None
