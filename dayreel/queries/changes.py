"""What has changed since a moment? For readers that follow contents along.

The number of the newest row of `state_transitions` is the change marker: every step of a content, a render and a post
writes one. Finding out that nothing changed is one look at a primary key, however long the history. Sending the changes
to anybody is the desk's `live`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from dayreel.errors import UsageError
from dayreel.queries.contents import ContentStatus, read_status
from dayreel.queries.rows import list_contents
from dayreel.records import Records
from dayreel.stores.catalog.tables import state_transitions

# Transactions of PostgreSQL may commit in another order than that of their numbers; so far back it is looked again.
_LOOK_BACK = 64


@dataclass(frozen=True)
class Changes:
    """What has changed: the newest marker, and the contents concerned.

    Attributes:
        window: how many of the newest markers there are, to be handed in the next time; None on SQLite.
    """

    marker: int
    contents: Mapping[str, ContentStatus]
    window: int | None = None


def newest_marker(records: Records) -> int:
    """Return the present change marker.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return _newest(connection)


def changes_since(records: Records, marker: int, window: int | None = None) -> Changes:
    """Return what has changed after a marker; the contents are as of now, so each comes once.

    Args:
        window: what the last call returned; a marker below `marker` that was committed late is then noticed.

    Raises:
        StoreError: the catalog cannot be read.
    """
    is_sqlite = records.catalog.is_sqlite
    with records.catalog.read() as connection:
        newest = _newest(connection)
        if newest <= marker:
            # The newest number alone would miss a lower one that was committed after it; their count does not.
            present = None if is_sqlite else _count_after(connection, marker - _LOOK_BACK)
            if window is None or present == window:
                return Changes(marker, {}, present)
        query = select(state_transitions.c.entity_id).where(
            state_transitions.c.id > marker - (0 if is_sqlite else _LOOK_BACK),
            state_transitions.c.id <= newest,
            state_transitions.c.entity.in_(("content", "render", "post")),
        )
        ids = {entity_id.partition("#")[0] for entity_id in connection.execute(query).scalars()}
        present = None if is_sqlite else _count_after(connection, newest - _LOOK_BACK)
        return Changes(newest, _contents(records, connection, sorted(ids)), present)


def status_now(records: Records, content_id: str) -> tuple[ContentStatus, int]:
    """Return where one content stands, and the marker that this is as of.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        contents, marker = _contents(records, connection, [content_id]), _newest(connection)
    if content_id not in contents:
        raise UsageError(f"There is no content {content_id!r}.", next_step="`dayreel status --all` lists them.")
    return contents[content_id], marker


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(func.max(state_transitions.c.id))).scalar() or 0)


def _count_after(connection: Connection, marker: int) -> int:
    query = select(func.count()).select_from(state_transitions).where(state_transitions.c.id > marker)
    return int(connection.execute(query).scalar_one())


def _contents(records: Records, connection: Connection, ids: Sequence[str]) -> dict[str, ContentStatus]:
    rows = list_contents(connection, ids=ids)
    return {status.row.id: status for status in read_status(records, connection, rows, all_renders=True).contents}
