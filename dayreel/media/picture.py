"""The picture side of a filter graph: any source to one geometry, rate, range and colour space.

Builds ffmpeg-python nodes and runs nothing.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg as graph
from PIL import Image, UnidentifiedImageError

from dayreel.errors import MediaError
from dayreel.media.fonts import dejavu_folder
from dayreel.media.streams import VideoStream
from dayreel.media.timeline import approach

Fit = Literal["crop", "pad"]
"""How a picture of another shape is brought to the frame: fill it and crop, or show all of it with bars."""

Node = Any
"""A stream of ffmpeg-python, which has no types of its own."""

LONGEST_HELD_FRAME_S = 0.5
"""How long a last frame may be held where a source is a little short; more would be a freeze."""
SCALED_MATRICES = ("bt709", "bt470bg", "smpte170m", "smpte240m", "fcc", "bt2020nc")
"""YUV matrices that the scaler knows."""
_HD_HEIGHT = 720
_BACKGROUND = "black"
_COMMON_RATES = tuple(
    Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)
_USUAL_RATE = Fraction(30)
_WRITTEN_ROUNDING = 0.005
_NEAR_THE_BEGINNING_S = 0.2
_TICKS = 90_000
"""A second's; pictures of the common rates last whole numbers of them."""
_ROUNDING_S = 0.0005
"""Half of Matroska's tick."""


@dataclass(frozen=True)
class Frame:
    """What every picture is brought to. `width` and `height` in square pixels, both even."""

    width: int
    height: int
    fps: Fraction
    fit: Fit


@dataclass(frozen=True)
class Watermark:
    """An image laid over the picture: its width as a share of the frame's, and how much of it is seen."""

    path: Path
    width_share: float = 0.18
    opacity: float = 0.85
    margin_share: float = 0.04


def usual_rate(rate: Fraction) -> Fraction:
    """Return the common frame rate within 1 % of `rate`, else 30: what players and platforms expect."""
    near = [common for common in _COMMON_RATES if abs(rate - common) <= common / 100]
    return min(near, key=lambda common: abs(rate - common)) if near else _USUAL_RATE


def exact_rate(rate: Fraction | float) -> Fraction:
    """Return the fraction that a written rate means: 29.97 is 30000/1001; what is near no common rate stays."""
    common = usual_rate(Fraction(rate))
    return common if abs(float(common) - float(rate)) < _WRITTEN_ROUNDING else Fraction(rate).limit_denominator(1001)


def source_input(path: Path, ordinal: int, **options: Any) -> Node:
    """Open `path` as input number `ordinal` of a graph.

    ffmpeg-python merges equal nodes, so the same file used twice would become one node with two consumers, which
    it refuses. A queue size that differs by input keeps them apart.
    """
    return graph.input(str(path.absolute()), thread_queue_size=16 + ordinal, protocol_whitelist="file,pipe", **options)


def picture_chain(
    path: Path, ordinal: int, stream: VideoStream, frame: Frame, *, frames: int, at_s: float = 0.0
) -> Node:
    """Bring one stream of `path`, from `at_s` on the file's clock on, to `frame`: SDR, limited range, BT.709, yuv420p.

    FFmpeg has turned the picture upright before the first filter. What is shown at `at_s` stands first, however long
    it has been on; where nothing is shown yet, the first picture does. A source that ends early is held on its last
    frame for up to half a second, then the chain has fewer than `frames` frames, which the caller must look for.

    Raises:
        MediaError: the file cannot be read, or not from there.
    """
    drops_frames = stream.fps > frame.fps
    node = _from(path, ordinal, stream, at_s)
    if drops_frames:
        node = _at_rate(node, frame.fps)
    node = _shape(node, stream, frame)
    if not drops_frames:
        node = _at_rate(node, frame.fps)
    return (
        node.filter("tpad", stop_mode="clone", stop_duration=LONGEST_HELD_FRAME_S)
        .filter("trim", end_frame=frames)
        .filter("setsar", "1")
        .filter("format", "yuv420p")
        .filter("setparams", range="limited", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )


def _from(path: Path, ordinal: int, stream: VideoStream, at_s: float) -> Node:
    """Open `path` for the pictures of a stream from `at_s` on, which becomes zero.

    FFmpeg's own accurate seek drops the picture that came on before the moment and is still shown.
    """
    if at_s <= 0:
        return at_zero(source_input(path, ordinal, an=None)[str(stream.index)], "setpts", stream.zero_s, _TICKS)
    begin = approach(path, stream, at_s)
    # Flash video without an index refuses to be sent to where it begins.
    seek = seek_options(begin.seek_s) if begin.seek_s > stream.start_s else {}
    node = source_input(path, ordinal, an=None, **seek)[str(stream.index)]
    node = node.filter("trim", start=f"{stream.zero_s + begin.shown_since_s - _ROUNDING_S:.6f}")
    return at_zero(node, "setpts", stream.zero_s + at_s, _TICKS)


def seek_options(to_s: float) -> dict[str, Any]:
    """Let FFmpeg begin to read at a moment of the file's clock, or from the beginning where that is near.

    Where pictures may stand in another order than they are shown in, FFmpeg goes 0.13 s (3/23) further back; in an
    AVI a seek to before the beginning leads to the second key picture.
    """
    return {"ss": f"{to_s:.6f}", "noaccurate_seek": None} if to_s > _NEAR_THE_BEGINNING_S else {}


def at_zero(node: Node, filter_name: str, container_s: float, ticks: int | None = None) -> Node:
    """Let what stands at a moment of the container's time stand at zero.

    Without `output_options` (-copyts), FFmpeg counts from wherever the streams that it uses begin.

    Args:
        ticks: a second's, to count in from here on; an AVI's are as long as its pictures, and what is between them
            would be cut off.
    """
    if ticks and container_s:
        node = node.filter("settb", f"1/{ticks}")
    return node.filter(filter_name, f"PTS-{container_s:.6f}/TB")


def with_watermark(node: Node, watermark: Watermark, frame: Frame, ordinal: int) -> Node:
    """Lay the watermark over the lower right corner.

    Raises:
        MediaError: the image is missing or cannot be read.
    """
    _check_image(watermark.path)
    width = even(frame.width * watermark.width_share)
    margin = round(frame.width * watermark.margin_share)
    image = source_input(watermark.path, ordinal, f="image2", pattern_type="none")
    mark = (
        image["v"].filter("format", "rgba").filter("scale", width, -1).filter("colorchannelmixer", aa=watermark.opacity)
    )
    laid = graph.overlay(node, mark, x=f"W-w-{margin}", y=f"H-h-{margin}", eof_action="repeat")
    return laid.filter("format", "yuv420p")


def with_captions(node: Node, captions: Path) -> Node:
    """Burn an ASS or SRT file into the picture, with the fonts that it carries, and DejaVu Sans.

    Raises:
        MediaError: the file is missing, or the fonts are.
    """
    if not captions.is_file():
        raise MediaError(f"Looked for the captions {str(captions)!r}; there is no such file.")
    return node.filter("subtitles", filename=str(captions.absolute()), fontsdir=str(dejavu_folder()))


def _at_rate(node: Node, fps: Fraction) -> Node:
    return node.filter("fps", fps=f"{fps.numerator}/{fps.denominator}", start_time=0)


def _shape(node: Node, stream: VideoStream, frame: Frame) -> Node:
    """Scale to fill or to fit, then crop or pad; colours become BT.709 limited on the way."""
    shares = (frame.width / stream.display_width, frame.height / stream.display_height)
    share = max(shares) if frame.fit == "crop" else min(shares)
    width, height = even(stream.display_width * share), even(stream.display_height * share)
    if frame.fit == "crop":
        width, height = max(width, frame.width), max(height, frame.height)
        node = _scale(node, stream, width, height)
        return node.filter("crop", frame.width, frame.height)
    width, height = min(width, frame.width), min(height, frame.height)
    node = _scale(node, stream, width, height)
    return node.filter("pad", frame.width, frame.height, "(ow-iw)/2", "(oh-ih)/2", _BACKGROUND)


def _scale(node: Node, stream: VideoStream, width: int, height: int) -> Node:
    if stream.is_hdr:
        return tone_mapped(node, stream, width, height)
    return _scale_between(node, stream, width, height, to_matrix="bt709")


def _scale_between(node: Node, stream: VideoStream, width: int, height: int, *, to_matrix: str) -> Node:
    colours: dict[str, str] = {"out_color_matrix": _scale_name(to_matrix), "out_range": "limited"}
    if not stream.is_rgb:
        colours |= {
            "in_color_matrix": _scale_name(yuv_matrix(stream)),
            "in_range": "full" if stream.is_full_range else "limited",
        }
    return node.filter("scale", width, height, flags="bicubic", **colours)


def _scale_name(matrix: str) -> str:
    return "bt2020" if matrix == "bt2020nc" else matrix


def yuv_matrix(stream: VideoStream) -> str:
    """Return the stream's YUV matrix, or the one that players take where it does not say: by its height."""
    if stream.color_space in SCALED_MATRICES:
        return stream.color_space
    return "bt709" if stream.is_rgb or min(stream.width, stream.height) >= _HD_HEIGHT else "smpte170m"


def tone_mapped(node: Node, stream: VideoStream, width: int, height: int) -> Node:
    """Tone-map PQ or HLG to SDR in linear light; the values a phone leaves out are those of BT.2020."""
    return (
        node.filter(
            "zscale",
            w=width,
            h=height,
            transferin=stream.color_transfer,
            primariesin="bt2020" if stream.color_primaries == "unknown" else stream.color_primaries,
            matrixin="bt2020nc" if stream.color_space == "unknown" else stream.color_space,
            rangein="full" if stream.is_full_range else "limited",
            transfer="linear",
            npl=100,
        )
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries="bt709")
        .filter("tonemap", tonemap="hable", desat=0)
        .filter("zscale", transfer="bt709", matrix="bt709", range="limited")
        .filter("format", "yuv420p")
    )


def with_own_colours(node: Node, stream: VideoStream, width: int, height: int, pix_fmt: str) -> Node:
    """Scale and bring to limited range, leaving the picture in its own colour space."""
    return _scale_between(node, stream, width, height, to_matrix=yuv_matrix(stream)).filter("format", pix_fmt)


def even(value: float) -> int:
    """Return the nearest even number of pixels, at least two."""
    return max(2, math.floor(value / 2 + 0.5) * 2)


def _check_image(path: Path) -> None:
    try:
        with Image.open(path) as image:
            image.verify()
    except FileNotFoundError as error:
        raise MediaError(f"Looked for the watermark {str(path)!r}; there is no such file.") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise MediaError(
            f"Opened the watermark {str(path)!r}; it is not an image that can be read: {error}.",
            next_step="Use a PNG with transparency.",
        ) from error
