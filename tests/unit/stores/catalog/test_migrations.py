"""The numbered steps: they lead from nothing to exactly the tables, and refuse what is from the future."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from dayreel.errors import StoreError
from dayreel.queries.rows import newest_verdict
from dayreel.stores.catalog import migrate
from dayreel.stores.catalog.engine import HEAD, Catalog, open_catalog, schema_level
from dayreel.stores.catalog.tables import metadata


def test_upgrading_from_nothing_leads_to_exactly_the_tables(catalog_url: str) -> None:
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, HEAD)
        assert schema_level(catalog) == HEAD
        with catalog.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []


def test_migrated_checks_and_foreign_keys_match_the_tables(catalog_url: str) -> None:
    """Alembic compares columns and indexes, but neither check constraints nor what a foreign key does on delete."""
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, HEAD)
        inspector = inspect(catalog.engine)
        for table in metadata.tables.values():
            checks = {check["name"] for check in inspector.get_check_constraints(table.name)}
            assert checks == {str(constraint.name) for constraint in table.constraints if "ck_" in str(constraint.name)}
            cascades = {key["constrained_columns"][0]: key["options"] for key in inspector.get_foreign_keys(table.name)}
            assert cascades == {
                key.parent.name: {"ondelete": key.ondelete} if key.ondelete else {} for key in table.foreign_keys
            }


def test_a_new_catalog_has_the_migrated_columns_and_defaults(sqlite_url: str, tmp_path: Path) -> None:
    """A new one is made at once, without the steps; what each column defaults to is compared by nobody else."""

    def columns(catalog: Catalog) -> dict[str, set[tuple[Any, ...]]]:
        with catalog.read() as connection:
            return {
                # As of `PRAGMA table_info`: name, type, whether it is required, its default, its place in the key.
                name: {tuple(row[1:]) for row in connection.execute(text(f"PRAGMA table_info({name})"))}
                for name in sorted(metadata.tables)
            }

    def indexes(catalog: Catalog) -> dict[str, str]:
        """Return each with its columns and its condition, which Alembic does not compare."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        with catalog.read() as connection:
            return {row[0]: " ".join(row[1].replace('"', "").split()) for row in connection.execute(text(query))}

    def keys_of_levels(catalog: Catalog) -> Any:
        return inspect(catalog.engine).get_pk_constraint("alembic_version")

    with Catalog(sqlite_url) as migrated, open_catalog(f"sqlite:///{tmp_path / 'new.db'}") as made:
        _bring_to(migrated, HEAD)
        assert schema_level(made) == HEAD
        assert columns(made) == columns(migrated)
        assert indexes(made) == indexes(migrated)
        assert keys_of_levels(made) == keys_of_levels(migrated)


def test_tables_without_their_level_are_refused(sqlite_url: str) -> None:
    with open_catalog(sqlite_url) as catalog, catalog.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StoreError, match="already exists"):
        open_catalog(sqlite_url)


def test_the_newest_step_is_the_one_the_code_expects() -> None:
    scripts = ScriptDirectory(str(migrate._MIGRATIONS))
    assert scripts.get_heads() == [HEAD]


def test_opening_again_changes_nothing(catalog_url: str) -> None:
    for _ in range(2):
        with open_catalog(catalog_url) as catalog:
            assert schema_level(catalog) == HEAD


def test_an_empty_database_has_no_level(catalog_url: str) -> None:
    with Catalog(catalog_url) as catalog:
        assert schema_level(catalog) is None


def test_a_schema_newer_than_the_code_is_refused_and_unchanged(catalog_url: str) -> None:
    with open_catalog(catalog_url) as catalog:
        with catalog.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="'9999'") as refusal:
            open_catalog(catalog_url)
        assert "newer dayreel" in refusal.value.next_step
        assert schema_level(catalog) == "9999"


def test_several_may_open_a_new_catalog_at_the_same_moment(catalog_url: str) -> None:
    def open_and_look(_number: int) -> str | None:
        with open_catalog(catalog_url) as catalog:
            return schema_level(catalog)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_and_look, range(4))) == [HEAD] * 4


def _bring_to(catalog: Catalog, level: str) -> None:
    with catalog.write("migrations") as connection:
        migrate.upgrade(connection, level)


def test_decisions_and_posts_survive_the_new_verdicts_migration(
    catalog_url: str,
) -> None:
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, "0004")
        with catalog.write() as connection:
            for statement in _A_POSTED_CONTENT:
                connection.execute(text(statement))
        _bring_to(catalog, HEAD)
        with catalog.write() as connection:
            query = "SELECT p.post_id, d.verdict FROM platform_posts p JOIN decisions d ON d.id = p.decision_id"
            assert connection.execute(text(query)).all() == [("ig_1", "approved")]
            connection.execute(text("UPDATE decisions SET verdict = 'held'"))
        with pytest.raises(IntegrityError), catalog.write() as connection:
            connection.execute(text("UPDATE decisions SET verdict = 'nonsense'"))
        with pytest.raises(IntegrityError), catalog.write() as connection:
            connection.execute(text("DELETE FROM decisions"))


def test_only_own_footage_messages_migrate_to_no_content(catalog_url: str) -> None:
    """Where the oldest content was another one for a while, the same was sent twice: one of them stays with it."""
    insert_effect = (
        "INSERT INTO effects (id, content_id, kind, target, sequence, fingerprint, channel, day, layer, world, state, "
        "version, attempts, request, handle, result, reserved_usd, created_at) VALUES ({}, '{}', 'notification', "
        "'slack', 1, 'f', 'a', '2026-11-20', 'review', 'sandbox', 'confirmed', 1, 1, '{{\"marker\": \"{}\"}}', "
        f"'{{{{}}}}', '{{{{}}}}', 0, {_AT})"
    )
    another = _A_POSTED_CONTENT[0].replace("'a-2026-11-20', 'a'", "'b-2026-11-20', 'b'")
    messages = (
        insert_effect.format(10, "a-2026-11-20", "own footage/news/1"),
        insert_effect.format(11, "b-2026-11-20", "own footage/news/1"),
        insert_effect.format(12, "b-2026-11-20", "b-2026-11-20/r1").replace("'f'", "'g'"),
    )
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, "0005")
        with catalog.write() as connection:
            for statement in (*_A_POSTED_CONTENT, another, *messages):
                connection.exec_driver_sql(statement)
        _bring_to(catalog, HEAD)
        with catalog.write() as connection:
            whose = connection.execute(text("SELECT id, content_id, channel FROM effects ORDER BY id")).all()
            assert whose == [
                (3, "a-2026-11-20", "a"),
                (10, None, None),
                (11, "b-2026-11-20", "a"),
                (12, "b-2026-11-20", "a"),
            ]
            assert connection.execute(text("SELECT effect_id FROM platform_posts")).scalar() == 3
        with pytest.raises(IntegrityError), catalog.write() as connection:
            connection.execute(text("DELETE FROM effects WHERE id = 3"))
        with pytest.raises(IntegrityError), catalog.write() as connection:
            connection.execute(text("UPDATE effects SET content_id = NULL, channel = NULL WHERE id = 11"))


def test_an_approval_older_than_bound_words_is_read_without_any(catalog_url: str) -> None:
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, "0006")
        with catalog.write() as connection:
            for statement in _A_POSTED_CONTENT[:2]:
                connection.execute(text(statement))
        _bring_to(catalog, HEAD)
        with catalog.read() as connection:
            kept = newest_verdict(connection, "a-2026-11-20")
    assert kept is not None
    assert (kept.verdict, kept.decided_by, kept.words) == ("approved", "Ana", None)


_AT = "'2026-11-20 09:00:00'"
_A_POSTED_CONTENT = (
    (
        "INSERT INTO content (id, channel, day, take, world, state, version, revision, storage_path, created_at, "
        f"updated_at) VALUES ('a-2026-11-20', 'a', '2026-11-20', 1, 'sandbox', 'posted', 1, 1, 'a', {_AT}, {_AT})"
    ),
    (
        "INSERT INTO decisions (id, content_id, verdict, revision, video_sha256, caption, fields, decided_by, via, "
        f"decided_at) VALUES (7, 'a-2026-11-20', 'approved', 1, 'x', 'c', '{{}}', 'Ana', 'cli', {_AT})"
    ),
    (
        "INSERT INTO effects (id, content_id, kind, target, sequence, fingerprint, channel, day, layer, world, state, "
        "version, attempts, request, handle, result, reserved_usd, created_at) VALUES (3, 'a-2026-11-20', 'post', "
        "'instagram', 1, 'f', 'a', '2026-11-20', 'distribution', 'sandbox', 'confirmed', 1, 1, '{}', '{}', '{}', "
        f"0, {_AT})"
    ),
    (
        "INSERT INTO platform_posts (id, content_id, platform, account, effect_id, decision_id, state, post_id, "
        f"video_sha256, updated_at) VALUES (1, 'a-2026-11-20', 'instagram', '@a', 3, 7, 'posted', 'ig_1', 'x', {_AT})"
    ),
)


@pytest.mark.parametrize(("account", "kept"), [("178414", [("sandbox", "instagram", "178414")]), ("default", [])])
def test_an_approval_older_than_accounts_is_for_the_last_posts(catalog_url: str, account: str, kept: list[Any]) -> None:
    with Catalog(catalog_url) as catalog:
        _bring_to(catalog, "0004")
        with catalog.write() as connection:
            for statement in _A_POSTED_CONTENT:
                connection.execute(text(statement))
            connection.execute(text("UPDATE platform_posts SET account = :account"), {"account": account})
        _bring_to(catalog, HEAD)
        with catalog.read() as connection:
            rows = connection.execute(text("SELECT world, platform, account_id FROM accounts")).all()
            assert connection.execute(text("SELECT accounts FROM decisions")).scalar() is None
    assert [tuple(row) for row in rows] == kept
