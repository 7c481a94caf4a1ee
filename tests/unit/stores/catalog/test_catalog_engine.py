"""Opening, reading, writing: nobody interleaves, nobody waits for ever, and every trouble is a sentence."""

import sqlite3
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from dayreel.errors import ConfigurationError, DiskFullError, StoreError
from dayreel.stores.catalog.engine import Catalog, open_catalog
from dayreel.stores.catalog.tables import config, content, effects
from tests.fakes.clock import NINE
from tests.fakes.rows import add_content, add_decision, add_effect


def set_counter(catalog: Catalog, value: int) -> None:
    with catalog.write() as connection:
        connection.execute(insert(config).values(key="counter", value=value, updated_at=NINE, updated_by="test"))


def test_a_file_put_in_its_place_is_the_catalog_at_once(tmp_path: Path) -> None:
    """An open process went on in the file that was moved away: what somebody approved there was lost."""
    url, other = f"sqlite:///{tmp_path}/catalog.db", f"sqlite:///{tmp_path}/other.db"
    with open_catalog(url) as ours, open_catalog(other) as theirs:
        set_counter(ours, 1)
        set_counter(theirs, 2)
        theirs.close()
        for end in ("", "-wal", "-shm"):
            (tmp_path / f"catalog.db{end}").unlink(missing_ok=True)
        with pytest.raises(StoreError, match="its tables are not there"), ours.read() as connection:
            connection.execute(select(config.c.value)).all()
        (tmp_path / "other.db").replace(tmp_path / "catalog.db")
        with ours.read() as connection:
            assert connection.execute(select(config.c.value)).scalars().all() == [2]


@pytest.mark.slow
def test_a_full_disk_is_named_whatever_sqlite_says(small_disk: Path) -> None:
    """Without room for the index of its log it says "disk I/O error", to whoever only reads as well."""
    url = f"sqlite:///{small_disk}/catalog.db"
    open_catalog(url).close()
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    with pytest.raises(DiskFullError, match="its disk is full"), open_catalog(url) as catalog:
        catalog.read().__enter__()


def test_reads_inside_a_write_still_hold_when_it_commits(catalog: Catalog) -> None:
    """Sixteen threads add one by reading and writing; an interleaved pair would lose one."""
    set_counter(catalog, 0)

    def add_one() -> None:
        for _ in range(5):
            with catalog.write("money") as connection:
                value = connection.execute(select(config.c.value)).scalar_one()
                connection.execute(update(config).values(value=value + 1))

    threads = [threading.Thread(target=add_one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.read() as connection:
        assert connection.execute(select(config.c.value)).scalar_one() == 80


def test_a_write_that_fails_leaves_nothing(catalog: Catalog) -> None:
    def write_and_fail() -> None:
        with catalog.write() as connection:
            connection.execute(insert(config).values(key="a", value=1, updated_at=NINE, updated_by="test"))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with catalog.read() as connection:
        assert connection.execute(select(func.count()).select_from(config)).scalar_one() == 0


def test_readers_never_wait_for_a_writer_and_see_committed_rows(catalog: Catalog) -> None:
    set_counter(catalog, 1)
    with catalog.write() as writing:
        writing.execute(update(config).values(value=2))
        with catalog.read() as reading:
            assert reading.execute(select(config.c.value)).scalar_one() == 1
    with catalog.read() as reading:
        assert reading.execute(select(config.c.value)).scalar_one() == 2


def test_a_catalog_that_stays_locked_is_a_sentence(catalog: Catalog) -> None:
    with (
        Catalog(catalog.url, busy_timeout_s=0.2) as other,
        catalog.write("money"),
        pytest.raises(StoreError, match=r"another process held it for more than 0\.2 s") as trouble,
        other.write("money"),
    ):
        pass
    assert "Nothing was changed" in trouble.value.next_step


def test_a_catalog_without_tables_says_how_to_get_them(catalog_url: str) -> None:
    with (
        Catalog(catalog_url) as empty,
        pytest.raises(StoreError, match="tables are not there") as trouble,
        empty.read() as connection,
    ):
        connection.execute(select(content))
    assert "dayreel" in trouble.value.next_step


def test_an_effect_needs_its_content(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError):
        add_effect(catalog, "nobody-2026-11-20")
    add_content(catalog)
    add_effect(catalog)
    with pytest.raises(IntegrityError):
        add_effect(catalog)  # the same effect twice
    with catalog.write() as connection:
        connection.execute(delete(content))  # and what belongs to a content goes with it
    with catalog.read() as connection:
        assert connection.execute(select(func.count()).select_from(effects)).scalar_one() == 0


def test_an_unknown_state_or_verdict_cannot_be_stored(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError):
        add_content(catalog, state="nearly")
    add_content(catalog)
    with pytest.raises(IntegrityError):
        add_decision(catalog, verdict="liked")


def test_there_is_one_content_per_channel_day_and_take(catalog: Catalog) -> None:
    add_content(catalog)
    with pytest.raises(IntegrityError):
        add_content(catalog, id="another-id")


def test_sqlite_is_opened_for_concurrency_and_power_loss(sqlite_url: str) -> None:
    with Catalog(sqlite_url) as catalog, catalog.read() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_new_catalog_locked_for_a_moment_is_waited_for(sqlite_url: str) -> None:
    """SQLite refuses to switch a file's journal at once while another holds the file; it does not wait by itself."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    let_go = threading.Event()

    def close() -> None:
        let_go.set()
        other.close()

    threading.Timer(0.2, close).start()
    with Catalog(sqlite_url, busy_timeout_s=120) as catalog, catalog.read() as connection:
        assert let_go.is_set()
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_new_catalog_that_stays_locked_is_a_clear_error(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        Catalog(sqlite_url, busy_timeout_s=0.2) as catalog,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another process held it for more than 0\.2 s"), catalog.read():
            pass


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_text("certainly no database, only a long enough text to be taken for one" * 20)
    with (
        Catalog(f"sqlite:///{path}") as catalog,
        pytest.raises(StoreError, match="file is not a database"),
        catalog.read() as connection,
    ):
        connection.execute(select(content))


def test_an_unreachable_database_error_hides_the_password() -> None:
    url = "postgresql+psycopg2://dayreel:s3cret-token@127.0.0.1:1/dayreel"
    with (
        Catalog(url) as catalog,
        pytest.raises(StoreError, match="Tried to read from the catalog") as trouble,
        catalog.read(),
    ):
        pass
    assert "s3cret-token" not in str(trouble.value)
    assert "DAYREEL_CATALOG_URL" in trouble.value.next_step


@pytest.mark.parametrize("url", ["geheim", "nosuch://u:geheim@host/db"])
def test_an_invalid_catalog_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DAYREEL_CATALOG_URL is not a valid address of a catalog") as refusal:
        Catalog(url)
    assert "geheim" not in str(refusal.value)


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database " * 100)
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    with pytest.raises(StoreError, match=r"Check that this file is the catalog"), catalog.read() as connection:
        connection.execute(select(content))
    catalog.close()


def test_only_its_owner_reads_a_catalog(tmp_path: Path) -> None:
    """It holds password hashes; a file from before is closed to others when it is opened."""
    path = tmp_path / "var" / "catalog.db"
    with open_catalog(f"sqlite:///{path}") as catalog:
        with catalog.read() as connection:
            connection.execute(text("SELECT 1"))
        kept = {file: stat.S_IMODE(file.stat().st_mode) for file in (path.parent, *path.parent.iterdir())}
        assert kept.pop(path.parent) == 0o700
        assert set(kept.values()) == {0o600}
    path.chmod(0o644)
    with open_catalog(f"sqlite:///{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
