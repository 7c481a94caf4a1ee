"""Putting a completed job's outputs into place: once, twice, by two at once, after a crash at any step."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import StoreError
from dayreel.footage.schemas.job import JobResult, JobSpec
from dayreel.footage.stores.job_queue import QueueDisk, install, is_installed
from tests.fakes.clock import NINE
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, write_output

QUICK = QueueDisk(durable=False)


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def complete(shared: Shared, content: bytes = b"remuxed", **wishes: Any) -> tuple[JobSpec, JobResult]:
    shared.submit(**wishes)
    claim = shared.must_claim()
    result = make_result(claim, "done", write_output(claim, content=content), write_output(claim, "subs/en.srt", b"1"))
    claim.finish(result)
    return claim.spec, result


def placed(shared: Shared) -> dict[str, bytes]:
    folder = shared.root / "2-remuxed"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_outputs_are_in_place_before_the_marker_of_the_attempt(shared: Shared) -> None:
    spec, result = complete(shared)
    assert not is_installed(shared.root, spec, result)
    install(shared.root, spec, result, disk=QUICK)
    assert placed(shared) == {
        "movies/movie-one/film.mkv": b"remuxed",
        "movies/movie-one/subs/en.srt": b"1",
        "movies/movie-one/.pipeline/remux.timestamp": b"2026-11-20T09:00:00+00:00\n",
        "movies/movie-one/.pipeline/remux.done": f"{spec.job}.1\n".encode(),
    }
    assert list((shared.root / "2-remuxed/.aside").iterdir()) == []
    assert is_installed(shared.root, spec, result)


def test_installing_again_keeps_outputs_that_were_changed_since(shared: Shared) -> None:
    spec, result = complete(shared)
    install(shared.root, spec, result, disk=QUICK)
    (shared.root / "2-remuxed/movies/movie-one/film.mkv").write_bytes(b"by hand")
    before = placed(shared)
    install(shared.root, spec, result, disk=QUICK)
    assert placed(shared) == before


def test_only_the_attempt_that_completed_is_installed(shared: Shared) -> None:
    shared.submit()
    sleeper = shared.must_claim()
    lost = make_result(sleeper, "done", write_output(sleeper, content=b"the sleeper's"))
    with pytest.raises(StoreError, match="has not completed"):
        install(shared.root, sleeper.spec, lost, disk=QUICK)
    shared.pass_lease()
    shared.queue.reap()
    second = shared.must_claim("cellar")
    second.finish(make_result(second, "done", write_output(second, content=b"the second's")))
    with pytest.raises(StoreError, match="under fence 1, which has not completed"):
        install(shared.root, sleeper.spec, lost, disk=QUICK)
    assert "movies/movie-one/film.mkv" not in placed(shared)


def test_the_asides_of_lost_attempts_go_with_the_install(shared: Shared) -> None:
    shared.submit()
    sleeper = shared.must_claim()
    write_output(sleeper)
    shared.pass_lease()
    shared.queue.reap()
    second = shared.must_claim("cellar")
    result = make_result(second, "done", write_output(second))
    second.finish(result)
    install(shared.root, second.spec, result, disk=QUICK)
    assert list((shared.root / "2-remuxed/.aside").iterdir()) == []


def test_an_existing_file_is_replaced_by_the_completed_job(shared: Shared) -> None:
    old = shared.root / "2-remuxed/movies/movie-one/film.mkv"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"an older remux")
    spec, result = complete(shared)
    install(shared.root, spec, result, disk=QUICK)
    assert old.read_bytes() == b"remuxed"


def test_an_older_job_installed_late_does_not_undo_a_newer_one(shared: Shared) -> None:
    older = complete(shared, b"older")
    newer = complete(shared, b"newer", created_at=NINE + timedelta(hours=1))
    install(shared.root, *newer, disk=QUICK)
    install(shared.root, *older, disk=QUICK)
    assert placed(shared)["movies/movie-one/film.mkv"] == b"newer"
    assert is_installed(shared.root, *older)
    assert list((shared.root / "2-remuxed/.aside").iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda aside: (aside / "film.mkv").unlink(),
        lambda aside: (aside / "film.mkv").write_bytes(b"55-byte"[:3]),
    ],
    ids=["missing", "cut short"],
)
def test_a_changed_output_is_refused_and_no_marker_is_written(shared: Shared, spoil: Callable[[Path], object]) -> None:
    spec, result = complete(shared)
    spoil(shared.root / "2-remuxed/.aside" / f"{spec.job}.1")
    with pytest.raises(StoreError, match=r"film\.mkv"):
        install(shared.root, spec, result, disk=QUICK)
    assert not is_installed(shared.root, spec, result)
    assert "movies/movie-one/.pipeline/remux.done" not in placed(shared)


def test_an_install_that_was_interrupted_is_carried_on_with(shared: Shared) -> None:
    spec, result = complete(shared)
    target = shared.root / "2-remuxed/movies/movie-one"
    target.mkdir(parents=True)
    (shared.root / "2-remuxed/.aside" / f"{spec.job}.1" / "film.mkv").rename(target / "film.mkv")
    install(shared.root, spec, result, disk=QUICK)
    assert is_installed(shared.root, spec, result)
