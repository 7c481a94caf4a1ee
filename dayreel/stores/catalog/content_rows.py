"""Every row of one content as plain JSON, and back into a catalog: what a copy beside the content's files is made of.

Numbers of rows are kept where they are free; where another content's row has taken one meanwhile, the row gets a new
one, and so does everything that refers to it. What makes a row the same row is `_SAME`, never its number.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Date,
    Integer,
    Select,
    Table,
    bindparam,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from dayreel.stores.catalog.changes import CONTENT_TABLES
from dayreel.stores.catalog.tables import (
    content,
    decisions,
    effects,
    metric_snapshots,
    platform_posts,
    processing_logs,
    renders,
    state_transitions,
    waivers,
)
from dayreel.stores.catalog.types import Moment, Usd

Rows = dict[str, list[dict[str, Any]]]
"""Per table its rows, each column as JSON: moments in ISO format, money as a string of dollars."""

_SAME: Final[Mapping[Table, tuple[str, ...]]] = {
    content: ("id",),
    decisions: ("decided_at", "decided_by", "verdict", "revision"),
    effects: ("kind", "target", "sequence", "fingerprint"),
    platform_posts: ("platform",),
    renders: ("id",),
    processing_logs: ("layer", "started_at"),
    metric_snapshots: ("platform", "post_id", "observed_at"),
    waivers: ("check_name", "video_sha256", "waived_at"),
    state_transitions: ("entity", "entity_id", "version"),
}
_ESCAPE: Final = "/"
_REFERS: Final[Mapping[str, Table]] = {
    "effect_id": effects,
    "decision_id": decisions,
    "post_row_id": platform_posts,
}


def read_content_rows(connection: Connection, content_id: str) -> Rows:
    """Return every row of a content; a content that is not there has none."""
    of_content = _named(content_id)
    return {table.name: rows_as_json(table, connection.execute(_of(table), of_content)) for table in CONTENT_TABLES}


def put_content_rows(connection: Connection, content_id: str, rows: Rows) -> dict[int, int]:
    """Bring a content's rows to what `rows` says; rows that only the catalog has stay, and so do newer effects.

    Returns:
        the effects whose number is another one than `rows` says: old number to new.
    """
    renumbered: dict[Table, dict[int, int]] = {table: {} for table in CONTENT_TABLES}
    for table in CONTENT_TABLES:
        known = {_same(table, row): row for row in connection.execute(_of(table), _named(content_id)).mappings()}
        for document in rows.get(table.name, ()):
            values = row_from_json(table, document)
            for column, other in _REFERS.items():
                if values.get(column) in renumbered[other]:
                    values[column] = renumbered[other][values[column]]
            number = values.pop("id")
            present = known.get(_same(table, {**values, "id": number}))
            if present is None:
                kept = _insert(connection, table, number, values)
            else:
                kept = present["id"]
                if table is not effects or present["version"] <= values["version"]:
                    connection.execute(update(table).where(table.c.id == kept).values(**values))
            if kept != number:
                renumbered[table][number] = kept
    return renumbered[effects]


def go_on_counting(connection: Connection, tables: Iterable[Table] = CONTENT_TABLES) -> None:
    """Let PostgreSQL number on from each table's highest: rows came in with their numbers. SQLite does so by itself."""
    if connection.dialect.name == "sqlite":
        return
    for table in tables:
        if "id" in table.c and isinstance(table.c.id.type, Integer):
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608  our own table's name
                    f"GREATEST((SELECT COALESCE(MAX(id), 0) FROM {table.name}), 0) + 1, false)"
                )
            )


def rows_as_json(table: Table, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return whole rows of `table`, as `select(table)` gives them, with every column as JSON."""
    names = table.columns.keys()
    return [dict(zip(names, map(_as_json, row), strict=True)) for row in rows]


def row_from_json(table: Table, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row; columns that the table does not have, or the document, are left out."""
    return {
        column.name: _from_json(column, document[column.name]) for column in table.columns if column.name in document
    }


@cache
def _of(table: Table) -> Select[Any]:
    """Return the query for the rows of the content that `_named` names; built once, as every commit asks it."""
    content_id: BindParameter[str] = bindparam("content_id")
    if table is content:
        where = table.c.id == content_id
    elif table is state_transitions:
        own = (table.c.entity == "content") & (table.c.entity_id == content_id)
        its_parts = table.c.entity.in_(("render", "post")) & table.c.entity_id.like(bindparam("parts"), escape=_ESCAPE)
        where = or_(own, its_parts)
    else:
        where = table.c.content_id == content_id
    return select(table).where(where).order_by(table.c.id)


def _named(content_id: str) -> dict[str, str]:
    escaped = re.sub(r"[/%_]", lambda sign: _ESCAPE + sign[0], content_id)
    return {"content_id": content_id, "parts": f"{escaped}#%"}


def _same(table: Table, row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SAME[table])


def _insert(connection: Connection, table: Table, number: Any, values: dict[str, Any]) -> Any:
    """Insert a row under its own number, or under a new one where that is another content's by now."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(id=number, **values))
    except IntegrityError:
        if isinstance(number, str):
            raise
        (number,) = connection.execute(insert(table).values(**values)).inserted_primary_key or (number,)
    return number


def _as_json(value: Any) -> Any:
    if isinstance(value, date):  # a moment is one, too
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _from_json(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return Decimal(value) if isinstance(column.type, Usd) else value
