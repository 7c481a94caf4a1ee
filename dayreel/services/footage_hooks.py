"""How own footage is reached: everything that the rest of dayreel asks of `dayreel.footage` is a hook listed here.

The slice is loaded only where a shared folder is set (DAYREEL_LIBRARY), and nobody else imports it (import-linter), so
that a video a day needs none of it. What it adds to the asset graph is `pipeline_assets.footage`, its commands are in
`dayreel.cli`. What the hooks do belongs into the slice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection

from dayreel.errors import ConfigurationError
from dayreel.providers.notifiers.contract import Interaction, Notifier, ReviewNotifier
from dayreel.rules.roles import Role
from dayreel.schemas.check import Check
from dayreel.services.project import Project
from dayreel.settings import Settings

if TYPE_CHECKING:
    from starlette.responses import Response
    from textual.screen import Screen


@dataclass(frozen=True)
class FootageChore:
    """A periodic chore of own footage.

    Attributes:
        due: given the names of the notifiers of questions, under which key and about what it is due; None when it is
            not. Quick enough for every tick of a sensor, and it raises nothing for a shared folder that is away.
        act: does it, and returns a sentence for everything that was looked at.
    """

    due: Callable[[Project, Sequence[str]], tuple[str, str] | None]
    act: Callable[[Project, Sequence[Notifier]], list[str]]


@dataclass(frozen=True)
class DeskPages:
    """What own footage adds to the desk.

    Attributes:
        routes: method, path, handler of a `dayreel.desk` page, and the role that it takes.
        templates: the folder of the pages' templates.
        notices: what a page says after a redirect, by its name in the address.
        nav: address, name and icon of its place in the navigation; the number of waiting questions stands there.
    """

    routes: Sequence[tuple[Literal["GET", "POST"], str, Callable[[Any], "Response"], Role]]
    templates: Path
    notices: Mapping[str, str]
    nav: tuple[str, str, str]


@dataclass(frozen=True)
class FootageHooks:
    """The hooks.

    Attributes:
        files: for a channel, every filed file of the items whose title is like one of these, with its item.
        chores: by name, what is due of own footage and doing it.
        watcher: who watches the shared folder from this machine, or None after its plan was found in order.
        checks: what `dayreel doctor` says of the shared folder.
        vendors: whom the plan asks for titles.
        waiting: how many questions wait for a person.
        answer_interaction: what a press in a chat sets off, given the notifier, where it answers a question;
            None where it does not.
        desk, screen: its pages at the desk and its screen in the terminal; both bring their face's libraries.
    """

    files: Callable[[Project, Sequence[str]], list[tuple[Path, str]]]
    chores: Mapping[str, FootageChore]
    watcher: Callable[[Settings], str | None]
    checks: Callable[[Settings], list[Check]]
    vendors: Callable[[Settings], list[str]]
    waiting: Callable[[Connection], int]
    answer_interaction: Callable[[Project, str, Interaction], Callable[[ReviewNotifier], None] | None]
    desk: Callable[[], DeskPages]
    screen: Callable[[], "type[Screen[Any]]"]


def footage_hooks(settings: Settings) -> FootageHooks | None:
    """Return the hooks of own footage, or None where no shared folder is set; then nothing of it is imported."""
    return None if settings.library is None else _imported()


def require_footage(settings: Settings) -> FootageHooks:
    """Return the hooks of own footage.

    Raises:
        ConfigurationError: no shared folder is set.
    """
    require_library(settings)
    return _imported()


def require_library(settings: Settings) -> Path:
    """Return the shared folder that DAYREEL_LIBRARY names.

    Raises:
        ConfigurationError: the variable is not set.
    """
    if settings.library is None:
        raise no_library()
    return settings.library


def no_library() -> ConfigurationError:
    """Return the error that says how to have a shared folder."""
    return ConfigurationError(
        "Own footage needs a shared folder, and DAYREEL_LIBRARY is not set.",
        next_step="Set it in .env, then `dayreel library init`; see docs/how-to/library.md.",
    )


def _imported() -> FootageHooks:
    from dayreel.footage.hooks import HOOKS  # noqa: PLC0415

    return HOOKS
