"""What is in a media file: container, streams, durations, colours; and proof that all of it decodes.

Everything is read in this process with PyAV, which takes a few milliseconds where starting ffprobe takes fifty.
Judging the facts against a plan or a platform belongs in `checks`.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.stream
from av.audio.stream import AudioStream as AvAudioStream
from av.video.stream import VideoStream as AvVideoStream

from dayreel.errors import MediaError
from dayreel.media.mp4_boxes import Mp4Outline, read_outline

ONLY_FILES = {"protocol_whitelist": "file"}
"""Opened media may not lead anywhere else: a playlist named .mp4 must not fetch what it names."""

# Names of FFmpeg's AVColorRange, AVColorSpace, AVColorTransferCharacteristic and AVColorPrimaries
# (libavutil/pixfmt.h, numbers of ISO/IEC 23091-2), as its filters take them.
_RANGES = {1: "tv", 2: "pc"}
_SPACES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
_TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"}
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
_NOT_MEDIA_FORMATS = ("concat", "hls", "dash", "tty", "image2", "webp_pipe", "png_pipe", "jpeg_pipe", "ass", "srt")
_MAY_LACK_S = 0.5


@dataclass(frozen=True)
class VideoStream:
    """One video stream. `width` and `height` are stored pixels; `display_*` are what a viewer sees.

    `rotation` is clockwise degrees. `frames` is 0 when the container does not say. `parameters` is the decoder
    configuration (SPS and PPS for H.264): streams can be joined without encoding only where it is the same.
    Colour names are FFmpeg's, "unknown" where the file does not say.
    """

    index: int
    codec: str
    profile: str
    width: int
    height: int
    sar: Fraction
    rotation: int
    fps: Fraction
    is_constant_rate: bool
    pix_fmt: str
    color_range: str
    color_space: str
    color_transfer: str
    color_primaries: str
    start_s: float
    duration_s: float
    frames: int
    bit_rate: int | None
    is_attached_picture: bool
    parameters: bytes = field(repr=False)

    @property
    def is_hdr(self) -> bool:
        """Tell whether the transfer curve is PQ or HLG."""
        return self.color_transfer in _HDR_TRANSFERS

    @property
    def is_full_range(self) -> bool:
        """Tell whether black is 0 and white 255."""
        return self.color_range == "pc" or self.pix_fmt.startswith("yuvj")

    @property
    def display_width(self) -> float:
        """Width after pixel aspect and rotation, in square pixels."""
        return self.height if self._is_on_its_side else float(self.width * self.sar)

    @property
    def display_height(self) -> float:
        """Height after pixel aspect and rotation, in square pixels."""
        return float(self.width * self.sar) if self._is_on_its_side else self.height

    @property
    def _is_on_its_side(self) -> bool:
        return self.rotation % 180 != 0


@dataclass(frozen=True)
class AudioStream:
    """One audio stream."""

    index: int
    codec: str
    profile: str
    sample_rate: int
    channels: int
    start_s: float
    duration_s: float
    bit_rate: int | None


@dataclass(frozen=True)
class Probe:
    """What one media file holds. `duration_s` is the container's, the longest stream."""

    path: Path
    container: str
    duration_s: float
    size_bytes: int
    bit_rate: int
    moov_before_mdat: bool | None
    has_edit_list: bool
    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]

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


def probe(path: Path) -> Probe:
    """Read what `path` holds, without decoding more than FFmpeg needs to recognise the streams.

    Raises:
        MediaError: missing, empty, cut off, or not media: each in its own words.
    """
    size_bytes, outline = _look_at_file(path)
    try:
        with av.open(str(path), options=ONLY_FILES) as container:
            return _describe(path, container, size_bytes, outline)
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise _unreadable(path, outline, error) from error


def decode_fully(path: Path, index: int | None = None) -> Decoded:
    """Decode every frame of the best video stream (or of stream `index`) and count them.

    Raises:
        MediaError: a frame does not decode, none does, or the last one comes more than half a second before the
            end that the file announces: then it was cut off.
    """
    facts = probe(path)
    stream = facts.best_video_stream(index)
    frames, ends_s = 0, 0.0
    try:
        with av.open(str(path), options=ONLY_FILES) as container:
            chosen = container.streams[stream.index]
            if not isinstance(chosen, AvVideoStream):
                raise MediaError(f"Stream {stream.index} of {str(path)!r} is not video.")
            chosen.thread_type = "AUTO"
            for frame in container.decode(chosen):
                if frame.is_corrupt:
                    raise MediaError(f"Decoded {str(path)!r}; frame {frames + 1} is damaged.")
                frames += 1
                ends_s = max(ends_s, frame.time or 0.0)
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Decoded {str(path)!r}; after {frames} frames ({ends_s:.2f} s) it answered: {error.strerror}.",
            next_step="The file is damaged: fetch or export it again.",
        ) from error
    ends_s = ends_s - stream.start_s + (float(1 / stream.fps) if stream.fps else 0.0)
    _refuse_cut_off(path, stream, frames, ends_s)
    return Decoded(frames=frames, last_frame_ends_s=ends_s)


def _refuse_cut_off(path: Path, stream: VideoStream, frames: int, ends_s: float) -> None:
    if frames == 0:
        raise MediaError(f"Decoded {str(path)!r}; not one frame came out, although it announces a video stream.")
    if ends_s < stream.duration_s - _MAY_LACK_S:
        raise MediaError(
            f"Decoded {str(path)!r}; it announces {stream.duration_s:.2f} s and ends after {ends_s:.2f} s "
            f"({frames} frames): it was cut off.",
            next_step="Fetch or export it again.",
        )


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
    rotations = outline.rotation if outline is not None else _rotation_by_decoding(container)
    video = tuple(_video(stream, rotations, duration_s) for stream in container.streams.video)
    audio = tuple(_audio(stream, duration_s) for stream in container.streams.audio)
    if not duration_s:
        durations = [stream.duration_s for stream in video] + [stream.duration_s for stream in audio]
        duration_s = max(durations, default=0.0)
    return Probe(
        path=path,
        container=name.partition(",")[0],
        duration_s=duration_s,
        size_bytes=size_bytes,
        bit_rate=round(size_bytes * 8 / duration_s) if duration_s else 0,
        moov_before_mdat=outline.moov_before_mdat if outline is not None else None,
        has_edit_list=outline is not None and outline.has_edit_list,
        video=video,
        audio=audio,
    )


def _rotation_by_decoding(container: av.container.InputContainer) -> dict[int, int]:
    """Return stream id -> clockwise degrees for containers other than MP4, from the first frame of each stream."""
    rotations: dict[int, int] = {}
    for stream in container.streams.video:
        frame = next(container.decode(stream), None)
        rotations[stream.id] = -frame.rotation % 360 if frame is not None else 0
        container.seek(0)
    return rotations


def _video(stream: AvVideoStream, rotations: dict[int, int], container_duration_s: float) -> VideoStream:
    context = stream.codec_context
    fps = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(0)
    duration_s = _duration_s(stream, container_duration_s)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile or "",
        width=context.width,
        height=context.height,
        sar=Fraction(stream.sample_aspect_ratio or 1),
        rotation=rotations.get(stream.id, 0),
        fps=Fraction(fps),
        is_constant_rate=_is_constant_rate(stream, duration_s),
        pix_fmt=context.pix_fmt or "unknown",
        color_range=_RANGES.get(int(context.color_range), "unknown"),
        color_space=_SPACES.get(int(context.colorspace), "unknown"),
        color_transfer=_TRANSFERS.get(int(context.color_trc), "unknown"),
        color_primaries=_PRIMARIES.get(int(context.color_primaries), "unknown"),
        start_s=_start_s(stream),
        duration_s=duration_s,
        frames=stream.frames,
        bit_rate=context.bit_rate or None,
        is_attached_picture=bool(stream.disposition & av.stream.Disposition.attached_pic),
        parameters=bytes(context.extradata or b""),
    )


def _audio(stream: AvAudioStream, container_duration_s: float) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile or "",
        sample_rate=context.sample_rate or 0,
        channels=context.channels,
        start_s=_start_s(stream),
        duration_s=_duration_s(stream, container_duration_s),
        bit_rate=context.bit_rate or None,
    )


def _start_s(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0


def _duration_s(stream: Any, container_duration_s: float) -> float:
    if stream.duration is None or not stream.time_base:
        return container_duration_s
    return float(stream.duration * stream.time_base)


def _is_constant_rate(stream: AvVideoStream, duration_s: float) -> bool:
    """Tell whether the average rate, the base rate and the number of frames agree with one another."""
    if not stream.average_rate or stream.average_rate != stream.base_rate or not stream.frames:
        return False
    return abs(stream.frames / float(stream.average_rate) - duration_s) < 0.5 / float(stream.average_rate)
