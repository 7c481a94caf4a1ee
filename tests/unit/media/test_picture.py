"""Frame rates, geometry and colour of the picture chain, on real frames."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg as graph
import numpy as np
import pytest

from dayreel.media.picture import Fit, Frame, exact_rate, picture_chain, usual_rate
from dayreel.media.probe import probe
from dayreel.media.run import run_ffmpeg

MakeClip = Callable[..., Path]
Shape = Callable[..., np.ndarray[Any, Any]]
WHITE_IN_RED = "drawbox=w=iw:h=ih:c=red:t=fill,drawbox=x=iw/4:y=ih/4:w=iw/2:h=ih/2:c=white:t=fill"


@pytest.mark.parametrize(
    ("rate", "usual"),
    [("24000/1001", "24000/1001"), ("23.98", "24000/1001"), ("29.9", "30000/1001"), ("15", "30"), ("0", "30")],
)
def test_odd_rates_become_the_nearest_common_one(rate: str, usual: str) -> None:
    assert usual_rate(Fraction(rate)) == Fraction(usual)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(29.97, "30000/1001"), (23.976, "24000/1001"), (24, "24"), (12.5, "12.5"), (59.94, "60000/1001")],
)
def test_a_written_rate_means_the_exact_one(written: float, meant: str) -> None:
    assert exact_rate(written) == Fraction(meant)


@pytest.fixture
def shape(tmp_path: Path, ffmpeg: Path) -> Shape:
    """Bring a clip to 90x160 and return its first frame as RGB."""

    def bring(clip: Path, fit: Fit = "crop") -> np.ndarray[Any, Any]:
        stream = probe(clip).best_video_stream()
        frame = Frame(90, 160, Fraction(24), fit)
        node = picture_chain(clip, 0, stream, frame, frames=3)
        out = tmp_path / "shaped.nut"
        spec = graph.output(node, str(out), **{"c:v": "ffv1"})
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing="shape", folder=tmp_path)
        with av.open(str(out)) as container:
            frames = list(container.decode(video=0))
        assert len(frames) == 3
        assert frames[0].format.name == "yuv420p"
        return frames[0].to_ndarray(format="rgb24")

    return bring


def extent_of_white(picture: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Return width and height of the white box in the middle."""
    white = picture.min(axis=2) > 128
    return int(white[80].sum()), int(white[:, 45].sum())


def test_crop_fills_the_frame_and_keeps_proportions(make_clip: MakeClip, shape: Shape) -> None:
    picture = shape(make_clip(size="240x160", video_filter=WHITE_IN_RED))
    assert extent_of_white(picture)[1] == pytest.approx(80, abs=3)
    assert picture[2, 45, 0] > 200


def test_pad_shows_everything_between_bars(make_clip: MakeClip, shape: Shape) -> None:
    picture = shape(make_clip(size="240x160", video_filter=WHITE_IN_RED), "pad")
    width, height = extent_of_white(picture)
    assert width == pytest.approx(45, abs=3)
    assert height == pytest.approx(30, abs=3)
    assert picture[2, 45].max() < 10


def test_pixels_that_are_not_square_are_stretched(make_clip: MakeClip, shape: Shape) -> None:
    squeezed = make_clip(size="120x160", video_filter=f"{WHITE_IN_RED},setsar=2")
    width, height = extent_of_white(shape(squeezed, "pad"))
    assert width == pytest.approx(45, abs=3)
    assert height == pytest.approx(30, abs=3)


def test_a_phones_rotated_picture_stands_upright(
    make_clip: MakeClip, run: Callable[..., None], tmp_path: Path, shape: Shape
) -> None:
    left_is_red = "drawbox=w=iw/2:h=ih:c=red:t=fill"
    on_its_side = make_clip(picture="color=c=blue", size="320x180", video_filter=left_is_red)
    turned = tmp_path / "turned.mp4"
    run("-display_rotation", "-90", "-i", on_its_side, "-c", "copy", turned)
    picture = shape(turned)
    assert (picture[10, 45].argmax(), picture[150, 45].argmax()) == (0, 2)  # the left half is on top now


@pytest.mark.parametrize("level", [16, 128, 235])
def test_full_range_keeps_its_brightness(make_clip: MakeClip, shape: Shape, level: int) -> None:
    grey = make_clip(
        picture=f"color=c=0x{level:02x}{level:02x}{level:02x}",
        video_filter="scale=out_range=full",
        options=("-pix_fmt", "yuvj420p", "-color_range", "pc"),
    )
    assert shape(grey).mean() == pytest.approx(level, abs=4)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_tone_mapped_neither_washed_out_nor_black(make_clip: MakeClip, shape: Shape, transfer: str) -> None:
    tagged = f"format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    options = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    clip = make_clip(picture="smptehdbars", size="320x180", video_filter=tagged, options=options)
    assert probe(clip).best_video_stream().is_hdr
    picture = shape(clip, "pad")[60:100]
    assert picture.min() < 30
    assert picture.max() > 150
