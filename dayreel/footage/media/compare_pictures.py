"""How far the pictures of a film are from those it was made from: figures only; what they may be is `same_footage`.

Every picture is compared as 16 x 9 fields, with what its source shows at its moment, and every picture of the source
with what was made of it; some are compared closely. Both films come as `media.traces`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dayreel.media.alignment import level_curve, levelled, shown_at
from dayreel.media.traces import FinePicture, Numbers, Traces

_ROUNDING_S = 0.0025
"""A tick of Matroska, one of MPEG-TS, and what is left."""
_LONGEST_STEP_S = 0.05
_MOST_SHOWN = 8
_AT_ONCE = 4000
_BOX = 7
"""Side of the windows of SSIM, as in its paper (8 or 11 there)."""
_SMALL = 32
_FIELD = 8
_FAINT = 9.0
"""Variance: structure of less than three levels of 255 is nothing that anybody sees go."""
_FAINT_LINES = 0.5
_FLATTEST = 0.1
_STEPS_GAIN = 36
"""Variance of second differences across of second differences down, for noise of variance 1."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_VARIES = 8.0
_STEP = 6
"""Of 255, in one field: more than an encoder's noise."""
_FEW_STEPS = 12


@dataclass(frozen=True)
class PictureDifferences:
    """Levels are of 0 to 255.

    Attributes:
        lag_s: how much later all of it is shown; None where nothing moves.
        worst_second: mean difference of the worst second, each picture against its moment's, both ways.
        worst_field: mean difference of the worst of 144 fields over one second.
        stuck: share of the source's steps from picture to picture that were not made.
        colour: mean red, green or blue of the worst second against its source's.
        tint: mean red, green or blue over all, by which it is off.
        contrast: levels of what was made for each level of the source; 1.0 where they are the same.
        chroma: the same for how colourful it is.
        likeness: SSIM of the fine pictures, mean over all; `worst_likeness` that of the worst tenth.
        detail: how much of the structure of two to four pixels is left, 1.0 for all of it.
        grain: the same from line to line, which any encoder may leave out: below 0.0 lines are in the wrong order.
    """

    lag_s: float | None
    worst_second: float
    worst_field: float
    stuck: float
    colour: float
    tint: float
    contrast: float
    chroma: float
    likeness: float
    worst_likeness: float
    detail: float
    grain: float


def compare_pictures(
    source: Traces, made: Traces, lag_s: float | None, *, is_tone_mapped: bool = False
) -> PictureDifferences:
    """Compare what two films show.

    Args:
        lag_s: how much later `made` shows it, see `alignment.picture_lag`; its fine pictures are as late.
        is_tone_mapped: HDR was brought to SDR: the source is then given the same levels before anything is compared.
    """
    if is_tone_mapped:
        source = levelled(source, made)
    forth, back = _against(made, source, lag_s or 0.0), _against(source, made, -(lag_s or 0.0))
    fine = [(source.fine[moment], made.fine[moment]) for moment in sorted(source.fine.keys() & made.fine.keys())]
    if is_tone_mapped and fine:
        fine = _levelled(fine)
    likeness = np.array([_likeness(first, other) for first, other in fine] or [0.0])
    worst = np.sort(likeness)[: max(1, len(likeness) // 10)]
    first, other = (np.concatenate([_coarse(pair[n].rgb) for pair in fine] or [np.zeros((1, 3))]) for n in (0, 1))
    return PictureDifferences(
        lag_s=lag_s,
        worst_second=max(forth.worst_second, back.worst_second),
        worst_field=max(forth.worst_field, back.worst_field),
        stuck=_stuck(source, made, lag_s or 0.0),
        colour=0.0 if is_tone_mapped else max(forth.colour, back.colour),
        tint=float(np.abs((other - first).mean(0)).max()),
        contrast=_slope(first.mean(1), other.mean(1)),
        chroma=_slope(_differences(first), _differences(other)),
        likeness=float(likeness.mean()),
        worst_likeness=float(worst.mean()),
        detail=_left(fine, _structure, _FAINT),
        grain=_left(fine, _line_by_line, _FAINT_LINES),
    )


@dataclass(frozen=True)
class _Against:
    worst_second: float
    worst_field: float
    colour: float


def _against(film: Traces, other: Traces, lag_s: float) -> _Against:
    """Compare every picture of `film` with the most similar one that `other` shows at its moment, second by second.

    At its moment: within half a picture of the slower film, for one may have been brought to another rate.
    """
    steps = [np.diff(traces.moments) for traces in (film, other) if len(traces.moments) > 1]
    step_s = min(_LONGEST_STEP_S, max((float(np.median(step)) for step in steps), default=0.0))
    around_s = step_s / 2 + _ROUNDING_S
    ends = np.append(film.moments[1:], film.ends_s)
    at_s = (film.moments + np.minimum(ends, film.moments + 2 * step_s)) / 2 - lag_s
    low, high = shown_at(other.moments, at_s - around_s), shown_at(other.moments, at_s + around_s)
    seconds = np.floor(film.moments - film.moments[0]).astype(int)
    fields = np.zeros((seconds[-1] + 1, *film.pictures.shape[1:]))
    colours = np.zeros((seconds[-1] + 1, 3))
    for begin in range(0, len(at_s), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        apart, nearest = _nearest(film.pictures[part], other, low[part], high[part])
        np.add.at(fields, seconds[part], apart)
        off = film.colours[part].astype(np.int16) - other.colours[nearest].astype(np.int16)
        np.add.at(colours, seconds[part], off)
    counts = np.bincount(seconds, minlength=len(fields))
    has = counts > 0
    means = fields[has] / counts[has, None, None]
    tints = colours[has] / counts[has, None]
    return _Against(float(means.mean((1, 2)).max()), float(means.max()), float(np.abs(tints).max()))


def _stuck(source: Traces, made: Traces, lag_s: float) -> float:
    """Return the share of steps that are seen in the source and not in what was made: pictures that are held."""
    middles = (source.moments + np.append(source.moments[1:], source.ends_s)) / 2
    shown = shown_at(made.moments, middles + lag_s)
    steps = moved = 0
    for begin in range(0, len(middles) - 1, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE + 1)
        due = _steps(source.pictures[part])
        made_steps = _steps(made.pictures[shown[part]])
        steps += int((due >= _STEP).sum())
        moved += int(((due >= _STEP) & (made_steps >= due / 4)).sum())
    return 1 - moved / steps if steps >= _FEW_STEPS else 0.0


def _steps(pictures: Numbers) -> Numbers:
    steps: Numbers = np.abs(np.diff(pictures.astype(np.int16), axis=0)).max((1, 2))
    return steps


def _nearest(pictures: Numbers, other: Traces, low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Return the difference of each picture from the most similar one of `low` to `high`, by field, and which it is."""
    seen = pictures.astype(np.int16)
    best = np.abs(seen - other.pictures[low])
    sums, which = best.sum((1, 2)), low.copy()
    for step in range(1, min(_MOST_SHOWN, int((high - low).max(initial=0))) + 1):
        number = np.minimum(low + step, high)
        apart = np.abs(seen - other.pictures[number])
        better = apart.sum((1, 2)) < sums
        best[better], which[better] = apart[better], number[better]
        sums = np.minimum(sums, apart.sum((1, 2)))
    return best, which


def _levelled(fine: list[tuple[FinePicture, FinePicture]]) -> list[tuple[FinePicture, FinePicture]]:
    """Give the sources the levels of what was made, one curve for all colours: a tint stays one."""
    curve = level_curve(*(np.concatenate([p.ravel() for pair in fine for p in pair[n].patches]) for n in (0, 1)))
    return [
        (FinePicture(curve[first.rgb], tuple(curve[patch] for patch in first.patches)), other) for first, other in fine
    ]


def _likeness(source: FinePicture, made: FinePicture) -> float:
    values = [_ssim(first, other) for first, other in zip(source.patches, made.patches, strict=True)]
    return float(np.mean(values))


def _ssim(source: Numbers, made: Numbers) -> float:
    """Return the structural similarity (Wang et al. 2004) of two pictures of one size, over square windows.

    Pictures are halved first where they are large enough, as its authors do. What is left of the source's grain is no
    structure that could be lost: its power is taken off where the two are held against each other.
    """
    first, other = source.astype(np.float64), made.astype(np.float64)
    if min(first.shape) >= 2 * _SMALL:
        first, other = _halved(first), _halved(other)
    if min(first.shape) <= _BOX:
        return 1.0 if np.abs(first - other).mean() < _VARIES else 0.0
    mean_first, mean_other = _boxed(first), _boxed(other)
    var_first = np.maximum(_boxed(first * first) - mean_first**2 - _grain(first), 0)
    var_other = _boxed(other * other) - mean_other**2
    both = _boxed(first * other) - mean_first * mean_other
    luminance = (2 * mean_first * mean_other + _C1) / (mean_first**2 + mean_other**2 + _C1)
    return float((luminance * np.minimum(1, (2 * both + _C2) / (var_first + var_other + _C2))).mean())


def _grain(picture: Numbers) -> float:
    """Return the variance of what changes from pixel to pixel even where a picture is flattest (Immerkaer 1996)."""
    steps = np.diff(np.diff(picture, 2, axis=0), 2, axis=1)
    if min(steps.shape) < _BOX:
        return 0.0
    return float(np.quantile(_boxed(steps * steps), _FLATTEST)) / _STEPS_GAIN


def _boxed(values: Numbers) -> Numbers:
    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    means: Numbers = (sums[_BOX:, _BOX:] - sums[:-_BOX, _BOX:] - sums[_BOX:, :-_BOX] + sums[:-_BOX, :-_BOX]) / _BOX**2
    return means


def _left(fine: list[tuple[FinePicture, FinePicture]], structure: Callable[[Numbers], Numbers], faint: float) -> float:
    """Return which share of a kind of structure of the source is in what was made; 1.0 where there is hardly any."""
    was = now = 0.0
    for source, made in fine:
        for first, other in zip(source.patches, made.patches, strict=True):
            before, after = structure(first.astype(np.float64)), structure(other.astype(np.float64))
            was += float((before * before).sum()) + faint * before.size
            now += float((before * after).sum()) + faint * before.size
    return now / was if was else 1.0


def _structure(patch: Numbers) -> Numbers:
    halves = _halved(patch[: patch.shape[0] // 4 * 4, : patch.shape[1] // 4 * 4])
    structure: Numbers = halves - _halved(halves).repeat(2, 0).repeat(2, 1)
    return structure


def _line_by_line(patch: Numbers) -> Numbers:
    """Return how each line differs from the next: turned over where lines, or fields, stand in the wrong order."""
    height = patch.shape[0] // 2 * 2
    steps: Numbers = patch[0:height:2] - patch[1:height:2]
    return steps


def _halved(values: Numbers) -> Numbers:
    height, width = values.shape[0] // 2, values.shape[1] // 2
    halves: Numbers = values[: height * 2, : width * 2].reshape(height, 2, width, 2).mean((1, 3))
    return halves


def _slope(first: Numbers, other: Numbers) -> float:
    """Return how many levels of `other` go with one of `first`; 1.0 where the levels hardly differ."""
    spread = first - first.mean()
    if np.sqrt((spread * spread).mean()) < _VARIES:
        return 1.0
    return float((spread * (other - other.mean())).mean() / (spread * spread).mean())


def _coarse(rgb: Numbers) -> Numbers:
    """Return the mean colours of fields of 8 x 8 pixels: finer colour is what every encoder saves at."""
    height, width = max(1, rgb.shape[0] // _FIELD), max(1, rgb.shape[1] // _FIELD)
    high, wide = min(rgb.shape[0], _FIELD), min(rgb.shape[1], _FIELD)
    fields: Numbers = rgb[: height * high, : width * wide].reshape(height, high, width, wide, 3).mean((1, 3))
    return fields.reshape(-1, 3)


def _differences(rgb: Numbers) -> Numbers:
    return np.concatenate([rgb[:, 0] - rgb[:, 1], rgb[:, 2] - rgb[:, 1]])
