"""What is heard of two films, compared as figures: sounds made here, without a file."""

import numpy as np

from dayreel.footage.media.compare_sounds import compare_sounds
from dayreel.media.traces import RATE_HZ, WINDOW_S, Numbers, SoundTrace

BLOCKS = 10


def trace(wave: Numbers) -> SoundTrace:
    """A mono sound of whole seconds, kept everywhere."""
    seconds = len(wave) // RATE_HZ
    levels = np.square(wave.astype(np.float64) / 32768).reshape(seconds * BLOCKS, -1).mean(1)[None, :]
    kept = {n: wave[None, n * RATE_HZ : (n + 1) * RATE_HZ] for n in range(seconds)}
    return SoundTrace(0, 0.0, levels, kept, 0.0, float(seconds))


def test_four_wrong_seconds_are_not_averaged_away() -> None:
    noise = np.random.default_rng(1)
    wave = (noise.standard_normal(80 * WINDOW_S * RATE_HZ) * 3000).astype(np.int16)
    other = wave.copy()
    other[160 * RATE_HZ : 164 * RATE_HZ] = noise.permutation(wave[160 * RATE_HZ : 164 * RATE_HZ])
    compared = compare_sounds(trace(wave), trace(other))
    assert compared.correlation > 0.99
    assert compared.wrong_s < 0.3  # as loud as it was
    assert compared.worst_correlation < 0.75
    assert compare_sounds(trace(wave), trace(wave)).worst_correlation > 0.99


def test_sound_that_falls_behind_on_the_way_is_seen() -> None:
    """By the median it is in place, and each window is alike once it is moved."""
    wave = (np.random.default_rng(3).standard_normal(5 * WINDOW_S * RATE_HZ) * 3000).astype(np.int16)
    late, begins = RATE_HZ // 5, 3 * WINDOW_S * RATE_HZ
    behind = np.concatenate([wave[:begins], np.zeros(late, np.int16), wave[begins:-late]])
    compared = compare_sounds(trace(wave), trace(behind))
    assert compared.lag_s == 0.0
    assert (compared.earliest_s, compared.latest_s) == (0.0, 0.2)
    compared = compare_sounds(trace(behind), trace(wave))
    assert (compared.earliest_s, compared.latest_s) == (-0.2, 0.0)


def _after_a_hole(moved: int, *, says_so: bool = True) -> SoundTrace:
    """Two seconds, a hole, and the rest, so many samples later than it was."""
    wave = (np.random.default_rng(2).standard_normal(WINDOW_S * RATE_HZ) * 3000).astype(np.int16)
    goes_on = 5 * RATE_HZ // 2
    heard = np.zeros_like(wave)
    heard[: 2 * RATE_HZ] = wave[: 2 * RATE_HZ]
    heard[goes_on + moved :] = wave[goes_on : len(wave) - moved]
    made = trace(heard)
    made.joints.extend([0, goes_on + moved] if says_so else [0])
    return made


def test_sound_after_a_hole_may_be_a_tick_off() -> None:
    """Matroska says to a millisecond where it goes on; in half of one, a high tone turns over."""
    assert compare_sounds(_after_a_hole(0), _after_a_hole(16)).correlation > 0.98
    assert compare_sounds(_after_a_hole(0), _after_a_hole(40)).correlation < 0.8
    assert compare_sounds(_after_a_hole(0, says_so=False), _after_a_hole(16, says_so=False)).correlation < 0.8


def test_a_steady_tone_is_not_taken_for_turned_over() -> None:
    """Half a wave later it is the same as turned over; noise that is turned over is seen."""
    seconds = np.arange(WINDOW_S * RATE_HZ + 10) / RATE_HZ
    tone = (8000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
    assert compare_sounds(trace(tone[:-10]), trace(tone[10:])).correlation > 0.99
    noise = (np.random.default_rng(4).standard_normal(WINDOW_S * RATE_HZ) * 3000).astype(np.int16)
    assert compare_sounds(trace(noise), trace(-noise)).correlation < -0.99
