"""The world that the video vendors' tests speak to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.sandbox import RunningSandbox


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path) -> Iterator[RunningSandbox]:
    pace = {"fal_queue_s": 0, "fal_render_s": 0, "kling_render_s": 0, "runway_render_s": 0, "comfyui_render_s": 0}
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace=pace, clip=tiny_clip) as sandbox:
        yield sandbox
