"""Clips that differ, for tests of own footage."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.media.conftest import encoded, ffmpeg, make_clip_in, run

__all__ = ["encoded", "ffmpeg", "make_clip_in", "run"]


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[[str], Path]:
    """Make a clip of one colour with stripes of its own; the same colour gives the same file."""
    from dayreel.media.ffmpeg_binary import find_ffmpeg

    def make(colour: str) -> Path:
        path = tmp_path / f"{colour}.mp4"
        picture = f"color={colour}:s=72x128:r=10:d=0.2,drawbox=x={len(colour) * 5}:w=20:t=fill:color=white"
        command = [str(find_ffmpeg()), "-v", "error", "-y", "-nostdin", "-f", "lavfi", "-i", picture]
        encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bitexact", str(path)]
        subprocess.run([*command, *encode], check=True, timeout=60)
        return path

    return make


@pytest.fixture
def make_moving_clip(make_clip_in: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Make a clip in which something moves and is heard."""
    return lambda **wishes: make_clip_in(tmp_path, **wishes)


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Make a film of 96 x 64 with eight pictures of its own, by its number; at another quality it is other bytes."""
    import av
    import numpy as np

    def make(number: int, name: str = "film.mp4", *, crf: int = 20, folder: str = "") -> Path:
        path = tmp_path / (folder or f"{number}-{crf}") / name
        path.parent.mkdir(exist_ok=True)
        fields = np.random.default_rng(number).integers(0, 255, (8, 8, 12), dtype=np.uint8)
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=8)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": str(crf)}
            for at, field in enumerate(fields):
                grey = np.kron(field, np.ones((8, 8), dtype=np.uint8))
                frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
                frame.pts = at
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make
