"""Which contents a transaction changes, read off its own statements, so that no service has to report it.

A content's rows are copied beside its files after every commit that changed one (`stores.catalog_copies`). A service
that forgot to report its change would leave a copy from which a lost catalog comes back wrong; so none is asked.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Select, Table, bindparam, event, func, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.sql import operators
from sqlalchemy.sql.dml import Insert, UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, Null
from sqlalchemy.sql.visitors import iterate

from dayreel.stores.catalog.tables import (
    channel_pauses,
    config,
    content,
    decisions,
    effects,
    epoch_holds,
    epochs,
    metric_snapshots,
    pinned_ideas,
    platform_posts,
    processing_logs,
    renders,
    skipped_days,
    state_transitions,
    waivers,
)

CONTENT_TABLES: Final = (
    content,
    decisions,
    effects,
    platform_posts,
    renders,
    processing_logs,
    metric_snapshots,
    waivers,
    state_transitions,
)
"""What the catalog knows of one content, in an order in which rows can be written."""
PROJECT_TABLES: Final = (config, channel_pauses, skipped_days, pinned_ideas, epoch_holds)
"""What people set for the whole project, and what only they can end."""

_OPTION: Final = "dayreel_changes"
# Built once, as each commit says them: what SQLAlchemy makes of a statement takes longer than SQLite takes to run it.
_COUNT: Final = (
    update(content)
    .where(content.c.id.in_(bindparam("ids", expanding=True)))
    .values(change_number=content.c.change_number + 1, change_token=bindparam("token"))
)


@cache
def _contents_of(table: Table, *, with_keys: bool) -> Select[Any]:
    query = select(content.c.id if table is content else table.c.content_id).distinct()
    return query.where(table.c.id.in_(bindparam("keys", expanding=True))) if with_keys else query


@dataclass
class ChangedContents:
    """What one transaction has changed.

    Attributes:
        keys: per table without a content's id in the statement, the keys of the rows.
        tables: those of which any row may have been changed.
        of_project: whether a row of `PROJECT_TABLES` was changed.
    """

    content_ids: set[str] = field(default_factory=set)
    keys: dict[Table, set[Any]] = field(default_factory=dict)
    tables: set[Table] = field(default_factory=set)
    of_project: bool = False

    def finish(self, connection: Connection) -> frozenset[str]:
        """Count the change in each content's row, as the transaction's last statement; return the contents."""
        ids = set(self.content_ids)
        for table in (self.keys.keys() | self.tables) - {state_transitions}:  # it comes with its content's own change
            query, keys = _contents_of(table, with_keys=table not in self.tables), list(self.keys.get(table, ()))
            whose = connection.execute(query, {} if table in self.tables else {"keys": keys}).scalars()
            ids.update(content_id for content_id in whose if content_id is not None)
        if ids:
            connection.execute(_COUNT, {"ids": sorted(ids), "token": secrets.token_hex(8)})
        if self.of_project:
            newest = select(func.max(epochs.c.id)).scalar_subquery()
            connection.execute(
                update(epochs).where(epochs.c.id == newest).values(change_number=epochs.c.change_number + 1)
            )
        return frozenset(ids)


def noting_changes(changes: ChangedContents) -> dict[str, ChangedContents]:
    """Return the execution options by which a connection notes what it changes."""
    return {_OPTION: changes}


def untracked(connection: Connection) -> None:
    """Let a connection note no changes: whole tables are put in place, with the numbers of their changes."""
    connection.execution_options(**{_OPTION: None})


def watch(engine: Engine) -> None:
    """Note the changes of every connection that asks for it."""
    event.listen(engine, "after_execute", _note)


def _note(
    connection: Connection, statement: Any, _many: Any, _parameters: Any, _options: Any, result: CursorResult[Any]
) -> None:
    changes: ChangedContents | None = connection.get_execution_options().get(_OPTION)
    if changes is None or not isinstance(statement, UpdateBase) or not isinstance(statement.table, Table):
        return
    if statement is _COUNT:
        return
    table = statement.table
    if table in PROJECT_TABLES:
        changes.of_project = True
    if table not in CONTENT_TABLES:
        return
    if isinstance(statement, Insert):
        rows: Iterable[Mapping[str, Any]] = result.context.compiled_parameters
        changes.content_ids.update(content_id for row in rows if (content_id := _content_of(table, row)) is not None)
    else:
        _note_where(changes, table, statement)


def _content_of(table: Table, row: Mapping[str, Any]) -> str | None:
    if table is content:
        return str(row["id"])
    if table is state_transitions:
        return str(row["entity_id"]).partition("#")[0] if row["entity"] in ("content", "render", "post") else None
    content_id = row.get("content_id")
    return None if content_id is None else str(content_id)


def _note_where(changes: ChangedContents, table: Table, statement: Any) -> None:
    """Note the rows that an UPDATE names by their content or their key; of any other, every content of its table."""
    named = False
    for part in () if statement.whereclause is None else iterate(statement.whereclause):
        if not isinstance(part, BinaryExpression) or getattr(part.left, "table", None) is not table:
            continue
        column = part.left.name
        if column == "content_id" and isinstance(part.right, Null):
            named = True  # about no content
        if column not in ("id", "content_id") or not isinstance(part.right, BindParameter):
            continue
        values: Any = part.right.effective_value
        if part.operator is operators.in_op:
            values = set(values)
        elif part.operator is operators.eq:
            values = {values}
        else:
            continue
        named = True
        if column == "content_id" or table is content:
            changes.content_ids.update(map(str, values))
        else:
            changes.keys.setdefault(table, set()).update(values)
    if not named:
        changes.tables.add(table)
