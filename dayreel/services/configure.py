"""Changing a setting for everybody while dayreel runs. How settings are is `queries.config`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from dayreel.queries.config import Value, key_named, read_config
from dayreel.services.audit import note_act
from dayreel.stores.catalog.tables import config


def write_config(
    connection: Connection, name: str, text: str, *, by: str, at: datetime, note: str | None = None, via: str = "cli"
) -> Value:
    """Change one setting for everybody, and record who did, on which face (`via`), and what it was before.

    Raises:
        UsageError: there is no such setting or the value cannot be read; nothing was changed.
    """
    key = key_named(name)
    values: dict[str, Any] = {"value": key.read(text), "updated_by": by, "updated_at": at, "note": note}
    detail = {"before": read_config(connection, name).value, "value": values["value"], "note": note}
    note_act(connection, f"set {values['value']}"[:50], name, actor=by, at=at, via=via, detail=detail)
    if connection.execute(update(config).where(config.c.key == name).values(**values)).rowcount == 0:
        connection.execute(insert(config).values(key=name, **values))
    return read_config(connection, name)
