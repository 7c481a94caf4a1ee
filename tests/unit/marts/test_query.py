"""What `dayreel sql` may do: read the marts, and nothing else, whatever is pasted into it."""

from pathlib import Path

import pytest

from dayreel.errors import UsageError
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.marts.query import answer, opened_marts
from dayreel.stores.mart_files import MartFiles

NAME = "factory/health"


@pytest.fixture
def files(tmp_path: Path) -> MartFiles:
    """A mart with one empty partition."""
    made = MartFiles(tmp_path / "marts")
    made.write(NAME, "2026-11-20", schema_of(MARTS[NAME]).empty_table())
    return made


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{root}/factory/health/2026-11-20.parquet'",
        "COPY (SELECT 1) TO '{root}/../elsewhere.csv'",
        "EXPORT DATABASE '{root}/dump'",
        "ATTACH '{root}/other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "INSERT INTO factory_health SELECT * FROM factory_health",
        "SELECT * FROM read_text('{root}/../secret')",
    ],
)
def test_no_statement_writes_or_reads_another_file(files: MartFiles, statement: str) -> None:
    (files.root.parent / "secret").write_text("a key")
    before = {path: path.read_bytes() for path in files.root.parent.rglob("*") if path.is_file()}
    with opened_marts(files) as connection:
        with pytest.raises(UsageError, match="DuckDB could not run the query"):
            answer(connection, statement.format(root=files.root))
        assert answer(connection, "FROM factory_health").num_rows == 0
    assert {path: path.read_bytes() for path in files.root.parent.rglob("*") if path.is_file()} == before


def test_every_mart_is_a_view_by_its_name(files: MartFiles) -> None:
    with opened_marts(files) as connection:
        views = answer(connection, "SELECT view_name FROM duckdb_views() WHERE NOT internal").to_pydict()["view_name"]
    assert set(views) == {mart.view for mart in MARTS.values()}
