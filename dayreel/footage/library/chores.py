"""The periodic work of own footage: people notified, cards in chats updated, the shared folder checked.

`due` reads the catalog, and of the folder only what it takes to see that something has moved; see `upkeep.chores`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from dayreel.errors import BusyError, ConfigurationError, StoreError
from dayreel.footage.library.gate_cards import send_redraws, waiting_redraws
from dayreel.footage.library.news import library_news, notify_news
from dayreel.footage.library.open_library import WATCH_LOCK, open_library
from dayreel.footage.library.run_pass import due_library, run_pass
from dayreel.rules.backoff import backoff_slot
from dayreel.rules.fingerprint import fingerprint
from dayreel.services.footage_hooks import FootageChore
from dayreel.services.project import Project
from dayreel.stores.locks import who_holds

_LOG = logging.getLogger("dayreel.chores")


def _due_news(project: Project, targets: Sequence[str]) -> tuple[str, str] | None:
    news = next(filter(None, (library_news(project, target=target) for target in targets)), [])
    if not news:
        return None
    key = fingerprint(news=[item.key for item in news])[:12]
    return (
        f"{key}:{backoff_slot(project.clock.now(), news[-1].since)}",
        f"{len(news)} items of news about own footage",
    )


def _due_cards(project: Project, _targets: Sequence[str]) -> tuple[str, str] | None:
    waiting = waiting_redraws(project)
    if not waiting:
        return None
    ids = sorted({about for about, _ in waiting})
    turn = backoff_slot(project.clock.now(), max(since for _, since in waiting))
    return f"{fingerprint(waiting=ids)[:12]}:{turn}", f"messages about {', '.join(ids)}"


def _due_look(project: Project, _targets: Sequence[str]) -> tuple[str, str] | None:
    if who_holds(project.settings.var_dir / "locks", WATCH_LOCK) is not None:
        return None  # the watch looks by itself, and a look at a large library is not for every tick
    now = project.clock.now()
    try:
        due = due_library(open_library(project))
    except (ConfigurationError, StoreError, OSError) as error:
        # A share that is away for an hour holds nothing else up; `dayreel doctor` says so too.
        _LOG.warning("The chores of own footage cannot run: %s", error)
        return None
    return None if due is None else (f"{due}:{backoff_slot(now, now)}", "own footage has moved")


def _unless_busy(act: Callable[[], list[str]]) -> list[str]:
    """Run a chore unless another process of this machine is running it right now."""
    try:
        return act()
    except BusyError as error:
        return [error.message]


CHORES: Mapping[str, FootageChore] = {
    "library_cards": FootageChore(_due_cards, lambda project, _notifiers: send_redraws(project)),
    "library_news": FootageChore(
        _due_news,
        lambda project, notifiers: [
            sentence
            for notifier in notifiers
            for sentence in _unless_busy(partial(notify_news, project, notifier=notifier))
        ],
    ),
    "library": FootageChore(
        _due_look, lambda project, _notifiers: _unless_busy(lambda: run_pass(open_library(project)))
    ),
}
