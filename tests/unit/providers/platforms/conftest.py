"""A large video for the platform tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def big_video(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video with a `free` box behind it: 11 MiB, so that it takes several chunks everywhere."""
    path = tmp_path_factory.mktemp("videos") / "big.mp4"
    data = video.read_bytes()
    padding = 11 * 1024 * 1024 - len(data)
    path.write_bytes(data + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path
