"""What every screen asks the application for. Which screens there are is `app`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import App

from dayreel.services.project import Project
from dayreel.tui.link import Link
from dayreel.tui.player import open_player

LOOK_EVERY_S = 1.0


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
