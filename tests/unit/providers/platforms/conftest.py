"""Videos made by ffmpeg for the platform tests."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 720x1280 video of 4 s with sound, moov first."""
    path = tmp_path_factory.mktemp("videos") / "final_video.mp4"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-f", "lavfi", "-i", "color=c=teal:size=720x1280:rate=24:duration=4",
        "-f", "lavfi", "-i", "sine=frequency=440:duration=4",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest",
        "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def big_video(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video with a `free` box behind it: 11 MiB, so that it takes several chunks everywhere."""
    path = tmp_path_factory.mktemp("videos") / "big.mp4"
    data = video.read_bytes()
    padding = 11 * 1024 * 1024 - len(data)
    path.write_bytes(data + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path
