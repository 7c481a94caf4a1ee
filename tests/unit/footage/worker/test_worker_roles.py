"""What a worker makes of each role, and that bad inputs and outputs never get past it."""

import subprocess
from pathlib import Path

import pytest

from dayreel.media.probe import probe
from tests.unit.footage.worker.conftest import LEAF, SharedFolder


@pytest.mark.slow
def test_a_remux_job_leaves_files_markers_and_evidence_in_place(shared: SharedFolder, clip: Path) -> None:
    spec = shared.submit("remux", shared.put(clip), parameters={"languages": ["fra"], "deadline_s": 60})
    shared.must_end("done")
    made = shared.root / f"2-remuxed/movies/{LEAF}/film.mkv"
    assert [stream.language for stream in probe(made).audio] == ["fra"]
    markers = shared.root / f"2-remuxed/movies/{LEAF}/.pipeline"
    assert sorted(path.name for path in markers.iterdir()) == ["remux.done", "remux.timestamp"]
    result = shared.find(spec).result
    assert result is not None
    (facts,) = result.facts["files"]
    assert (facts["path"], facts["source"]) == ("film.mkv", f"1-ripped/movies/{LEAF}/film.mp4")
    assert [(stream["index"], stream["is_kept"]) for stream in facts["streams"]] == [(0, True), (1, False), (2, True)]
    assert all(check["passed"] for check in facts["checks"])
    assert result.outputs[0].size_bytes == made.stat().st_size == result.facts["output_bytes"]
    assert result.worker == "attic"
    assert shared.leftovers() == []


@pytest.mark.slow
def test_streams_chosen_by_a_person_are_kept_in_every_file(shared: SharedFolder, clip: Path) -> None:
    inputs = [shared.put(clip, name) for name in ("a.mp4", "b.mp4", "b.mov")]
    shared.submit("remux", *inputs, parameters={"keep": [0, 1, 7]})
    shared.must_end("done")
    made = shared.root / f"2-remuxed/movies/{LEAF}"
    assert sorted(path.name for path in made.glob("*.mkv")) == ["a.mkv", "b.mov.mkv", "b.mp4.mkv"]
    assert [stream.language for stream in probe(made / "a.mkv").audio] == ["eng"]


@pytest.mark.slow
def test_a_transcode_job_encodes_and_keeps_what_was_remuxed(shared: SharedFolder, clip: Path) -> None:
    spec = shared.submit("transcode", shared.put(clip, stage="2-remuxed"), parameters={"preset": "h264"})
    shared.must_end("done")
    made = probe(shared.root / f"3-transcoded/movies/{LEAF}/film.mkv")
    assert (made.best_video_stream().codec, len(made.audio)) == ("h264", 2)
    assert shared.find(spec).progress is not None


@pytest.mark.slow
def test_a_film_that_would_not_shrink_stays_as_it_is(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip, stage="2-remuxed")
    spec = shared.submit("transcode", film, parameters={"preset": "h264", "min_saving": 0.9})
    shared.must_end("done")
    assert (shared.root / f"3-transcoded/movies/{LEAF}/film.mp4").read_bytes() == film.read_bytes()
    result = shared.find(spec).result
    assert result is not None
    (facts,) = result.facts["files"]
    assert facts["quality"]["reason"].startswith("It stays as it is: libx264 at 20 would ")
    assert [check["name"] for check in facts["checks"]] == ["same_bytes"]


@pytest.mark.slow
def test_required_hardware_waits_for_a_machine_with_it(shared: SharedFolder, clip: Path) -> None:
    shared.submit("transcode", shared.put(clip, stage="2-remuxed"), parameters={"hardware": "require"})
    assert "requires a hardware encoder for h265" in shared.must_end("returned")


def test_a_filed_item_is_a_verified_copy_under_its_new_name(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip, "film.mkv", stage="3-transcoded")
    shared.submit("file", film, parameters={"names": {"film.mkv": "movies/Film (2001)/Film (2001).mkv"}})
    shared.must_end("done")
    assert (shared.root / "4-library/movies/Film (2001)/Film (2001).mkv").read_bytes() == film.read_bytes()
    assert film.exists()
    assert (shared.root / "4-library/.pipeline/movie-film_2001/file.done").is_file()


def test_a_file_in_the_library_that_is_not_the_items_own_stays(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip, "film.mkv", stage="3-transcoded")
    there = shared.root / "4-library/movies/Film (2001)/Film (2001).mkv"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"somebody's only copy")
    names = {"film.mkv": "movies/Film (2001)/Film (2001).mkv"}
    shared.submit("file", film, parameters={"names": names})
    assert "not of this item" in shared.must_end("failed")
    assert there.read_bytes() == b"somebody's only copy"
    shared.submit("file", film, parameters={"names": names, "replaces": [names["film.mkv"]]})
    shared.must_end("done")
    assert there.read_bytes() == film.read_bytes()


@pytest.mark.parametrize("names", [None, {"other.mkv": "movies/x.mkv"}, {"film.mkv": "../../etc/x.mkv"}])
def test_a_file_job_without_a_usable_name_fails_with_no_output(shared: SharedFolder, clip: Path, names: object) -> None:
    shared.submit("file", shared.put(clip, "film.mkv", stage="3-transcoded"), parameters={"names": names})
    shared.must_end("failed")
    assert list((shared.root / "4-library").rglob("*.mkv")) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x" * 55, "not a media file"),
        (b"<html>503 Service Unavailable</html>", "not a media file"),
        (b"", "empty"),
    ],
)
def test_an_input_that_is_not_a_film_fails_permanently(
    shared: SharedFolder, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "bad").write_bytes(content)
    spec = shared.submit("remux", shared.put(tmp_path / "bad", "film.mkv"))
    assert words in shared.must_end("failed")
    assert shared.find(spec).place == "failed"
    assert not (shared.root / f"2-remuxed/movies/{LEAF}").exists()


@pytest.mark.slow
def test_a_truncated_film_fails_but_a_wrong_extension_does_not(
    shared: SharedFolder, clip: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(clip.read_bytes()[:-4000])
    shared.submit("transcode", shared.put(cut, stage="2-remuxed"), parameters={"preset": "h264"})
    shared.must_end("failed")
    shared.submit("remux", shared.put(clip, "really_an_mp4.avi"))
    shared.must_end("done")


def test_an_input_changed_since_its_job_was_made_is_refused(shared: SharedFolder, clip: Path) -> None:
    path = shared.put(clip)
    shared.submit("remux", path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "the job was made for" in shared.must_end("failed")


def test_a_worker_leaves_roles_it_does_not_do_to_others(shared: SharedFolder, clip: Path) -> None:
    spec = shared.submit("transcode", shared.put(clip, stage="2-remuxed"))
    assert shared.work("remux", "file") is None
    assert shared.find(spec).place == "pending"


WORDS = "1\n00:00:00,100 --> 00:00:00,800\nHello\n"


def with_words(shared: SharedFolder, film: Path, *names: str) -> list[Path]:
    paths = [film.with_name(name) for name in names]
    for path in paths:
        path.write_text(WORDS.replace("Hello", path.name))
    return paths


@pytest.mark.slow
def test_subtitles_beside_a_film_come_along(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip)
    shared.submit("remux", film, *with_words(shared, film, "film.en.srt", "French.forced.SRT"))
    shared.must_end("done")
    folder = shared.root / f"2-remuxed/movies/{LEAF}"
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert names == ["film.French.forced.srt", "film.en.srt", "film.mkv"]
    assert (folder / "film.en.srt").read_text() == WORDS.replace("Hello", "film.en.srt")
    given = {"film.mkv": "movies/Film (2001)/Film (2001).mkv"}
    shared.submit("file", *(folder / name for name in names), parameters={"names": given})
    shared.must_end("done")
    filed = shared.root / "4-library/movies/Film (2001)"
    assert sorted(path.name for path in filed.iterdir()) == [
        *("Film (2001).French.forced.srt", "Film (2001).en.srt", "Film (2001).mkv")
    ]


@pytest.mark.slow
def test_subtitles_are_muxed_where_the_plan_says_so(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip)
    words = with_words(shared, film, "film.en.srt", "film.fr.forced.srt")
    spec = shared.submit("remux", film, *words, parameters={"sidecars": "mux"})
    shared.must_end("done")
    folder = shared.root / f"2-remuxed/movies/{LEAF}"
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["film.mkv"]
    muxed = probe(folder / "film.mkv")
    assert [(each.language, each.is_forced) for each in muxed.subtitles] == [("eng", False), ("fra", True)]
    assert len(muxed.audio) == 2
    result = shared.find(spec).result
    assert result is not None
    assert result.facts["files"][0]["muxed"] == [f"1-ripped/movies/{LEAF}/{path.name}" for path in words]


@pytest.mark.slow
def test_what_is_not_subtitles_is_not_muxed(shared: SharedFolder, clip: Path) -> None:
    film = shared.put(clip)
    (film.with_name("film.srt")).write_bytes(b"\0" * 40)
    shared.submit("remux", film, film.with_name("film.srt"), parameters={"sidecars": "mux"})
    assert "film.srt" in shared.must_end("failed")


@pytest.mark.slow
def test_an_item_of_sound_goes_all_the_way(shared: SharedFolder, clip: Path) -> None:
    song = shared.put(clip, "01 Morning.wav")
    subprocess.run(
        [shared.ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", "anoisesrc=d=1:a=0.3", song], check=True, timeout=60
    )
    lyrics = with_words(shared, song, "01 Morning.en.srt")
    shared.submit("remux", song, *lyrics, parameters={"sidecars": "mux"})  # nothing is put into sound
    shared.must_end("done")
    copied = shared.root / f"2-remuxed/movies/{LEAF}/01 Morning.wav"
    assert copied.read_bytes() == song.read_bytes()
    assert copied.with_name("01 Morning.en.srt").is_file()
    spec = shared.submit("transcode", copied, parameters={"sound": "flac"})
    shared.must_end("done")
    made = shared.root / f"3-transcoded/movies/{LEAF}/01 Morning.flac"
    assert probe(made).audio[0].codec == "flac"
    result = shared.find(spec).result
    assert result is not None
    assert result.facts["files"][0]["checks"][-1]["name"] == "same_sound"
    given = {made.name: "audio/Film (2001)/01 Morning.flac"}
    shared.submit("file", made, parameters={"names": given})
    shared.must_end("done")
    assert (shared.root / "4-library/audio/Film (2001)/01 Morning.flac").read_bytes() == made.read_bytes()
