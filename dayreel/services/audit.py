"""The record of acts that are neither decisions nor transitions: settings, kill switch, logins, users, Dagster."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from dayreel.stores.catalog.tables import acts


@dataclass(frozen=True)
class AuditEntry:
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
) -> int:
    """Write one line of the record in the caller's transaction, and return its number."""
    values = {"at": at, "actor": actor[:255], "via": via, "act": act, "target": target[:200], "detail": detail or {}}
    return int(connection.execute(insert(acts).values(**values).returning(acts.c.id)).scalar_one())


def note_outcome(connection: Connection, number: int, outcome: str) -> None:
    """Add to a line of the record how the act ended."""
    row = connection.execute(select(acts.c.detail).where(acts.c.id == number)).scalar_one()
    connection.execute(update(acts).where(acts.c.id == number).values(detail={**row, "outcome": outcome}))


def recent_acts(connection: Connection, *, limit: int = 200) -> list[AuditEntry]:
    """Return the newest lines of the record, newest first."""
    query = select(acts).order_by(acts.c.id.desc()).limit(limit)
    return [
        AuditEntry(row["at"], row["actor"], row["via"], row["act"], row["target"], row["detail"])
        for row in connection.execute(query).mappings()
    ]
