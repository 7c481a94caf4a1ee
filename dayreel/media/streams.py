"""The streams of a media file as facts: pictures, sound, subtitles, fonts; what each is called and what it is for.

Read from containers that `probe` has opened with PyAV. Which of them are worth keeping is decided in `choose_streams`.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import av
import av.container
import av.stream
from av.audio.stream import AudioStream as AvAudioStream
from av.stream import Disposition
from av.video.stream import VideoStream as AvVideoStream

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
_DOLBY_VISION_TAGS = ("dvh1", "dvhe", "dva1", "dvav", "dav1")
_DOLBY_VISION_SIDE_DATA = ("DOVI_RPU_BUFFER", "DOVI_METADATA")
_COMMENTARY = re.compile(r"comment|kommentar|comentari", re.IGNORECASE)
_DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a stream says of itself. `language` is ISO 639-2, "und" where it is not said; `title` may be empty."""

    language: str = "und"
    title: str = ""
    is_forced: bool = False
    is_commentary: bool = False


@dataclass(frozen=True)
class VideoStream(Labels):
    """One video stream. `width` and `height` are stored pixels; `display_*` are what a viewer sees.

    `start_s` is when its first picture is shown on the file's clock, which begins when the first of its streams does:
    that is where players start. `zero_s` is what the container counts then: 3600 in a camera's stream, say.
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
    zero_s: float
    start_s: float
    duration_s: float
    frames: int
    bit_rate: int | None
    is_attached_picture: bool
    is_dolby_vision: bool
    parameters: bytes = field(repr=False)

    @property
    def ends_s(self) -> float:
        """When its last picture goes, on the file's clock."""
        return self.start_s + self.duration_s

    @property
    def is_hdr(self) -> bool:
        """Return whether the transfer curve is PQ or HLG."""
        return self.color_transfer in _HDR_TRANSFERS

    @property
    def is_full_range(self) -> bool:
        """Return whether black is 0 and white 255."""
        return self.color_range == "pc" or self.pix_fmt.startswith("yuvj")

    @property
    def is_rgb(self) -> bool:
        """Return whether the picture is stored as red, green and blue."""
        return self.pix_fmt.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "pal", "0rgb", "0bgr"))

    @property
    def bit_depth(self) -> int:
        """Bits per sample; 0 when the file does not say how it is stored."""
        return 0 if self.pix_fmt == "unknown" else av.VideoFormat(self.pix_fmt).components[0].bits

    @property
    def display_width(self) -> float:
        """Width after pixel aspect and rotation, in square pixels."""
        return self.height if self.is_on_its_side else float(self.width * self.sar)

    @property
    def display_height(self) -> float:
        """Height after pixel aspect and rotation, in square pixels."""
        return float(self.width * self.sar) if self.is_on_its_side else self.height

    @property
    def is_on_its_side(self) -> bool:
        """Return whether it is turned by a quarter for showing."""
        return self.rotation % 180 != 0


@dataclass(frozen=True)
class AudioStream(Labels):
    """One audio stream; `zero_s` and `start_s` as of a video stream."""

    index: int
    codec: str
    profile: str
    sample_rate: int
    channels: int
    zero_s: float
    start_s: float
    duration_s: float
    bit_rate: int | None


@dataclass(frozen=True)
class SubtitleStream(Labels):
    """One subtitle stream, text or pictures."""

    index: int
    codec: str


@dataclass(frozen=True)
class OtherStream:
    """A font, timecodes, or a stream that FFmpeg has no decoder for."""

    index: int
    kind: Literal["attachment", "data", "unreadable"]
    codec: str


@dataclass(frozen=True)
class Streams:
    """All streams of one file, by kind, each in the file's order."""

    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...]
    others: tuple[OtherStream, ...]


@dataclass(frozen=True)
class FirstFrame:
    """What only a decoded frame reveals: clockwise degrees, and whether it carries Dolby Vision."""

    rotation: int = 0
    is_dolby_vision: bool = False


def first_frames(container: av.container.InputContainer) -> dict[int, FirstFrame]:
    """Return, by stream id, what the first frame of each video stream reveals; leaves `container` at its beginning."""
    first: dict[int, FirstFrame] = {}
    for stream in container.streams.video:
        if stream.codec_context is None:
            continue
        frame = next(container.decode(stream), None)
        if frame is not None:
            is_dolby_vision = any(frame.side_data.get(kind) is not None for kind in _DOLBY_VISION_SIDE_DATA)
            first[stream.id] = FirstFrame(-frame.rotation % 360, is_dolby_vision)
        with contextlib.suppress(av.error.PermissionError):  # Flash video begins at no key picture to go back to
            container.seek(0)
    return first


def zero_s(container: av.container.InputContainer) -> float:
    """Return what the container counts where the file's clock begins, in seconds."""
    return (container.start_time or 0) / av.time_base


@dataclass(frozen=True)
class _Clock:
    """How the streams of a file lie on its clock. `zero_s` and `ends_s` are in the container's time."""

    zero_s: float
    lasts_s: float
    ends_s: Mapping[int, float]
    counts_ends: bool

    def start_s(self, stream: Any) -> float:
        return float(stream.start_time * stream.time_base) - self.zero_s if stream.start_time is not None else 0.0

    def duration_s(self, stream: Any) -> float:
        if self.ends_s:
            return max(0.0, self.ends_s.get(stream.index, 0.0) - self.zero_s - self.start_s(stream))
        if stream.duration is not None and stream.time_base:
            stated_s = float(stream.duration * stream.time_base)
            return max(0.0, stated_s - self.zero_s - self.start_s(stream)) if self.counts_ends else stated_s
        match = _DURATION_TAG.match(stream.metadata.get("DURATION", ""))
        if match is None:
            return max(0.0, self.lasts_s - self.start_s(stream))
        tagged_s = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        # FFmpeg's Matroska muxer writes the moment of the end (matroskaenc.c), mkvmerge the length.
        if "_STATISTICS_WRITING_APP" not in stream.metadata:
            return max(0.0, tagged_s - _skipped_s(stream) - self.zero_s - self.start_s(stream))
        # FFmpeg keeps mkvmerge's mark and writes its own moment.
        return min(tagged_s, self.lasts_s - self.start_s(stream)) if self.lasts_s else tagged_s


def _skipped_s(stream: Any) -> float:
    """Return how much of a sound stream comes before its first sample that is heard; that moment counts it in."""
    is_sound = isinstance(stream, AvAudioStream) and stream.codec_context.sample_rate
    return float(stream.codec_context.delay / stream.codec_context.sample_rate) if is_sound else 0.0


def read_streams(
    container: av.container.InputContainer,
    first: dict[int, FirstFrame],
    container_duration_s: float,
    ends_s: Mapping[int, float],
) -> Streams:
    """Describe every stream.

    Args:
        first: by stream id, what is known of its first frame.
        container_duration_s: for streams that do not say how long they last.
        ends_s: when each stream is over, by index, in the container's time, where nothing in the file says how long
            anything lasts.
    """
    # A Windows Media file says how long it plays from zero on, wherever its streams begin.
    clock = _Clock(zero_s(container), container_duration_s, ends_s, counts_ends=container.format.name == "asf")
    video: list[VideoStream] = []
    audio: list[AudioStream] = []
    subtitles: list[SubtitleStream] = []
    others: list[OtherStream] = []
    for stream in container.streams:
        if stream.type in ("attachment", "data"):
            others.append(OtherStream(stream.index, stream.type, ""))
        elif stream.codec_context is None:
            others.append(OtherStream(stream.index, "unreadable", stream.type))
        elif isinstance(stream, AvVideoStream):
            video.append(_video(stream, first.get(stream.id, FirstFrame()), clock))
        elif isinstance(stream, AvAudioStream):
            audio.append(_audio(stream, clock))
        else:
            codec = stream.codec_context.codec.canonical_name
            subtitles.append(SubtitleStream(index=stream.index, codec=codec, **_labels(stream)))
    return Streams(tuple(video), tuple(audio), tuple(subtitles), tuple(others))


def _video(stream: AvVideoStream, first: FirstFrame, clock: "_Clock") -> VideoStream:
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(0)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    duration_s = clock.duration_s(stream)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile or "",
        width=context.width,
        height=context.height,
        sar=Fraction(aspect.numerator, aspect.denominator),  # from PyAV 19 on, rationals of its own
        rotation=first.rotation,
        fps=Fraction(rate.numerator, rate.denominator),
        is_constant_rate=_is_constant_rate(stream, duration_s),
        pix_fmt=context.pix_fmt or "unknown",
        color_range=_RANGES.get(int(context.color_range), "unknown"),
        color_space=_SPACES.get(int(context.colorspace), "unknown"),
        color_transfer=_TRANSFERS.get(int(context.color_trc), "unknown"),
        color_primaries=_PRIMARIES.get(int(context.color_primaries), "unknown"),
        zero_s=clock.zero_s,
        start_s=clock.start_s(stream),
        duration_s=duration_s,
        frames=stream.frames,
        bit_rate=context.bit_rate or None,
        is_attached_picture=bool(stream.disposition & Disposition.attached_pic),
        is_dolby_vision=first.is_dolby_vision or _codec_tag(context) in _DOLBY_VISION_TAGS,
        parameters=bytes(context.extradata or b""),
        **_labels(stream),
    )


def _audio(stream: AvAudioStream, clock: "_Clock") -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile or "",
        sample_rate=context.sample_rate or 0,
        channels=context.channels,
        zero_s=clock.zero_s,
        start_s=clock.start_s(stream),
        duration_s=clock.duration_s(stream),
        bit_rate=context.bit_rate or None,
        **_labels(stream),
    )


def _labels(stream: Any) -> dict[str, Any]:
    labels = {key.lower(): value for key, value in stream.metadata.items()}
    title = labels.get("title") or labels.get("name") or ""
    return {
        "language": (stream.language or "und").lower(),
        "title": title,
        "is_forced": bool(stream.disposition & Disposition.forced),
        "is_commentary": bool(stream.disposition & Disposition.comment) or _COMMENTARY.search(title) is not None,
    }


def _codec_tag(context: Any) -> str:
    try:
        return str(context.codec_tag)
    except UnicodeDecodeError:  # a number, as in MPEG-TS
        return ""


def _is_constant_rate(stream: AvVideoStream, duration_s: float) -> bool:
    """Return whether the average rate, the base rate and the number of frames agree with one another."""
    if not stream.average_rate or stream.average_rate != stream.base_rate or not stream.frames:
        return False
    return abs(stream.frames / float(stream.average_rate) - duration_s) < 0.5 / float(stream.average_rate)
