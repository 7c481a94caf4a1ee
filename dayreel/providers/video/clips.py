"""Own footage instead of generation: which files of a folder can be used, and which one a segment is cut from.

Nothing is generated, submitted or paid here: this is not a video generator. Cutting, scaling and looking inside a
file is `dayreel.media`.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dayreel.errors import ConfigurationError
from dayreel.rules.footage_files import FOOTAGE_SUFFIXES, is_footage, is_still
from dayreel.vendors.access import Access
from dayreel.vendors.record import Vendor


class OwnFootage:
    """Folders of own footage.

    Args:
        root: what a relative folder is relative to.
    """

    name = "clips"

    def __init__(self, *, root: Path) -> None:
        """Keep the root; nothing is read."""
        self._root = root

    def files(self, folder: str | Path, *, stills: bool = False) -> list[Path]:
        """Return the usable files of a folder, see `footage_in`."""
        return footage_in(self._root / folder, stills=stills)


def connect(access: Access) -> OwnFootage:
    """Return own footage below the project root."""
    return OwnFootage(root=access.root)


def footage_in(folder: Path, *, stills: bool = False) -> list[Path]:
    """Return the files of `folder` (not of folders in it) that can be used, by name.

    Hidden files, empty files and files that are not a video by their suffix are left out; so are still pictures,
    unless they are asked for.

    Raises:
        ConfigurationError: there is no such folder, or nothing usable in it.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"The folder of own footage {str(folder)!r} does not exist.",
            next_step="Make it and put video files in it, or change `video.folder` in the channel file.",
        )
    clips = sorted((path for path in folder.iterdir() if _is_usable(path, stills=stills)), key=lambda path: path.name)
    if not clips:
        raise ConfigurationError(
            f"The folder of own footage {str(folder)!r} has no video file.",
            next_step=f"Put files in it that end in {', '.join(sorted(FOOTAGE_SUFFIXES))}.",
        )
    return clips


def pick_footage(files: Sequence[Path], *, content_id: str, sequence: int) -> Path:
    """Return the file for one segment: always the same for the same content, sequence and file names.

    Each content has an order of its own and goes round in it, so that no file comes twice in a row and none comes
    again before all have been used. With a single file there is no choice.

    Args:
        files: at least one.
        sequence: the segment's number, from 1.
    """
    order = sorted(files, key=lambda path: hashlib.sha256(f"{content_id}/{path.name}".encode()).digest())
    return order[(sequence - 1) % len(order)]


def _is_usable(path: Path, *, stills: bool) -> bool:
    return (
        (is_footage(path) or (stills and is_still(path)))
        and not path.name.startswith(".")
        and path.is_file()
        and path.stat().st_size > 0
    )


VENDOR: Final = Vendor(
    name="clips",
    label="own footage",
    family="video",
    about="Own footage from a folder. Needs nothing, in either world.",
    connect=connect,
    can=("segments from own footage",),
    order=3,
)
