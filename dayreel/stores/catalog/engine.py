"""Opening the catalog: one engine, reads, and writes that nobody else can interleave with.

`write()` takes the write lock at its start (SQLite: BEGIN IMMEDIATE; PostgreSQL: an advisory lock per subject), so that
what was read inside it still holds when it commits. Schema changes live in `migrations`.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DisconnectionError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from dayreel.atomic_write import PRIVATE, PRIVATE_FOLDER, make_private
from dayreel.errors import ConfigurationError, DiskFullError, StoreError
from dayreel.stores.catalog.changes import ChangedContents, noting_changes, watch
from dayreel.stores.catalog.tables import metadata

BUSY_TIMEOUT_S = 10.0
HEAD = "0018"

NEWS = "dayreel_news"
"""The channel on which PostgreSQL notifies of a commit, see `stores.catalog.news`."""

QUIET = "lease"
"""What the subject of a write begins with that nobody has to hear of: who works on what shows on no page."""

_WRITE = "dayreel_write"
_NO_ROOM = ("database or disk is full", "No space left on device", "disk full")
"""How SQLite and PostgreSQL say so."""
_INDEX_BYTES = 64 * 1024
"""SQLite's index of its log takes half of that."""


def _keep_a_write_ahead_log(cursor: sqlite3.Cursor, within_s: float) -> None:
    """Switch the file to WAL, where readers and the writer do not wait for each other; the file remembers it.

    While others look at a new file, SQLite refuses this one switch at once, whatever its busy timeout is.
    """
    switching = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, sqlite3.OperationalError) and "locked" in str(error)),
        stop=stop_after_delay(within_s),
        wait=wait_random(0.005, 0.05),
        reraise=True,
    )
    switching(cursor.execute, "PRAGMA journal_mode = WAL")


def _prepare_sqlite(engine: Engine, busy_timeout_s: float) -> None:
    path = str(engine.url.database or "")

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, record: ConnectionPoolEntry) -> None:
        if _is_file(path):
            make_private(Path(path), mode=PRIVATE)  # before anything is in it; SQLite gives its log the same rights
            record.info["file"] = _identity(path)
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")
        _keep_a_write_ahead_log(cursor, busy_timeout_s)
        cursor.execute("PRAGMA synchronous = FULL")  # a decision is durable before a face says so
        # Off by default, and again for each connection.
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "checkout")
    def _same_file(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        # Who moves the file away, or another one into its place, must not leave this process deciding in the old one.
        if _is_file(path) and record.info.get("file") != _identity(path):
            raise DisconnectionError("another file lies there now")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITE)
        # A plain BEGIN takes the write lock at the first write. If somebody else wrote since the first read, SQLite
        # fails at once with "database is locked", whatever the timeout.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _is_file(path: str) -> bool:
    return path not in ("", ":memory:")


def _identity(path: str) -> tuple[int, int] | None:
    """Return which file lies at a path; None where there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116  at each transaction: half the time of Path.stat
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


class Catalog:
    """One catalog. Open it once per process; it is safe to share between threads.

    Attributes:
        follow: called after each commit with the contents that were changed, and whether a row of
            `changes.PROJECT_TABLES` was; it raises nothing, because what was committed stands.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Prepare the engine; nothing is connected yet.

        Args:
            url: a SQLAlchemy URL, see `dayreel.settings.Settings.catalog`.
            busy_timeout_s: how long to wait for another writer.

        Raises:
            ConfigurationError: the URL is none, or of a database there is no driver for.
        """
        self.url = url
        self.follow: Callable[[frozenset[str], bool], None] | None = None
        self._busy_timeout_s = busy_timeout_s
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.engine = create_engine(url, connect_args={"timeout": busy_timeout_s})
            _prepare_sqlite(self.engine, busy_timeout_s)
        else:
            try:
                # A pooled connection may be dead after a restart of the server or an idle hour behind a firewall:
                # better noticed here than between a claim and its commit.
                self.engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
            # The URL may hold a password, so it is not said again.
            except (ArgumentError, ImportError) as error:
                raise ConfigurationError(
                    f"DAYREEL_CATALOG_URL is not a valid address of a catalog: {error}.",
                    next_step="Write it like postgresql://user:password@host/db, or leave it empty for SQLite in var/.",
                ) from None

        watch(self.engine)

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading; everything read inside is one moment's truth on SQLite.

        Raises:
            StoreError: the database cannot be reached or stays locked.
        """
        with self._in_words("read from"), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, subject: str = "catalog") -> Iterator[Connection]:
        """Give a connection for one transaction that no other `write(subject)` can interleave with.

        Args:
            subject: what is being serialised ("money", "decisions"); SQLite serialises all writers anyway.

        Raises:
            StoreError: the database cannot be reached or stays locked for longer than ten seconds.
        """
        changes = ChangedContents()
        with self._in_words("write to"), self.engine.connect() as connection:
            connection.execution_options(**{_WRITE: True}, **noting_changes(changes))
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(text(f"SET LOCAL lock_timeout = {int(self._busy_timeout_s * 1000)}"))
                    # Under READ COMMITTED two transactions could both read the money that is left before either
                    # reserves some.
                    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": subject})
                yield connection
                content_ids = changes.finish(connection)
                if not self.is_sqlite and not subject.startswith(QUIET):
                    connection.execute(text(f"NOTIFY {NEWS}"))  # delivered at the commit, to whoever follows along
        if self.follow is not None and (content_ids or changes.of_project):
            self.follow(content_ids, changes.of_project)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __enter__(self) -> "Catalog":
        """Let `with Catalog(url) as catalog:` close it."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self.close()

    @contextmanager
    def _in_words(self, act: str) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, DataError):
            raise  # a fault of ours in what was written, not of the catalog
        except ProgrammingError as error:
            if "does not exist" not in str(error.orig):
                raise
            raise self._explained(act, error) from error
        except DatabaseError as error:
            raise self._explained(act, error) from error

    def _has_no_room(self) -> bool:
        """Return whether SQLite's disk is full: where it cannot even make its index, it says "disk I/O error"."""
        path = str(self.engine.url.database or "")
        if not self.is_sqlite or not _is_file(path):
            return False
        with suppress(OSError):
            return shutil.disk_usage(Path(path).parent).free < _INDEX_BYTES
        return False

    def _explained(self, act: str, error: DatabaseError) -> StoreError:
        where = self.engine.url.render_as_string(hide_password=True)
        message = str(error.orig).strip().splitlines()[0]
        if any(words in message for words in _NO_ROOM) or self._has_no_room():
            return DiskFullError(
                f"Tried to {act} the catalog {where!r}; its disk is full.",
                next_step="Free some space there and try again; nothing was changed.",
            )
        if "locked" in message or "lock timeout" in message:
            return StoreError(
                f"Tried to {act} the catalog {where!r}; another process held it for more than "
                f"{self._busy_timeout_s:g} s.",
                next_step="Nothing was changed; try again, and look for a stuck process if it stays so.",
            )
        if "no such table" in message or "does not exist" in message:
            return StoreError(
                f"Tried to {act} the catalog {where!r}; its tables are not there ({message}).",
                next_step="Run `dayreel doctor`, or any `dayreel run`, which brings the schema up to date.",
            )
        server = "Check DAYREEL_CATALOG_URL and that the database is up; nothing was changed."
        file = "Check that this file is the catalog, and that it and its folder can be written; nothing was changed."
        return StoreError(
            f"Tried to {act} the catalog {where!r}; it answered: {message}.",
            next_step=file if self.is_sqlite else server,
        )


def open_catalog(url: str) -> Catalog:
    """Open the catalog and bring its schema up to date; importing the migrations only when there is something to do.

    Raises:
        StoreError: it cannot be opened, or its schema is newer than this dayreel.
    """
    with ExitStack() as refused:
        catalog = refused.enter_context(Catalog(url))
        if schema_level(catalog) != HEAD:
            with catalog.write("migrations") as connection:
                if _has_levels(connection):
                    from dayreel.stores.catalog.migrate import upgrade  # noqa: PLC0415  Alembic is slow to import

                    upgrade(connection)
                else:
                    make_tables(connection)
        refused.pop_all()
    return catalog


def make_tables(connection: Connection) -> None:
    """Make every table of the newest level in a database that has none: a fifth of the time that all steps take.

    That the steps lead to the same tables is for `test_migrations`.
    """
    # A table of that name, of whatever else lives in this database, is refused here as by the steps.
    metadata.create_all(connection, checkfirst=False)
    columns = "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"
    connection.execute(text(f"CREATE TABLE alembic_version ({columns})"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def schema_level(catalog: Catalog) -> str | None:
    """Return the number of the newest migration that was applied, or None for an empty database.

    Raises:
        StoreError: the database cannot be reached.
    """
    with catalog.read() as connection:
        if not _has_levels(connection):
            return None
        level = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if level is None else str(level)


def _has_levels(connection: Connection) -> bool:
    """Return whether Alembic has written down a level in this database."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        if connection.dialect.name == "sqlite"
        else "SELECT to_regclass('alembic_version')"
    )
    return connection.execute(text(query)).scalar() is not None
