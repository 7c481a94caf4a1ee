"""A still as a film: upright, in the frame's shape, with a slow move across it (the Ken Burns effect) or none.

JPEG, PNG, WebP and AVIF are read by Pillow, HEIC where the extra `heic` is installed. Stills taken *of* a video are
`stills`.
"""

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Literal

import ffmpeg as graph
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dayreel.errors import MediaError
from dayreel.media.audio import joined, levelled
from dayreel.media.encoding import output_options
from dayreel.media.loudness import AudioPart
from dayreel.media.picture import Frame, Node, even, source_input
from dayreel.media.run import DEADLINE_S, atomic_output, run_ffmpeg

Motion = Literal["zoom_in", "zoom_out", "pan", "none"]
"""How the view moves; `pan` goes along the side that is longer than the frame's."""

MOTIONS: tuple[Motion, ...] = ("zoom_in", "pan", "zoom_out")
"""One after another, so that no two stills in a row move alike."""
_ZOOM = 1.14
_MOST_PANNED = 1.6
"""How much of a longer side is passed by, in sides of the frame; more would be a chase."""
_PRESET, _CRF, _AUDIO_BIT_RATE = "veryfast", 17, 128_000


@dataclass(frozen=True)
class _View:
    """A part of a picture: its centre and width as shares of the picture's."""

    x: float
    y: float
    width: float


def open_still(path: Path) -> Image.Image:
    """Return a picture upright, in sRGB, as it is meant to be seen.

    Raises:
        MediaError: it is missing, is not a picture, or is HEIC and nothing here reads that.
    """
    with suppress(ImportError):
        from pillow_heif import register_heif_opener  # noqa: PLC0415  an extra

        register_heif_opener()
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            return _in_srgb(upright)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        is_heic = path.suffix.lower() in (".heic", ".heif")
        raise MediaError(
            f"Opened the still {str(path)!r}; it cannot be read: {error}.",
            next_step="Install what reads HEIC (`pip install 'dayreel[heic]'`), or export it as JPEG."
            if is_heic
            else "Export it again as JPEG or PNG.",
        ) from error


def film_of_still(
    picture: Path,
    dest: Path,
    *,
    duration_s: float,
    width: int,
    height: int,
    fps: Fraction,
    ffmpeg: Path,
    motion: Motion = "zoom_in",
    fit: Literal["crop", "pad"] = "crop",
    deadline_s: float = DEADLINE_S,
) -> Path:
    """Write a silent film of a still to `dest`, an MP4 like a segment, and return it.

    Args:
        fit: "crop" fills the frame; "pad" shows all of it before the picture's own blurred colours.

    Raises:
        MediaError: the picture cannot be read, the disk is full, or ffmpeg failed.
    """
    doing = f"make {duration_s:.2f} s of film of {str(picture)!r}"
    frame, frames = Frame(width, height, fps, fit), round(duration_s * fps)
    canvas = _canvas(open_still(picture), frame, motion)
    with atomic_output(dest, doing=doing) as written:
        still = written.with_suffix(".png")
        canvas.save(still, compress_level=1)
        sound = levelled(joined([AudioPart(None, 0, 0.0, float(frames / fps))], 0), None)
        spec = graph.output(
            _moving(still, canvas.size, frame, frames, motion),
            sound,
            str(written),
            **output_options(preset=_PRESET, crf=_CRF, fps=fps, audio_bit_rate=_AUDIO_BIT_RATE),
        )
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing=doing, folder=dest.parent, deadline_s=deadline_s)
    return dest


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "L", "CMYK"):
        # Phones store Display P3: taken for sRGB, skin turns grey. A profile that is broken is as good as none.
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            rgb = image.convert("RGB") if image.mode == "RGBA" else image
            converted = ImageCms.profileToProfile(rgb, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or image.convert("RGB")
    if image.mode in ("RGBA", "LA", "P", "PA"):
        ground = Image.new("RGBA", image.size, "black")
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _canvas(image: Image.Image, frame: Frame, motion: Motion) -> Image.Image:
    """Return what the view moves over: as large as it needs to be, and no larger."""
    zoom = 1.0 if motion == "none" else _ZOOM
    width, height = even(frame.width * zoom), even(frame.height * zoom)
    if frame.fit == "pad":
        ground = ImageOps.fit(image, (max(2, width // 16), max(2, height // 16))).resize((width, height))
        ground = Image.blend(ground, Image.new("RGB", ground.size), 0.35)
        whole = ImageOps.contain(image, (width, height), Image.Resampling.LANCZOS)
        ground.paste(whole, ((width - whole.width) // 2, (height - whole.height) // 2))
        return ground
    if motion == "pan":
        shape, wanted = image.width / image.height, width / height
        wide = max(1.0, min(_MOST_PANNED, shape / wanted))
        high = max(1.0, min(_MOST_PANNED, wanted / shape))
        width, height = even(width * wide), even(height * high)
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def _moving(still: Path, size: tuple[int, int], frame: Frame, frames: int, motion: Motion) -> Node:
    """Move the view over a picture. `perspective` moves by parts of a pixel; `zoompan` and `crop` jump from one to the
    next, which is seen as trembling.
    """
    rate = f"{frame.fps.numerator}/{frame.fps.denominator}"
    node = source_input(still, 100, f="image2", pattern_type="none", framerate=rate)["v"]
    node = (
        node.filter("scale", out_color_matrix="bt709", out_range="limited")
        .filter("format", "yuv420p")
        .filter("loop", loop=-1, size=1)
        .filter("setpts", f"N/({rate})/TB")
        .filter("trim", end_frame=frames)
    )
    if motion != "none":
        begins, ends = _views(size, frame, motion)
        node = node.filter("perspective", **_corners(begins, ends, size, frame, frames))
    return (
        node.filter("scale", frame.width, frame.height, flags="bicubic")
        .filter("setsar", "1")
        .filter("setparams", range="limited", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )


def _views(size: tuple[int, int], frame: Frame, motion: Motion) -> tuple[_View, _View]:
    # The widest view of the frame's shape that the picture holds.
    widest = min(1.0, size[1] / size[0] * frame.width / frame.height)
    if motion == "pan":
        half = widest / _ZOOM / 2
        if size[0] / size[1] > frame.width / frame.height * 1.01:
            return _View(half, 0.5, 2 * half), _View(1 - half, 0.5, 2 * half)
        tall = half * size[0] / size[1] * frame.height / frame.width
        return _View(0.5, 1 - tall, 2 * half), _View(0.5, tall, 2 * half)
    whole, close = _View(0.5, 0.5, widest), _View(0.5, 0.48, widest / _ZOOM)
    return (whole, close) if motion == "zoom_in" else (close, whole)


def _corners(begins: _View, ends: _View, size: tuple[int, int], frame: Frame, frames: int) -> dict[str, str]:
    """Return the options of `perspective`: where in the picture the view's corners are, frame after frame."""
    shape = size[0] / size[1] * frame.height / frame.width
    share = f"((1-cos(PI*min(1,on/{max(1, frames - 1)})))/2)"

    def between(first: float, last: float, side: str) -> str:
        return f"{side}*({first:.6f}+({last - first:.6f})*{share})"

    left, right = ((begins.x + side * begins.width / 2, ends.x + side * ends.width / 2) for side in (-1, 1))
    top, bottom = (
        (begins.y + side * begins.width * shape / 2, ends.y + side * ends.width * shape / 2) for side in (-1, 1)
    )
    x = [between(*left, "W"), between(*right, "W")]
    y = [between(*top, "H"), between(*bottom, "H")]
    places = {"x0": x[0], "y0": y[0], "x1": x[1], "y1": y[0], "x2": x[0], "y2": y[1], "x3": x[1], "y3": y[1]}
    return {**places, "interpolation": "cubic", "sense": "source", "eval": "frame"}
