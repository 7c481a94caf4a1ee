"""What has changed since a moment? For readers that follow contents along.

The number of the newest row of `state_transitions` is the change marker: every step of a content and of a render
writes one. Finding out that nothing changed is one look at a primary key, however long the history. Sending the changes
to anybody is the desk's `live`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select

from dayreel.errors import UsageError
from dayreel.queries.renders import Render, mean_progress, render_state, renders_of
from dayreel.queries.rows import costs_of, list_contents, posts_of
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import state_transitions

_TERMINAL = ("posted", "rejected", "expired", "failed")
# Transactions of PostgreSQL may commit in another order than that of their numbers; so far back it is looked again.
_LOOK_BACK = 64


@dataclass(frozen=True)
class LivePost:
    """Where one post stands."""

    platform: str
    state: str
    url: str | None


@dataclass(frozen=True)
class LiveContent:
    """What moves of a content while somebody watches: lifecycle, renders, posts, cost.

    Attributes:
        is_over: nothing will come any more by itself.
    """

    content_id: str
    state: str
    renders: tuple[Render, ...]
    posts: tuple[LivePost, ...]
    revision: int
    version: int
    cost_usd: Decimal
    error: str | None
    is_over: bool
    updated_at: datetime

    @property
    def render_state(self) -> str:
        """One word for all its renders."""
        return render_state([render.state for render in self.renders])

    @property
    def progress(self) -> int:
        """How far its renders are together, 0 to 100."""
        return mean_progress(self.renders)


@dataclass(frozen=True)
class Changes:
    """What has changed: the newest marker, and the contents concerned.

    Attributes:
        window: how many of the newest markers there are, to be handed in the next time; None on SQLite.
    """

    marker: int
    contents: Mapping[str, LiveContent]
    window: int | None = None


def newest_marker(catalog: Catalog) -> int:
    """Return the present change marker.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        return _newest(connection)


def changes_since(catalog: Catalog, marker: int, window: int | None = None) -> Changes:
    """Return what has changed after a marker; the contents are as of now, so each comes once.

    Args:
        window: what the last call returned; a marker below `marker` that was committed late is then noticed.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        newest = _newest(connection)
        if newest <= marker:
            present = None if catalog.is_sqlite else _count_after(connection, marker - _LOOK_BACK)
            if window is None or present == window:
                return Changes(marker, {}, present)
        query = select(state_transitions.c.entity, state_transitions.c.entity_id).where(
            state_transitions.c.id > marker - (0 if catalog.is_sqlite else _LOOK_BACK),
            state_transitions.c.id <= newest,
            state_transitions.c.entity.in_(("content", "render")),
        )
        ids = {
            entity_id.rpartition("#")[0] if entity == "render" else entity_id
            for entity, entity_id in connection.execute(query)
        }
        present = None if catalog.is_sqlite else _count_after(connection, newest - _LOOK_BACK)
        return Changes(newest, _contents(connection, sorted(ids)), present)


def live_content(catalog: Catalog, content_id: str) -> tuple[LiveContent, int]:
    """Return where one content stands, and the marker that this is as of.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        found, marker = _contents(connection, [content_id]), _newest(connection)
    if content_id not in found:
        raise UsageError(f"There is no content {content_id!r}.", next_step="`dayreel status --all` lists them.")
    return found[content_id], marker


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(func.max(state_transitions.c.id))).scalar() or 0)


def _count_after(connection: Connection, marker: int) -> int:
    query = select(func.count()).select_from(state_transitions).where(state_transitions.c.id > marker)
    return int(connection.execute(query).scalar_one())


def _contents(connection: Connection, ids: Sequence[str]) -> dict[str, LiveContent]:
    costs, renders = costs_of(connection, ids), renders_of(connection, ids)
    posts: dict[str, tuple[LivePost, ...]] = {}
    for post in posts_of(connection, ids):
        added = LivePost(post["platform"], post["state"], post["post_url"])
        posts[post["content_id"]] = (*posts.get(post["content_id"], ()), added)
    return {
        row.id: LiveContent(
            content_id=row.id,
            state=row.state,
            renders=renders.get(row.id, ()),
            posts=posts.get(row.id, ()),
            revision=row.revision,
            version=row.version,
            cost_usd=sum(costs.get(row.id, {}).values(), Decimal(0)),
            error=row.error,
            is_over=row.state in _TERMINAL,
            updated_at=row.updated_at,
        )
        for row in list_contents(connection, ids=ids)
    }
