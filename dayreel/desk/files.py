"""Files: videos and pictures of contents, with seeking (`/media/{content_id}/{path}`), a week's charts (`/charts/...`),
and the project's own pages as plain text (`/docs/...`), to which the runbook links in Dagster lead.

No listing, no other kinds of files.

The links are stable, so that Dagster's pages and messages may point at them; whoever follows one has to be logged in.
"""

import os
import re
import stat
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

from dayreel.desk.pages.page import PageRequest
from dayreel.rules.content_ids import parse_content_id
from dayreel.stores.mart_bucket import open_mart_files

KINDS = {
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
}
_MOST_RANGES = 5
_CHART_PART = re.compile(r"[a-z0-9_-]+")


def media(request: PageRequest) -> Response:
    """Serve one file, or the range of it that was asked for.

    Raises:
        UsageError: the content id is none.
        StoreError: it is not here, and the bucket that may have it could not be used.
    """
    contents, content_id = request.desk.project.contents, str(parse_content_id(request.path("content_id")))
    name = request.path("path")
    located = _find(contents.folder(content_id), name)
    if located is None and contents.fetch_file(content_id, name):
        located = _find(contents.folder(content_id), name)
    if located is None:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    path, facts = located
    tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    headers = {"cache-control": "private, no-cache", "etag": tag}
    if request.http.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if request.http.headers.get("range", "").count(",") >= _MOST_RANGES:
        return Response("Too many ranges.\n", 416, media_type="text/plain")
    return FileResponse(path, headers=headers, media_type=KINDS[path.suffix], stat_result=facts)


def chart(request: PageRequest) -> Response:
    """Serve one chart of a week, from wherever the marts are.

    Raises:
        StoreError: the bucket that may have it could not be used.
    """
    place = request.path("week"), request.path("scope"), request.path("name")
    files = open_mart_files(request.desk.project.settings)
    path = files.chart(*place) if all(_CHART_PART.fullmatch(part) for part in place) else None
    if path is None:
        return Response("There is no such chart.\n", 404, media_type="text/plain")
    return Response(path, headers={"cache-control": "private, no-cache"}, media_type="image/png")


def _find(folder: Path, name: str) -> tuple[Path, os.stat_result] | None:
    """Return a regular file strictly inside `folder`, symbolic links followed, or None."""
    wanted = Path(name)
    if "\x00" in name or "\\" in name or wanted.is_absolute() or wanted.suffix not in KINDS:
        return None
    if any(part.startswith(".") for part in wanted.parts):
        return None
    try:
        path = (folder / wanted).resolve(strict=True)
        facts = path.stat()
    except (OSError, RuntimeError):
        return None
    is_ours = path.is_relative_to(folder.resolve()) and path.suffix in KINDS
    return (path, facts) if is_ours and stat.S_ISREG(facts.st_mode) else None


_PAGE = re.compile(r"([a-z0-9_-]+/)*[a-z0-9_-]+\.md")


def docs(request: PageRequest) -> Response:
    """Serve one page; a name that is none, or a project without `docs/`, is a 404."""
    page = request.path("page")
    path = request.desk.project.settings.root / "docs" / page
    if not _PAGE.fullmatch(page) or not path.is_file():
        return PlainTextResponse("There is no such page.\n", 404)
    return PlainTextResponse(path.read_text(encoding="utf-8"))
