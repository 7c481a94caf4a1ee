"""What keeps one item from going on: caught where it happens, written on the item's row, and tried again by rule.

Every exception of one item is that item's state and stops nothing else. What is not an item's fault goes on as an
error of the whole pass: a full disk, a catalog or a shared folder that is away. What people or services said no to
(`UsageError`, `StaleState`, `ProviderError`) is a sentence of the pass, and nobody's state.

    refused     its footage cannot be used; left until its marker is touched (see `record_refusal`)
    manifest    its manifest is damaged, of another item, or of a newer dayreel  ┐ tried again after a minute, ten
    files       its files cannot be read or written                              ├ minutes, an hour, then every six
    fault       dayreel itself failed; the trace is kept with it                 ┘ hours; at once when they change

`dayreel library scan` tries all of them at once.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from dayreel.atomic_write import NO_ROOM
from dayreel.errors import (
    BusyError,
    ConfigurationError,
    DayreelError,
    DiskFullError,
    ProviderError,
    StaleState,
    StoreError,
    UnfinishedError,
    UsageError,
)
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.record_item import clear_trouble, record_trouble
from dayreel.footage.rules.paths import ItemName
from dayreel.footage.stores.plan import load_plan
from dayreel.footage.stores.reads import ItemRow
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.state.errors import StateError

TroubleKind = Literal["manifest", "files", "fault"]

_LOG = logging.getLogger("dayreel.footage")
_PAUSES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_TRACE_CHARACTERS: Final = 6000
GO_ON: Final = "continue with it"
"""Where this works, nothing is wrong with the item any more."""
_NOBODYS = (BusyError, StaleState, UsageError, ProviderError)


@dataclass(frozen=True)
class Trouble:
    """Why an item does not go on, as its row keeps it.

    Attributes:
        doing: what was tried, as a clause.
        since: when it was first met.
        again_at: when it is tried again without anybody's doing.
        stamps: of the item's markers and manifests then; others, and it is tried at once.
        trace: where dayreel itself failed; empty for the other kinds.
    """

    kind: TroubleKind
    doing: str
    since: datetime
    times: int
    again_at: datetime
    stamps: list[int]
    trace: str

    @classmethod
    def of(cls, row: ItemRow) -> "Trouble | None":
        """Return an item's trouble, or None where it has none."""
        kept: dict[str, Any] | None = row.metadata.get("trouble")
        if kept is None:
            return None
        moments = {name: datetime.fromisoformat(kept[name]) for name in ("since", "again_at")}
        return cls(**{**kept, **moments})


def is_worth_a_try(library: Library, row: ItemRow, name: ItemName) -> bool:
    """Return whether an item in trouble is to be tried now: it is time, or it has changed."""
    trouble = Trouble.of(row)
    if trouble is None or library.project.clock.now() >= trouble.again_at:
        return True
    return library.items.stamps(name) != trouble.stamps


def try_item(library: Library, name: ItemName, row: ItemRow | None, doing: str, act: Callable[[], str]) -> list[str]:
    """Do one thing for one item, and return its sentence; what goes wrong becomes the item's state.

    Args:
        row: the item as the catalog has it; None for one that it does not know yet.
        doing: as a clause: "take it in".

    Raises:
        StoreError: it is not the fault of the item; nothing was written down about it.
    """
    try:
        sentence = act()
    except _NOBODYS as error:
        return [f"{name.item_id}: {error}"]
    except Exception as error:
        away = fault_of_the_machine(library, error)
        if away is not None:
            raise away from error
        return [_note(library, name, row, doing, error)]
    before = Trouble.of(row) if row is not None else None
    if before is not None and doing in (before.doing, GO_ON):
        clear_trouble(library, name.item_id)
    return [sentence] if sentence else []


def fault_of_the_machine(library: Library, error: Exception) -> StoreError | None:
    """Return the error to raise where an exception is not one item's doing, and None where it is."""
    causes = _chain(error)
    for cause in causes:
        if isinstance(cause, DiskFullError):
            return cause
        if isinstance(cause, UnfinishedError) and cause.is_for_want_of_room:
            return DiskFullError(cause.message, next_step=cause.next_step)
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno in NO_ROOM):
            return DiskFullError(
                f"There is no room left for the work on the library: {cause}.",
                next_step="Free some space; no item is to blame, and the next look goes on.",
            )
    if isinstance(error, StoreError) and any(isinstance(cause, DatabaseError) for cause in causes):
        return error  # the catalog did not answer, or was held by another process for too long
    if any(isinstance(cause, OSError | StoreError) for cause in causes):
        return _away(library)
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__
    return causes


def _away(library: Library) -> StoreError | None:
    """Return what the catalog or the shared folder answers now; None when both are there: then it was the item's."""
    try:
        load_plan(library.root)
        with library.project.catalog.read() as connection:
            connection.execute(select(media_items.c.id).limit(1))
    except StoreError as error:
        return error
    except (ConfigurationError, OSError) as error:
        return StoreError(
            f"The shared folder {str(library.root)!r} cannot be used: {error}",
            next_step="No item is to blame; the next look goes on when it is back.",
        )
    return None


def _note(library: Library, name: ItemName, row: ItemRow | None, doing: str, error: Exception) -> str:
    """Write an item's trouble down; return the sentence."""
    words, trouble = describe_trouble(library, name, row, doing, error)
    record_trouble(library, name, words, trouble)
    return f"{name.item_id}: cannot {doing}. {words}"


def describe_trouble(
    library: Library, name: ItemName, row: ItemRow | None, doing: str, error: Exception
) -> tuple[str, dict[str, Any]]:
    """Return an item's trouble in words and as its row keeps it; what dayreel itself failed at goes to the log too."""
    now = library.project.clock.now()
    before = Trouble.of(row) if row is not None else None
    kind: TroubleKind = "fault"
    if isinstance(error, StateError):
        kind = "manifest"
    elif isinstance(error, DayreelError | OSError):
        kind = "files"
    is_the_same = before is not None and (before.kind, before.doing) == (kind, doing)
    times = before.times + 1 if before is not None and is_the_same else 1
    again_at = now + _PAUSES[min(times, len(_PAUSES)) - 1]
    again = f"It is tried again at {again_at:%Y-%m-%d %H:%M} UTC, or at once by `dayreel library scan`"
    trace = ""
    if kind == "fault":
        trace = "".join(traceback.format_exception(error))[-_TRACE_CHARACTERS:]
        words = (
            f"Tried to {doing}; dayreel itself failed ({_short(error)}). {again}; "
            f"`dayreel library show {name.item_id} --json` has the trace for a report."
        )
        _LOG.error("Tried to %s: item %r", doing, name.item_id, exc_info=error)
    elif isinstance(error, DayreelError):
        words = f"{error} {again}, or when it has changed."
    else:
        words = f"Tried to {doing}; the shared folder answered: {error}. {again}."
    trouble = {
        "kind": kind,
        "doing": doing,
        "since": (before.since if before is not None and is_the_same else now).isoformat(),
        "times": times,
        "again_at": again_at.isoformat(),
        "stamps": library.items.stamps(name),
        "trace": trace,
    }
    return words, trouble


def _short(error: Exception) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= 200 else words[:200] + " ..."  # noqa: PLR2004
