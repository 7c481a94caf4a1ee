"""What every screen asks the application for. Which screens there are is `app`."""

from collections.abc import Callable
from pathlib import Path

from textual.app import App

from dayreel.services.studio import Studio
from dayreel.tui.link import Link
from dayreel.tui.player import open_player

LOOK_EVERY_S = 1.0


class Terminal(App[None]):
    """A terminal on a studio, with somebody at its keyboard."""

    def __init__(
        self,
        studio: Studio,
        *,
        person: str,
        every_s: float = LOOK_EVERY_S,
        play: Callable[[Path], str] = open_player,
        colour: bool | None = None,
    ) -> None:
        """Keep what the screens ask for.

        Args:
            every_s: how often the catalog is asked, in seconds.
            play: hands a file to a player and says so in a sentence.
            colour: whether pictures can be shown; None asks the terminal.
        """
        super().__init__()
        self.link = Link(studio, person=person)
        self.every_s = every_s
        self.play = play
        self._colour = colour

    @property
    def has_colour(self) -> bool:
        """Whether the terminal has colours enough for pictures (256 or more) and the person wants colour at all."""
        if self._colour is not None:
            return self._colour
        return not self.no_color and self.console.color_system in ("256", "truecolor")
