"""How long ended jobs stay in the queue: until their item has moved on and nobody needs their folders any more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import UsageError
from dayreel.footage.library import clean_up
from dayreel.footage.library.documents import jobs_document
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.jobs import cancel_job, retry_job
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.stores.reads import jobs_of
from dayreel.services.project import Project
from tests.fakes.clock import FakeClock
from tests.fakes.library import drop, item, library_with, make_library, pretend_to_work

FALLS, COAST = movie_name("Hidden Falls", 2019), movie_name("Blue Coast", 2020)


@pytest.fixture
def library(make_project: Callable[..., Project], tiny_clip: Path) -> Library:
    """A library with a movie that waits for its remux."""
    return library_with(make_project(), FALLS, tiny_clip)


def pass_days(library: Library, days: int) -> None:
    clock = library.project.clock
    assert isinstance(clock, FakeClock)
    clock.move(days=days)


def folders(library: Library) -> list[str]:
    jobs = library.root / ".pipeline/jobs"
    return sorted(f"{place}/{folder.name}" for place in ("completed", "failed") for folder in (jobs / place).iterdir())


def removals(library: Library) -> list[str]:
    return [line for line in run_pass(library) if "removed from the queue" in line]


def test_an_old_completed_job_remains_only_in_the_catalog(library: Library) -> None:
    job = pretend_to_work(library, "remux")
    run_pass(library)
    known = jobs_document(library.project.catalog)
    pass_days(library, 89)
    assert removals(library) == []
    assert folders(library) == [f"completed/{job}.1"]
    pass_days(library, 2)
    assert removals(library) == [
        "1 jobs that ended before 2026-11-21 are removed from the queue; the catalog keeps them"
    ]
    assert folders(library) == []
    assert run_pass(library) == []
    assert jobs_document(library.project.catalog) == known
    rebuild(library)
    assert [document["job"] for document in jobs_document(library.project.catalog)] == [job], (
        "the catalog is all that knows it"
    )
    assert item(library, FALLS.item_id).state == "remuxed"


def test_a_job_that_may_still_be_retried_stays_however_old(library: Library, tiny_clip: Path) -> None:
    failed = pretend_to_work(library, "remux", error="the disc is scratched")
    run_pass(library)
    pass_days(library, 1000)
    assert removals(library) == []
    assert failed is not None
    retry_job(library, failed)
    cancel_job(library, failed)
    pass_days(library, 1000)
    assert removals(library) == []
    drop(library, FALLS, "remux", tiny_clip)  # a person has done it otherwise
    assert len(removals(library)) == 1
    assert folders(library) == []
    with pytest.raises(UsageError, match="keep_jobs_days"):
        retry_job(library, failed)


def test_a_job_that_was_not_taken_in_yet_stays(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    job = pretend_to_work(library, "remux")
    pass_days(library, 1000)  # the controller was away
    with monkeypatch.context() as patch:
        patch.setattr("dayreel.footage.library.run_pass.ingest_marked", lambda *_: "not now")
        run_pass(library)
    pass_days(library, 1000)
    with monkeypatch.context() as patch:
        patch.setattr("dayreel.footage.library.run_pass.ingest_marked", lambda *_: "not now")
        assert removals(library) == []
    assert folders(library) == [f"completed/{job}.1"]
    run_pass(library)
    assert item(library, FALLS.item_id).state == "remuxed"
    assert folders(library) == []


def test_jobs_stay_without_a_day_limit_or_a_catalog_entry(
    library: Library,
) -> None:
    pretend_to_work(library, "remux")
    run_pass(library)
    pass_days(library, 1000)
    always = make_library(library.project, keep_jobs_days=None)
    assert removals(always) == []
    strange = library.root / ".pipeline/jobs/completed/p5-20200101T090000-remux-somebody-elses.1"
    strange.mkdir()
    (strange.parent / "notes").mkdir()
    assert len(removals(library)) == 1
    assert folders(library) == ["completed/notes", f"completed/{strange.name}"]


def test_a_look_over_years_of_jobs_removes_some_at_a_time(
    library: Library, make_clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(library, COAST, [make_clip("red")], even_if_alike=True)
    run_pass(library)
    for _ in range(2):
        pretend_to_work(library, "remux")
    run_pass(library)
    pass_days(library, 91)
    monkeypatch.setattr(clean_up, "MOST", 1)
    for left in (1, 0, 0):
        removals(library)
        assert len(folders(library)) == left
    with library.project.catalog.read() as connection:
        assert len(jobs_of(connection, states=["completed"])) == 2


@pytest.mark.parametrize("travels", [True, False])
def test_subtitles_that_a_script_left_behind_stay(
    make_project: Callable[..., Project], tiny_clip: Path, tmp_path: Path, travels: bool
) -> None:
    library = make_library(make_project(), remove_sources=("rip",), remux_review=False, naming_confirm=False)
    film, words = tmp_path / "falls.mp4", tmp_path / "falls.en.srt"
    film.write_bytes(tiny_clip.read_bytes())
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    ingest(library, FALLS, [film])
    drop(library, FALLS, "remux", film, *([words] if travels else []))
    for role in ("transcode", "file"):
        run_pass(library)
        assert pretend_to_work(library, role)
    run_pass(library)
    assert item(library, FALLS.item_id).state == "in_library"
    left = sorted(path.name for path in (library.root / FALLS.folder("rip")).iterdir() if path.is_file())
    assert left == ([] if travels else ["falls.en.srt"])
