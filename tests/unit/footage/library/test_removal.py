"""Sources go only once each is proved to be in the library, by comparisons whose evidence outlives them."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.footage.library import proof
from dayreel.footage.library.documents import item_document
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.media.same_footage import VERIFIER
from dayreel.services.project import Project
from tests.fakes.library import drop, make_library, pretend_to_work

FALLS = movie_name("Hidden Falls", 2019)
PLAN = {"remux_review": False, "naming_confirm": False}
FOOTAGE = Path(proof.__file__).parents[1]


def filed(project: Project, clip: Path, transcoded: Path) -> Library:
    """Return a library with an item whose transcode somebody else has made, filed; its sources are still there."""
    library = make_library(project, **PLAN)
    ingest(library, FALLS, [clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    drop(library, FALLS, "transcode", transcoded)
    run_pass(library)
    pretend_to_work(library, "file")
    run_pass(library)
    return make_library(library.project, **PLAN, remove_sources=("rip",))


def encoded(run: Callable[..., None], clip: Path, *arguments: str) -> Path:
    made = clip.parent / "made" / clip.name
    made.parent.mkdir()
    run("-i", clip, *arguments, made)
    return made


@pytest.fixture
def clip(make_moving_clip: Callable[..., Path]) -> Path:
    return make_moving_clip(size="160x120", picture="testsrc")


def rips(library: Library) -> list[str]:
    return [path.name for path in (library.root / FALLS.folder("rip")).glob("*.mp4")]


@pytest.mark.slow
def test_what_somebody_made_is_compared_before_sources_go(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    library = filed(make_project(), clip, encoded(run, clip, "-c:v", "libx264", "-c:a", "copy"))
    assert rips(library) == ["clip.mp4"]
    assert "1 source files removed, each compared" in " ".join(run_pass(library))
    assert rips(library) == []
    rebuild(library)
    assert run_pass(library) == []
    stages = item_document(library, FALLS.item_id)["stages"]
    (gone,) = stages["file"]["facts"]["removed_sources"]
    source = stages["rip"]["files"][0]
    assert {key: gone[key] for key in source} == source
    assert (gone["verifier"], gone["kept_as"]) == (VERIFIER, "movies/Hidden Falls (2019)/Hidden Falls (2019).mp4")
    (evidence,) = stages["transcode"]["facts"]["files"]
    assert (evidence["source_sha256"], evidence["sha256"]) == (
        source["sha256"],
        stages["file"]["files"][0]["sha256"],
    )
    assert all(check["passed"] for check in evidence["checks"])


@pytest.mark.slow
def test_a_muted_film_keeps_its_source_and_is_compared_once(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = filed(make_project(), clip, encoded(run, clip, "-c:v", "copy", "-af", "volume=0"))
    report = " ".join(run_pass(library))
    assert "its sources stay: 'clip.mp4' is not all of 'clip.mp4': " in report
    assert "level of sound stream 1 is off" in report
    monkeypatch.delattr(proof, "compare_footage")
    assert "its sources stay" in " ".join(run_pass(library))
    assert rips(library) == ["clip.mp4"]


@pytest.mark.slow
def test_a_source_that_was_changed_since_stays(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    library = filed(make_project(), clip, encoded(run, clip, "-c", "copy"))
    source = library.root / FALLS.folder("rip") / "clip.mp4"
    source.write_bytes(source.read_bytes() + b"more")
    assert "'clip.mp4' of rip has changed since it was compared" in " ".join(run_pass(library))
    assert rips(library) == ["clip.mp4"]


def test_only_the_clean_up_removes_what_it_did_not_write() -> None:
    """Whoever else removes files removes its own: asides, scratch folders, a worker's presence, an attempt."""
    own = {
        *("stores/safe_copy.py", "stores/job_queue/queue_disk.py", "stores/job_queue/folder_check.py"),
        *("worker/presence.py", "worker/roles.py"),
    }
    calls = {
        path.relative_to(FOOTAGE).as_posix()
        for path in FOOTAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("unlink", "rmtree", "rmdir", "removedirs", "truncate")
    }
    assert calls - own == {"library/clean_up.py"}
