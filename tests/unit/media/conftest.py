"""Odd media made on the spot: every test says in ffmpeg's words what its clip is; the same words are done once."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

from dayreel.media.ffmpeg_binary import find_ffmpeg
from tests.unit.media.films import make_base

MakeClip = Callable[..., Path]

TONE = "aevalsrc=0.2*sin(2000*t)*(0.7+0.3*sin(5*t))|0.2*sin(2000*t)*(0.7+0.3*sin(5*t)):s=48000"


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """The ffmpeg that comes as a wheel."""
    return find_ffmpeg()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film with numbers and beeps that odd ones are made from, see `films`."""
    return make_base(tmp_path_factory.mktemp("base") / "base.mkv")


@pytest.fixture(scope="session")
def run(ffmpeg: Path) -> Callable[..., None]:
    """Run ffmpeg with plain arguments."""

    def run_with(*arguments: str | Path) -> None:
        command = [str(ffmpeg), "-v", "error", "-y", "-nostdin", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=60)

    return run_with


@pytest.fixture(scope="session")
def encoded(run: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what ffmpeg makes of these arguments in a container of this suffix; the file is not to be changed."""
    folder = tmp_path_factory.mktemp("clips")

    @cache
    def encode(suffix: str, *arguments: str) -> Path:
        path = folder / f"{encode.cache_info().misses}{suffix}"
        run(*arguments, path)
        return path

    return encode


@pytest.fixture(scope="session")
def make_clip_in(encoded: Callable[..., Path]) -> MakeClip:
    """Make a clip in a folder: moving test picture and a tone, unless asked otherwise; `None` leaves a stream out."""

    def make(
        folder: Path,
        name: str = "clip.mp4",
        *,
        duration_s: float = 1.0,
        size: str = "180x320",
        rate: str = "24",
        picture: str | None = "testsrc2",
        sound: str | None = TONE,
        video_filter: str = "null",
        options: tuple[str, ...] = (),
    ) -> Path:
        inputs: list[str] = []
        if picture is not None:
            joint = ":" if "=" in picture else "="
            inputs += ["-f", "lavfi", "-t", str(duration_s), "-i", f"{picture}{joint}s={size}:r={rate},{video_filter}"]
        if sound is not None:
            inputs += ["-f", "lavfi", "-t", str(duration_s), "-i", sound]
        encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"]
        path = folder / name
        return Path(shutil.copyfile(encoded(path.suffix, *inputs, *encode, *options), path))

    return make


@pytest.fixture
def make_clip(tmp_path: Path, make_clip_in: MakeClip) -> MakeClip:
    """Make a clip in the folder of the test."""
    return partial(make_clip_in, tmp_path)
