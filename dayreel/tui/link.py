"""The one way from the screens to the project: asked in a thread, never on the one that draws.

Here belongs what a long-lived reader of the catalog has to look out for and a command does not: a database file that
was moved away, or put back as another file, while its connections were open.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dayreel.atomic_write import full_disk_reported
from dayreel.errors import StoreError
from dayreel.services.project import Project

Answer = TypeVar("Answer")


class Link:
    """A project, and who is at the keyboard."""

    def __init__(self, project: Project, *, person: str) -> None:
        """Keep the project; nothing is asked yet."""
        self.project = project
        self.person = person
        self._file = _identity(project)

    async def ask(self, question: Callable[[Project], Answer]) -> Answer:
        """Answer `question` in a thread of its own.

        Raises:
            StoreError: the catalog is not there; nothing was asked of it, and no empty one was made in its place.
            DayreelError: whatever `question` raises.
        """
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[Project], Answer]) -> Answer:
        self._require_catalog()
        with full_disk_reported():
            return question(self.project)

    def _require_catalog(self) -> None:
        """Refuse while a SQLite file is away (connecting would make an empty one); follow it when it is replaced."""
        identity = _identity(self.project)
        if identity != self._file:
            self.project.catalog.engine.dispose()
            self._file = identity
        if identity is None and self.project.catalog.is_sqlite:
            raise StoreError(
                f"The catalog's file {self.project.catalog.engine.url.database!r} is not there, or not within reach.",
                next_step="Put it back; this screen then continues.",
            )


def _identity(project: Project) -> tuple[int, int] | None:
    """Return which file the catalog is now, or None where there is none (a server, or a file that is away)."""
    path = project.catalog.engine.url.database
    if not project.catalog.is_sqlite or not path:
        return None
    try:
        stat = Path(path).stat()
    except OSError:  # not there, no right to look, a network disk that has gone
        return None
    return stat.st_dev, stat.st_ino
