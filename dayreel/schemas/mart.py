"""What a mart is: its grain, key and columns. The marts themselves are `dayreel.services.marts.tables`."""

from dataclasses import dataclass
from typing import Literal

ColumnKind = Literal["text", "int", "float", "usd", "day", "moment", "flag"]
Every = Literal["day", "week", "month", "always"]


@dataclass(frozen=True)
class Column:
    """One column. The description says the unit, and what null means where it can be null."""

    name: str
    kind: ColumnKind
    description: str


@dataclass(frozen=True)
class Mart:
    """One table.

    Attributes:
        name: `group/name`, the asset's key and the folder of its files.
        every: what one partition covers; `always` is one file for everything.
        grain: what one row is, in a sentence.
        key: columns that name a row; unique within a partition, and the order of the rows.
    """

    name: str
    every: Every
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def view(self) -> str:
        """The name analysts use in SQL: `engagement_daily` for `engagement/daily`."""
        return self.name.replace("/", "_")
