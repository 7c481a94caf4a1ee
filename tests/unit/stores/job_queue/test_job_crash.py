"""Killed, or out of space, at every step of everything: nothing is lost, nothing is done by two, no litter stays."""

from pathlib import Path

import pytest

from dayreel.errors import StoreError
from tests.unit.stores.job_queue.scenes import SPEC, assert_whole, carry_on, scenes_with, steps_of
from tests.unit.stores.job_queue.shared_disks import WRITING, CrashingQueueDisk, FullQueueDisk
from tests.unit.stores.state.disks import Crash

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
def test_a_full_folder_at_any_step_is_told_clearly_and_loses_nothing(tmp_path: Path, kind: str) -> None:
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
