"""One job just before an act, on a disk on which something happens in the act; and what must be true in the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dayreel.footage.schemas.job import JobResult, JobSpec
from dayreel.footage.stores.job_queue import JobClaim, QueueDisk, install, is_installed
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, make_spec, write_output
from tests.unit.footage.stores.job_queue.shared_disks import SteppingQueueDisk

SPEC = make_spec(max_attempts=9)
CONTENT = {1: b"by the first", 2: b"by the second", 3: b"by the third"}


def finished(claim: JobClaim) -> JobResult:
    return make_result(claim, "done", write_output(claim, content=CONTENT[claim.fence]))


class Scene:
    """A shared folder in the state before an act, and a second view of it on the disk that fails in the act."""

    def __init__(self, root: Path, kind: str, disk: QueueDisk) -> None:
        root.mkdir()
        self.shared = Shared(root)
        self.victim = Shared(root, disk)
        self.claim: JobClaim | None = None
        self.result: JobResult | None = None
        if kind != "submit":
            self.shared.queue.submit(SPEC)
        if kind in ("finish", "give back", "give back at a stop", "install"):
            # Claimed through the failing disk, so that its acts are the claim's; its steps are not counted yet.
            self.claim = self.victim.must_claim()
            self.result = finished(self.claim)
        if kind in ("reap", "cancel a running one", "reap a cancelled one"):
            self.claim = self.shared.must_claim()
        if kind == "reap a cancelled one":
            self.shared.queue.cancel(SPEC.job, by="maria")
        if kind == "retry":
            self.shared.queue.cancel(SPEC.job, by="maria")
        if kind == "install" and self.claim and self.result:
            self.claim.finish(self.result)

    def act(self, kind: str) -> None:
        queue = self.victim.queue
        if kind == "submit":
            queue.submit(SPEC)
        elif kind == "claim":
            self.claim = self.victim.must_claim()
        elif kind.startswith("reap"):
            self.victim.pass_lease()
            queue.reap()
        elif kind.startswith("cancel"):
            queue.cancel(SPEC.job, by="maria")
        elif kind == "retry":
            queue.retry(SPEC.job)
        elif self.claim and self.result:
            self._end(kind, self.claim, self.result)

    def _end(self, kind: str, claim: JobClaim, result: JobResult) -> None:
        if kind == "finish":
            claim.finish(result)
        elif kind == "install":
            install(self.shared.root, SPEC, result, disk=self.victim.disk)
        else:
            returned = make_result(claim, "returned")
            claim.give_back(returned, is_fault=kind == "give back")


def carry_on(shared: Shared, spec: JobSpec) -> str:
    """Do what controller and workers do next, all on healthy disks; return where the job ends up."""
    for _ in range(4):
        shared.pass_hours(1)
        shared.queue.submit(spec)
        shared.queue.reap()
        if claim := shared.claim():
            claim.finish(make_result(claim, "cancelled") if claim.is_cancelled() else finished(claim))
        for info in shared.queue.jobs("completed"):
            assert info.result is not None
            install(shared.root, spec, info.result, disk=QueueDisk(durable=False))
        if shared.queue.jobs()[0].place in ("completed", "failed"):
            break
    shared.pass_hours(3)
    shared.queue.reap()
    [info] = shared.queue.jobs()
    assert info.problem is None
    return info.place


def assert_whole(shared: Shared, place: str) -> None:
    """One job in one place, its outputs those of the attempt that completed it, and nothing left behind."""
    places = shared.places()
    assert [len(names) for names in places.values()].count(1) == 1, places
    assert sum(len(names) for names in places.values()) == 1, places
    assert [path.name for path in shared.jobs.iterdir() if path.name.startswith(".")] == []
    assert list(shared.root.glob("2-remuxed/.aside/*")) == []
    target = shared.root / SPEC.output_dir / "film.mkv"
    if place == "failed":
        assert not target.exists()
        return
    [info] = shared.queue.jobs()
    assert info.result is not None
    assert target.read_bytes() == CONTENT[info.fence]
    assert is_installed(shared.root, SPEC, info.result)


def steps_of(root: Path, kind: str) -> list[str]:
    disk = SteppingQueueDisk()
    scene = Scene(root / "rehearsal", kind, disk)
    disk.steps.clear()
    scene.act(kind)
    return disk.steps


def scenes_with(
    root: Path, kind: str, make_disk: Callable[[int], SteppingQueueDisk], steps: list[int]
) -> Iterator[tuple[Scene, SteppingQueueDisk]]:
    """Make the scene once for every step, with a disk on which something happens at that step."""
    for at in steps:
        disk = make_disk(0)
        scene = Scene(root / f"{at}", kind, disk)
        disk.count, disk.at = 0, at
        yield scene, disk
