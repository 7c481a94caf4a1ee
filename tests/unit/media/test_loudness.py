"""Measuring loudness against the filter's own report, and against signals whose loudness is known."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.media.loudness import AudioPart, measure

MakeClip = Callable[..., Path]
SINE_AT_MINUS_20 = "aevalsrc=0.1*sin(2*PI*997*t)|0.1*sin(2*PI*997*t):s=48000"


def test_a_sine_of_known_level_measures_as_ebu_tech_3341_says(make_clip: MakeClip) -> None:
    # A stereo 1 kHz sine of -20 dBFS peak in each channel measures -20 LUFS (EBU Tech 3341, test signal 1).
    wav = make_clip("sine.wav", picture=None, sound=SINE_AT_MINUS_20, duration_s=3, options=("-c:a", "pcm_f32le"))
    measured = measure([AudioPart(wav, 0, 0, 3)], true_peak=True)
    assert measured.integrated_lufs == pytest.approx(-20.0, abs=0.1)
    assert measured.peak_db == pytest.approx(-20.0, abs=0.1)


def test_it_agrees_with_ffmpegs_own_meter(make_clip: MakeClip, ffmpeg: Path) -> None:
    clip = make_clip(duration_s=3)
    report = subprocess.run(
        [str(ffmpeg), "-i", str(clip), "-vn", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    match = re.search(r"I: +(-[\d.]+) LUFS", report)
    assert match is not None
    measured = measure([AudioPart(clip, 1, 0, 3)], true_peak=True)
    assert measured.integrated_lufs == pytest.approx(float(match.group(1)), abs=0.06)


def test_the_true_peak_lies_between_the_samples(make_clip: MakeClip) -> None:
    # A quarter of the sampling rate, shifted by 45 degrees: no sample is higher than 0.707 of the wave.
    between = "aevalsrc=0.5*sin(2*PI*12000*t+PI/4):s=48000"
    wav = make_clip("peak.wav", picture=None, sound=between, options=("-c:a", "pcm_f32le"))
    parts = [AudioPart(wav, 0, 0, 1)]
    sample, true = measure(parts, true_peak=False).peak_db, measure(parts, true_peak=True).peak_db
    assert sample is not None
    assert true is not None
    assert true - sample == pytest.approx(3.0, abs=0.8)


@pytest.mark.parametrize("sound", ["anullsrc=r=48000:cl=stereo", "aevalsrc=0.00001*sin(2000*t):s=48000"])
def test_silence_has_no_loudness(make_clip: MakeClip, sound: str) -> None:
    clip = make_clip(sound=sound)
    assert measure([AudioPart(clip, 1, 0, 1)], true_peak=False).integrated_lufs is None
    assert measure([AudioPart(None, 0, 0, 1)], true_peak=False).integrated_lufs is None
    assert measure([], true_peak=True).peak_db is None


def test_only_the_stretch_that_is_used_counts(make_clip: MakeClip) -> None:
    quiet_then_loud = "aevalsrc='if(lt(t,2),0.01,0.5)*sin(2*PI*997*t)':s=48000"
    clip = make_clip(sound=quiet_then_loud, duration_s=4)
    first = measure([AudioPart(clip, 1, 0, 1.8)], true_peak=False).integrated_lufs
    second = measure([AudioPart(clip, 1, 2.2, 1.8)], true_peak=False).integrated_lufs
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(34.0, abs=0.5)


def test_mixed_rates_and_channels_measure_as_one_programme(make_clip: MakeClip) -> None:
    mono = make_clip("mono.wav", picture=None, options=("-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le"))
    parts = [AudioPart(make_clip(), 1, 0, 1), AudioPart(mono, 0, 0, 1)]
    assert measure(parts, true_peak=False).integrated_lufs is not None


def test_a_stream_that_is_not_sound_is_refused(make_clip: MakeClip) -> None:
    with pytest.raises(MediaError, match="stream 0 is not sound"):
        measure([AudioPart(make_clip(), 0, 0, 1)], true_peak=False)
