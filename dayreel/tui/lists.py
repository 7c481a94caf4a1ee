"""Lists that are filled again while a person moves in them."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option


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
