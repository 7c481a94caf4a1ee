"""Streams of own footage: which are kept and why, and that a remux holds exactly those."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import choose_streams, same_language
from dayreel.footage.media.remux import remux, written_streams
from dayreel.footage.schemas.library import RemuxPlan
from dayreel.media.probe import decode_fully, probe

MakeClip = Callable[..., Path]
Run = Callable[..., None]


@pytest.fixture
def disc(make_clip: MakeClip, run: Run, tmp_path: Path) -> Path:
    """Two languages, a commentary by its mark and one by its name, subtitles, chapters and a cover, as an MP4."""
    subtitles, chapters, cover = tmp_path / "s.srt", tmp_path / "chapters.txt", tmp_path / "cover.png"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:00,400\nHello\n")
    chapters.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n"
    )
    Image.new("RGB", (64, 64), "red").save(cover)
    path = tmp_path / "disc.mp4"
    clip = make_clip(size="96x64")
    maps = [f"-map {stream}" for stream in ("0:v", "0:a", "0:a", "0:a", "0:a", "1", "1", "3")]
    labels = {"a:0": "eng", "a:1": "deu", "a:2": "eng", "a:3": "eng", "s:0": "eng", "s:1": "fra"}
    run(
        *("-i", clip, "-i", subtitles, "-i", chapters, "-i", cover),
        *" ".join(maps).split(),
        *("-map_chapters", "2", "-c", "copy", "-c:s", "mov_text", "-c:v:1", "png", "-disposition:v:1", "attached_pic"),
        *(part for at, language in labels.items() for part in (f"-metadata:s:{at}", f"language={language}")),
        *("-disposition:a:2", "comment", "-metadata:s:a:3", "title=Director's commentary", path),
    )
    return path


def kept(path: Path, plan: RemuxPlan, only: tuple[int, ...] | None = None) -> list[int]:
    return [stream.index for stream in choose_streams(probe(path), plan, only).kept]


def reasons(path: Path, plan: RemuxPlan) -> dict[int, str]:
    return {stream.index: stream.reason for stream in choose_streams(probe(path), plan).dropped}


def test_all_streams_but_commentaries_are_kept_by_default(disc: Path) -> None:
    assert kept(disc, RemuxPlan()) == [0, 1, 2, 5, 6, 8]
    dropped = reasons(disc, RemuxPlan())
    assert (dropped[3], dropped[4]) == ("a commentary", "a commentary")
    assert dropped[7] == "neither picture nor sound nor subtitles"  # the MP4's own track of chapter titles
    assert set(kept(disc, RemuxPlan(commentary=True))) >= {3, 4}


def test_only_wanted_languages_are_kept_under_either_code(disc: Path) -> None:
    assert kept(disc, RemuxPlan(languages=("ger", "fre"))) == [0, 2, 6, 8]
    assert reasons(disc, RemuxPlan(languages=("ger",)))[1] == "its language is eng"
    assert same_language("deu", "GER")
    assert not same_language("deu", "eng")


def test_a_plan_without_a_matching_language_still_keeps_sound(disc: Path) -> None:
    choices = choose_streams(probe(disc), RemuxPlan(languages=("jpn",)))
    sound = [(stream.index, stream.reason) for stream in choices.kept if stream.kind == "sound"]
    assert sound[0] == (1, "its language is eng, but there is no other sound")
    assert [index for index, _ in sound] == [1, 2]


def test_subtitles_are_left_out_where_the_plan_says_so(disc: Path) -> None:
    assert kept(disc, RemuxPlan(subtitles=False)) == [0, 1, 2, 8]


def test_a_person_may_name_streams_but_only_existing_ones(disc: Path) -> None:
    assert kept(disc, RemuxPlan(), (0, 3)) == [0, 3]
    with pytest.raises(MediaError, match=r"\[12\] are not among its streams"):
        kept(disc, RemuxPlan(), (0, 12))
    with pytest.raises(MediaError, match="leaves out every moving picture"):
        kept(disc, RemuxPlan(), (1,))


def test_a_remux_keeps_languages_chapters_subtitles_and_cover(disc: Path, ffmpeg: Path, tmp_path: Path) -> None:
    facts = probe(disc)
    made = remux(disc, tmp_path / "out.mkv", choose_streams(facts, RemuxPlan(commentary=True)), ffmpeg=ffmpeg)
    assert (made.container, made.path) == ("matroska", tmp_path / "out.mkv")
    assert made.chapters == 2
    assert [track.language for track in made.audio] == ["eng", "deu", "eng", "eng"]
    assert [track.is_commentary for track in made.audio] == [False, False, True, True]
    assert made.audio[3].title == "Director's commentary"
    assert [(subtitle.codec, subtitle.language) for subtitle in made.subtitles] == [
        ("subrip", "eng"),
        ("subrip", "fra"),
    ]
    assert [picture.is_attached_picture for picture in made.video] == [False, True]
    before, after = decode_fully(disc), decode_fully(tmp_path / "out.mkv", with_sound=True)
    assert before.frames == after.frames == 24
    again = remux(tmp_path / "out.mkv", tmp_path / "again.mkv", choose_streams(made, RemuxPlan()), ffmpeg=ffmpeg)
    assert [kind for kind, _, _ in written_streams(again)] == [
        "video",
        "cover",
        "sound",
        "sound",
        "subtitles",
        "subtitles",
    ]


def test_sound_that_matroska_cannot_hold_becomes_lossless(
    make_clip: MakeClip, run: Run, ffmpeg: Path, tmp_path: Path
) -> None:
    disc = tmp_path / "b.m2ts"
    run("-i", make_clip(size="96x64"), "-c:v", "copy", "-c:a", "pcm_bluray", disc)
    choices = choose_streams(probe(disc), RemuxPlan())
    assert "so it becomes flac" in choices.streams[1].reason
    assert remux(disc, tmp_path / "b.mkv", choices, ffmpeg=ffmpeg).audio[0].codec == "flac"


def test_a_turned_picture_stays_turned(make_clip: MakeClip, run: Run, ffmpeg: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mov"
    run("-display_rotation", "90", "-i", make_clip(size="96x64", video_filter="setsar=4/3"), "-c", "copy", turned)
    made = remux(turned, tmp_path / "turned.mkv", choose_streams(probe(turned), RemuxPlan()), ffmpeg=ffmpeg)
    video = made.best_video_stream()
    assert (video.rotation, video.display_width, round(video.display_height)) == (270, 64, 128)


def test_a_broken_source_is_refused_and_leaves_nothing(make_clip: MakeClip, ffmpeg: Path, tmp_path: Path) -> None:
    clip = make_clip(name="clip.mkv", size="96x64")
    choices = choose_streams(probe(clip), RemuxPlan())
    clip.write_bytes(b"<html><body>503 Service Unavailable</body></html>")
    with pytest.raises(MediaError, match="not a media file"):
        remux(clip, tmp_path / "out" / "a.mkv", choices, ffmpeg=ffmpeg)
    assert not (tmp_path / "out").exists()
