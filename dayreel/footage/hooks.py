"""The slice's answer to `dayreel.services.footage_hooks`: what each hook is here. Faces are imported when asked for."""

from typing import TYPE_CHECKING, Any

from dayreel.footage.library.chat_gates import gate_interaction
from dayreel.footage.library.checks import check_library
from dayreel.footage.library.chores import CHORES
from dayreel.footage.library.filed_footage import filed_footage
from dayreel.footage.library.find_titles import lookup_in_use
from dayreel.footage.library.open_library import open_library, watcher
from dayreel.footage.stores.reads import count_waiting_gates
from dayreel.services.footage_hooks import DeskPages, FootageHooks

if TYPE_CHECKING:
    from textual.screen import Screen


def _desk() -> DeskPages:
    from dayreel.footage.desk.pages import PAGES  # noqa: PLC0415

    return PAGES


def _screen() -> "type[Screen[Any]]":
    from dayreel.footage.tui.library import LibraryScreen  # noqa: PLC0415

    return LibraryScreen


HOOKS = FootageHooks(
    files=lambda project, titles: filed_footage(open_library(project), titles),
    chores=CHORES,
    watcher=watcher,
    checks=check_library,
    vendors=lookup_in_use,
    waiting=count_waiting_gates,
    answer_interaction=gate_interaction,
    desk=_desk,
    screen=_screen,
)
