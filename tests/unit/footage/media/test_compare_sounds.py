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
