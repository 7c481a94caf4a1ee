"""One sandbox world for the session, forgotten between tests; and small files to upload."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from dayreel.sandbox.clips import ClipWish, render, run_ffmpeg
from tests.fakes.certificates import one_certificate
from tests.fakes.sandbox import RunningSandbox
from tests.waiting import wait_until

Thing = TypeVar("Thing")
QUICK = {
    "fal_queue_s": 0.0,
    "fal_render_s": 0.0,
    "kling_render_s": 0.0,
    "instagram_processing_s": 0.0,
    "tiktok_processing_s": 0.0,
    "tiktok_public_id_s": 0.0,
    "youtube_processing_s": 0.0,
}


@pytest.fixture(scope="module", autouse=True)
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_certificate(tmp_path_factory.mktemp("certificates")):
        yield


@pytest.fixture(scope="session")
def running_world(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world"), clip=tiny_clip) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_world: RunningSandbox) -> RunningSandbox:
    running_world.reset()
    running_world.pace(**QUICK)
    return running_world


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file every platform takes."""
    wish = ClipWish("a small reel for uploads", 1, width=480, height=832, duration_s=4)
    return render(wish, tmp_path_factory.mktemp("reel"))


@pytest.fixture(scope="session")
def slow_start(reel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its index at the end."""
    path = tmp_path_factory.mktemp("slow") / "slow.mp4"
    run_ffmpeg(["-i", str(reel), "-c", "copy", str(path)], what="move the index to the end")
    return path


def wait_for(read: Callable[[], Thing], is_right: Callable[[Thing], bool]) -> Thing:
    """Poll until it is right; the last answer is in the message when it never is."""
    seen: list[Thing] = []

    def look() -> bool:
        seen[:] = [read()]
        return is_right(seen[0])

    wait_until(look, otherwise=lambda: seen)
    return seen[0]
