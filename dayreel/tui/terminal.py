"""What every screen asks the application for, and the one way from the screens to the project: `Link`.

A project is asked in a thread, never on the one that draws. Which screens there are is `app`.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from textual.app import App

from dayreel.atomic_write import full_disk_reported
from dayreel.errors import StoreError
from dayreel.services.project import Project
from dayreel.tui.player import open_player

LOOK_EVERY_S = 1.0

Answer = TypeVar("Answer")


class Link:
    """A project, and who is at the keyboard.

    Unlike a command it reads for long: it notices when the database's file is moved away, or put back as another file.
    """

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


def _start(project: Project, arguments: Sequence[str], by: str) -> object:
    from dayreel.services.upkeep.start_work import start_command  # noqa: PLC0415  rarely wanted

    return start_command(project, arguments, by=by)


class Terminal(App[None]):
    """A terminal on a project, with somebody at its keyboard."""

    def __init__(
        self,
        project: Project,
        *,
        person: str,
        every_s: float = LOOK_EVERY_S,
        play: Callable[[Path], str] = open_player,
        start: Callable[[Project, Sequence[str], str], object] = _start,
        colour: bool | None = None,
    ) -> None:
        """Keep what the screens ask for.

        Args:
            every_s: how often the catalog is asked, in seconds.
            play: hands a file to a player and says so in a sentence.
            start: starts a command beside the terminal, on behalf of a person.
            colour: whether pictures can be shown; None asks the terminal.
        """
        super().__init__()
        self.link = Link(project, person=person)
        self.every_s = every_s
        self.play = play
        self.start = start
        self._colour = colour

    @property
    def has_colour(self) -> bool:
        """Whether the terminal has colours enough for pictures (256 or more) and the person wants colour at all."""
        if self._colour is not None:
            return self._colour
        return not self.no_color and self.console.color_system in ("256", "truecolor")
