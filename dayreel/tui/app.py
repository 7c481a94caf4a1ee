"""The terminal application: its five places, its looks, and what every screen asks it for.

It is built from a studio and whoever is at the keyboard; `dayreel.cli.tui_command` does that from the environment.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.screen import Screen

from dayreel.footage.tui.library import LibraryScreen
from dayreel.services.studio import Studio
from dayreel.tui.dashboard import DashboardScreen
from dayreel.tui.link import Link
from dayreel.tui.money import MoneyScreen
from dayreel.tui.player import open_player
from dayreel.tui.renders import RendersScreen
from dayreel.tui.unknown import UnknownScreen

LOOK_EVERY_S = 1.0


class DayreelTerminal(App[None]):
    """dayreel in a terminal."""

    TITLE = "dayreel"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "day": DashboardScreen,
        "renders": RendersScreen,
        "unknown": UnknownScreen,
        "money": MoneyScreen,
        "library": LibraryScreen,
    }
    DEFAULT_MODE = "day"
    CSS = """
    #head { height: 1; background: $primary; color: $text; text-style: bold; }
    #said, #trouble { display: none; height: auto; max-height: 4; padding: 0 1; }
    #said { background: $boost; }
    #said.-bad { color: $warning; }
    #trouble { background: $error; color: $text; }
    OptionList { height: 1fr; border: none; padding: 0; text-wrap: nowrap; text-overflow: ellipsis; }
    OptionList:focus { border: none; }
    VerticalScroll { height: 1fr; padding: 0 1; }
    #evidence { border-top: solid $primary; }
    HalfBlocks { height: 0; margin-top: 1; }
    ModalScreen { align: center middle; }
    .dialog { width: 76; max-width: 100%; height: auto; max-height: 22; padding: 0 1; }
    .dialog { border: solid $accent; background: $surface; }
    .dialog TextArea { height: 8; }
    .hint { color: $text-muted; }
    """

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
