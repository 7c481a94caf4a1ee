"""How far one sound stream is from the one it was made from: figures only; what they may be is `same_footage`.

Levels are compared from beginning to end, by tenths of a second; the waves themselves where `media.traces` has kept
them, which in films of up to 400 s is everywhere.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np

from dayreel.media.alignment import SoundLag, sound_lags
from dayreel.media.traces import BLOCK_S, RATE_HZ, Numbers, SoundTrace

_FLOOR = 1e-6
"""Mean square of -60 dBFS: below it nothing is heard."""
_LOUD = 10**-4.5
_WRONG_DB = 6.0
_BANDS_HZ = (60, 250, 500, 1000, 2000, 4000, 7000)
_BAND_COUNTS = 10**-4
"""A band counts where it has so much of the power."""
_SIDE_COUNTS = 10**-2.5
_PLACED = 0.5
"""Correlation from which on a window says where its sound is."""
_WORST_WINDOWS = 3
"""The worst of a long film are not averaged away: four seconds of another sound in two hours are another sound."""
_JOINT_MAY_MOVE = round(0.0015 * RATE_HZ)
_SHORTEST_RUN = round(0.1 * RATE_HZ)
_SHIFTS = np.linspace(-0.6, 0.6, 7)
"""Of a sample: at 16 kHz the true shift lies between two."""


@dataclass(frozen=True)
class SoundDifferences:
    """What differs, over all channels the worst.

    Attributes:
        lag_s: how much later it is heard; None where nothing is.
        earliest_s, latest_s: the same of the windows that lie furthest from each other.
        correlation: of the waves, -1.0 to 1.0, median of the windows; 1.0 for silence.
        worst_correlation: the same, mean of the worst tenth, of three windows at most.
        side_correlation: of the differences between channels.
        gain_db: level of a channel against its source's.
        band_db: the same for octaves, where it differs most.
        wrong_s: longest stretch in which the level is off by more than 6 dB.
        was_heard, is_heard: whether anything is, in the source and in what was made.
    """

    lag_s: float | None
    earliest_s: float | None
    latest_s: float | None
    correlation: float
    worst_correlation: float
    side_correlation: float
    gain_db: float
    band_db: float
    wrong_s: float
    was_heard: bool
    is_heard: bool


def compare_sounds(source: SoundTrace, made: SoundTrace) -> SoundDifferences:
    """Compare two streams channel by channel; with other numbers of them, only what all of them together give."""
    channels = min(len(source.levels), len(made.levels))
    was, now = _same_length(source.levels[:channels], made.levels[:channels])
    is_mixed = len(source.levels) != len(made.levels)
    windows = sound_lags(source, made, is_mixed=is_mixed)
    lags = np.array([lag.lag_s for _, lag in windows])
    waves = [] if is_mixed else [_Waves.of(source, made, first, lag) for first, lag in windows]
    alike = [lag.correlation for _, lag in windows] if is_mixed else [wave.correlation for wave in waves]
    correlations = np.array(alike or [1.0])
    worst = np.sort(correlations)[: min(_WORST_WINDOWS, max(1, len(correlations) // 10))]
    lag_s = float(np.median(lags)) if len(lags) else None
    # Sound that falls behind on the way is right by its median, and each window alike once it is moved.
    placed = [lag.lag_s for _, lag in windows if abs(lag.correlation) >= _PLACED]
    return SoundDifferences(
        lag_s=lag_s,
        earliest_s=min(placed, default=lag_s),
        latest_s=max(placed, default=lag_s),
        correlation=float(np.median(correlations)),
        worst_correlation=float(worst.mean()),
        side_correlation=float(np.median(sides)) if (sides := [w.side for w in waves if w.side is not None]) else 1.0,
        gain_db=_gain_db(was, now),
        band_db=_band_db(waves),
        wrong_s=_longest_wrong_s(was, now),
        was_heard=bool((was > _LOUD).any()),
        is_heard=bool((now > _LOUD).any()),
    )


def _same_length(first: Numbers, other: Numbers) -> tuple[Numbers, Numbers]:
    length = max(first.shape[1], other.shape[1])
    padded = [np.pad(levels, ((0, 0), (0, length - levels.shape[1]))) for levels in (first, other)]
    return padded[0], padded[1]


def _gain_db(was: Numbers, now: Numbers) -> float:
    """Return the gain of the channel whose level has changed most."""
    gains = [
        10 * np.log10((after.mean() + _FLOOR / 100) / (before.mean() + _FLOOR / 100))
        for before, after in zip(was, now, strict=True)
        if before.mean() > _FLOOR / 10 or after.mean() > _FLOOR / 10
    ]
    return float(max(gains, key=abs, default=0.0))


def _longest_wrong_s(was: Numbers, now: Numbers) -> float:
    """Return the longest stretch in which a channel is heard and its level is another.

    A block's neighbours count too: at an onset a millisecond decides.
    """
    longest = 0
    for before, after in zip(was, now, strict=True):
        around = [np.roll(before, step) for step in (-1, 0, 1)]
        low, high = np.minimum.reduce(around) + _FLOOR, np.maximum.reduce(around) + _FLOOR
        level = after + _FLOOR
        off = np.maximum(10 * np.log10(level / high), 10 * np.log10(low / level))
        wrong = (off > _WRONG_DB) & (np.maximum(high, level) > _LOUD)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], wrong.astype(np.int8), [0]])))
        longest = max(longest, int((edges[1::2] - edges[::2]).max(initial=0)))
    return longest * BLOCK_S


@dataclass(frozen=True)
class _Waves:
    """One window: worst channel's correlation, that of the differences between channels, and power by band."""

    correlation: float
    side: float | None
    was_bands: Numbers
    now_bands: Numbers

    @classmethod
    def of(cls, source: SoundTrace, made: SoundTrace, first: int, lag: SoundLag) -> "_Waves":
        """Compare the waves of a window, `made` moved by its lag."""
        channels = min(len(source.levels), len(made.levels))
        was = source.window(first)
        now = made.window(first)
        assert was is not None  # noqa: S101 - lags are of windows that are there
        before = was[:channels].astype(np.float64)
        after = np.zeros_like(before) if now is None else now[:channels].astype(np.float64)
        shift = round(lag.lag_s * RATE_HZ)
        length = before.shape[1] - abs(shift)
        before = before[:, max(0, -shift) :][:, :length]
        after = after[:, max(0, shift) :][:, :length]
        begins_at = first * RATE_HZ + max(0, -shift)
        joints = {at - begins_at for at in source.joints} | {at - shift - begins_at for at in made.joints}
        after = _rejoined(before, after, sorted(at for at in joints if 0 < at < length))
        first_waves, other_waves = np.fft.rfft(before), np.fft.rfft(after)
        total = np.square(np.abs(first_waves)).sum()
        values = [
            _correlation(a, b, length)
            for a, b in zip(first_waves, other_waves, strict=True)
            if np.square(np.abs(a)).sum() > _SIDE_COUNTS * total
        ]
        sides = [
            _correlation(first_waves[a] - first_waves[b], other_waves[a] - other_waves[b], length)
            for a, b in combinations(range(channels), 2)
            if np.square(np.abs(first_waves[a] - first_waves[b])).sum() > _SIDE_COUNTS * total
        ]
        edges = np.round(np.array(_BANDS_HZ) * length / RATE_HZ).astype(int)
        bands = [
            np.stack([np.square(np.abs(waves[:, low:high])).sum(1) for low, high in pairwise(edges)])
            for waves in (first_waves, other_waves)
        ]
        return cls(min(values, default=1.0), min(sides, default=None), bands[0], bands[1])


def _rejoined(before: Numbers, after: Numbers, joints: list[int]) -> Numbers:
    """Move what follows each hole to where it fits best, by 1.5 ms at most.

    Where sound goes on after a hole, a container says to a tick: a millisecond in Matroska, in which a high tone turns
    over. Within a run between two holes every sample stands where it stood.
    """
    reach, moved = _JOINT_MAY_MOVE, after.copy()
    room = np.pad(after, ((0, 0), (reach, reach)))
    for begin, end in pairwise([0, *joints, before.shape[1]]):
        if not joints or end - begin < _SHORTEST_RUN:
            continue
        run = before[:, begin:end]
        shifts = [room[:, begin + reach + n : end + reach + n] for n in range(-reach, reach + 1)]
        fits = [float((run * shifted).sum()) for shifted in shifts]
        best = max(range(len(fits)), key=lambda n: (fits[n], -abs(n - reach)))
        moved[:, begin:end] = shifts[best]
    return moved


def _correlation(first: Numbers, other: Numbers, length: int) -> float:
    """Return how alike two waves are, from their spectra, at the best shift within a sample."""
    energy = np.sqrt(np.square(np.abs(first)).sum() * np.square(np.abs(other)).sum())
    if not energy:
        return 0.0
    across = other * np.conj(first)
    values = (_turns(len(first), length) @ across).real / energy
    return float(values[np.argmax(np.abs(values))])


@lru_cache(8)
def _turns(bins: int, length: int) -> Numbers:
    turns: Numbers = np.exp(2j * np.pi * np.arange(bins)[None, :] / length * _SHIFTS[:, None]).astype(np.complex64)
    return turns


def _band_db(waves: list[_Waves]) -> float:
    if not waves:
        return 0.0
    was = np.sum([wave.was_bands for wave in waves], axis=0)
    now = np.sum([wave.now_bands for wave in waves], axis=0)
    gains = 10 * np.log10((now + 1e-9) / (was + 1e-9))[was > _BAND_COUNTS * was.sum()]
    return float(gains[np.argmax(np.abs(gains))]) if gains.size else 0.0
