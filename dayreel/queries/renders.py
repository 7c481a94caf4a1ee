"""How far is each segment's generation? Every reader of the render state machine of seed 004 asks here.

Its writer, and what its events mean, is `services.making.renders`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from dayreel.queries.rows import as_row
from dayreel.records import Records
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.stores.catalog.tables import content, renders

_NEWEST = 40


@dataclass(frozen=True)
class Render:
    """One segment's generation. `progress` is 0 to 100, as far as the vendor says."""

    sequence: int
    state: str
    progress: int
    detail: str | None
    effect_id: int | None
    version: int
    updated_at: datetime

    @property
    def is_under_way(self) -> bool:
        """Whether it waits at its vendor, or is being made there."""
        return self.state in UNDER_WAY


@dataclass(frozen=True)
class ContentRenders:
    """The renders of one content, and the content's own state."""

    content_id: str
    state: str
    renders: tuple[Render, ...]


def renders_of(connection: Connection, content_ids: Sequence[str]) -> dict[str, tuple[Render, ...]]:
    """Return the renders of each of these contents that has some, in the order of its segments."""
    query = select(renders).where(renders.c.content_id.in_(content_ids)).order_by(renders.c.sequence)
    renders_by_content: dict[str, tuple[Render, ...]] = {}
    for row in connection.execute(query).mappings():
        renders_by_content[row["content_id"]] = (*renders_by_content.get(row["content_id"], ()), as_row(Render, row))
    return renders_by_content


def newest_renders(records: Records) -> tuple[ContentRenders, ...]:
    """Return the renders that moved last, those that are not complete first.

    Raises:
        StoreError: the catalog cannot be read.
    """
    complete = case((renders.c.state == "completed", 1), else_=0)
    query = (
        select(renders.c.content_id, content.c.state)
        .join(content, content.c.id == renders.c.content_id)
        .group_by(renders.c.content_id, content.c.state)
        .order_by(func.min(complete), func.max(renders.c.updated_at).desc(), renders.c.content_id)
        .limit(_NEWEST)
    )
    with records.catalog.read() as connection:
        rows = list(connection.execute(query))
        by_content = renders_of(connection, [row.content_id for row in rows])
    return tuple(ContentRenders(row.content_id, row.state, by_content[row.content_id]) for row in rows)


def render_state(states: Sequence[str]) -> str:
    """Return one word of seed 004 for all the renders of a content: the one that is least far, failures first."""
    for word in ("failed", "rendering", "queued"):
        if word in states:
            return word
    return "completed" if states and all(state == "completed" for state in states) else "idle"


def mean_progress(of: Sequence[Render]) -> int:
    """Return how far several renders are together, 0 to 100."""
    return round(sum(render.progress for render in of) / len(of)) if of else 0
