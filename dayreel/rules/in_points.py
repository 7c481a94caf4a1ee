"""Where a segment of own footage begins: spread over its file by length, or with one of its scenes. Pure.

Finding scenes is `media.scenes`; which file a segment is cut from is `providers.video.clips`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUNDING_S = 0.001


@dataclass(frozen=True)
class InPoint:
    """The moment a segment begins, on its file's clock, and in words why it is that one."""

    start_s: float
    reason: str


def spread(span_s: tuple[float, float], lasts_s: float, uses: int) -> float:
    """Return where the next segment of a file begins: repeated uses follow one another over its length.

    Args:
        span_s: from when to when the file has pictures.
        lasts_s: how long the segment is; of a shorter file, all begin at its start.
        uses: how many segments of the same video were cut from it before.
    """
    begins_s, ends_s = span_s
    room_s = ends_s - begins_s - lasts_s
    # The epsilon lets the last one reach the very end.
    return begins_s + (0.0 if room_s <= 0 else (uses * lasts_s) % (room_s + 1e-9))


def by_scene(scenes_s: Sequence[float], ends_s: float, lasts_s: float, *, key: str, uses: int) -> InPoint:
    """Return where a segment begins so that it begins with a scene and, if one is long enough, stays within it.

    Each key has an order of its own of the scenes. Where all have been begun with, a segment goes on where the one
    before left off in its scene, and after that they come again.

    Args:
        scenes_s: when each scene begins; the last one ends at `ends_s`.
        lasts_s: how long the segment is; not longer than all scenes together.
        key: what decides about the order: the same key, the same choice.
        uses: how many segments of the same video were cut from this file before.
    """
    ends = [*scenes_s[1:], ends_s]
    lengths = [end - begin for begin, end in zip(scenes_s, ends, strict=True)]
    turns = [hashlib.sha256(f"{key}/{number}".encode()).digest() for number in range(len(scenes_s))]
    whole = [
        (part, turns[number], number)
        for number, length_s in enumerate(lengths)
        for part in range(int((length_s + _ROUNDING_S) / lasts_s))
    ]
    if whole:
        part, _, number = sorted(whole)[uses % len(whole)]
        how = f"goes on in scene {number + 1}" if part else f"begins with scene {number + 1}"
        reason = f"{how} of {len(scenes_s)}, which lasts {lengths[number]:.2f} s"
        return InPoint(_on_the_picture(scenes_s[number] + part * lasts_s), reason)
    crossing = [
        (sum(begin_s < later_s < begin_s + lasts_s - _ROUNDING_S for later_s in scenes_s), turns[number], number)
        for number, begin_s in enumerate(scenes_s)
        if begin_s + lasts_s <= ends_s + _ROUNDING_S
    ]
    cuts, _, number = sorted(crossing)[uses % len(crossing)]
    reason = (
        f"begins with scene {number + 1} of {len(scenes_s)} and crosses {cuts} cut{'s' if cuts > 1 else ''}: no scene "
        f"lasts {lasts_s:g} s, the longest {max(lengths):.2f} s"
    )
    return InPoint(_on_the_picture(scenes_s[number]), reason)


def _on_the_picture(moment_s: float) -> float:
    """Round up to the millisecond: rounded down, a cut would begin with the last picture of the scene before."""
    return math.ceil(round(moment_s * 1000, 4)) / 1000
