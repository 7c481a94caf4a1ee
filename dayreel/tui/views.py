"""What each screen shows, as frozen data read through the services; two views that are equal look the same.

No terminal here, and nothing that changes anything. The approval screen's is `review_view`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, case, func, select

from dayreel.queries.config import Value, read_config, switch_sentence
from dayreel.queries.rows import ContentRow, costs_of, get_content, newest_verdict, posts_of
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.services.effects.caps import Cap, caps_of
from dayreel.services.making.renders import Render, render_status
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import content, renders
from dayreel.tui.words import left, one_line, plain

# What a person is asked for comes first, then what is under way, then what is over.
GROUPS: dict[str, str] = {
    "review_pending": "waits for your decision",
    "failed": "failed",
    "rendering": "rendering",
    "composing": "composing",
    "voicing": "voicing",
    "scripting": "scripting",
    "pending": "pending",
    "approved": "approved",
    "publishing": "publishing",
    "expired": "nobody decided in time",
    "rejected": "rejected",
    "posted": "posted",
}
_OVER = ("expired", "rejected", "posted")
_SHOWN, _SHOWN_OVER = 50, 8
_RENDERS_SHOWN = 40


# -- dashboard ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One content on the dashboard. `note` is what there is to know about it in its state."""

    content_id: str
    state: str
    cost_usd: Decimal
    note: str
    idea: str
    unknown: int


@dataclass(frozen=True)
class Group:
    """The contents in one state, newest first; `total` counts those that are not shown too."""

    state: str
    title: str
    total: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Dashboard:
    """Every state that has contents, in the order in which people are needed."""

    groups: tuple[Group, ...]
    stopped: str | None
    unknown: int


def dashboard(studio: Studio) -> Dashboard:
    """Return where everything stands.

    Raises:
        StoreError: the catalog cannot be read.
    """
    now = studio.clock.now()
    with studio.catalog.read() as connection:
        counted = select(content.c.state, func.count().label("contents")).group_by(content.c.state)
        totals = {row.state: int(row.contents) for row in connection.execute(counted)}
        parked = [outcome.content_id for outcome in read_unknown_outcomes(studio, connection).here]
        groups = tuple(
            Group(state, title, totals[state], _entries(connection, state, parked, now))
            for state, title in GROUPS.items()
            if state in totals
        )
        switch = read_config(connection, "switch")
        return Dashboard(groups, switch_sentence(switch) if switch.value == "off" else None, len(parked))


def _entries(connection: Connection, state: str, parked: Sequence[str | None], now: datetime) -> tuple[Entry, ...]:
    query = select(content.c.id).where(content.c.state == state).order_by(content.c.day.desc(), content.c.id)
    ids = list(connection.execute(query.limit(_SHOWN_OVER if state in _OVER else _SHOWN)).scalars())
    costs = costs_of(connection, ids)
    return tuple(
        Entry(
            content_id=row.id,
            state=row.state,
            cost_usd=sum(costs.get(row.id, {}).values(), Decimal(0)),
            note=_note(connection, row, now),
            idea=one_line(row.idea),
            unknown=parked.count(row.id),
        )
        for row in (get_content(connection, content_id) for content_id in ids)
    )


def _note(connection: Connection, row: ContentRow, now: datetime) -> str:
    match row.state:
        case "review_pending":
            waits = f"{left(row.review_deadline_at, now)} left" if row.review_deadline_at else "on hold"
            return f"r{row.revision}, {waits}"
        case "failed":
            return one_line(row.error)
        case "rendering":
            return _progress(render_status(connection, row.id))
        case "approved" | "rejected":
            newest = newest_verdict(connection, row.id)
            return f"by {plain(newest.decided_by)}" if newest else ""
        case "publishing" | "posted":
            return ", ".join(f"{post['platform']} {post['state']}" for post in posts_of(connection, [row.id]))
        case _:
            return ""


def _progress(parts: Sequence[Render]) -> str:
    done = sum(part.state == "completed" for part in parts)
    return f"{done} of {len(parts)} segments" if parts else "starting"


# -- renders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rendered:
    """The renders of one content."""

    content_id: str
    state: str
    parts: tuple[Render, ...]


def renderings(studio: Studio) -> tuple[Rendered, ...]:
    """Return the renders that moved last, those that are not complete first.

    Raises:
        StoreError: the catalog cannot be read.
    """
    complete = case((renders.c.state == "completed", 1), else_=0)
    with studio.catalog.read() as connection:
        query = (
            select(renders.c.content_id, content.c.state)
            .join(content, content.c.id == renders.c.content_id)
            .group_by(renders.c.content_id, content.c.state)
            .order_by(func.min(complete), func.max(renders.c.updated_at).desc(), renders.c.content_id)
            .limit(_RENDERS_SHOWN)
        )
        return tuple(
            Rendered(row.content_id, row.state, tuple(render_status(connection, row.content_id)))
            for row in connection.execute(query)
        )


# -- money -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Money:
    """Spending against caps, the kill switch, and which platforms get real posts."""

    world: str
    caps: list[Cap]
    switch: str
    switch_told: str
    switch_by: str
    publishing: tuple[tuple[str, str], ...]


def money(studio: Studio) -> Money:
    """Return what was spent in this world against every cap that holds today.

    Raises:
        StoreError: the catalog cannot be read.
        ConfigurationError: a channel file cannot be read.
        UsageError: a setting in the environment cannot be read.
    """
    channels = studio.channels.load_all().values()
    platforms = sorted({name for channel in channels for name in channel.platforms.chosen()})
    with studio.catalog.read() as connection:
        switch = read_config(connection, "switch")
        return Money(
            world=studio.settings.world,
            caps=caps_of(studio, connection),
            switch=switch.value,
            switch_told=switch_sentence(switch),
            switch_by=_who(switch),
            publishing=tuple((name, read_config(connection, f"publish.{name}").value) for name in platforms),
        )


def _who(value: Value) -> str:
    if value.updated_at is None:
        return ""
    note = f": {one_line(value.note)}" if value.note else ""
    return f"{plain(value.updated_by)}, {value.updated_at:%Y-%m-%d %H:%M} UTC{note}"
