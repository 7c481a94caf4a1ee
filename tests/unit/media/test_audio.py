"""Gains, limits and tempo as decisions, without running anything."""

from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.media.audio import Level, Target, corrected_level, first_level, narration_tempo
from dayreel.media.loudness import Loudness

TARGET = Target(loudness_lufs=-14.0, true_peak_dbtp=-1.0)


def test_even_sound_gets_a_plain_gain() -> None:
    assert first_level(Loudness(-24.0, -14.0), TARGET) == Level(10.0, None)


def test_sound_whose_peaks_would_go_over_gets_a_limiter_too() -> None:
    level = first_level(Loudness(-24.0, -6.0), TARGET)
    assert level is not None
    assert level.gain_db == 10.0
    assert level.ceiling_dbtp is not None
    assert level.ceiling_dbtp < TARGET.true_peak_dbtp


def test_silence_is_left_alone() -> None:
    assert first_level(Loudness(None, None), TARGET) is None


def test_a_result_within_tolerance_is_kept() -> None:
    assert corrected_level(Level(10.0, None), Loudness(-14.4, -1.0), TARGET) is None


@pytest.mark.parametrize(("lufs", "louder"), [(-15.0, True), (-13.0, False)])
def test_a_result_off_by_more_than_half_a_unit_is_corrected(lufs: float, louder: bool) -> None:
    level = corrected_level(Level(10.0, None), Loudness(lufs, -3.0), TARGET)
    assert level is not None
    assert (level.gain_db > 10.0) == louder


def test_an_overshoot_lowers_the_ceiling_by_more_than_itself() -> None:
    level = corrected_level(Level(10.0, -2.0), Loudness(-14.0, -0.5), TARGET)
    assert level is not None
    assert level.ceiling_dbtp is not None
    assert level.ceiling_dbtp < -2.5


def test_at_last_only_the_peak_counts() -> None:
    assert corrected_level(Level(10.0, -2.0), Loudness(-20.0, -1.5), TARGET, peak_only=True) is None
    level = corrected_level(Level(10.0, -2.0), Loudness(-20.0, 0.5), TARGET, peak_only=True)
    assert level is not None
    assert level.gain_db == 10.0


def test_narration_that_fits_keeps_its_tempo() -> None:
    assert narration_tempo(14.0, 15.0, path=Path("voice.wav")) == 1.0


def test_narration_a_little_too_long_is_spoken_faster() -> None:
    assert narration_tempo(16.5, 15.0, path=Path("voice.wav")) == pytest.approx(1.1)


def test_overlong_narration_is_refused_naming_both_durations() -> None:
    message = r"'voice.wav'.*lasts 18.00 s and the video 15.00 s.*narration.rate.* by 5% .*17.2 s"
    with pytest.raises(MediaError, match=message):
        narration_tempo(18.0, 15.0, path=Path("voice.wav"))
