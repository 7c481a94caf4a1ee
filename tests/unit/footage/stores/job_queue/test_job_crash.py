"""Killed, or out of space, at every step of everything: nothing is lost, nothing is done by two, no litter stays."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayreel.errors import StoreError
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result
from tests.unit.footage.stores.job_queue.scenes import SPEC, assert_whole, carry_on, scenes_with, steps_of
from tests.unit.footage.stores.job_queue.shared_disks import WRITING, CrashingQueueDisk, FullQueueDisk
from tests.unit.stores.state.disks import Crash

pytestmark = pytest.mark.slow

KINDS = {
    "submit": "completed",
    "claim": "completed",
    "finish": "completed",
    "give back": "completed",
    "give back at a stop": "completed",
    "install": "completed",
    "reap": "completed",
    "cancel a pending one": "either",
    "cancel a running one": "either",
    "reap a cancelled one": "failed",
    "retry": "either",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_step_loses_nothing(tmp_path: Path, kind: str) -> None:
    steps = steps_of(tmp_path, kind)
    ends = set()
    for scene, _ in scenes_with(tmp_path, kind, CrashingQueueDisk, list(range(1, len(steps) + 1))):
        with pytest.raises(Crash):
            scene.act(kind)
        place = carry_on(scene.shared, SPEC)
        assert_whole(scene.shared, place)
        ends.add(place)
    assert ends == ({"completed", "failed"} if KINDS[kind] == "either" else {KINDS[kind]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_folder_at_any_step_is_reported_and_loses_no_job(tmp_path: Path, kind: str) -> None:
    steps = steps_of(tmp_path, kind)
    writing = [at for at, step in enumerate(steps, start=1) if step in WRITING]
    assert writing
    for scene, disk in scenes_with(tmp_path, kind, FullQueueDisk, writing):
        with pytest.raises(StoreError, match="No space left on device") as caught:
            scene.act(kind)
        assert "Make room" in str(caught.value), disk.steps[-1]
        if kind == "claim":
            assert scene.shared.places()["pending"] == [f"{SPEC.job}.1"], "no attempt is used up by a full folder"
        place = carry_on(scene.shared, SPEC)
        assert_whole(scene.shared, place)


@pytest.fixture
def tiny_file_system(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte with sixty names to give."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=60", "dayreel-test", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk_takes_jobs_again_once_there_is_room(tiny_file_system: Path) -> None:
    shared = Shared(tiny_file_system)
    ballast = tiny_file_system / "ballast"
    ballast.mkdir()
    shared.submit("movie-0")
    shared.submit("movie-1")
    claim = shared.must_claim()
    for number in range(100):
        try:
            (ballast / f"{number}").write_bytes(b"x" * 4096)
        except OSError:
            break
    for act in (
        lambda: shared.submit("movie-2"),
        lambda: shared.must_claim("second"),
        lambda: claim.finish(make_result(claim)),
    ):
        with pytest.raises(StoreError, match="No space left on device"):
            act()
    places = shared.places()
    assert [len(places[place]) for place in ("pending", "running", "completed", "failed")] == [1, 1, 0, 0], places
    for path in ballast.iterdir():
        path.unlink()
    claim.finish(make_result(claim))
    shared.submit("movie-2")
    assert {shared.must_claim().spec.item_id for _ in range(2)} | {claim.spec.item_id} == {
        "movie-0",
        "movie-1",
        "movie-2",
    }
