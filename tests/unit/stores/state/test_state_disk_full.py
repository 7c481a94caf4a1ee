"""No space left on the device, at every step: the old document or a commit that says it stands, and no litter."""

import errno
from pathlib import Path

import pytest

from dayreel.stores.state import PipelineState, StateCommittedError, StateError, StateReadError, StateWriteError
from tests.unit.stores.state.crash import names
from tests.unit.stores.state.disks import FullDisk, SteppingDisk


def change(state: PipelineState, number: int) -> None:
    with state.transaction() as txn:
        txn.data["number"] = number
        txn.data["text"] = "x" * 4000


def make_document(path: Path) -> PipelineState:
    state = PipelineState(path, durable=False, max_backups=2)
    for number in range(4):
        change(state, number)
    return state


def litter(path: Path) -> list[str]:
    allowed = {path.name, f"{path.name}.lock", ".pipeline"}
    aside = [name for name in names(path.parent) if name not in allowed]
    return aside + [name for name in names(path.parent / ".pipeline/backups") if name.endswith(".tmp")]


def refusal(state: PipelineState) -> type[StateError] | None:
    """Change the document, and return the kind of error that came, having looked at what it says."""
    try:
        change(state, 99)
    except StateError as error:
        is_clear = "No space left on device" in str(error) and bool(error.next_step)
        return type(error) if is_clear else StateError
    return None


def steps_of_a_commit(folder: Path) -> list[str]:
    make_document(folder / "rehearsal.json")
    disk = SteppingDisk()
    change(PipelineState(folder / "rehearsal.json", disk=disk, max_backups=2), -1)
    return disk.steps


def test_a_full_disk_keeps_the_old_or_reports_the_new_document(tmp_path: Path) -> None:
    steps = steps_of_a_commit(tmp_path / "rehearsal")
    renames = steps.index("replace") + 1
    outcomes: dict[type[StateError] | None, set[str]] = {}
    for at, step in enumerate(steps, start=1):
        for half in (False, True):
            path = tmp_path / f"{at}-{half}" / "pipeline.json"
            make_document(path)
            old = path.read_bytes()
            state = PipelineState(path, disk=FullDisk(at, half=half), max_backups=2)
            refused = refusal(state)
            outcomes.setdefault(refused, set()).add(step)
            stands = PipelineState(path).read()["number"] == 99
            assert stands == (at > renames or refused is None), (step, at)
            assert stands or path.read_bytes() == old
            assert refused is None or issubclass(refused, StateCommittedError if stands else StateError)
            change(PipelineState(path, durable=False, max_backups=2), 100)
            assert litter(path) == [], step
            report = PipelineState(path).verify()
            assert report.is_ok, (step, report.problems)
    assert outcomes.keys() == {StateReadError, StateWriteError, StateCommittedError, None}
    assert outcomes[None] == {"sign"}, "only the last act, letting go, may fail unnoticed"
    assert "write_aside" in outcomes[StateWriteError]
    assert "append" in outcomes[StateCommittedError]


def test_the_first_commit_on_a_full_disk_leaves_no_document(tmp_path: Path) -> None:
    for at in range(1, 8):
        path = tmp_path / str(at) / "pipeline.json"
        disk = FullDisk(at)
        with pytest.raises(StateError, match="No space left"):
            change(PipelineState(path, disk=disk), 1)
        assert PipelineState(path).read() == {}, disk.steps


@pytest.mark.slow
def test_a_really_full_disk_keeps_the_document_and_recovers(small_disk: Path) -> None:
    path = small_disk / "pipeline.json"
    state = PipelineState(path, max_backups=2)
    change(state, 1)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
    before = path.read_bytes()
    for number in range(5):
        with pytest.raises(StateWriteError, match="No space left on device"):
            change(state, number)
        assert path.read_bytes() == before
    ballast.unlink()
    change(state, 2)
    assert PipelineState(path).read()["number"] == 2
    assert litter(path) == []
    assert state.verify().is_ok
