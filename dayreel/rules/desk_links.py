"""Where things are at the desk, as paths from its root: stable, so that Dagster's pages and messages may hold them.

Without an origin, because the desk and the Dagster behind it are one, however people came to it; where a project says
its desk's address, Dagster's pages get that in front. The routes themselves are in `dayreel.desk.app`; a test opens
each of these there.
"""

from collections.abc import Iterable
from urllib.parse import quote

# Dagster shows markdown up to this length in its place, and hides longer behind a click.
MOST_INLINE = 999


def media_link(content_id: str, path: str) -> str:
    """Return where a file of a content is served, with seeking."""
    return f"/media/{quote(content_id, safe='')}/{quote(path)}"


def content_link(content_id: str) -> str:
    """Return where a content is watched and decided on."""
    return f"/content/{quote(content_id, safe='')}"


def runbook_link(name: str) -> str:
    """Return where a page of `docs/` is read; the name is its path there, without `.md`."""
    return f"/docs/{quote(name)}.md"


def chart_link(week: str, scope: str, name: str) -> str:
    """Return where a week's chart is served."""
    return f"/charts/{quote(week, safe='')}/{quote(scope, safe='')}/{quote(name, safe='')}.png"


def picture(text: str, path: str, *, origin: str = "") -> str:
    """Return one picture that leads to itself, as markdown."""
    path = f"{origin}{path}"
    return f"[![{_plain(text)}]({path})]({path})"


def picture_row(content_id: str, pictures: Iterable[tuple[str, str]], *, origin: str = "") -> str:
    """Return pictures side by side, each leading to its video, as markdown of at most `MOST_INLINE` characters.

    Only ids and file names of ours go into the template, and both are quoted.

    Args:
        pictures: path of the picture and path of the video, both inside the content's folder; those for which there is
            no room are left out.
    """
    cells = ""
    for picture, video in pictures:
        shown, target = (f"{origin}{media_link(content_id, path)}" for path in (picture, video))
        cell = f"[![{_plain(video)}]({shown})]({target})"
        if len(cells) + 1 + len(cell) > MOST_INLINE:
            break
        cells += (" " if cells else "") + cell
    return cells


def link(text: str, path: str, *, origin: str = "") -> str:
    """Return a link as markdown."""
    return f"[{_plain(text)}]({origin}{path})"


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " ._-/")
