"""Moving a row along its lifecycle: one compare-and-set UPDATE and one audit row, in the caller's transaction.

Which moves exist is `rules.lifecycle`; nothing else writes a `state` column of content, renders, media items or jobs. A
post has none: its state is what its platform says, and only that it has changed is written here.
"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Table, insert, select, update

from dayreel.errors import StaleState, UsageError
from dayreel.rules.lifecycle import Move, move
from dayreel.stores.catalog.tables import content, jobs, media_items, platform_posts, renders, state_transitions

Trigger = Literal["auto", "manual", "approval"]

Entity = Literal["content", "render", "media_item", "job"]

_TABLES: dict[Entity, Table] = {"content": content, "render": renders, "media_item": media_items, "job": jobs}


def advance(
    connection: Connection,
    entity: Entity,
    entity_id: str,
    event: str,
    *,
    at: datetime,
    actor: str,
    trigger: Trigger = "auto",
    notes: str | None = None,
    expected_version: int | None = None,
    **columns: Any,
) -> Move:
    """Fire `event` on one row and write what happened.

    Args:
        expected_version: the version the caller has seen; left out, the one read now.
        columns: further columns to set in the same UPDATE.

    Raises:
        UsageError: no such row, or the lifecycle has no such move from here.
        StaleState: somebody else moved it first; says who, when and where to.
    """
    table = _TABLES[entity]
    row = connection.execute(select(table).where(table.c.id == entity_id)).mappings().one_or_none()
    if row is None:
        raise UsageError(f"There is no {entity} {entity_id!r}.", next_step="`dayreel status --all` lists them.")
    version = row["version"] if expected_version is None else expected_version
    if version != row["version"]:
        raise StaleState(_who_won(connection, entity, entity_id), next_step="Look again, then decide again.")
    step = move(entity, row["state"], event, last_good_state=row.get("last_good_state"))
    values = {"state": step.target, "version": version + 1, "updated_at": at, **columns}
    if entity == "content" and step.target == "failed":
        values["last_good_state"] = row["state"]
    # Compare and set: on PostgreSQL two transactions can both have read the same version. One of them changes no row
    # here, and learns who was first.
    changed = connection.execute(
        update(table)
        .where(table.c.id == entity_id, table.c.version == version, table.c.state == step.source)
        .values(**values)
    )
    if changed.rowcount != 1:
        raise StaleState(_who_won(connection, entity, entity_id), next_step="Look again, then decide again.")
    connection.execute(
        insert(state_transitions).values(
            entity=entity,
            entity_id=entity_id,
            from_state=step.source,
            to_state=step.target,
            event=event,
            trigger=trigger,
            actor=actor,
            notes=notes,
            version=version + 1,
            at=at,
        )
    )
    return step


def note_post_step(
    connection: Connection,
    content_id: str,
    platform: str,
    state: str,
    *,
    at: datetime,
    actor: str,
    unless: tuple[str, ...] = (),
) -> None:
    """Write that a post is about to stand otherwise, so that whoever follows its content along sees it.

    Args:
        unless: states that it keeps.
    """
    post = (platform_posts.c.content_id == content_id) & (platform_posts.c.platform == platform)
    before = connection.execute(select(platform_posts.c.state).where(post)).scalar()
    if before is None or before in (state, *unless):
        return
    version = connection.execute(select(content.c.version).where(content.c.id == content_id)).scalar_one()
    step = {"entity": "post", "entity_id": f"{content_id}#{platform}", "from_state": before, "to_state": state}
    how = {"event": "post", "trigger": "auto", "actor": actor, "version": version, "at": at}
    connection.execute(insert(state_transitions).values(**step, **how))


def _who_won(connection: Connection, entity: str, entity_id: str) -> str:
    last = (
        connection.execute(
            select(state_transitions)
            .where(state_transitions.c.entity == entity, state_transitions.c.entity_id == entity_id)
            .order_by(state_transitions.c.id.desc())
            .limit(1)
        )
        .mappings()
        .one_or_none()
    )
    if last is None:
        return f"{entity} {entity_id!r} was changed by somebody else in the meantime."
    return (
        f"{entity} {entity_id!r} was changed first by {last['actor']!r} at {last['at'].isoformat(timespec='seconds')}: "
        f"{last['event']} made it {last['to_state']!r}."
    )
