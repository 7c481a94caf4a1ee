"""What a mart is: its grain, key, columns and checks. The marts themselves are the files of `dayreel/marts/sql/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ColumnKind = Literal["text", "int", "float", "usd", "day", "moment", "flag"]
Every = Literal["day", "week", "month", "always"]

WINDOW_DAYS = 32
"""How long a post is measured. It is thirty days old on its thirty-first day, and is measured once more after that."""
NOT_ANSWERED = "the platform did not answer for this post: deleted, private, or not public yet"
"""The reason of a missing measurement that is not a gap: summaries and reports leave it out."""


KEY_CHECK = "key_is_unique_and_not_null"
"""The check that every table has; a mart that does not pass it is not written."""
NULL_CHECK = "null_where_declared"
ROWS_CHECK = "has_rows"


@dataclass(frozen=True)
class Column:
    """One column. The description says the unit, and what null means where it can be null."""

    name: str
    kind: ColumnKind
    description: str


@dataclass(frozen=True)
class Table:
    """What a table holds, wherever its rows come from.

    Attributes:
        name: what it is called among its kind.
        grain: what one row is, in a sentence.
        key: columns that name a row; unique within a partition, never null, and the order of the rows.
        columns: a column whose description does not mention null is never null.
        checks: what holds for every row, as a SQL condition by its name; null counts as holding. A window function
            sees all rows of the partition.
        least_rows: how many rows a partition has at least.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: Mapping[str, str]
    least_rows: int

    @property
    def never_null(self) -> tuple[str, ...]:
        """The columns that are never null: those whose description does not say what null would mean."""
        return tuple(column.name for column in self.columns if "null" not in column.description)

    @property
    def contract(self) -> dict[str, str]:
        """What is checked of each partition, by the name of the check, in words or as SQL; `KEY_CHECK` comes first."""
        rows = {ROWS_CHECK: f"at least {self.least_rows} row"} if self.least_rows else {}
        return {
            KEY_CHECK: f"{', '.join(self.key)}: each once, none null",
            **rows,
            NULL_CHECK: f"never null: {', '.join(self.never_null)}",
            **self.checks,
        }


@dataclass(frozen=True)
class Mart(Table):
    """One table that a query computes. Its name is `group/name`: the asset's key and the folder of its files.

    Attributes:
        every: what one partition covers; `always` is one file for everything.
        reads: conditions by table of the catalog, each read on its own; or by mart, `days` (those of the partition) or
            `all`.
        after: assets whose making makes it out of date, beside the marts it reads: stages of channels, `snapshots`,
            `footage`, or marts.
        given: tables that Python works out, see `dayreel.marts.database`.
        uses: queries in `sql/shared/` that it selects from, in the order in which they build on each other.
        sql: the query, in DuckDB's dialect.
        code_version: changes when the query, one that it uses, or what it reads does.
    """

    every: Every
    reads: Mapping[str, tuple[str, ...]]
    after: tuple[str, ...]
    given: tuple[str, ...]
    uses: tuple[str, ...]
    sql: str
    code_version: str

    @property
    def view(self) -> str:
        """The name analysts use in SQL: `engagement_daily` for `engagement/daily`."""
        return self.name.replace("/", "_")
