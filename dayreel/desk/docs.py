"""The project's pages for people, `docs/*.md`, as plain text: what the runbook links in Dagster lead to."""

import re

from starlette.responses import PlainTextResponse, Response

from dayreel.desk.pages.frame import Visit

_NAME = re.compile(r"[a-z0-9_-]+\.md")


def docs(visit: Visit) -> Response:
    """Serve one page; a name that is none, or a project without `docs/`, is a 404."""
    name = visit.path("name")
    path = visit.room.studio.settings.root / "docs" / name
    if not _NAME.fullmatch(name) or not path.is_file():
        return PlainTextResponse("There is no such page.\n", 404)
    return PlainTextResponse(path.read_text(encoding="utf-8"))
