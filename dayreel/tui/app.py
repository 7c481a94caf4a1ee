"""The terminal application: its five places and its looks. What every screen asks it for is `terminal`.

It is built from a project and whoever is at the keyboard; `dayreel.cli.tui_command` does that from the environment.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from textual.screen import Screen

from dayreel.services.footage_hooks import footage_hooks
from dayreel.tui.dashboard import DashboardScreen
from dayreel.tui.money import MoneyScreen
from dayreel.tui.renders import RendersScreen
from dayreel.tui.terminal import Terminal
from dayreel.tui.unknown import UnknownScreen


class DayreelTerminal(Terminal):
    """dayreel in a terminal."""

    TITLE = "dayreel"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "day": DashboardScreen,
        "renders": RendersScreen,
        "unknown": UnknownScreen,
        "money": MoneyScreen,
    }
    DEFAULT_MODE = "day"
    CSS = """
    #head { height: 1; background: $primary; color: $text; text-style: bold; }
    #note, #said, #trouble { display: none; height: auto; max-height: 4; padding: 0 1; }
    #note, #said { background: $boost; }
    #note.-bad, #said.-bad { color: $warning; }
    #trouble { background: $error; color: $text; }
    OptionList { height: 1fr; border: none; padding: 0; scrollbar-gutter: stable; }
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

    def on_mount(self) -> None:
        """Add the screen of own footage, where there is a shared folder."""
        footage = footage_hooks(self.link.project.settings)
        if footage is not None:
            self.add_mode("library", footage.screen())
