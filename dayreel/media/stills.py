"""Still pictures of a video for people to look at: poster, contact sheet, thumbnails.

Made in this process with PyAV and Pillow. Nothing here judges a video; that is in `checks`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream
from PIL import Image

from dayreel.errors import MediaError
from dayreel.media.probe import Probe, open_picture, probe
from dayreel.media.run import atomic_output
from dayreel.media.streams import zero_s

THUMBNAIL_WIDTH = 240
_JPEG_QUALITY = 85
_POSTER_CANDIDATES = 5
_GAP = 6
_BACKGROUND = (24, 24, 28)


def poster(video: Path, dest_jpg: Path, at_s: float | None = None, *, width: int | None = None) -> Path:
    """Write one frame as a JPEG and return its path.

    Args:
        at_s: moment of the frame; None takes the one with the most contrast of five spread over the video, so that
            a fade or a black beginning is not shown.
        width: pixels; None keeps the video's.

    Raises:
        MediaError: the video cannot be read, or the disk is full.
    """
    facts = probe(video)
    lasts_s = facts.best_video_stream().duration_s
    moments = [at_s] if at_s is not None else _spread(lasts_s, _POSTER_CANDIDATES)
    best = max(_pictures(facts, moments, width), key=_contrast)
    with atomic_output(dest_jpg, doing=f"write the poster {str(dest_jpg)!r}") as written:
        best.save(written, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return dest_jpg


def thumbnail(video: Path, dest_jpg: Path, at_s: float | None = None) -> Path:
    """Write a poster about 240 pixels wide: small enough for a list of a hundred."""
    return poster(video, dest_jpg, at_s, width=THUMBNAIL_WIDTH)


def contact_sheet(video: Path, dest_jpg: Path, columns: int = 5, rows: int = 1) -> Path:
    """Write `columns` times `rows` frames, spread evenly over the video, as one JPEG and return its path.

    Raises:
        MediaError: the video cannot be read, or the disk is full.
    """
    facts = probe(video)
    moments = _spread(facts.best_video_stream().duration_s, columns * rows)
    pictures = list(_pictures(facts, moments, THUMBNAIL_WIDTH))
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), color=_BACKGROUND)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet.paste(picture, (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    with atomic_output(dest_jpg, doing=f"write the contact sheet {str(dest_jpg)!r}") as written:
        sheet.save(written, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return dest_jpg


def _spread(duration_s: float, count: int) -> list[float]:
    return [duration_s * (n + 0.5) / count for n in range(count)]


def _pictures(facts: Probe, moments: Sequence[float], width: int | None) -> Iterator[Image.Image]:
    """Yield one upright RGB picture per moment; the last frame where a moment lies beyond the end."""
    video = facts.best_video_stream()
    try:
        with open_picture(facts.path, video) as (container, stream):
            begins_s = zero_s(container) + video.start_s
            frames = container.decode(stream)
            frame = next(frames, None)
            for moment in moments:
                while frame is not None and (frame.time or 0.0) + 0.5 / _rate(stream) < moment + begins_s:
                    following = next(frames, None)
                    if following is None:
                        break
                    frame = following
                if frame is None:
                    raise MediaError(f"Took a still of {str(facts.path)!r}; not one frame decodes.")
                yield _upright(frame, video.rotation, width, float(video.sar))
    except av.error.FFmpegError as error:
        raise MediaError(f"Took a still of {str(facts.path)!r}; it does not decode: {error.strerror}.") from error


def _rate(stream: AvVideoStream) -> float:
    return float(stream.average_rate or 30)


def _upright(frame: VideoFrame, rotation: int, width: int | None, sar: float) -> Image.Image:
    """Return the frame as it is meant to be seen, `width` pixels wide."""
    on_its_side = rotation % 180 != 0
    stored_width, stored_height = round(frame.width * sar), frame.height
    seen_width = stored_height if on_its_side else stored_width
    share = 1.0 if width is None else width / seen_width
    pixels = frame.reformat(
        width=max(2, round(stored_width * share)), height=max(2, round(stored_height * share)), format="rgb24"
    ).to_ndarray()
    picture = Image.fromarray(pixels)
    return picture.rotate(-rotation, expand=True) if rotation else picture


def _contrast(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("L").resize((64, 64))).std())
