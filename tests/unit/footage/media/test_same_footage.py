"""Whether an output is still the footage it was made from; every way in which it is not has its own sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.same_footage import FootageLimits, compare_footage, refuse_other_footage
from dayreel.footage.schemas.library import RemuxPlan
from dayreel.media.probe import probe
from tests.unit.footage.media.wrong_films import WRONG, make_source

MakeClip = Callable[..., Path]
Run = Callable[..., None]
LIMITS = FootageLimits(min_size_ratio=0.005, max_duration_gap_s=0.5)


def wrong(source: Path, made: Path, limits: FootageLimits = LIMITS) -> list[str]:
    return [check.name for check in compare_footage(source, made, limits) if not check.passed]


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    return make_clip(size="160x120", picture="testsrc", options=("-g", "6"))


def test_a_copy_in_another_container_is_the_same_footage(clip: Path, run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.mkv"
    run("-i", clip, "-c", "copy", made)
    checks = compare_footage(clip, made, LIMITS, choices=choose_streams(probe(clip), RemuxPlan()))
    names = [check.name for check in checks]
    assert names[:7] == ["size", "is_media", "decodes_fully", "duration", "ends", "aspect", "picture_size"]
    assert {"picture_on_time", "likeness", "in_sync", "sound_waves", "loudness", "subtitles"} <= set(names)
    assert all(check.passed for check in checks)
    assert checks[2].value == "24 frames"
    refuse_other_footage(checks, clip, made)


@pytest.mark.parametrize("content", [b"x" * 55, b"<!DOCTYPE html><html>502 Bad Gateway</html>" * 100, b""])
def test_tiny_outputs_and_error_pages_are_refused_with_evidence(clip: Path, tmp_path: Path, content: bytes) -> None:
    made = tmp_path / "made.mkv"
    made.write_bytes(content)
    checks = compare_footage(clip, made, LIMITS)
    with pytest.raises(MediaError, match="not the same footage, whole") as refused:
        refuse_other_footage(checks, clip, made)
    assert checks[1].name == "is_media"
    assert not checks[1].passed
    assert "The output was dropped and the source was not touched" in str(refused.value)


def test_a_file_that_was_cut_off_is_refused(clip: Path, run: Run, tmp_path: Path) -> None:
    whole, made = tmp_path / "whole.mkv", tmp_path / "made.mkv"
    run("-i", clip, "-c", "copy", whole)
    made.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert wrong(clip, made)[:2] == ["decodes_fully", "ends"]


def test_a_shorter_a_silent_and_another_film_are_distinguished(
    clip: Path, make_clip: MakeClip, run: Run, tmp_path: Path
) -> None:
    short, silent = tmp_path / "short.mkv", tmp_path / "silent.mkv"
    run("-i", clip, "-t", "0.4", "-c:v", "libx264", short)
    assert wrong(clip, short)[:2] == ["decodes_fully", "duration"]
    run("-i", clip, "-an", "-c", "copy", silent)
    assert wrong(clip, silent) == ["sound"]
    assert "pictures" in wrong(clip, make_clip("other.mkv", size="160x120", picture="mandelbrot"))


def test_a_much_smaller_output_is_refused(clip: Path, run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.mkv"
    run("-i", clip, "-c:v", "libx264", "-crf", "51", "-c:a", "copy", made)
    assert "size" in wrong(clip, made, FootageLimits(0.99, 0.5))


TELLING = (
    *("muted", "half_the_volume", "left_and_right_swapped", "phase_inverted", "sound_late_by_0_3_s", "mono_8_khz"),
    *("tinted", "squeezed", "mirrored", "logo_burned_in", "washed_out", "second_track_gone"),
)


@pytest.fixture(scope="module")
def sources(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A second of the film that wrong ones are made from, with one sound track and with two."""
    folder = tmp_path_factory.mktemp("sources")
    return {tracks: make_source(ffmpeg, folder / f"{tracks}.mkv", seconds=1.2, tracks=tracks) for tracks in (1, 2)}


@pytest.mark.parametrize("name", TELLING)
def test_a_wrong_film_is_refused_by_its_check(
    sources: dict[int, Path], ffmpeg: Path, tmp_path: Path, name: str
) -> None:
    way = next(way for way in WRONG if way.name == name)
    made = way.make(ffmpeg, sources[way.tracks], tmp_path / "wrong.mkv")
    assert set(way.seen_by) <= set(wrong(sources[way.tracks], made))


def test_what_a_script_leaves_out_openly_keeps_its_source(sources: dict[int, Path], run: Run, tmp_path: Path) -> None:
    """Its output is of use, so the job goes on; the evidence says that it is not all of it."""
    made = tmp_path / "made.mkv"
    run("-i", sources[2], "-map", "0:v", "-map", "0:a:0", "-c", "copy", made)
    checks = compare_footage(sources[2], made, LIMITS)
    assert [check.name for check in checks if not check.passed] == ["sound_tracks"]
    refuse_other_footage(checks, sources[2], made, losses_pass=True)
    with pytest.raises(MediaError, match="1 of its sound streams; 2 of 2 is due"):
        refuse_other_footage(checks, sources[2], made)
    planned = FootageLimits(0.005, 0.5, may_lose=frozenset({"sound_tracks"}))
    assert wrong(sources[2], made, planned) == []


def test_surround_may_become_stereo_and_not_silence(sources: dict[int, Path], run: Run, tmp_path: Path) -> None:
    """A plan may let channels go; what is left must be the same sound, at its moment."""
    planned = FootageLimits(0.005, 0.5, may_lose=frozenset({"channels", "loudness"}))
    surround, stereo, silent = (tmp_path / f"{name}.mkv" for name in ("surround", "stereo", "silent"))
    mix = "pan=5.1|FL=0.1*c0|FR=0.1*c1|FC=0.7*c0+0.3*c1|LFE=0.1*c1|BL=0.3*c1|BR=0.2*c0"
    run("-i", sources[1], "-c:v", "copy", "-af", mix, "-c:a", "ac3", surround)
    run("-i", surround, "-c:v", "copy", "-ac", "2", "-c:a", "aac", stereo)
    run("-i", stereo, "-c:v", "copy", "-af", "volume=0", "-c:a", "aac", silent)
    assert wrong(surround, stereo, planned) == []
    assert wrong(surround, silent, planned) == ["sound_mix"]


def test_levels_of_hdr_need_their_curve(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    """The pictures are the very same bytes, and every player shows them grey."""
    colours = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    hdr = tmp_path / "hdr.mkv"
    encoder = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", colours, "-pix_fmt", "yuv420p10le")
    run("-i", make_clip(size="160x120"), *encoder, "-c:a", "copy", hdr)
    grey = tmp_path / "grey.mkv"
    run("-i", hdr, "-c", "copy", "-bsf:v", "hevc_metadata=transfer_characteristics=1", grey)
    assert wrong(hdr, grey) == ["curve"]


def test_nothing_moves_and_nothing_is_heard_and_it_passes(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    black = make_clip("black.mp4", size="160x120", picture="color=black", sound=None)
    made = tmp_path / "made.mkv"
    run("-i", black, "-c:v", "libx264", made)
    checks = {check.name: check for check in compare_footage(black, made, LIMITS)}
    assert all(check.passed for check in checks.values())
    assert checks["picture_on_time"].value == "nothing moves, so it cannot be late"


def test_calling_the_work_off_ends_it(clip: Path) -> None:
    def called_off() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_footage(clip, clip, LIMITS, pulse=called_off)
