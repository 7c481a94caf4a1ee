"""Whether an output is still the footage it was made from; every way in which it is not has its own sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.same_footage import FootageLimits, compare_footage, refuse_other_footage
from dayreel.footage.schemas.library import RemuxPlan
from dayreel.media.probe import probe

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
    assert [check.name for check in checks] == [
        "size",
        "is_media",
        "decodes_fully",
        "duration",
        "sound",
        "looks_the_same",
    ]
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
    assert wrong(clip, made) == ["decodes_fully"]


def test_a_shorter_a_silent_and_another_film_are_distinguished(
    clip: Path, make_clip: MakeClip, run: Run, tmp_path: Path
) -> None:
    short, silent = tmp_path / "short.mkv", tmp_path / "silent.mkv"
    run("-i", clip, "-t", "0.4", "-c:v", "libx264", short)
    assert wrong(clip, short)[:2] == ["decodes_fully", "duration"]
    run("-i", clip, "-an", "-c", "copy", silent)
    assert wrong(clip, silent) == ["sound"]
    assert wrong(clip, make_clip("other.mkv", size="160x120", picture="mandelbrot")) == ["looks_the_same"]


def test_a_much_smaller_output_is_refused(clip: Path, run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.mkv"
    run("-i", clip, "-c:v", "libx264", "-crf", "51", "-c:a", "copy", made)
    assert wrong(clip, made, FootageLimits(0.99, 0.5)) == ["size"]


def test_calling_the_work_off_ends_it(clip: Path) -> None:
    def called_off() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_footage(clip, clip, LIMITS, pulse=called_off)
