"""Hearing at once that the catalog has changed: PostgreSQL's LISTEN, one connection for all who follow along.

Every `Catalog.write` ends with a NOTIFY, which the server delivers at the commit, so a writer in another process, or on
another machine, is heard like one of our own. SQLite has nothing like it; there the reader looks.
See https://www.postgresql.org/docs/current/sql-notify.html.
"""

import contextlib
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from dayreel.errors import StoreError
from dayreel.stores.catalog.engine import NEWS, Catalog


class News:
    """One listening connection. `fileno` becomes readable when there are news; nothing here waits."""

    def __init__(self, catalog: Catalog) -> None:
        """Connect and listen.

        Raises:
            StoreError: the database cannot be reached.
        """
        self._errors: type[Exception] = catalog.engine.dialect.loaded_dbapi.Error
        try:
            self._connection: Connection = catalog.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._raw: Any = self._connection.connection.dbapi_connection
            self._connection.detach()  # it is ours alone: a pool would hand a listening connection to others
            self._connection.execute(text(f"LISTEN {NEWS}"))
        except DBAPIError as error:
            raise StoreError(
                f"The catalog's news cannot be listened to: {str(error.orig).strip().splitlines()[0]}.",
                next_step="Nothing is lost: it is looked at once a second meanwhile.",
            ) from error

    def fileno(self) -> int:
        """Return what an event loop watches."""
        return int(self._raw.fileno())

    def drain(self) -> int:
        """Take what has come in and return how much that was.

        Raises:
            StoreError: the connection is lost; open another one.
        """
        try:
            self._raw.poll()
        except self._errors as error:
            raise StoreError(
                "The connection for the catalog's news is lost.", next_step="It is opened again."
            ) from error
        count = len(self._raw.notifies)
        self._raw.notifies.clear()
        return count

    def close(self) -> None:
        """Give the connection back."""
        with contextlib.suppress(DBAPIError):
            self._connection.close()
