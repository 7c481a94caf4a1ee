"""Where contents stand, as documents for readers that follow along, and what has changed since a moment.

The number of the newest row of `state_transitions` is the change marker: every step of a content and of a render
writes one. Finding out that nothing changed is one look at a primary key, however long the history. Sending the
documents to anybody is the desk's `live`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from dayreel.errors import UsageError
from dayreel.queries.rows import ContentRow, costs_of, posts_of
from dayreel.services.making.renders import Render
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, renders, state_transitions

TERMINAL = ("posted", "rejected", "expired", "failed")
# Transactions of PostgreSQL may commit in another order than that of their numbers; so far back it is looked again.
_LOOK_BACK = 64


@dataclass(frozen=True)
class Changes:
    """What has changed: the newest marker, and the documents of the contents concerned.

    Attributes:
        window: how many of the newest markers there are, to be handed in the next time; None on SQLite.
    """

    cursor: int
    documents: Mapping[str, dict[str, Any]]
    window: int | None = None


def newest_marker(catalog: Catalog) -> int:
    """Return the present change marker.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        return _newest(connection)


def changes_since(catalog: Catalog, cursor: int, window: int | None = None) -> Changes:
    """Return what has changed after a marker; the documents are as of now, so each content comes once.

    Args:
        window: what the last call returned; a marker below `cursor` that was committed late is then noticed.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        newest = _newest(connection)
        if newest <= cursor:
            present = None if catalog.is_sqlite else _count_after(connection, cursor - _LOOK_BACK)
            if window is None or present == window:
                return Changes(cursor, {}, present)
        query = select(state_transitions.c.entity, state_transitions.c.entity_id).where(
            state_transitions.c.id > cursor - (0 if catalog.is_sqlite else _LOOK_BACK),
            state_transitions.c.id <= newest,
            state_transitions.c.entity.in_(("content", "render")),
        )
        ids = {
            entity_id.rpartition("#")[0] if entity == "render" else entity_id
            for entity, entity_id in connection.execute(query)
        }
        present = None if catalog.is_sqlite else _count_after(connection, newest - _LOOK_BACK)
        return Changes(newest, _documents(connection, sorted(ids), marker=newest), present)


def status_document(catalog: Catalog, content_id: str) -> dict[str, Any]:
    """Return where one content stands: lifecycle, renders, posts, cost, and the marker it is as of.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        found = _documents(connection, [content_id], marker=_newest(connection))
    if content_id not in found:
        raise UsageError(f"There is no content {content_id!r}.", next_step="`dayreel status --all` lists them.")
    return found[content_id]


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(func.max(state_transitions.c.id))).scalar() or 0)


def _count_after(connection: Connection, marker: int) -> int:
    query = select(func.count()).select_from(state_transitions).where(state_transitions.c.id > marker)
    return int(connection.execute(query).scalar_one())


def _documents(connection: Connection, ids: Sequence[str], *, marker: int) -> dict[str, dict[str, Any]]:
    rows = [ContentRow(**row) for row in connection.execute(select(content).where(content.c.id.in_(ids))).mappings()]
    costs = costs_of(connection, ids)
    posts: dict[str, dict[str, Any]] = {}
    for post in posts_of(connection, ids):
        posts.setdefault(post["content_id"], {})[post["platform"]] = {"state": post["state"], "url": post["post_url"]}
    made: dict[str, list[Render]] = {}
    query = select(renders).where(renders.c.content_id.in_(ids)).order_by(renders.c.content_id, renders.c.sequence)
    for one in connection.execute(query).mappings():
        made.setdefault(one["content_id"], []).append(_render(one))
    return {
        row.id: {
            "content_id": row.id,
            "state": row.state,
            "status": render_state([render.state for render in made.get(row.id, [])]),
            "progress": mean([render.progress for render in made.get(row.id, [])]),
            "renders": [
                {
                    "sequence": render.sequence,
                    "state": render.state,
                    "progress": render.progress,
                    "detail": render.detail,
                    "updated_at": render.updated_at.isoformat(timespec="milliseconds"),
                }
                for render in made.get(row.id, [])
            ],
            "posts": posts.get(row.id, {}),
            "revision": row.revision,
            "version": row.version,
            "cost_usd": str(sum(costs.get(row.id, {}).values(), Decimal(0)).quantize(Decimal("0.0001"))),
            "error": row.error,
            "terminal": row.state in TERMINAL,
            "updated_at": row.updated_at.isoformat(timespec="milliseconds"),
            "event_id": marker,
        }
        for row in rows
    }


def _render(row: Any) -> Render:
    names = ("sequence", "state", "progress", "detail", "effect_id", "version", "updated_at")
    return Render(**{name: row[name] for name in names})


def render_state(states: Sequence[str]) -> str:
    """Return one word of seed 004 for all the renders of a content: the one that is least far, failures first."""
    for word in ("failed", "rendering", "queued"):
        if word in states:
            return word
    return "completed" if states and all(state == "completed" for state in states) else "idle"


def mean(values: Sequence[int]) -> int:
    """Return how far several renders are together, 0 to 100."""
    return round(sum(values) / len(values)) if values else 0
