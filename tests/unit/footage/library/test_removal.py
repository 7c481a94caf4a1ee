"""Sources go only once each is proved to be in the library, by comparisons whose evidence outlives them."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from dayreel.footage.library import proof
from dayreel.footage.library.documents import item_document
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.media.same_footage import VERIFIER
from dayreel.footage.stores.reads import get_item, name_of
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import media_items
from tests.fakes.library import drop, make_library, pretend_to_work

FALLS = movie_name("Hidden Falls", 2019)
PLAN = {"remux_review": False, "naming_confirm": False}
CUE = "00:00:00.000 --> 00:00:01.000\nRain.\n"
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
    source_file = library.root / FALLS.folder("rip") / "clip.mp4"
    content = source_file.read_bytes()
    assert "1 source files removed, each compared" in " ".join(run_pass(library))
    assert rips(library) == []
    source_file.write_bytes(content)  # as where it was killed between the manifest and the removal
    with library.project.catalog.write("test") as connection:
        connection.execute(update(media_items).values(metadata={}))
    rebuild(library)
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
    assert "its sources stay. 'clip.mp4' is not all of 'clip.mp4': " in report
    assert "level of sound stream 1 is off" in report
    monkeypatch.delattr(proof, "compare_footage")
    assert "its sources stay" in " ".join(run_pass(library, everything=True))
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


@pytest.mark.slow
def test_a_source_that_the_library_only_links_to_stays(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    library = filed(make_project(), clip, encoded(run, clip, "-c", "copy", "-bitexact"))
    source = library.root / FALLS.folder("rip") / "clip.mp4"
    kept = library.root / "4-library/movies/Hidden Falls (2019)/Hidden Falls (2019).mp4"
    kept.unlink()
    kept.symlink_to(source)  # what a tool does that looks for duplicates
    with library.project.catalog.read() as connection:
        row = get_item(connection, FALLS.item_id)
    manifest = library.items.manifest(FALLS, "file")
    assert manifest is not None
    same = manifest.stages["rip"].files
    stages = {**manifest.stages, "transcode": manifest.stages["transcode"].model_copy(update={"files": same})}
    stages["file"] = stages["file"].model_copy(
        update={"files": tuple(same[0].model_copy(update={"path": file.path}) for file in stages["file"].files)}
    )
    library.items.save(name_of(row), "file", manifest.model_copy(update={"stages": stages}))
    assert "in the library is only a link to a source" in " ".join(run_pass(library))
    assert kept.is_file()


@pytest.mark.slow
def test_subtitles_muxed_into_the_film_are_not_removed(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    subtitles = clip.with_suffix(".en.vtt")
    subtitles.write_text(f"WEBVTT\n\nSTYLE\n::cue {{ color: red }}\n\n{CUE}", encoding="utf-8")
    library = filed(make_project(), clip, encoded(run, clip, "-c", "copy"))
    manifest = library.items.manifest(FALLS, "file")
    assert manifest is not None
    remux = manifest.stages["remux"]
    facts = {"files": [{"path": "clip.mp4", "muxed": [f"{FALLS.folder('rip')}/clip.en.vtt"]}]}
    film = tuple(file for file in remux.files if file.path.endswith(".mp4"))
    stages = {**manifest.stages, "remux": remux.model_copy(update={"files": film, "facts": {**remux.facts, **facts}})}
    library.items.save(FALLS, "file", manifest.model_copy(update={"stages": stages}))
    assert "1 source files removed" in " ".join(run_pass(library))
    assert [path.name for path in (library.root / FALLS.folder("rip")).glob("clip.*")] == ["clip.en.vtt"]


@pytest.mark.slow
def test_what_has_changed_on_the_way_proves_nothing(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    library = filed(make_project(), clip, encoded(run, clip, "-c:v", "libx264", "-c:a", "copy"))
    remuxed = library.root / FALLS.folder("remux") / "clip.mp4"
    remuxed.write_bytes(remuxed.read_bytes() + b"more")
    report = " ".join(run_pass(library))
    assert f"{FALLS.folder('remux')}/clip.mp4 has changed since it was taken in" in report
    assert rips(library) == ["clip.mp4"]


@pytest.mark.slow
def test_a_film_is_compared_with_no_subtitles(
    make_project: Callable[..., Project], clip: Path, run: Callable[..., None]
) -> None:
    made = encoded(run, clip, "-c:v", "libx264", "-c:a", "copy")
    library = filed(make_project(), clip, made)
    manifest = library.items.manifest(FALLS, "file")
    assert manifest is not None
    transcode = manifest.stages["transcode"]
    files = (transcode.files[0].model_copy(update={"path": "clip.ass"}), *transcode.files)
    changed = {"files": files, "facts": {"marker_stamp": 1}}
    stages = {**manifest.stages, "transcode": transcode.model_copy(update=changed)}
    library.items.save(FALLS, "file", manifest.model_copy(update={"stages": stages}))
    assert "1 source files removed" in " ".join(run_pass(library))


def test_only_the_clean_up_removes_what_it_did_not_write() -> None:
    """Whoever else removes files removes its own: asides, scratch folders, a worker's presence, an attempt."""
    own = {
        "library/ingest.py",
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
