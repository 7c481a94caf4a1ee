"""Whether picture and sound of a cut belong together, measured against what it was cut from."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.media.alignment import Cut, in_sync
from dayreel.media.segments import cut_segment
from tests.unit.media.films import film

Run = Callable[..., None]
AT_S, LASTS_S = 0.3, 1.4


@pytest.fixture(scope="module")
def cut(ffmpeg: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A camera's stream whose picture begins late, and an upright segment from the middle of it."""
    folder = tmp_path_factory.mktemp("cut")
    source = film("picture_late_ts").make(ffmpeg, base, folder)
    segment = folder / "segment.mp4"
    cut_segment(
        source, segment, start_s=AT_S, duration_s=LASTS_S, width=54, height=96, fps=30, fit="crop", ffmpeg=ffmpeg
    )
    return source, segment


def test_a_cut_is_in_sync_with_its_source(cut: tuple[Path, Path]) -> None:
    check = in_sync(*cut, Cut(AT_S, LASTS_S))
    assert check.passed
    assert check.value.startswith("sound ")


def test_sound_that_is_400_ms_late_is_refused(cut: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    source, segment = cut
    late = tmp_path / "late.mp4"
    run("-i", segment, "-itsoffset", "0.4", "-i", segment, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    check = in_sync(source, late, Cut(AT_S, LASTS_S))
    assert not check.passed
    assert re.fullmatch(r"sound (3[89]|4[01])\d ms late", check.value)


def test_silence_is_not_measured(cut: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    source, segment = cut
    muted = tmp_path / "muted.mp4"
    run("-i", segment, "-c:v", "copy", "-af", "volume=0", muted)
    check = in_sync(source, muted, Cut(AT_S, LASTS_S))
    assert check.passed
    assert check.value == "not measurable: nothing is heard that can be placed in what was cut"
