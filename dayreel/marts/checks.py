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
    keyless, incomplete = (
        " OR ".join(f"{column} IS NULL" for column in columns) for columns in (table.key, table.never_null)
    )
    twice = f"SELECT {key} FROM partition GROUP BY ALL HAVING count(*) > 1 OR {keyless} ORDER BY 1"
    # All in one query: what a query costs here is that it is planned, not the few rows.
    faults = {NULL_CHECK: incomplete, **{name: f"({rule}) IS FALSE" for name, rule in table.checks.items()}}
    flags = ", ".join(f'({fault}) AS "{name}!"' for name, fault in faults.items())
    names = ", ".join(f'"{name}!"' for name in faults)
    unkept = (
        f"SELECT {key}, {names} FROM (SELECT *, {flags} FROM partition) "
        f"WHERE {names.replace(', ', ' OR ')} ORDER BY ALL"
    )
    results: dict[str, tuple[CheckResult, ...]] = {}
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for partition, rows in partitions.items():
            connection.register("partition", rows.cast(schema_of(table)))
            broken: dict[str, list[Any]] = {KEY_CHECK: connection.execute(twice).fetchall()}
            broken |= {name: [] for name in faults}
            for row in connection.execute(unkept).fetchall():
                for name, is_broken in zip(faults, row[len(table.key) :], strict=True):
                    if is_broken:
                        broken[name].append(row[: len(table.key)])
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
