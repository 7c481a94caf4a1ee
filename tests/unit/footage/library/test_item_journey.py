"""An item's way from disc to library: jobs, questions, markers of scripts, work made again, the folder as authority."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayreel.cli import run
from dayreel.errors import StaleState, StoreError, UsageError
from dayreel.footage.library.documents import gates_document, item_document, items_document, jobs_document
from dayreel.footage.library.gates import answer
from dayreel.footage.library.ingest import disc_name, ingest, movie_name
from dayreel.footage.library.jobs import cancel_job, retry_job
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import due_library, run_pass
from dayreel.footage.rules.paths import ItemName
from dayreel.footage.schemas.job import JobFile, JobResult
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import due_chores
from dayreel.stores.files import sha256_of
from tests.fakes.library import drop, item, make_library, pretend_to_work
from tests.fakes.project import transitions

FALLS = movie_name("Hidden Falls", 2019)


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project())


def waiting(library: Library) -> dict[str, int]:
    """The questions that wait: item to number."""
    return {gate["item_id"]: gate["id"] for gate in gates_document(library.project.catalog)}


def filed(library: Library, name: ItemName, clip: Path) -> None:
    """Bring an item into the library."""
    ingest(library, name, [clip], even_if_alike=True)
    for role in ("remux", "transcode", "file"):
        run_pass(library)
        for gate in waiting(library).values():
            answer(library, gate, "approved", by="ana", via="cli")
            run_pass(library)
        assert pretend_to_work(library, role) is not None
    run_pass(library)


def test_an_item_goes_from_disc_to_library_via_two_questions(library: Library, tiny_clip: Path) -> None:
    done = ingest(library, FALLS, [tiny_clip])
    assert (library.root / done.folder / "tiny.mp4").read_bytes() == tiny_clip.read_bytes()
    assert tiny_clip.exists()

    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    shown = gates_document(library.project.catalog)[0]
    assert shown["type"] == "remux_review"
    assert [stream["reason"] for stream in shown["prompt"]["files"][0]["streams"]][-1] == "its language is fra"
    assert pretend_to_work(library, "transcode") is None  # nobody has agreed yet

    answer(library, shown["id"], "approved", by="ana", via="cli")
    run_pass(library)
    pretend_to_work(library, "transcode")
    run_pass(library)
    shown = gates_document(library.project.catalog)[0]
    assert shown["prompt"]["names"] == {"tiny.mp4": "movies/Hidden Falls (2019)/Hidden Falls (2019).mp4"}
    names = {"tiny.mp4": "movies/Hidden Falls (2019)/Hidden Falls.mp4"}
    answer(library, shown["id"], "approved", by="bo", via="desk", response={"names": names})
    run_pass(library)
    pretend_to_work(library, "file")
    run_pass(library)

    there = library.root / "4-library/movies/Hidden Falls (2019)/Hidden Falls.mp4"
    assert there.read_bytes() == tiny_clip.read_bytes()
    assert item(library, FALLS.item_id).state == "in_library"
    assert transitions(library.project, FALLS.item_id) == [
        ("ripped", "rip", "ripped"),
        ("ripped", "remux", "remuxed"),
        ("remuxed", "transcode", "transcoded"),
        ("transcoded", "file", "in_library"),
    ]
    story = item_document(library, FALLS.item_id)
    assert [(moment["trigger"], moment["notes"]) for moment in story["history"]][2:] == [
        ("approval", "by pretender; remux_review approved by ana"),
        ("approval", "by pretender; naming_confirm approved by bo"),
    ]
    assert {job["state"] for job in story["jobs"]} == {"completed"}
    pipeline = library.root / FALLS.marker_dir("remux")
    assert (pipeline / "state").read_text(encoding="utf-8") == "remuxed\n"
    assert json.loads((pipeline / "metadata.json").read_text(encoding="utf-8"))["item_id"] == FALLS.item_id


def test_the_catalog_can_be_rebuilt_from_the_folder_alone(library: Library, tiny_clip: Path) -> None:
    filed(library, FALLS, tiny_clip)
    before = item_document(library, FALLS.item_id)
    rebuild(library)
    after = item_document(library, FALLS.item_id)
    for part in ("state", "title", "year", "stages", "folder"):
        assert after[part] == before[part]
    assert [(gate["type"], gate["responded_by"]) for gate in after["gates"]] == [
        ("remux_review", "ana"),
        ("naming_confirm", "ana"),
    ]
    assert len(after["jobs"]) == 3
    assert run_pass(library) == []
    assert jobs_document(library.project.catalog)[0]["state"] == "completed"


def test_a_half_done_item_resumes_after_a_rebuild_unasked(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    answer(library, waiting(library)[FALLS.item_id], "approved", by="ana", via="cli")
    rebuild(library)
    assert waiting(library) == {}
    run_pass(library)
    assert pretend_to_work(library, "transcode") is not None


def test_a_three_line_script_advances_an_item_without_a_worker(library: Library, tiny_clip: Path) -> None:
    drop(library, FALLS, "rip", tiny_clip)
    assert due_library(library) is not None
    run_pass(library)
    assert item(library, FALLS.item_id).state == "ripped"
    drop(library, FALLS, "remux", tiny_clip)
    run_pass(library)
    answer(library, waiting(library)[FALLS.item_id], "approved", by="ana", via="cli")
    drop(library, FALLS, "transcode", tiny_clip)
    run_pass(library)
    (library.root / FALLS.folder("transcode") / ".pipeline" / "filebot.done").touch()
    run_pass(library)
    row = item(library, FALLS.item_id)
    assert (row.state, row.error) == ("in_library", None)
    assert item_document(library, FALLS.item_id)["stages"]["remux"]["made_by"] == "a script"
    assert due_library(library) is None


def test_everything_missed_while_not_running_takes_one_pass(library: Library, tiny_clip: Path) -> None:
    for stage in ("rip", "remux", "transcode"):
        drop(library, FALLS, stage, tiny_clip)
    run_pass(library)
    assert item(library, FALLS.item_id).state == "transcoded"
    assert [event for _, event, _ in transitions(library.project, FALLS.item_id)] == ["rip", "remux", "transcode"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.mkv", b"x" * 55),
        ("film.mkv", b"<!doctype html><title>502 Bad Gateway</title>"),
        ("notes.txt", b"no footage at all"),
    ],
)
def test_a_false_success_is_refused_once_with_evidence(
    library: Library, tiny_clip: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    drop(library, FALLS, "rip", tiny_clip)
    run_pass(library)
    stub = tmp_path / name
    stub.write_bytes(content)
    drop(library, FALLS, "remux", stub)
    assert "remux refused" in " ".join(run_pass(library))
    row = item(library, FALLS.item_id)
    assert row.state == "ripped"
    assert row.error is not None
    assert run_pass(library) == []
    stub.unlink()
    (library.root / FALLS.folder("remux") / name).unlink()
    marker = drop(library, FALLS, "remux", tiny_clip) / ".pipeline" / "remux.done"
    os.utime(marker, ns=(1, 1))  # touched again
    run_pass(library)
    assert (item(library, FALLS.item_id).state, item(library, FALLS.item_id).error) == ("remuxed", None)


def test_a_truncated_rip_is_quarantined_until_a_good_one_comes(
    library: Library, tiny_clip: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(tiny_clip.read_bytes()[:-2000])
    drop(library, FALLS, "rip", broken)
    run_pass(library)
    assert item(library, FALLS.item_id).state == "quarantined"
    (library.root / FALLS.folder("rip") / "broken.mp4").unlink()
    marker = drop(library, FALLS, "rip", tiny_clip) / ".pipeline" / "rip.done"
    os.utime(marker, ns=(1, 1))
    run_pass(library)
    assert (item(library, FALLS.item_id).state, item(library, FALLS.item_id).error) == ("ripped", None)


def test_a_stage_made_again_voids_what_followed_and_reasks(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    for stage in ("rip", "remux", "transcode"):
        drop(library, FALLS, stage, tiny_clip)
    run_pass(library)
    old = waiting(library)[FALLS.item_id]
    (library.root / FALLS.folder("remux") / "tiny.mp4").unlink()
    marker = drop(library, FALLS, "remux", make_clip("blue")) / ".pipeline" / "remux.done"
    os.utime(marker, ns=(1, 1))
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"
    assert not (library.root / FALLS.marker_dir("transcode") / "transcode.done").exists()
    assert waiting(library)[FALLS.item_id] != old
    with pytest.raises(StaleState, match="made again"):
        answer(library, old, "approved", by="ana", via="desk")


def test_a_remade_stage_of_a_filed_item_is_reviewed_and_used(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    """What it was when it was filed, and what somebody said of it then, lies beside the library and is history."""
    filed(library, FALLS, tiny_clip)
    folder = library.root / FALLS.folder("remux")
    new = Path(shutil.copy(make_clip("blue"), folder / "tiny.mp4"))
    os.utime(folder / ".pipeline/remux.done", ns=(1, 1))
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"
    assert due_library(library) is None, "it waits for a person now"
    answer(library, waiting(library)[FALLS.item_id], "approved", by="ben", via="cli")
    run_pass(library)
    (waits,) = library.queue.jobs("pending")
    assert waits.spec is not None
    assert [file.sha256 for file in waits.spec.inputs] == [sha256_of(new)]


def test_the_second_answer_is_refused_with_who_was_first(library: Library, tiny_clip: Path) -> None:
    drop(library, FALLS, "rip", tiny_clip)
    drop(library, FALLS, "remux", tiny_clip)
    run_pass(library)
    gate = waiting(library)[FALLS.item_id]
    answer(library, gate, "approved", by="ana", via="desk")
    with pytest.raises(StaleState, match=r"'ana' at 2026-11-20T09:00:00\+00:00 \(via desk\): approved"):
        answer(library, gate, "rejected", by="bo", via="cli")


def test_other_streams_mean_another_remux_and_a_plain_no_rests(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    gate = waiting(library)[FALLS.item_id]
    with pytest.raises(UsageError, match="cannot be kept"):
        answer(library, gate, "rejected", by="ana", via="cli", response={"keep": [0, 9]})
    with pytest.raises(UsageError, match="go with a rejection"):
        answer(library, gate, "approved", by="ana", via="cli", response={"keep": [0, 2]})
    answer(library, gate, "rejected", by="ana", via="cli", response={"keep": [0, 2]})
    run_pass(library)
    claim = library.queue.claim(["remux"], worker="w", now=library.project.clock.now())
    assert claim is not None
    assert claim.spec.parameters["keep"] == [0, 2]


def test_an_identical_remux_is_asked_about_again_and_not_redone(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    answer(library, waiting(library)[FALLS.item_id], "rejected", by="ana", via="cli", response={"keep": [0]})
    run_pass(library)
    assert pretend_to_work(library, "remux") is not None
    run_pass(library)
    assert waiting(library)[FALLS.item_id]
    assert pretend_to_work(library, "remux") is None
    rebuild(library)
    run_pass(library)
    assert pretend_to_work(library, "remux") is None
    assert waiting(library)[FALLS.item_id]


def test_a_failed_job_stops_its_item_until_somebody_tries_again(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    job = pretend_to_work(library, "remux", error="the disc is scratched")
    run_pass(library)
    assert "the disc is scratched" in str(item(library, FALLS.item_id).error)
    assert run_pass(library) == []
    assert job is not None
    retry_job(library, job)
    assert item(library, FALLS.item_id).error is None
    assert pretend_to_work(library, "remux") == job
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"


def test_a_cancelled_job_is_shown_as_one_and_can_be_revived(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    job = jobs_document(library.project.catalog)[0]["job"]
    assert "brings it back" in cancel_job(library, job)
    assert "was cancelled" in str(item(library, FALLS.item_id).error)
    retry_job(library, job)
    assert pretend_to_work(library, "remux") == job


def completed_and_not_installed(library: Library, name: ItemName, clip: Path) -> tuple[str, Path]:
    """Do an item's remux up to the point at which a worker dies; return the job and its folder's result."""
    ingest(library, name, [clip], even_if_alike=True)
    run_pass(library)
    now = library.project.clock.now()
    claim = library.queue.claim(["remux"], worker="mortal", now=now)
    assert claim is not None
    claim.aside.mkdir(parents=True, exist_ok=True)
    made = Path(shutil.copy(clip, claim.aside / "tiny.mkv"))
    output = JobFile(path="tiny.mkv", size_bytes=made.stat().st_size, sha256=sha256_of(made))
    times = {"started_at": now, "finished_at": now}
    claim.finish(JobResult(outcome="done", outputs=(output,), worker="mortal", fence=claim.fence, **times))
    return claim.spec.job, library.root / f".pipeline/jobs/completed/{claim.spec.job}.1/result.json"


def test_a_worker_that_died_before_installing_loses_nothing(library: Library, tiny_clip: Path) -> None:
    """It had finished: whoever looks next puts its files into place."""
    completed_and_not_installed(library, FALLS, tiny_clip)
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"
    assert (library.root / FALLS.folder("remux") / "tiny.mkv").is_file()


def test_a_completed_job_without_its_files_can_be_retried(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    job, _ = completed_and_not_installed(library, FALLS, tiny_clip)
    for aside in (library.root / "2-remuxed").rglob("tiny.mkv"):
        aside.unlink()
    other = movie_name("Quiet Harbour", 2021)
    ingest(library, other, [make_clip("blue")], even_if_alike=True)
    report = "\n".join(run_pass(library))
    assert f"{job}: failed: Output 'tiny.mkv'" in report
    assert f"`dayreel jobs retry {job}`" in str(item(library, FALLS.item_id).error)
    assert pretend_to_work(library, "remux") is not None  # the other item's went into the queue
    run_pass(library)
    assert item(library, other.item_id).state == "remuxed"
    retry_job(library, job)
    assert pretend_to_work(library, "remux") == job
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"


def test_a_completed_job_with_a_bad_result_blocks_nothing(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    job, result = completed_and_not_installed(library, FALLS, tiny_clip)
    whole = result.read_text(encoding="utf-8")
    result.write_text("{", encoding="utf-8")
    other = movie_name("Quiet Harbour", 2021)
    ingest(library, other, [make_clip("blue")], even_if_alike=True)
    assert "Fix its result.json" in next(line for line in run_pass(library) if line.startswith(job))
    assert pretend_to_work(library, "remux") is not None
    result.write_text(whole, encoding="utf-8")
    run_pass(library)
    assert {item(library, name.item_id).state for name in (FALLS, other)} == {"remuxed"}


def test_the_discs_of_a_season_are_numbered_consecutively(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    discs = [disc_name("Blue Coast", 2, number) for number in (1, 2)]
    for disc, colour in zip(discs, ("red", "green"), strict=True):
        drop(library, disc, "rip", make_clip(colour))
        drop(library, disc, "remux", make_clip(colour))
        drop(library, disc, "transcode", make_clip(colour))
    run_pass(library)
    names = [name for gate in gates_document(library.project.catalog) for name in gate["prompt"]["names"].values()]
    assert names == [
        "tv/Blue Coast/Season 02/Blue Coast - S02E01.mp4",
        "tv/Blue Coast/Season 02/Blue Coast - S02E02.mp4",
    ]


def test_a_name_in_the_library_belongs_to_one_item(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    filed(library, FALLS, tiny_clip)
    other = movie_name("Quiet Lake", None)
    for stage in ("rip", "remux", "transcode"):
        drop(library, other, stage, make_clip("red"))
    run_pass(library)
    taken = {"red.mp4": "movies/Hidden Falls (2019)/Hidden Falls (2019).mp4"}
    with pytest.raises(UsageError, match=f"belongs to {FALLS.item_id}"):
        answer(library, waiting(library)[other.item_id], "approved", by="ana", via="cli", response={"names": taken})


def test_a_name_reserved_for_an_unfiled_item_is_not_given_away(
    library: Library, make_clip: Callable[[str], Path]
) -> None:
    first, second = movie_name("Quiet Lake", None), movie_name("Loud Lake", None)
    for name, colour in ((first, "red"), (second, "green")):
        for stage in ("rip", "remux", "transcode"):
            drop(library, name, stage, make_clip(colour))
    run_pass(library)
    answer(library, waiting(library)[first.item_id], "approved", by="ana", via="cli")
    asked = waiting(library)[second.item_id]
    taken = {"green.mp4": "movies/Quiet Lake/Quiet Lake.mp4"}
    for _ in range(2):  # before its job is sent, and while that waits
        with pytest.raises(UsageError, match=f"belongs to {first.item_id}"):
            answer(library, asked, "approved", by="ben", via="cli", response={"names": taken})
        run_pass(library)


def test_folders_with_the_same_id_are_reported_and_left_alone(library: Library, tiny_clip: Path) -> None:
    drop(library, FALLS, "rip", tiny_clip)
    drop(library, ItemName("movie", "hidden-falls-2019"), "rip", tiny_clip)
    report = " ".join(run_pass(library))
    assert "has the same id as" in report
    assert len(items_document(library.project.catalog)) == 1


def test_sources_are_removed_only_by_plan_and_once_verified(
    make_project: Callable[..., Project], tiny_clip: Path
) -> None:
    library = make_library(make_project(), remove_sources=("rip", "remux"))
    filed(library, FALLS, tiny_clip)
    assert not list((library.root / FALLS.folder("rip")).glob("*.mp4"))
    assert not list((library.root / FALLS.folder("remux")).glob("*.mp4"))
    assert list((library.root / FALLS.folder("transcode")).glob("*.mp4"))


def test_sources_stay_when_the_library_has_something_else(
    make_project: Callable[..., Project], tiny_clip: Path
) -> None:
    library = make_library(make_project())
    filed(library, FALLS, tiny_clip)
    there = library.root / "4-library/movies/Hidden Falls (2019)/Hidden Falls (2019).mp4"
    there.write_bytes(b"y" * there.stat().st_size)
    careful = make_library(library.project, remove_sources=("rip",))
    assert "its sources stay" in " ".join(run_pass(careful))
    assert "is not what was filed" in str(item(library, FALLS.item_id).error)
    assert (library.root / FALLS.folder("rip") / "tiny.mp4").is_file()


def test_the_list_says_what_each_item_waits_for(library: Library, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    assert items_document(library.project.catalog)[0]["next"] == "a worker remuxes it"
    run_pass(library)
    assert items_document(library.project.catalog)[0]["next"] == "remux: queued"
    pretend_to_work(library, "remux")
    run_pass(library)
    gate = waiting(library)[FALLS.item_id]
    assert items_document(library.project.catalog)[0]["next"] == f"dayreel library answer {gate} approved"


def test_an_urgent_item_goes_before_the_others(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    ingest(library, FALLS, [tiny_clip])
    lake = movie_name("Quiet Lake", None)
    ingest(library, lake, [make_clip("red")], even_if_alike=True, priority=1)
    run_pass(library)
    first, second = pretend_to_work(library, "remux"), pretend_to_work(library, "remux")
    assert (first or "").startswith("p1-")
    assert (first or "").endswith(f"-{lake.item_id}")
    assert (second or "").startswith("p5-")
    run_pass(library)
    answer(library, waiting(library)[lake.item_id], "approved", by="ana", via="cli")
    run_pass(library)
    assert (pretend_to_work(library, "transcode") or "").startswith("p1-")


def test_the_list_is_grouped_by_state(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    filed(library, FALLS, tiny_clip)
    ingest(library, movie_name("Quiet Lake", None), [make_clip("red")], even_if_alike=True)
    monkeypatch.setenv("DAYREEL_LIBRARY", str(library.root))
    monkeypatch.chdir(library.project.settings.root)
    assert run(["library", "list"]) == 0
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == ["Ripped", "item", "movie-quiet_lake", "In", "item", FALLS.item_id]


def test_a_damaged_manifest_is_reported_and_blocks_nothing_else(
    library: Library, tiny_clip: Path, make_clip: Callable[[str], Path]
) -> None:
    filed(library, FALLS, tiny_clip)
    lake = movie_name("Quiet Lake", None)
    ingest(library, lake, [make_clip("red")], even_if_alike=True)
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    for stage in ("rip", "remux", "transcode"):  # of what is filed, the library alone is left
        shutil.rmtree(library.root / FALLS.folder(stage))
    careful = make_library(library.project, remove_sources=("rip",))
    for damaged in (FALLS.marker_dir("file"), lake.marker_dir("remux")):
        (library.root / damaged / "metadata.json").write_text("{")
    coast = movie_name("Blue Coast", 2020)
    ingest(library, coast, [make_clip("green")], even_if_alike=True)
    report = " ".join(run_pass(careful))
    assert f"{FALLS.item_id}: cannot remove anything: its sources stay" in report
    assert f"{lake.item_id}: " in report
    assert f"{coast.item_id}: remux job" in report
    assert due_chores(library.project, targets=everything_to("log")) is not None


def test_a_share_that_stumbles_holds_up_no_other_chore(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise StoreError("The shared folder answered: input/output error.")

    monkeypatch.setattr("dayreel.footage.library.chores.due_library", stumble)
    assert [chore.name for chore in due_chores(library.project, targets=everything_to("log"))] == []
