"""Noticing what moves on the shared folder within a second, for the controller. What it missed, the chores find.

watchfiles reports changes on this machine's file system; on a network share it has to poll, because changes of other
machines raise no event here. Either way there is a look every `QUIET_S`, for what no event says: a lease that runs out.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath

from watchfiles import Change, watch

from dayreel.errors import BusyError, ConfigurationError, DayreelError, StoreError
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.stores.items import OWN_FILES

QUIET_S = 30.0
AWAY_S = 5.0
"""How often a folder or a catalog that is away is tried again."""
_POLL_MS = 500
_ANSWER_MS = 1000
_QUIET_FILES = OWN_FILES | {"heartbeat"}
_NOISY_FOLDERS = frozenset({"workers", "backups", ".aside"})


def watch_folder(
    library: Library,
    *,
    stop: threading.Event,
    report: Callable[[str], None],
    notify_trouble: Callable[[DayreelError], None],
    poll: bool = False,
) -> None:
    """Tend the library whenever something moves, until `stop` is set. The plan is read again each time.

    Args:
        report: called with a sentence for everything that was done.
        notify_trouble: called once when the folder, its plan or the catalog cannot be used; it is waited for.
        poll: look for changes by polling, for network shares.
    """
    trouble = ""
    before: set[str] = set()
    while not stop.is_set():
        try:
            for _ in _moments(library, stop, poll=poll):
                sentences = _look(library)
                for sentence in sentences:
                    if sentence not in before:  # what is left alone is so at every look, and is said once
                        report(sentence)
                before = set(sentences)
                trouble = ""
        except (ConfigurationError, StoreError) as error:
            if str(error) != trouble:
                notify_trouble(error)
            trouble = str(error)
            stop.wait(AWAY_S)  # and then watched again: a share that was mounted again is another folder


def _look(library: Library) -> list[str]:
    """Tend the library; a share that is not mounted has no plan, and is left alone.

    Raises:
        ConfigurationError: there is no plan, or it has problems.
        StoreError: the catalog or the shared folder cannot be used.
    """
    try:
        return run_pass(open_library(library.project))
    except BusyError:
        return []  # whoever is at it sees the same folder
    except OSError as error:
        raise StoreError(
            f"The shared folder {str(library.root)!r} cannot be used: {error.strerror or error}.",
            next_step="It is tried again every few seconds; look whether it is mounted.",
        ) from error


def _moments(library: Library, stop: threading.Event, *, poll: bool) -> Iterator[None]:
    """Yield at once, and then after every change that matters, at the latest every `QUIET_S`.

    Heartbeats never let the folder be quiet, so the time is kept here and not by watchfiles.
    """
    clock = library.project.clock
    yield
    if stop.is_set():
        return
    looked_at = float("-inf")  # what moved before the watch was up is seen at its first answer, within a second
    for changes in watch(
        library.root,
        stop_event=stop,
        watch_filter=None,
        debounce=200,
        step=50,
        rust_timeout=_ANSWER_MS,
        yield_on_timeout=True,
        force_polling=poll or None,
        poll_delay_ms=_POLL_MS,
        raise_interrupt=False,
    ):
        if stop.is_set():
            return
        if any(matters(change, path) for change, path in changes) or clock.monotonic() - looked_at >= QUIET_S:
            yield
            looked_at = clock.monotonic()


def matters(change: Change, path: str) -> bool:
    """Return whether a change can be news: anything but what workers and this process write all the time.

    A new folder is news, because what is put into it at once raises no event of its own.
    """
    parts = PurePath(path).parts
    return change is not Change.deleted and parts[-1] not in _QUIET_FILES and not _NOISY_FOLDERS.intersection(parts)
