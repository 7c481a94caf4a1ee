"""Asking the marts in SQL: a DuckDB database in memory with one view per mart over its Parquet files.

Nothing is copied: a view reads the files when it is asked, through Arrow. The database itself reaches no file at all,
so that no statement can write, whatever its text.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow.dataset import dataset

from dayreel.errors import UsageError
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.stores.mart_files import MartFiles


@contextmanager
def opened_marts(files: MartFiles, *, since: date | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection with a view per mart (`engagement_daily`, ...) and per table of a team's own.

    A mart without files is an empty one.

    Args:
        since: of marts with a file per day, those of earlier days are left out: a page must not read the whole history.

    Raises:
        UsageError: no mart was built yet.
    """
    there = {name: files.partitions(name) for name in (*MARTS, *files.own_tables(MARTS))}
    if not any(there.values()):
        raise UsageError(
            "No mart was built yet.", next_step="`dayreel report` builds the last weeks; Dagster builds them daily."
        )
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name, partitions in there.items():
            if since is not None and name in MARTS and MARTS[name].every == "day":
                partitions = [day for day in partitions if day >= since.isoformat()]  # noqa: PLW2901
            paths = [str(files.path(name, partition)) for partition in partitions]
            schema = schema_of(MARTS[name]) if name in MARTS else None
            connection.register(name.replace("/", "_"), dataset(paths, schema=schema, format="parquet"))
        # A pasted query must not read or write other files, load extensions, or take variables of this program.
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """Run one query and return its answer as an Arrow table.

    Raises:
        UsageError: DuckDB cannot run it; says what it says, and which views there are.
    """
    try:
        result: Any = connection.sql(query)  # None for a statement that has no answer
        return pa.table({}) if result is None else result.to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(
            f"DuckDB could not run the query: {error}",
            next_step=f"Views are: {', '.join(mart.view for mart in MARTS.values())}; see docs/how-to/analytics.md.",
        ) from error
