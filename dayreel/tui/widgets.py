"""Widgets of several screens: the last line with the keys that do something there, and lists filled again meanwhile."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Footer, OptionList
from textual.widgets.option_list import Option


class Keys(Footer):
    """The keys, laid out again only when they are others: screens ask for it whenever what they show has changed."""

    def __init__(self) -> None:
        """Keep to one line."""
        super().__init__(compact=True, show_command_palette=False)
        self._laid_out: list[tuple[Binding, bool]] | None = None

    async def recompose(self) -> None:
        """Lay the keys out, unless they are there already, or the screen has been left."""
        if not self.is_attached:
            return
        keys = [
            (active.binding, active.enabled) for active in self.screen.active_bindings.values() if active.binding.show
        ]
        if keys != self._laid_out:
            self._laid_out = keys
            await super().recompose()


class ContentList(OptionList):
    """A list of contents, each of which can be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Open")]


def show_options(shown: OptionList, options: list[Option]) -> None:
    """Replace a list's options and keep what was highlighted; where it is gone, highlight what is in its place now."""
    before, place = shown.highlighted_option and shown.highlighted_option.id, shown.highlighted or 0
    shown.clear_options()
    shown.add_options(options)
    usable = [number for number, option in enumerate(options) if not option.disabled]
    same = [number for number in usable if options[number].id == before]
    if usable:
        shown.highlighted = next(iter(same or [number for number in usable if number >= place] or usable[-1:]))
