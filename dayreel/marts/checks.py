"""Holding rows against what their table promises: `Table.contract`, partition by partition.

The same for marts and for what channels made. What follows from a check that fails is decided where tables are written.
"""

from collections.abc import Mapping
from typing import Any

import duckdb

from dayreel.marts.database import schema_of
from dayreel.schemas.content import CheckResult
from dayreel.schemas.mart import KEY_CHECK, NULL_CHECK, ROWS_CHECK, Table


def check_tables(table: Table, partitions: Mapping[str, Any]) -> dict[str, tuple[CheckResult, ...]]:
    """Return the results of a table's contract for each of these partitions, Arrow tables; `KEY_CHECK` comes first."""
    key = ", ".join(table.key)
    nulls = {KEY_CHECK: table.key, NULL_CHECK: table.never_null}
    any_null = {name: " OR ".join(f"{column} IS NULL" for column in columns) for name, columns in nulls.items()}
    queries = {
        KEY_CHECK: f"SELECT {key} FROM partition GROUP BY ALL HAVING count(*) > 1 OR {any_null[KEY_CHECK]} ORDER BY 1",
        NULL_CHECK: f"SELECT {key} FROM partition WHERE {any_null[NULL_CHECK]} ORDER BY ALL",
        **{
            name: f"SELECT {key} FROM (SELECT *, ({rule}) AS holds FROM partition) WHERE NOT holds ORDER BY ALL"
            for name, rule in table.checks.items()
        },
    }
    results: dict[str, tuple[CheckResult, ...]] = {}
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for partition, rows in partitions.items():
            connection.register("partition", rows.cast(schema_of(table)))
            broken = {name: connection.sql(query).fetchall() for name, query in queries.items()}
            results[partition] = tuple(
                _result(table, name, expected, rows.num_rows, broken.get(name))
                for name, expected in table.contract.items()
            )
    return results


def _result(table: Table, name: str, expected: str, count: int, broken: list[Any] | None) -> CheckResult:
    if broken is None:
        assert name == ROWS_CHECK  # noqa: S101  the only one that is not a query
        passed = count >= table.least_rows
        return CheckResult(
            name=name, passed=passed, value=f"{count} rows", expected=expected,
            message="" if passed else f"{table.name} has {count} rows.",
        )  # fmt: skip
    return CheckResult(
        name=name, passed=not broken, value=f"{len(broken)} of {count} rows do not hold it", expected=expected,
        message=f"{table.name}: {', '.join(map(str, broken[0]))} does not hold it." if broken else "",
    )  # fmt: skip
