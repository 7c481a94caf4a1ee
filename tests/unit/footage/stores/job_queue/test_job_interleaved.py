"""Two at once: at every step of one act, another party does something from start to end; all orders end well."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from dayreel.errors import BusyError, StaleState
from dayreel.footage.stores.job_queue import QueueDisk, install
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result
from tests.unit.footage.stores.job_queue.scenes import (
    SPEC,
    Scene,
    assert_whole,
    carry_on,
    finished,
    scenes_with,
    steps_of,
)
from tests.unit.footage.stores.job_queue.shared_disks import InterruptedDisk

pytestmark = pytest.mark.slow


def submit(shared: Shared) -> None:
    with suppress(BusyError):  # the interrupted one is at it, and wakes only when this has returned
        shared.queue.submit(SPEC)


def take_over(shared: Shared) -> None:
    shared.folder_clock.ahead_s += 60
    assert shared.queue.submit(SPEC) or shared.queue.find(SPEC.job)


def take_over_and_do(shared: Shared) -> None:
    take_over(shared)
    do_it_all(shared)


def claim(shared: Shared) -> None:
    shared.claim(worker="another")


def do_it_all(shared: Shared) -> None:
    submit(shared)
    if claim := shared.claim(worker="another"):
        result = finished(claim)
        claim.finish(result)
        install(shared.root, SPEC, result, disk=QueueDisk(durable=False))


def give_back(shared: Shared) -> None:
    if claim := shared.claim(worker="another"):
        claim.give_back(make_result(claim, "returned"))


def hand_on(shared: Shared) -> None:
    shared.pass_lease()
    shared.queue.reap()


def hand_on_and_do(shared: Shared) -> None:
    hand_on(shared)
    do_it_all(shared)


def cancel(shared: Shared) -> None:
    try:
        shared.queue.cancel(SPEC.job, by="maria")
    except StaleState:
        assert shared.queue.find(SPEC.job).place == "completed"  # type: ignore[union-attr]


def retry(shared: Shared) -> None:
    try:
        shared.queue.retry(SPEC.job)
    except StaleState:
        assert shared.queue.find(SPEC.job).place != "failed"  # type: ignore[union-attr]


def retry_and_do(shared: Shared) -> None:
    retry(shared)
    do_it_all(shared)


def carry_on_meanwhile(shared: Shared) -> None:
    carry_on(shared, SPEC)


PAIRS: list[tuple[str, Callable[[Shared], None]]] = [
    ("submit", submit),
    ("submit", do_it_all),
    ("submit", take_over),
    ("submit", take_over_and_do),
    ("claim", claim),
    ("claim", do_it_all),
    ("claim", give_back),
    ("claim", cancel),
    ("finish", hand_on),
    ("finish", hand_on_and_do),
    ("finish", cancel),
    ("give back", hand_on),
    ("give back", hand_on_and_do),
    ("give back", cancel),
    ("reap", hand_on),
    ("reap", hand_on_and_do),
    ("reap", cancel),
    ("cancel a pending one", do_it_all),
    ("cancel a pending one", give_back),
    ("cancel a pending one", cancel),
    ("cancel a running one", hand_on),
    ("cancel a running one", hand_on_and_do),
    ("retry", retry),
    ("retry", retry_and_do),
    ("install", carry_on_meanwhile),
]


@pytest.mark.parametrize(
    ("kind", "other"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_a_rival_at_any_step_leaves_one_job_done_at_most_once(
    tmp_path: Path, kind: str, other: Callable[[Shared], None]
) -> None:
    steps = steps_of(tmp_path, kind)
    for scene, disk in scenes_with(tmp_path, kind, InterruptedDisk, list(range(1, len(steps) + 1))):
        assert isinstance(disk, InterruptedDisk)
        disk.meanwhile = partial(other, scene.shared)
        act_or_be_refused_because_somebody_was_quicker(scene, kind)
        assert sum(len(names) for names in visible(scene.shared).values()) == 1
        assert_whole(scene.shared, carry_on(scene.shared, SPEC))


def act_or_be_refused_because_somebody_was_quicker(scene: Scene, kind: str) -> None:
    try:
        scene.act(kind)
    except (BusyError, StaleState):
        pass
    except AssertionError:
        assert kind == "claim"  # there was nothing left to claim


def visible(shared: Shared) -> dict[str, list[str]]:
    return {place: [name for name in names if name[0] != "."] for place, names in shared.places().items()}
