"""How far one film lies behind another, by what it shows and by what it lets hear; and `in_sync`, from both.

Measured on `traces`. Where nothing moves or nothing is heard, there is nothing to measure, and the answer says so.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dayreel.media.picture import Fit
from dayreel.media.probe import probe
from dayreel.media.streams import VideoStream
from dayreel.media.traces import RATE_HZ, WINDOW_S, Extent, Numbers, Region, SoundTrace, Traces, watch
from dayreel.schemas.content import NOT_MEASURABLE, CheckResult

_LATEST_SOUND_S, _LATEST_AT_ALL_S = 0.02, 0.05
"""Beyond it, or one picture of the source where that is longer, picture and sound are apart; anybody hears the second:
of a screen that is recorded when it changes, one picture may be shown for minutes."""
_FURTHEST_S = 2.5
_COARSE_S = 0.02
MEASURED_TO_S = 0.002
"""How exactly it is said when pictures are shown."""
_MOST_PICTURES = 400
_MOVES = 1.5
"""Of 255: where every shift within reach differs by less, nothing moves."""
_UNCERTAIN = 0.08
"""Of 255, mean of all fields: shifts that differ by less are equally good."""
_PICTURE_S = 0.05
_AS_GOOD = 0.06
"""Of several shifts within so much of the best one, the smallest is it: beeps and flashes repeat themselves."""
_HEARD = 10 ** (-55 / 20)
"""Share of full scale below which a window counts as silent."""
_HALF_A_WAVE_S = 0.01
"""Of 50 Hz, a mains hum."""
_AKIN = 0.25
"""Correlation from which on two sounds are taken for the same one, with something over it."""


@dataclass(frozen=True)
class Cut:
    """What was cut from a source: from when on its clock, how long, out of which stream, and how it fills the frame."""

    at_s: float
    lasts_s: float
    fit: Fit = "crop"
    stream: int | None = None


def may_lie_apart_s(source: VideoStream) -> float:
    """Return by how many seconds sound may come earlier or later than in the source, against the picture."""
    picture_s = float(1 / source.fps) if source.fps else 0.0
    return min(max(_LATEST_SOUND_S, picture_s), _LATEST_AT_ALL_S)


def picture_lag(source: Traces, made: Traces, *, by_s: float = 0.0) -> float | None:
    """Return how many seconds later `made` shows what `source` shows, beyond `by_s`; None where nothing moves.

    Args:
        by_s: how much later on its clock the source has it by intention: negative for a cut from its middle.
    """
    ends = np.append(made.moments[1:], made.ends_s)
    middles = (made.moments + ends) / 2
    chosen = np.unique(np.linspace(0, len(middles) - 1, min(len(middles), _MOST_PICTURES)).astype(int))
    seen, at_s = made.pictures[chosen].astype(np.int16), middles[chosen] - by_s

    def differences(lags: Numbers) -> Numbers:
        return np.array([_difference(source, seen, at_s - lag) for lag in lags])

    coarse = np.arange(-_FURTHEST_S, _FURTHEST_S + _COARSE_S / 2, _COARSE_S)
    apart = differences(coarse)
    # Of a screen that seldom changes, a single picture may be all there is to compare with.
    if np.isnan(apart).all() or np.nanmax(apart) - np.nanmin(apart) < _MOVES:
        return None
    near = coarse[_lowest_near(_smallest(coarse, apart), apart)]
    fine = near + np.arange(-2 * _COARSE_S, 2 * _COARSE_S + MEASURED_TO_S / 2, MEASURED_TO_S)
    apart = differences(fine)
    least = np.nanmin(apart)
    good = fine[apart <= least + max(_UNCERTAIN, 0.05 * (np.nanmax(apart) - least))]
    low, high = float(good.min()), float(good.max())
    if low <= 0 <= high and high - low > _PICTURE_S:
        return 0.0  # so little moves from picture to picture that it cannot be said more exactly
    return (low + high) / 2


def _smallest(lags: Numbers, apart: Numbers) -> int:
    """Return the number of the smallest shift that is about as good as the best."""
    good = np.flatnonzero(apart <= np.nanmin(apart) + _AS_GOOD * (np.nanmax(apart) - np.nanmin(apart)))
    return int(good[np.argmin(np.abs(lags[good]))])


def _lowest_near(at: int, apart: Numbers) -> int:
    """Go down from a shift to the best one around it."""
    while True:
        around = [n for n in (at - 1, at, at + 1) if 0 <= n < len(apart) and not np.isnan(apart[n])]
        lowest = min(around, key=lambda n: float(apart[n]))
        if lowest == at or apart[lowest] >= apart[at]:
            return at
        at = lowest


def _difference(source: Traces, seen: Numbers, at_s: Numbers) -> float:
    inside = (at_s >= source.moments[0]) & (at_s < source.ends_s)
    if inside.sum() < max(1, len(at_s) // 3):
        return float("nan")
    shown = source.pictures[shown_at(source.moments, at_s[inside])]
    return float(np.abs(seen[inside] - shown).mean())


def shown_at(moments: Numbers, at_s: Numbers) -> Numbers:
    """Return the number of the picture that is shown at each moment; the first one before it begins."""
    return np.clip(np.searchsorted(moments, at_s + 1e-6, side="right") - 1, 0, len(moments) - 1)


@dataclass(frozen=True)
class SoundLag:
    """How much later a window of sound is heard, in seconds, and how surely: its correlation, negative if inverted."""

    lag_s: float
    correlation: float


def sound_lags(source: SoundTrace, made: SoundTrace, *, is_mixed: bool = False) -> list[tuple[int, SoundLag]]:
    """Return by its first second, for every window of `source` in which something is heard, where `made` has it.

    Args:
        is_mixed: channels are compared as one; otherwise one by one, as many as both have.
    """
    lags = []
    for first in sorted(second for second in source.seconds if second % WINDOW_S == 0):
        was, now = source.window(first), made.window(first)
        if was is None:
            continue
        if now is None:
            now = np.zeros((len(made.levels), was.shape[1]), np.int16)
        if np.sqrt(np.square(was, dtype=np.float64).mean()) < _HEARD * 32768:
            continue
        if is_mixed:
            was, now = was.mean(0, keepdims=True), now.mean(0, keepdims=True)
        lags.append((first, _sound_lag(was.astype(np.float64), now.astype(np.float64))))
    return lags


def _sound_lag(was: Numbers, now: Numbers) -> SoundLag:
    length = was.shape[1]
    shared = min(len(was), len(now))
    first, other = np.fft.rfft(was[:shared], 2 * length), np.fft.rfft(now[:shared], 2 * length)
    energy = np.sqrt(np.square(was).sum() * np.square(now).sum())
    if not energy:
        return SoundLag(0.0, 0.0)
    across = np.fft.irfft((other * np.conj(first)).sum(0), 2 * length) / energy
    reach = min(length - 1, round(_FURTHEST_S * RATE_HZ))
    across = np.concatenate([across[-reach:], across[: reach + 1]])
    lags = np.arange(-reach, reach + 1)
    strength = np.abs(across)
    good = np.flatnonzero(strength >= (1 - _AS_GOOD / 2) * strength.max())
    # A tone that never changes fits turned over half a wave away as well as it fits in place.
    upright = good[(across[good] > 0) & (np.abs(lags[good]) <= _HALF_A_WAVE_S * RATE_HZ)]
    good = upright if len(upright) else good
    # The strongest of the bunch that lies nearest to no shift at all.
    nearest = good[np.argmin(np.abs(lags[good]))]
    bunch = good[np.abs(good - nearest) <= RATE_HZ // 1000]
    best = bunch[np.argmax(strength[bunch])]
    return SoundLag(float(lags[best]) / RATE_HZ, float(across[best]))


def in_sync(source: Path, segment: Path, cut: Cut) -> CheckResult:
    """Return whether picture and sound of what was cut are as far from each other as in the source.

    Raises:
        MediaError: one of them cannot be read.
    """
    facts, made_facts = probe(source), probe(segment)
    video, made_video = facts.best_video_stream(cut.stream), made_facts.best_video_stream()
    lasts_s = min(cut.lasts_s, video.ends_s - cut.at_s)
    due_s = may_lie_apart_s(video)
    expected = f"picture and sound at most {due_s * 1000:.0f} ms apart"
    was_region, made_region = _regions(video, made_video, cut.fit)
    was = watch(
        facts,
        Extent(cut.at_s, cut.at_s + lasts_s, region=was_region, is_all_sound=False, to_sdr=True),
        stream=video.index,
    )
    made = watch(made_facts, Extent(0.0, lasts_s, region=made_region, is_all_sound=False))
    seen_s = (
        picture_lag(levelled(was, made) if video.is_hdr else was, made, by_s=-cut.at_s) if len(was.moments) else None
    )
    heard_s = _heard_s(was, made)
    if seen_s is None or heard_s is None:
        missing = " and ".join(
            words
            for words, lag in (("nothing moves", seen_s), ("nothing is heard that can be placed", heard_s))
            if lag is None
        )
        words = f"{NOT_MEASURABLE}: {missing} in what was cut"
        return CheckResult(name="in_sync", passed=True, value=words, expected=expected, message=f"It is {words}.")
    off_s = heard_s - seen_s
    value = f"sound {abs(off_s) * 1000:.0f} ms {'late' if off_s > 0 else 'early'}"
    return CheckResult(
        name="in_sync",
        passed=abs(off_s) <= due_s,
        value=value,
        expected=expected,
        message=f"Against {source.name!r} from {cut.at_s:.2f} s on, its picture is {seen_s * 1000:+.0f} ms and its "
        f"sound {heard_s * 1000:+.0f} ms from its moment: {value}.",
    )


def _heard_s(was: Traces, made: Traces) -> float | None:
    if not was.sounds or not made.sounds:
        return None
    lags = [lag for _, lag in sound_lags(was.sounds[0], made.sounds[0], is_mixed=True) if abs(lag.correlation) >= _AKIN]
    return float(np.median([lag.lag_s for lag in lags])) if lags else None


def levelled(source: Traces, made: Traces) -> Traces:
    """Give the pictures of the source the levels of what was made: HDR was mapped."""
    return replace(source, pictures=level_curve(source.pictures, made.pictures)[source.pictures])


def level_curve(source: Numbers, made: Numbers) -> Numbers:
    """Return, for each of 256 levels of `source`, what it became: the darkest the darkest, and so on."""
    shares = np.linspace(0, 1, 65)
    levels = np.interp(np.arange(256), np.quantile(source, shares), np.quantile(made, shares))
    curve: Numbers = np.rint(levels).astype(np.uint8)
    return curve


def _regions(source: VideoStream, made: VideoStream, fit: Fit) -> tuple[Region, Region]:
    """Return the part of the source that is in what was made, and the part of that which shows it; see `picture`."""
    wide, high = made.display_width / source.display_width, made.display_height / source.display_height
    if fit == "crop":
        share = max(wide, high)
        return _middle(wide / share, high / share), Region()
    share = min(wide, high)
    return Region(), _middle(share / wide, share / high)


def _middle(width: float, height: float) -> Region:
    return Region((1 - width) / 2, (1 - height) / 2, width, height)
