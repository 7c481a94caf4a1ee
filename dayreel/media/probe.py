"""What is in a media file: container, streams, durations, colours; and proof that all of it decodes.

Everything is read in this process with PyAV, which takes a few milliseconds where starting ffprobe takes fifty.
Judging the facts against a plan or a platform belongs in `checks`.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.container
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from dayreel.errors import MediaError
from dayreel.media.mp4_boxes import Mp4Outline, read_outline
from dayreel.media.run import Pulse
from dayreel.media.streams import (
    AudioStream,
    FirstFrame,
    OtherStream,
    SubtitleStream,
    VideoStream,
    first_frames,
    read_streams,
    zero_s,
)

ONLY_FILES = {"protocol_whitelist": "file"}
"""Opened media may not lead anywhere else: a playlist named .mp4 must not fetch what it names."""

_NOT_MEDIA_FORMATS = ("concat", "hls", "dash", "tty", "image2", "webp_pipe", "png_pipe", "jpeg_pipe", "ass", "srt")
_MAY_LACK_S = 0.5
_MAY_JUMP = ("mpegts", "mpeg")
_GAP_S, _OVERLAP_S = 10.0, 0.1
"""FFmpeg's `dts_delta_threshold`, and what it takes for a step back (fftools/ffmpeg_demux.c)."""


@dataclass(frozen=True)
class Probe:
    """What one media file holds. `duration_s` is the container's, the longest stream.

    Where `clock_jumps` (recordings joined end to end), `duration_s` and the streams' own are as if it went on, which is
    how FFmpeg copies and players play it; moments in the file are not.
    """

    path: Path
    container: str
    duration_s: float
    size_bytes: int
    bit_rate: int
    moov_before_mdat: bool | None
    has_edit_list: bool
    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...] = ()
    others: tuple[OtherStream, ...] = ()
    chapters: int = 0
    clock_jumps: bool = False

    def best_video_stream(self, index: int | None = None) -> VideoStream:
        """Return the stream with that index in the file, or else the largest one, then the quickest.

        Cover pictures are never chosen.

        Raises:
            MediaError: there is no video, or no video stream with that index; the message lists what there is.
        """
        moving = [stream for stream in self.video if not stream.is_attached_picture]
        if not moving:
            has = "a cover picture and sound" if self.video else "sound" if self.audio else "no stream"
            raise MediaError(f"Looked for video in {str(self.path)!r}; it has only {has}, no moving picture.")
        if index is None:
            return max(moving, key=lambda stream: (stream.width * stream.height, stream.fps, -stream.index))
        for stream in moving:
            if stream.index == index:
                return stream
        listed = ", ".join(f"{s.index} ({s.width}x{s.height}, {float(s.fps):.2f} fps)" for s in moving)
        raise MediaError(
            f"Looked for video stream {index} in {str(self.path)!r}; its video streams are {listed}.",
            next_step="Name one of these, or none to take the largest.",
        )

    def best_audio_stream(self) -> AudioStream | None:
        """Return the richest audio stream (sample rate times channels, then the first), or None."""
        if not self.audio:
            return None
        return max(self.audio, key=lambda stream: (stream.sample_rate * stream.channels, -stream.index))


@dataclass(frozen=True)
class Decoded:
    """How much of a stream came out of the decoder."""

    frames: int
    last_frame_ends_s: float
    """On the file's clock."""


def probe(path: Path) -> Probe:
    """Read what `path` holds, without decoding more than FFmpeg needs to recognise the streams.

    A file that does not say how long it is (a browser's recorder writes such, and one that was killed), and one whose
    clock may jump (a transport stream, a disc) are read through once, without decoding.

    Raises:
        MediaError: missing, empty, cut off, or not media: each in its own words.
    """
    size_bytes, outline = _look_at_file(path)
    try:
        with av.open(str(path), options=ONLY_FILES) as container:
            return _describe(path, container, size_bytes, outline)
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise _unreadable(path, outline, error) from error


@contextmanager
def open_picture(path: Path, video: VideoStream) -> Iterator[tuple[InputContainer, AvVideoStream]]:
    """Open a file for decoding one of its moving pictures.

    Raises:
        MediaError: that stream is none.
        av.error.FFmpegError: the file does not open; the caller says what it was doing.
    """
    with av.open(str(path), options=ONLY_FILES) as container:
        stream = container.streams[video.index]
        if not isinstance(stream, AvVideoStream):
            raise MediaError(f"Stream {video.index} of {str(path)!r} is not video.")
        stream.thread_type = "AUTO"
        yield container, stream


def decode_fully(
    path: Path, index: int | None = None, *, with_sound: bool = False, pulse: Pulse | None = None
) -> Decoded:
    """Decode every frame of the best video stream (or of stream `index`) and count them.

    Args:
        with_sound: decode all sound too.
        pulse: called between packets; what it raises ends the work.

    Raises:
        MediaError: a frame does not decode, none does, or all that is in the file ends more than half a second before
            the end that it announces: then it was cut off. A picture that ends before the sound is none of these.
    """
    facts = probe(path)
    stream = facts.best_video_stream(index)
    decoded = {stream.index, *(audio.index for audio in facts.audio if with_sound)}
    frames, ends_s, all_ends_s = 0, 0.0, 0.0
    try:
        with open_picture(path, stream) as (container, _):
            zero = zero_s(container)
            for packet in container.demux():
                if pulse is not None:
                    pulse()
                all_ends_s = max(all_ends_s, _end_s(packet) - zero)
                for frame in packet.decode() if packet.stream.index in decoded else ():
                    if isinstance(frame, VideoFrame | AudioFrame) and frame.is_corrupt:
                        raise MediaError(f"Decoded {str(path)!r}; damaged after frame {frames}.")
                    if isinstance(frame, VideoFrame):
                        frames += 1
                        ends_s = max(ends_s, _end_s(frame, float(1 / (stream.fps or 1))) - zero)
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Decoded {str(path)!r}; after {frames} frames ({ends_s:.2f} s) it answered: {error.strerror}.",
            next_step="The file is damaged: fetch or export it again.",
        ) from error
    if frames == 0:
        raise MediaError(f"Decoded {str(path)!r}; not one frame came out, although it announces a video stream.")
    if not facts.clock_jumps:  # else its length is what reading it through has shown
        _refuse_cut_off(facts, stream, ends_s, max(ends_s, all_ends_s))
    return Decoded(frames=frames, last_frame_ends_s=ends_s)


def _end_s(shown: "Packet[Any] | VideoFrame", usual_s: float = 0.0) -> float:
    """Return when a packet or frame is over, in the container's time; `usual_s` long if it does not say."""
    if shown.pts is None or shown.time_base is None:
        return -math.inf
    return float(shown.pts * shown.time_base) + (float(shown.duration * shown.time_base) if shown.duration else usual_s)


def _refuse_cut_off(facts: Probe, stream: VideoStream, ends_s: float, all_ends_s: float) -> None:
    # A picture that announces no end of its own has the file's, and may end before the sound does.
    has_own_end = stream.ends_s < facts.duration_s - _MAY_LACK_S
    for announced_s, real_s in ((facts.duration_s, all_ends_s), (stream.ends_s if has_own_end else 0.0, ends_s)):
        if real_s < announced_s - _MAY_LACK_S:
            raise MediaError(
                f"Decoded {str(facts.path)!r}; it announces {announced_s:.2f} s and ends after {real_s:.2f} s: "
                "it was cut off.",
                next_step="Fetch or export it again.",
            )


@dataclass(frozen=True)
class _Extent:
    """What reading all packets has shown: when each stream is over, by index, in the container's time without jumps."""

    ends_s: Mapping[int, float]
    has_jumps: bool


@lru_cache(maxsize=256)
def _read_through(path: Path, _modified_ns: int) -> _Extent:
    """Read every packet and decode none. What is a jump, and that all streams jump together, is as in FFmpeg."""
    ends: dict[int, float] = {}
    with av.open(str(path), options=ONLY_FILES) as container:
        jumps = Jumps(container)
        for packet in container.demux():
            lasts_s = jumps.follow(packet)
            moment = packet.pts if packet.pts is not None else packet.dts
            if moment is not None and packet.time_base is not None:
                shown_s = float(moment * packet.time_base) - jumps.jumped_s
                ends[packet.stream.index] = max(ends.get(packet.stream.index, -math.inf), shown_s + lasts_s)
    return _Extent(ends, has_jumps=jumps.jumped_s != 0)


class Jumps:
    """Follows the packets of a file, read from its beginning, and knows by how much its clock has jumped."""

    def __init__(self, container: InputContainer) -> None:
        self.jumped_s = 0.0
        self._last: dict[int, float] = {}
        self._usual_s = {stream.index: float(1 / (stream.average_rate or 1)) for stream in container.streams.video}

    def follow(self, packet: "Packet[Any]") -> float:
        """Take in the next packet and return how many seconds it lasts."""
        index, moment = packet.stream.index, packet.dts if packet.dts is not None else packet.pts
        if moment is None or packet.time_base is None:
            return 0.0
        lasts_s = float(packet.duration * packet.time_base) if packet.duration else self._usual_s.get(index, 0.0)
        decoded_s = float(moment * packet.time_base)
        # From packet to packet: how long one lasts is a guess where pictures come at odd moments.
        ahead_s = decoded_s - self.jumped_s - self._last.get(index, decoded_s - self.jumped_s)
        if ahead_s > _GAP_S or ahead_s < -_OVERLAP_S:
            self.jumped_s += ahead_s - min(lasts_s, _OVERLAP_S)
        self._last[index] = decoded_s - self.jumped_s
        return lasts_s

    def straighten(self, packet: "Packet[Any]") -> None:
        """Take in the next packet and give it the moments it would have if the clock had gone on."""
        self.follow(packet)
        if self.jumped_s and packet.time_base is not None:
            ticks = round(self.jumped_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks


def _look_at_file(path: Path) -> tuple[int, Mp4Outline | None]:
    try:
        if path.is_dir():
            raise MediaError(f"Opened {str(path)!r}; it is a folder, not a media file.")
        size_bytes = path.stat().st_size
        if size_bytes == 0:
            raise MediaError(f"Opened {str(path)!r}; it is empty (0 bytes).", next_step="Fetch or export it again.")
        outline = read_outline(path)
    except FileNotFoundError as error:
        raise MediaError(f"Opened {str(path)!r}; there is no such file.") from error
    except OSError as error:
        raise MediaError(f"Opened {str(path)!r}; it cannot be read: {error.strerror or error}.") from error
    if outline is not None and outline.missing_bytes > 0:
        raise MediaError(
            f"Opened {str(path)!r}; it was cut off: {outline.missing_bytes} of {size_bytes + outline.missing_bytes} "
            "bytes are missing.",
            next_step="Fetch or export it again.",
        )
    return size_bytes, outline


def _unreadable(path: Path, outline: Mp4Outline | None, error: Exception) -> MediaError:
    if outline is not None and not outline.has_moov:
        return MediaError(
            f"Opened {str(path)!r}; it was cut off: an MP4 without its index (moov).",
            next_step="Fetch or export it again.",
        )
    with path.open("rb") as file:
        begin = file.read(24)
    words = getattr(error, "strerror", None) or error
    return MediaError(
        f"Opened {str(path)!r}; it is not a media file (it begins with {begin!r}): {words}.",
        next_step="Look at where it came from: an error page saved as a video looks like this.",
    )


def _describe(path: Path, container: av.container.InputContainer, size_bytes: int, outline: Mp4Outline | None) -> Probe:
    name = container.format.name
    if name in _NOT_MEDIA_FORMATS:
        raise MediaError(f"Opened {str(path)!r}; it is {name!r}, not a video or sound file.")
    duration_s = (container.duration or 0) / av.time_base
    extent = _Extent({}, has_jumps=False)
    if not duration_s or name in _MAY_JUMP:
        extent = _read_through(path, path.stat().st_mtime_ns)
    ends_s = extent.ends_s if extent.has_jumps or not duration_s else {}
    first = (
        {track: FirstFrame(rotation) for track, rotation in outline.rotation.items()}
        if outline is not None
        else first_frames(container)
    )
    streams = read_streams(container, first, duration_s, ends_s)
    ends = [stream.ends_s for stream in streams.video if not stream.is_attached_picture]
    last_s = max([*ends, *(stream.start_s + stream.duration_s for stream in streams.audio)], default=0.0)
    # Theirs is a moment of their clock, which need not begin at zero; Matroska's counts in what sound is skipped.
    if ends_s:
        duration_s = last_s
    elif not duration_s or (name.startswith(("matroska", "asf")) and last_s > 0):
        duration_s = min(duration_s or last_s, last_s)
    return Probe(
        path=path,
        container=name.partition(",")[0],
        duration_s=duration_s,
        size_bytes=size_bytes,
        bit_rate=round(size_bytes * 8 / duration_s) if duration_s else 0,
        moov_before_mdat=outline.moov_before_mdat if outline is not None else None,
        has_edit_list=outline is not None and outline.has_edit_list,
        clock_jumps=extent.has_jumps,
        video=streams.video,
        audio=streams.audio,
        subtitles=streams.subtitles,
        others=streams.others,
        chapters=len(container.chapters()),
    )
