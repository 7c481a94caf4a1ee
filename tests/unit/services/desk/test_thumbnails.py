"""Small pictures of a content's videos: made once per video, left out where there is nothing to see."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dayreel.schemas.content import FileRecord
from dayreel.services.desk.thumbnails import thumbnails
from dayreel.services.project import Project
from dayreel.stores.files import sha256_of

ID = "asmr_crafts-2026-11-20"


def draw(path: Path) -> FileRecord:
    """Write three frames of video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 360, 640
        for shade in (40, 120, 200):
            frame = av.VideoFrame.from_ndarray(np.full((640, 360, 3), (shade, 90, 30), dtype=np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    name = path.relative_to(path.parents[1]).as_posix()
    return FileRecord(path=name, sha256=sha256_of(path), size_bytes=path.stat().st_size)


def test_each_video_gets_one_small_picture_that_is_kept(make_project: Callable[..., Project]) -> None:
    project = make_project()
    folder = project.contents.folder(ID)
    video = draw(folder / "raw" / "video_1.mp4")
    made = thumbnails(project, ID, [video])
    ((picture, shows),) = made
    assert shows == "raw/video_1.mp4"
    assert picture == f"thumbnails/video_1-{video.sha256[:12]}.jpg"
    with Image.open(folder / picture) as seen:
        assert seen.size == (240, 427)
    before = (folder / picture).stat().st_mtime_ns
    assert thumbnails(project, ID, [video]) == made
    assert (folder / picture).stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [None, b"an error page"])
def test_what_cannot_be_seen_is_left_out(make_project: Callable[..., Project], content: bytes | None) -> None:
    project = make_project()
    path = project.contents.folder(ID) / "final_video.mp4"
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    assert thumbnails(project, ID, [FileRecord(path="final_video.mp4", sha256="0" * 64, size_bytes=1)]) == []
