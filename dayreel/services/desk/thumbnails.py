"""Small pictures of a content's videos, for pages that show many. Made when they are first asked for.

    content/<content-id>/thumbnails/<name>-<hash>.jpg

The name holds the hash of the video, so that a page about an earlier revision keeps showing what it was about.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from dayreel.errors import MediaError
from dayreel.media.stills import thumbnail
from dayreel.schemas.content import FileRecord
from dayreel.services.project import Project

FOLDER = "thumbnails"


def thumbnails(project: Project, content_id: str, videos: Iterable[FileRecord]) -> list[tuple[str, str]]:
    """Return the path of each video's small picture, with that of the video; both inside the content's folder.

    A video that is not there, or of which no frame decodes, has none and is left out: that is for its checks to say.
    """
    shown: list[tuple[str, str]] = []
    folder = project.contents.folder(content_id)
    for video in videos:
        path = f"{FOLDER}/{PurePosixPath(video.path).stem}-{video.sha256[:12]}.jpg"
        try:
            if not (folder / path).is_file():
                (folder / FOLDER).mkdir(exist_ok=True)
                thumbnail(folder / video.path, folder / path)
        except (MediaError, FileNotFoundError):
            continue
        shown.append((path, video.path))
    project.contents.keep(content_id)
    return shown
