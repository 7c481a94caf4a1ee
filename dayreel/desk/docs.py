"""The project's pages for people, `docs/**/*.md`, as plain text: what the runbook links in Dagster lead to."""

import re

from starlette.responses import PlainTextResponse, Response

from dayreel.desk.pages.page import PageRequest

_PAGE = re.compile(r"([a-z0-9_-]+/)*[a-z0-9_-]+\.md")


def docs(request: PageRequest) -> Response:
    """Serve one page; a name that is none, or a project without `docs/`, is a 404."""
    page = request.path("page")
    path = request.desk.project.settings.root / "docs" / page
    if not _PAGE.fullmatch(page) or not path.is_file():
        return PlainTextResponse("There is no such page.\n", 404)
    return PlainTextResponse(path.read_text(encoding="utf-8"))
