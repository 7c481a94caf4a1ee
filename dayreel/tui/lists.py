"""Lists that are filled again while a person moves in them."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class ContentList(OptionList):
    """A list of contents, each of which can be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Open")]


def show_options(shown: OptionList, options: list[Option]) -> None:
    """Replace a list's options and keep what was highlighted, or highlight the first that can be."""
    before = shown.highlighted_option.id if shown.highlighted_option is not None else None
    shown.clear_options()
    shown.add_options(options)
    ids = [option.id for option in options if not option.disabled]
    chosen = before if before in ids else next(iter(ids), None)
    if chosen is not None:
        shown.highlighted = shown.get_option_index(chosen)
