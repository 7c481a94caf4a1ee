"""What a mart is: its grain, key and columns, and how a frame becomes exactly that table. No mart is defined here.

A table is typed by its mart, sorted by its key and has no index, so that the same rows are the same bytes on disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

Kind = Literal["text", "int", "float", "usd", "day", "moment", "flag"]
Every = Literal["day", "week", "month", "always"]

ARROW: Mapping[Kind, Any] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "usd": pa.decimal128(12, 6),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
    "flag": pa.bool_(),
}
_PANDAS: Mapping[Kind, str] = {
    "text": "object",
    "int": "Int64",
    "float": "Float64",
    "usd": "object",
    "day": "object",
    "moment": "datetime64[us, UTC]",
    "flag": "boolean",
}
_MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class Column:
    """One column. The description says the unit, and what null means where it can be null."""

    name: str
    kind: Kind
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

    @property
    def schema(self) -> Any:
        """The Arrow schema of its files."""
        return pa.schema([(column.name, ARROW[column.kind]) for column in self.columns])


def frame_of(kinds: Mapping[str, Kind], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return rows as a typed frame; no rows still give every column with its type.

    Args:
        kinds: the columns, in the order of the values.
    """
    values = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=_PANDAS[kind])
            for (name, kind), column in zip(kinds.items(), values, strict=True)
        }
    )


def table_of(mart: Mart, frame: pd.DataFrame) -> Any:
    """Return a frame as the mart's Arrow table: its columns, types and order of rows.

    Raises:
        ValueError: two rows have the same key, a column is missing or a value does not fit; all faults of ours.
    """
    missing = [column.name for column in mart.columns if column.name not in frame]
    if missing:
        raise ValueError(f"{mart.name} was built without {', '.join(missing)}")
    if frame.duplicated(list(mart.key)).any():
        twice = frame[frame.duplicated(list(mart.key), keep=False)][list(mart.key)].head(2).to_dict("records")
        raise ValueError(f"{mart.name} has two rows with one key {mart.key}: {twice}")
    ordered = frame.sort_values(list(mart.key), kind="stable")
    arrays = [_array(ordered[column.name], column.kind) for column in mart.columns]
    return pa.Table.from_arrays(arrays, schema=mart.schema)


def frame_from(table: Any) -> pd.DataFrame:
    """Return an Arrow table as a frame with nullable types, so that a null count is no float."""
    mapping = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=mapping.get)
    texts = [field.name for field in table.schema if field.type == pa.string()]
    for name in texts:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def looked_up(keys: pd.Series, found: pd.Series, kind: Kind) -> pd.Series:
    """Return `found`'s value of each key, null where it has none, typed even when there is nothing to find."""
    values = found.to_dict()
    return pd.Series([values.get(key) for key in keys], index=keys.index, dtype=_PANDAS[kind])


def money(amount: Decimal | None) -> Decimal | None:
    """Return dollars with the six decimals that are stored."""
    return None if amount is None else amount.quantize(_MICRO)


def total(amounts: pd.Series) -> Decimal:
    """Return the sum of a column of dollars, null counting as nothing."""
    return sum((amount for amount in amounts if amount is not None and not pd.isna(amount)), Decimal(0)).quantize(
        _MICRO
    )


def _array(series: pd.Series, kind: Kind) -> Any:
    if kind == "usd":
        values = [None if value is None or pd.isna(value) else money(value) for value in series]
        return pa.array(values, type=ARROW[kind])
    return pa.Array.from_pandas(series, type=ARROW[kind])
