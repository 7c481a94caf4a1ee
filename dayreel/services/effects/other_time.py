"""Refusing what is bought and posted while `queries.holds` holds it. Searching, which ends it, is `upkeep.recover`."""

from sqlalchemy import Connection

from dayreel.errors import GateClosedError
from dayreel.queries.holds import read_holds
from dayreel.schemas.effect import NO_CONTENT, EffectKey
from dayreel.stores.catalog.epoch import Epoch


def is_counted(key: EffectKey) -> bool:
    """Return whether an act is counted in the epoch: all but messages, which may be repeated, and must get through."""
    return key.kind != "notification" and key.content_id != NO_CONTENT


def refuse_held(connection: Connection, outside: Epoch | None, target: str, *, what: str) -> None:
    """Let an act pass where the catalog is of this time and `target` was searched.

    Raises:
        GateClosedError: says what is held and what ends it.
    """
    reason = read_holds(connection, outside).reason(target)
    if reason is not None:
        raise GateClosedError(
            f"It was not tried to {what}: {reason}.",
            next_step="`dayreel reconcile` searches, and says what takes a person; nothing was sent.",
        )
