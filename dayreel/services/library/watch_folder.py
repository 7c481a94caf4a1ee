"""Noticing what moves on the shared folder within a second, for the controller. What it missed, the chores find.

watchfiles tells of changes on this machine's file system; on a network share it has to poll, because changes of other
machines raise no event here. Either way there is a look every `QUIET_S`, for what no event says: a lease that runs out.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath

from watchfiles import Change, watch

from dayreel.errors import BusyError, ConfigurationError
from dayreel.services.library.open_library import Library, open_library
from dayreel.services.library.tend import tend
from dayreel.stores.items import OWN_FILES

QUIET_S = 30.0
_POLL_MS = 500
_QUIET_FILES = OWN_FILES | {"heartbeat"}
_NOISY_FOLDERS = frozenset({"workers", "backups", ".aside"})


def watch_folder(library: Library, *, stop: threading.Event, tell: Callable[[str], None], poll: bool = False) -> None:
    """Tend the library whenever something moves, until `stop` is set. The plan is read anew each time.

    Args:
        tell: gets a sentence for everything that was done.
        poll: look for changes by polling, for network shares.

    Raises:
        StoreError: the catalog or the shared folder cannot be used.
    """
    for _ in _moments(library, stop, poll=poll):
        try:
            for said in tend(open_library(library.studio)):
                tell(said)
        except BusyError:
            continue  # whoever is at it sees the same folder
        except ConfigurationError as problem:
            tell(str(problem))  # whoever edits the plan mends it, and the next look goes on


def _moments(library: Library, stop: threading.Event, *, poll: bool) -> Iterator[None]:
    """Yield at once, and then after every change that matters, at the latest every `QUIET_S`.

    Heartbeats never let the folder be quiet, so the time is kept here and not by watchfiles.
    """
    clock = library.studio.clock
    yield
    looked_at = clock.monotonic()
    for changes in watch(
        library.root,
        stop_event=stop,
        watch_filter=None,
        debounce=200,
        step=50,
        rust_timeout=int(QUIET_S * 1000),
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
    """Tell whether a change can be news: anything but what workers and this process write all the time.

    A new folder is news, because what is put into it at once raises no event of its own.
    """
    parts = PurePath(path).parts
    return change is not Change.deleted and parts[-1] not in _QUIET_FILES and not _NOISY_FOLDERS.intersection(parts)
