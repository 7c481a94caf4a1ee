"""A backup of a catalog: one SQLite file with every row as of one moment, whichever database the catalog is in.

So a backup needs no program of a database's maker, can be looked into, and goes back into either. The way back is one
transaction: whoever reads meanwhile sees the catalog as it was or as it is then.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, RowMapping, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from dayreel.atomic_write import PRIVATE, atomic_write
from dayreel.errors import StoreError
from dayreel.stores.catalog.changes import untracked
from dayreel.stores.catalog.content_rows import go_on_counting
from dayreel.stores.catalog.engine import HEAD, Catalog, open_catalog
from dayreel.stores.catalog.tables import (
    acts,
    api_tokens,
    connections,
    content,
    holders,
    invitations,
    leases,
    metadata,
    oauth_tokens,
    person_accounts,
    sessions,
    users,
)

_BATCH: Final = 1000
_PEOPLE: Final = frozenset({users, person_accounts, api_tokens, invitations, acts})


@dataclass(frozen=True)
class BackupFacts:
    """What a backup holds: how many contents, and when the newest of them was changed."""

    contents: int
    newest_at: datetime | None


def write_backup(catalog: Catalog, dest: Path) -> None:
    """Write every row to a new SQLite file while others keep working; it is whole and checked, or not there.

    Raises:
        StoreError: the catalog cannot be read, or there is no room.
        OSError: the file cannot be written for another reason.
    """
    with atomic_write(dest) as beside:
        beside.touch(mode=PRIVATE)
        try:
            if catalog.is_sqlite:
                _copy_pages(catalog, beside)
            else:
                _write_rows(catalog, beside)
        except (sqlite3.DatabaseError, DBAPIError) as error:
            raise StoreError(
                f"Tried to write the backup {str(dest)!r}; it answered: {getattr(error, 'orig', error)}.",
                next_step="Free some space there, or choose another folder; nothing was kept.",
            ) from error
        finally:
            for left in beside.parent.glob(f"{beside.name}-*"):
                left.unlink()  # SQLite's journals of a file that was not finished
        _check(beside)


@contextmanager
def opened_backup(source: Path) -> Iterator[Catalog]:
    """Give a copy of a backup as a catalog at the present schema; the backup itself is not touched.

    Raises:
        StoreError: it is not a backup, is damaged, or was made by a newer dayreel.
    """
    _check(source)
    with tempfile.TemporaryDirectory(prefix="dayreel-restore-") as folder:
        copy = Path(folder) / "catalog.db"
        shutil.copyfile(source, copy)
        with open_catalog(f"sqlite:///{copy}") as backup:
            yield backup


def backup_facts(backup: Catalog) -> BackupFacts:
    """Return what an opened backup holds."""
    with backup.read() as connection:
        count, newest = connection.execute(select(func.count(), func.max(content.c.updated_at))).one()
    return BackupFacts(count, newest)


def put_rows_back(connection: Connection, backup: Catalog) -> None:
    """Replace every row of a catalog by those of a backup, in the caller's transaction.

    Tokens that are renewed stay where the catalog has any: each renewal ends the token before. People, their API tokens
    and links stay, with the record of acts, where that goes on from the backup's: a right that was taken since stays
    taken. Logins are not put back. Who holds what is of now, and a fence never goes back.
    """
    untracked(connection)
    tokens = (oauth_tokens, connections)
    kept = {table for table in tokens if connection.execute(select(func.count()).select_from(table)).scalar()}
    kept |= {holders, leases}
    with backup.read() as source:
        newest = source.execute(select(acts).order_by(acts.c.at.desc(), acts.c.id.desc()).limit(1)).mappings().first()
    if newest is None or _knows_act(connection, newest):
        kept |= _PEOPLE
    for table in reversed(metadata.sorted_tables):
        if table not in kept:
            connection.execute(table.delete())
    with backup.read() as source:
        for table in metadata.sorted_tables:
            if table in kept or table is sessions:
                continue
            for rows in source.execute(select(table)).mappings().partitions(_BATCH):
                connection.execute(insert(table), [dict(row) for row in rows])
    go_on_counting(connection, metadata.sorted_tables)


def _knows_act(connection: Connection, row: RowMapping) -> bool:
    same = (acts.c[name] == row[name] for name in ("at", "actor", "act", "target"))
    return connection.execute(select(acts.c.id).where(*same).limit(1)).scalar() is not None


def _copy_pages(catalog: Catalog, dest: Path) -> None:
    with closing(catalog.engine.raw_connection()) as source, closing(sqlite3.connect(dest)) as target:
        driver = source.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  what SQLAlchemy's SQLite driver gives
        driver.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, not three


def _write_rows(catalog: Catalog, dest: Path) -> None:
    engine = create_engine(f"sqlite:///{dest}")
    with engine.begin() as target, catalog.read() as source:
        source.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        metadata.create_all(target)
        target.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        target.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        for table in metadata.sorted_tables:
            for rows in source.execute(select(table)).mappings().partitions(_BATCH):
                target.execute(insert(table), [dict(row) for row in rows])
    engine.dispose()


def _check(path: Path) -> None:
    try:
        if not path.is_file():
            raise sqlite3.DatabaseError("there is no such file")
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            (answer,) = database.execute("PRAGMA quick_check").fetchone()
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)
            database.execute("SELECT version_num FROM alembic_version").fetchone()
            database.execute("SELECT count(*) FROM content").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"Tried to read {str(path)!r} as a backup of a catalog; it answered: {error}.",
            next_step="Choose another file; `dayreel backup` makes one. Nothing was changed.",
        ) from error
