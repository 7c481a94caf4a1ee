"""A fingerprint of what a video shows, which survives another codec, size or container; and whether two look alike.

Each of a few frames spread over the video becomes 64 bits: whether brightness rises from one of 9 x 8 fields to the
next (dHash). Says "looks the same", never "is the same file": that is what SHA-256 is for.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from dayreel.errors import MediaError
from dayreel.media.probe import Probe, open_picture, probe
from dayreel.media.streams import VideoStream, zero_s

FRAMES = 8
_FRAME_DIGITS = 16
_LEAST_EVIDENCE = 14
"""Of the places where one row of fields differs from the one above, or a frame from the one before: films have 50 and
more; white frames, fades, gradients, a spot of light, a star and logos up to 12, whatever they show."""
_SHARE_APART = 0.25
"""Of the rises that either film has, those that only one of them has: re-encoding makes 0.15, other footage 0.44."""
_FURTHER_BACK_S = 20.0
_COLUMNS, _ROWS = 9, 8
_RISE = 3
"""Of 255: smaller differences are noise, so that a black frame is always the same."""


def perceptual_hash(video: Path | Probe, frames: int = FRAMES) -> str:
    """Return the fingerprint: 16 hexadecimal digits per frame.

    Raises:
        MediaError: it cannot be read, has no moving picture, or a frame does not decode.
    """
    facts = video if isinstance(video, Probe) else probe(video)
    stream = facts.best_video_stream()
    return "".join(_frame_hash(frame, stream) for frame in _frames(facts, stream, frames))


def look_of(video: Path | Probe) -> str | None:
    """Return the fingerprint, or None where nothing is known of how it looks: it cannot be looked at here and there."""
    try:
        return perceptual_hash(video)
    except MediaError:
        return None


def looks_alike(first: str, other: str) -> bool | None:
    """Return whether two videos look the same; None where their pictures carry no evidence of it.

    Two white films have the same fingerprint, and nearly the same have many pairs of logos: a flat picture says
    nothing, and where most is flat, only what is not may count.

    Raises:
        ValueError: they were not made of the same number of frames.
    """
    if len(first) != len(other) or not first:
        raise ValueError("fingerprints of different lengths cannot be compared")
    if max(_evidence(first), _evidence(other)) < _LEAST_EVIDENCE:
        return None
    apart, either = int(first, 16) ^ int(other, 16), int(first, 16) | int(other, 16)
    return apart.bit_count() <= _SHARE_APART * either.bit_count()


def _evidence(fingerprint: str) -> int:
    """Return how much a fingerprint says: the changes down its first frame, and from each frame to the next."""
    starts = range(0, len(fingerprint), _FRAME_DIGITS)
    frames = [int(fingerprint[at : at + _FRAME_DIGITS], 16) for at in starts]
    below = (frames[0] ^ (frames[0] >> (_COLUMNS - 1))) & ((1 << (_COLUMNS - 1) * (_ROWS - 1)) - 1)
    return below.bit_count() + sum((before ^ after).bit_count() for before, after in pairwise(frames))


def _frames(facts: Probe, video: VideoStream, count: int) -> Iterator[VideoFrame]:
    """Yield the frame shown at each of `count` moments, seeking to each, so that a film costs no more than a clip."""
    try:
        with open_picture(facts.path, video) as (container, stream):
            for n in range(count):
                moment_s = video.start_s + video.duration_s * (n + 0.5) / count
                yield _shown_at(container, stream, zero_s(container) + moment_s)
    except av.error.FFmpegError as error:
        raise MediaError(f"Looked at {str(facts.path)!r}; it does not decode: {error.strerror}.") from error


def _shown_at(container: InputContainer, stream: AvVideoStream, moment: float) -> VideoFrame:
    """Return the frame that is shown at a moment of the container's time.

    Some containers (MPEG-TS) seek beyond the last whole picture before it; then it is looked for from further back.
    """
    for begin in (moment, moment - _FURTHER_BACK_S, 0.0):
        container.seek(max(0, int(begin * av.time_base)))
        shown: VideoFrame | None = None
        for frame in container.decode(stream):
            is_later = (frame.time or 0.0) > moment
            if shown is None and is_later and begin > 0:
                break
            if shown is not None and is_later:
                return shown
            shown = frame
        if shown is not None:
            return shown
    raise MediaError(f"Looked at {container.name!r}; no frame decodes at {moment:.2f} s.")


def _frame_hash(frame: VideoFrame, video: VideoStream) -> str:
    # First to 8 x 8 pixels a field, then the mean of each: swscale would skip pixels if it went there at once.
    grey = frame.reformat(width=_COLUMNS * 8, height=_ROWS * 8, format="gray", interpolation="AREA").to_ndarray()
    upright = np.rot90(grey, -video.rotation // 90) if video.rotation else grey
    rows, columns = upright.shape
    row_edges = np.linspace(0, rows, _ROWS, endpoint=False).astype(int)
    column_edges = np.linspace(0, columns, _COLUMNS, endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(upright.astype(np.int64), row_edges, axis=0), column_edges, axis=1)
    heights, widths = np.diff([*row_edges, rows]), np.diff([*column_edges, columns])
    fields = sums / np.outer(heights, widths)
    rises = (fields[:, 1:] > fields[:, :-1] + _RISE).ravel()
    return np.packbits(rises).tobytes().hex()
