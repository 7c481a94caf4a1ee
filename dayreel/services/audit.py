"""The record of acts that are neither decisions nor transitions: settings, kill switch, logins, users, Dagster."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from dayreel.stores.catalog.tables import acts


@dataclass(frozen=True)
class Act:
    """One line of the record."""

    at: datetime
    actor: str
    via: str
    act: str
    target: str
    detail: dict[str, Any]


def note_act(
    connection: Connection,
    act: str,
    target: str,
    *,
    actor: str,
    at: datetime,
    via: str = "desk",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one line of the record in the caller's transaction."""
    values = {"at": at, "actor": actor[:255], "via": via, "act": act, "target": target[:200], "detail": detail or {}}
    connection.execute(insert(acts).values(**values))


def recent_acts(connection: Connection, *, limit: int = 200) -> list[Act]:
    """Return the newest lines of the record, newest first."""
    query = select(acts).order_by(acts.c.id.desc()).limit(limit)
    return [
        Act(row["at"], row["actor"], row["via"], row["act"], row["target"], row["detail"])
        for row in connection.execute(query).mappings()
    ]
