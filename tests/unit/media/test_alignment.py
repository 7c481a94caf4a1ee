"""Whether picture and sound of a cut belong together, measured against what it was cut from."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dayreel.media.alignment import Cut, in_sync, picture_lag
from dayreel.media.probe import probe
from dayreel.media.segments import cut_segment
from dayreel.media.traces import Extent, Traces, watch
from tests.unit.media.films import CODECS, Film, film

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


def test_a_cut_after_a_jump_of_the_clock_is_measured(ffmpeg: Path, base: Path, tmp_path: Path) -> None:
    """The moment is that of the clock which goes on, and in the file there may be none of that name."""
    source, segment = tmp_path / "joined.ts", tmp_path / "segment.mp4"
    parts = [
        Film(f"part{clock}", ((".ts", taken, f"{CODECS['.ts']} -output_ts_offset {clock}"),))
        for taken, clock in (("-t 3", 100), ("-ss 3", 3000))
    ]
    source.write_bytes(b"".join(part.make(ffmpeg, base, tmp_path).read_bytes() for part in parts))
    cut_segment(source, segment, start_s=3.8, duration_s=1.4, width=54, height=96, fps=30, ffmpeg=ffmpeg)
    check = in_sync(source, segment, Cut(3.8, 1.4))
    assert check.passed
    assert check.value.startswith("sound ")


def test_a_cut_of_a_disc_is_measured(ffmpeg: Path, base: Path, tmp_path: Path) -> None:
    """A seek leads into the middle of a frame of sound, which does not decode and is not of the cut."""
    source = Film("disc", ((".mpg", "", "-c:v mpeg2video -vf fps=25 -q:v 3 -c:a mp2"),)).make(ffmpeg, base, tmp_path)
    segment = tmp_path / "segment.mp4"
    cut_segment(source, segment, start_s=4.41, duration_s=1.4, width=54, height=96, fps=30, ffmpeg=ffmpeg)
    check = in_sync(source, segment, Cut(4.41, 1.4))
    assert check.passed
    assert check.value.startswith("sound ")


def test_a_screen_that_seldom_changes_needs_its_sound(ffmpeg: Path, base: Path, run: Run, tmp_path: Path) -> None:
    """How long a picture is shown says nothing of how late its sound may be."""
    source, segment, late = film("one_a_second").make(ffmpeg, base, tmp_path), tmp_path / "a.mp4", tmp_path / "b.mp4"
    cut_segment(source, segment, start_s=0.5, duration_s=4.0, width=54, height=96, fps=30, ffmpeg=ffmpeg)
    assert in_sync(source, segment, Cut(0.5, 4.0)).passed
    run("-i", segment, "-itsoffset", "0.15", "-i", segment, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    assert not in_sync(source, late, Cut(0.5, 4.0)).passed


def test_sound_that_ended_is_not_waited_for(ffmpeg: Path, base: Path, tmp_path: Path) -> None:
    """Else a look at two seconds of a film decodes all of it."""
    seconds = 60
    long = f"-vf tpad=stop_mode=clone:stop_duration={seconds - 6},fps=5 -c:v mjpeg -af atrim=end=1 -c:a pcm_s16le"
    source = Film("long", ((".mov", "", long),)).make(ffmpeg, base, tmp_path)
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    watch(probe(source), Extent(0.2, 2.2), pulse=count)
    assert calls < seconds * 5 / 2


def test_sound_may_change_its_rate_on_the_way(ffmpeg: Path, base: Path, tmp_path: Path) -> None:
    """Broadcasts do, and what people join end to end."""
    parts = [
        Film(rate, ((".ts", taken, f"-c:v mpeg2video -c:a mp2 -ar {rate} -output_ts_offset {offset}"),))
        for rate, taken, offset in (("48000", "-t 0.96", 10), ("44100", "-ss 0.96 -t 1", 10.96))
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.make(ffmpeg, base, tmp_path).read_bytes() for part in parts))
    assert watch(probe(joined)).sounds[0].ends_s == pytest.approx(1.96, abs=0.1)


def test_one_short_picture_is_too_little_to_measure() -> None:
    def shown(count: int) -> Traces:
        moments, pictures = np.arange(count) / 30, np.zeros((count, 9, 16), np.uint8)
        return Traces(moments, pictures, np.zeros((count, 3), np.uint8), {}, (), count / 30)

    assert picture_lag(shown(1), shown(60)) is None
