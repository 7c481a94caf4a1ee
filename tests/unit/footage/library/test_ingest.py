"""Taking footage in: proved, not there already, copied, read back; and moving in from the older system."""

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from dayreel.errors import ConfigurationError, MediaError, UsageError
from dayreel.footage.cli import ingest_command
from dayreel.footage.library.documents import items_document
from dayreel.footage.library.filed_footage import filed_footage
from dayreel.footage.library.ingest import disc_name, footage_in, ingest, movie_name
from dayreel.footage.library.migrate_v1 import migrate_v1
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.queries.config import read_config
from dayreel.services.project import Project
from tests.fakes.library import drop, item, make_library, pretend_to_work


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project(), remux_review=False, naming_confirm=False)


def test_the_same_bytes_are_not_taken_twice_under_another_name(library: Library, tiny_clip: Path) -> None:
    ingest(library, movie_name("One", None), [tiny_clip])
    with pytest.raises(UsageError, match="byte for byte, in movie-one"):
        ingest(library, movie_name("Two", None), [tiny_clip])
    assert [item["item_id"] for item in items_document(library.project.catalog)] == ["movie-one"]


def test_similar_footage_is_ingested_only_when_a_person_insists(
    library: Library, make_film: Callable[..., Path]
) -> None:
    again = make_film(1, crf=30)
    ingest(library, movie_name("One", None), [make_film(1)])
    with pytest.raises(UsageError, match="looks like movie-one"):
        ingest(library, movie_name("Two", None), [again])
    assert ingest(library, movie_name("Two", None), [again], even_if_alike=True).alike == ("movie-one",)


def test_an_undecodable_file_is_quarantined_and_left_in_place(
    library: Library, tiny_clip: Path, tmp_path: Path
) -> None:
    page = tmp_path / "film.mp4"
    page.write_bytes(b"<html>Not found</html>")
    name = movie_name("Film", None)
    with pytest.raises(MediaError, match="not a media file"):
        ingest(library, name, [page])
    assert item(library, name.item_id).state == "quarantined"
    assert "not a media file" in str(item(library, name.item_id).error)
    assert page.exists()
    assert not (library.root / name.folder("rip")).exists()
    ingest(library, name, [tiny_clip])
    assert (item(library, name.item_id).state, item(library, name.item_id).error) == ("ripped", None)


def test_a_disc_of_a_series_knows_its_season(library: Library, tiny_clip: Path) -> None:
    ingest(library, disc_name("Blue Coast", 2, 1), [tiny_clip])
    item = items_document(library.project.catalog)[0]
    assert (item["item_id"], item["series"], item["season"], item["disc"]) == (
        "tv-blue_coast-s02_disc1",
        "Blue Coast",
        2,
        1,
    )


def test_a_plan_without_reviews_brings_footage_to_channels(library: Library, tiny_clip: Path) -> None:
    ingest(library, movie_name("Hidden Falls", 2019), [tiny_clip])
    with pytest.raises(ConfigurationError, match="No item of the library"):
        filed_footage(library, ["*"])
    for role in ("remux", "transcode", "file"):
        run_pass(library)
        assert pretend_to_work(library, role)
    run_pass(library)
    (path, item_id), *others = filed_footage(library, ["hidden*"])
    assert (path.name, item_id, others) == ("Hidden Falls (2019).mp4", "movie-hidden_falls_2019", [])


def test_a_missing_variable_or_bad_plan_says_what_to_do(make_project: Callable[..., Project]) -> None:
    project = make_project()
    with pytest.raises(ConfigurationError, match="DAYREEL_LIBRARY"):
        open_library(project)
    library = make_library(project)
    (library.root / "library.yaml").write_text("transcode: {preset: mpeg1}\nhdr: keep\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        open_library(library.project)
    assert "library.yaml:1: transcode.preset: it has to be 'h264', 'h265' or 'av1'" in str(refusal.value)
    assert "library.yaml:2: hdr: unknown field; allowed here: file, " in str(refusal.value)


# -- moving in ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def older(tmp_path: Path, tiny_clip: Path) -> Path:
    """The older system's project: one clip that is there, one that is not, settings of every kind."""
    root = tmp_path / "older"
    (root / "data").mkdir(parents=True)
    (root / "clips").mkdir()
    (root / "clips" / "waterfall.mp4").write_bytes(tiny_clip.read_bytes())
    document = {
        "clips": [{"id": "c1", "title": "Waterfall", "path": "clips/waterfall.mp4"}, {"id": "c2", "path": "gone.mp4"}],
        "settings": {"killSwitch": True, "maxPostsPerDay": 3, "dryRun": False, "theme": "dark"},
        "jobs": [],
    }
    path = root / "data" / "app.db.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_clips_and_settings_of_the_older_system_are_taken_once(library: Library, older: Path) -> None:
    before = older.read_bytes()
    taken = {entry.what: (entry.outcome, entry.told) for entry in migrate_v1(library, older, dry_run=True)}
    assert taken["clip Waterfall"][0] == "would be taken"
    assert items_document(library.project.catalog) == []

    taken = {entry.what: (entry.outcome, entry.told) for entry in migrate_v1(library, older, dry_run=False)}
    assert taken["clip Waterfall"][0] == "taken"
    assert taken["clip c2"] == ("left", "its file 'gone.mp4' is not there")
    assert taken["setting killSwitch"] == ("taken", "switch = off")
    assert taken["setting maxPostsPerDay"] == ("left", "put `max_posts_per_day: 3` into your channel's file")
    assert taken["setting dryRun"][0] == "left"  # real posts are never allowed by another system's word
    assert taken["setting theme"] == ("left", "dayreel has no such setting")
    assert taken["jobs"][0] == "left"
    with library.project.catalog.read() as connection:
        assert read_config(connection, "switch").value == "off"

    again = {entry.what: entry.outcome for entry in migrate_v1(library, older, dry_run=False)}
    assert (again["clip Waterfall"], again["setting killSwitch"]) == ("there already", "there already")
    assert len(items_document(library.project.catalog)) == 1
    assert older.read_bytes() == before


def test_what_stands_in_channel_files_is_written_there(library: Library, tmp_path: Path) -> None:
    older, file = tmp_path / "app.db.json", library.project.settings.channels_dir / "crafts.yaml"
    settings = {
        "maxPostsPerDay": 2,
        "publishWindows": [{"start": "18:00", "end": "21:30"}],
        "timezone": "Mars/Olympus",
        "theme": "dark",
    }
    older.write_text(json.dumps({"settings": settings}))
    before = file.read_text()
    planned = migrate_v1(library, older, dry_run=True, channel="crafts")
    assert [entry.outcome for entry in planned] == ["would be taken"] * 3 + ["left"]
    assert file.read_text() == before
    outcomes = {entry.what: entry.outcome for entry in migrate_v1(library, older, dry_run=False, channel="crafts")}
    assert list(outcomes.values()) == ["taken", "taken", "left", "left"]
    channel = library.project.channels.load("crafts")
    assert (channel.max_posts_per_day, channel.publish_windows, channel.timezone) == (2, ("18:00-21:30",), "UTC")
    assert file.read_text().startswith(before)
    again = migrate_v1(library, older, dry_run=False, channel="crafts")
    assert [entry.outcome for entry in again] == ["there already", "there already", "left", "left"]
    older.write_text(json.dumps({"settings": {"maxPostsPerDay": 9}}))
    (own,) = migrate_v1(library, older, dry_run=False, channel="crafts")
    assert (own.outcome, "says its own `max_posts_per_day`" in own.told) == ("left", True)


@pytest.mark.parametrize("content", ["[]", "{", '{"a": NaN}'])
def test_a_file_that_is_not_such_a_database_is_refused_clearly(library: Library, tmp_path: Path, content: str) -> None:
    path = tmp_path / "app.db.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="Tried to read"):
        migrate_v1(library, path, dry_run=False)


def test_dropped_files_that_are_no_footage_are_left_out(library: Library, tiny_clip: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.nfo"
    notes.write_text("a note", encoding="utf-8")
    name = movie_name("Film", None)
    drop(library, name, "rip", tiny_clip, notes)
    run_pass(library)
    manifest = library.items.newest_manifest(name)
    assert manifest is not None
    assert [file.path for file in manifest.stages["rip"].files] == ["tiny.mp4"]


def test_subtitles_beside_footage_are_taken_along(library: Library, tiny_clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "falls.mp4"
    film.write_bytes(tiny_clip.read_bytes())
    for name in ("falls.en.srt", "other.srt"):
        film.with_name(name).write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    done = ingest(library, movie_name("Falls", 2019), [film])
    assert [file.path for file in done.files] == ["falls.mp4", "falls.en.srt"]
    folder = drop(library, movie_name("Coast", 2020), "rip", film)
    (folder / "Spanish.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHola\n")
    run_pass(library)
    manifest = library.items.newest_manifest(movie_name("Coast", 2020))
    assert manifest is not None
    assert [file.path for file in manifest.stages["rip"].files] == ["falls.mp4", "Spanish.srt"]


def test_a_folder_is_one_item_with_all_its_footage(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    for name in ("b.MXF", "a.3gp", "note.txt", "day/c.vob"):
        (tmp_path / name).touch()
    assert [path.name for path in footage_in([tmp_path])] == ["a.3gp", "b.MXF", "c.vob"]
    assert footage_in([tmp_path / "note.txt"]) == [tmp_path / "note.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no footage and no sound in it"):
        footage_in([tmp_path / "empty"])


@pytest.mark.slow
def test_hidden_files_of_a_folder_are_left_out(tmp_path: Path) -> None:
    for name in ("._clip.mov", "clip.mov", ".Trashes/gone.mov"):
        (tmp_path / "card" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "card" / name).touch()
    assert [path.name for path in footage_in([tmp_path / "card"])] == ["clip.mov"]


def test_the_folder_one_is_in_gives_the_item_its_name(
    library: Library, tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Hidden Falls"
    folder.mkdir()
    shutil.copy(tiny_clip, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(ingest_command, "opened_library", lambda: nullcontext(library))
    answered = CliRunner().invoke(ingest_command.command, ["."], catch_exceptions=False)
    assert "movie-hidden_falls is ripped" in answered.output


@pytest.mark.slow
def test_a_folder_of_music_becomes_an_item_with_its_own_names(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "Quiet Songs"
    folder.mkdir()
    for track, hertz in (("01 Morning.wav", 300), ("02 Noon.wav", 500)):
        source = ["-f", "lavfi", "-i", f"sine={hertz}:d=0.5", str(folder / track)]
        subprocess.run([find_ffmpeg(), "-v", "error", *source], check=True, timeout=60)
    name = movie_name("Quiet Songs", 1999)
    ingest(library, name, footage_in([folder]))
    for role in ("remux", "transcode", "file"):
        run_pass(library)
        assert pretend_to_work(library, role), f"nobody is asked about streams before {role}"
    run_pass(library)
    assert item(library, name.item_id).state == "in_library"
    filed = library.items.newest_manifest(name)
    assert filed is not None
    assert [file.path for file in filed.stages["file"].files] == [
        *("audio/Quiet Songs (1999)/01 Morning.wav", "audio/Quiet Songs (1999)/02 Noon.wav")
    ]
