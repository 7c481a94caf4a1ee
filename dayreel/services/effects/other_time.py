"""Holding what is bought and posted while the catalog is from another time than what stands beside the contents.

Searching, which ends it, is `services.upkeep.recover`.
"""

from sqlalchemy import Connection, select

from dayreel.errors import GateClosedError
from dayreel.records import Records
from dayreel.schemas.effect import NO_CONTENT, EffectKey
from dayreel.stores.catalog.epoch import Epoch, is_known
from dayreel.stores.catalog.tables import epoch_holds

OTHER_TIME = "the catalog does not know everything that was sent from here: it is an older one, or a new one"


def is_counted(key: EffectKey) -> bool:
    """Return whether an act is counted in the epoch: all but messages, which may be repeated, and must get through."""
    return key.kind != "notification" and key.content_id != NO_CONTENT


def why_held(connection: Connection, outside: Epoch | None, target: str | None = None) -> str | None:
    """Return why nothing may be sent to `target` (left out: to anybody) now, or None."""
    if outside is not None and not is_known(connection, outside):
        return OTHER_TIME
    if target is None:
        return None
    query = select(epoch_holds.c.reason).where(epoch_holds.c.target == target, epoch_holds.c.released_at.is_(None))
    return connection.execute(query.limit(1)).scalar()


def is_of_other_time(records: Records) -> bool:
    """Return whether the catalog lacks something that was sent from here. One small file and one row are read."""
    outside = records.copies.epoch()
    if outside is None:
        return False
    with records.catalog.read() as connection:
        return why_held(connection, outside) is not None


def refuse_other_time(connection: Connection, outside: Epoch | None, target: str, *, what: str) -> None:
    """Let an act pass where the catalog is of this time and `target` was searched.

    Raises:
        GateClosedError: says what is held and what ends it.
    """
    reason = why_held(connection, outside, target)
    if reason is not None:
        raise GateClosedError(
            f"It was not tried to {what}: {reason}.",
            next_step="`dayreel reconcile` searches, and says what takes a person; nothing was sent.",
        )
