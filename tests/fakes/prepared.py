"""Projects that are made through the services once, and laid out again and again as files: a thing of milliseconds.

A project on what was laid out is `make_project(root, channels={})`.
"""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dayreel.services.reviewing.decide import decide
from tests.fakes.project import make_project, reviewable


def files_of(root: Path) -> dict[str, bytes]:
    """Return a project as it is now; its catalog must be closed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def lay_out(files: Mapping[str, bytes], root: Path) -> None:
    """Write a project into `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@cache
def reviewable_project(*, video: bytes = b"a video", is_approved: bool = False) -> Mapping[str, bytes]:
    """Return a project whose only content waits for its review, or was approved by ana."""
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder))
        row = reviewable(project, video=video)
        if is_approved:
            decide(project, row.id, "approved", by="ana", via="cli")
        project.catalog.close()
        return files_of(Path(folder))
