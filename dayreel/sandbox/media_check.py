"""What a platform sees in a file it received: container, codecs, size, length, order of its parts. Read with PyAV."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av

from dayreel.errors import MediaError

_CHROMA_420: Final = ("yuv420p", "yuvj420p", "yuv420p10le", "nv12")


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What is in a received file.

    Args:
        container: PyAV's name of the format, such as `mov,mp4,m4a,3gp,3g2,mj2`.
        size_bytes: of the whole file.
        duration_s: of the whole file.
        width: of the first video stream, 0 without one.
        height: of the first video stream.
        fps: average rate of the first video stream.
        video_codec: such as `h264`, empty without a video stream.
        pixel_format: such as `yuv420p`.
        audio_codec: such as `aac`, empty without an audio stream.
        audio_rate_hz: of the first audio stream.
        channels: of the first audio stream.
        is_faststart: the index comes before the media data.
    """

    container: str
    size_bytes: int
    duration_s: float
    width: int
    height: int
    fps: float
    video_codec: str
    pixel_format: str
    audio_codec: str
    audio_rate_hz: int
    channels: int
    is_faststart: bool

    @property
    def is_chroma_420(self) -> bool:
        """The colour sampling every platform takes."""
        return self.pixel_format in _CHROMA_420


def inspect(path: Path) -> MediaFacts:
    """Read a received file and decode the first frame of it.

    Raises:
        MediaError: it is not a media file, or it cannot be decoded.
    """
    try:
        with av.open(str(path)) as box:
            video = box.streams.video[0] if box.streams.video else None
            sound = box.streams.audio[0] if box.streams.audio else None
            if video is not None:
                next(box.decode(video))
            return MediaFacts(
                container=box.format.name,
                size_bytes=path.stat().st_size,
                duration_s=(box.duration or 0) / av.time_base,
                width=video.codec_context.width if video else 0,
                height=video.codec_context.height if video else 0,
                fps=float(video.average_rate or 0) if video else 0.0,
                video_codec=video.codec_context.name if video else "",
                pixel_format=(video.codec_context.pix_fmt or "") if video else "",
                audio_codec=sound.codec_context.name if sound else "",
                audio_rate_hz=sound.codec_context.sample_rate if sound else 0,
                channels=sound.codec_context.channels if sound else 0,
                is_faststart=is_faststart(path),
            )
    except (av.FFmpegError, StopIteration, OSError) as problem:
        raise MediaError(f"The sandbox world received {path.name!r} and cannot read it: {problem}.") from problem


def is_faststart(path: Path) -> bool:
    """Return whether `moov` comes before `mdat` among a file's outermost boxes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:
                (length,) = struct.unpack(">Q", file.read(8))
            if kind in (b"moov", b"mdat"):
                return bool(kind == b"moov")
            if length < 8:  # noqa: PLR2004 - 0 means "to the end", less than a header means garbage
                return False
            position += length
    return False
