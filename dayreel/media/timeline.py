"""Where to begin reading so that the picture shown at a moment comes out of the decoder, in any container.

Moments are seconds on the file's clock (see `streams.VideoStream`). Only packets are read here, nothing is decoded.
Edit lists are applied by FFmpeg: what they hide comes with a mark and is not shown.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream as AvVideoStream

from dayreel.errors import MediaError
from dayreel.media.probe import Probe, open_picture
from dayreel.media.streams import VideoStream, zero_s

_FURTHER_BACK_S = (0.0, 1.0, 4.0, 16.0, 64.0)
_REORDERED = 16
"""Packets come in the order of decoding: a picture may follow up to so many that are shown after it (H.264, H.265)."""
_MOST_DELAYED = 3
"""Pictures by which showing runs behind decoding where a file has the times of decoding alone."""


@dataclass(frozen=True)
class Approach:
    """How to get at the picture of a moment.

    Attributes:
        seek_s: decoding must begin here at the latest: a picture that needs no other.
        shown_since_s: when the picture that is shown at the moment came on; before the first one, when that does.
    """

    seek_s: float
    shown_since_s: float


def approach(path: Path, video: VideoStream, at_s: float) -> Approach:
    """Find out where to begin reading for the picture that `video` shows at `at_s`.

    Raises:
        MediaError: the file cannot be read, or no picture of it can be decoded on its own.
    """
    at_s = max(at_s, video.start_s)
    begins = [at_s - back_s for back_s in _FURTHER_BACK_S if back_s < at_s]
    try:
        for begin_s in (*begins, None):
            with open_picture(path, video) as (container, stream):
                if (begin := _approach(container, stream, at_s, begin_s)) is not None:
                    return begin
    except av.error.FFmpegError as error:
        raise MediaError(f"Looked for {at_s:.2f} s in {str(path)!r}; it answered: {error.strerror}.") from error
    raise MediaError(
        f"Looked for {at_s:.2f} s in {str(path)!r}; no picture of it can be decoded on its own.",
        next_step="Play it to see whether it is damaged, and export it again.",
    )


def hidden_pictures(facts: Probe) -> int:
    """Return how many pictures of the best video stream an edit list hides. Every packet is read where there is one.

    Raises:
        MediaError: there is no video, or the file cannot be read.
    """
    video = facts.best_video_stream()
    if not facts.has_edit_list:
        return 0
    try:
        with open_picture(facts.path, video) as (container, stream):
            return sum(packet.is_discard for packet in container.demux(stream))
    except av.error.FFmpegError as error:
        raise MediaError(f"Read the packets of {str(facts.path)!r}; it answered: {error.strerror}.") from error


def lacks_moments(facts: Probe) -> bool:
    """Return whether nothing says when a picture is shown, only in which order they are decoded: H.264 in AVI.

    FFmpeg's decoder works it out; the times of packets, and of PyAV's frames, are out of order.

    Raises:
        MediaError: there is no video, or the file cannot be read.
    """
    if facts.container != "avi":
        return False
    try:
        with open_picture(facts.path, facts.best_video_stream()) as (container, stream):
            return _lacks_moments(container, stream)
    except av.error.FFmpegError as error:
        raise MediaError(f"Read the packets of {str(facts.path)!r}; it answered: {error.strerror}.") from error


def _approach(container: InputContainer, stream: AvVideoStream, at_s: float, begin_s: float | None) -> Approach | None:
    """Read packets from `begin_s` past `at_s`; None where no key picture comes before it.

    From the beginning (None) a key picture after it will do: recordings of cameras and broadcasts begin anywhere.

    MPEG-TS has no index: a seek leads to any packet, often behind the last key picture.
    """
    zero = zero_s(container)
    if begin_s is not None:
        container.seek(math.floor((begin_s + zero) / _tick_s(stream)), stream=stream)
    if _lacks_moments(container, stream):
        return _approach_by_decoding(container, stream, at_s)
    key_s = since_s = None
    later = 0
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        shown_s = packet.pts * _tick_s(stream) - zero
        if shown_s > at_s + _tick_s(stream) / 2:
            if key_s is None and begin_s is None and packet.is_keyframe:
                return Approach(shown_s, shown_s)
            later += 1
            if (key_s is None and begin_s is not None) or (key_s is not None and later > _REORDERED):
                break
            continue
        if packet.is_keyframe:
            key_s = shown_s
        if key_s is not None and not packet.is_discard:
            since_s = max(since_s or key_s, shown_s)
    return None if key_s is None else Approach(key_s, key_s if since_s is None else since_s)


def _approach_by_decoding(container: InputContainer, stream: AvVideoStream, at_s: float) -> Approach | None:
    """Read packets whose moments are those of decoding, at an even rate; each is shown up to three pictures later."""
    late_s = _MOST_DELAYED / float(stream.average_rate or 1)
    keys = []
    for packet in container.demux(stream):
        if packet.dts is None or packet.dts * _tick_s(stream) > max(0.0, at_s - late_s):
            break
        if packet.is_keyframe:
            keys.append(packet.dts * _tick_s(stream))
    return Approach(keys[-1], max(0.0, at_s - late_s)) if keys else None


def _lacks_moments(container: InputContainer, stream: AvVideoStream) -> bool:
    return container.format.name == "avi" and stream.codec.name == "h264" and stream.codec_context.has_b_frames


def _tick_s(stream: AvVideoStream) -> float:
    return float(stream.time_base or 1)
