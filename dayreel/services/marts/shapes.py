"""How rows become frames, and frames exactly the table that a mart describes. No mart is described here.

A table is typed by its mart, sorted by its key and has no index, so that the same rows are the same bytes on disk.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from dayreel.schemas.mart import ColumnKind, Mart

ARROW: Mapping[ColumnKind, Any] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "usd": pa.decimal128(12, 6),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
    "flag": pa.bool_(),
}
_PANDAS: Mapping[ColumnKind, str] = {
    "text": "object",
    "int": "Int64",
    "float": "Float64",
    "usd": "object",
    "day": "object",
    "moment": "datetime64[us, UTC]",
    "flag": "boolean",
}
_MICRO = Decimal("0.000001")


def frame_of(kinds: Mapping[str, ColumnKind], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
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


def schema_of(mart: Mart) -> Any:
    """Return the Arrow schema of a mart's files."""
    return pa.schema([(column.name, ARROW[column.kind]) for column in mart.columns])


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
    return pa.Table.from_arrays(arrays, schema=schema_of(mart))


def frame_from(table: Any) -> pd.DataFrame:
    """Return an Arrow table as a frame with nullable types, so that a null count is not a float."""
    mapping = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=mapping.get)
    texts = [field.name for field in table.schema if field.type == pa.string()]
    for name in texts:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def looked_up(keys: pd.Series, source: pd.Series, kind: ColumnKind) -> pd.Series:
    """Return `source`'s value of each key, null where it has none, typed even when there is nothing to find."""
    values = source.to_dict()
    return pd.Series([values.get(key) for key in keys], index=keys.index, dtype=_PANDAS[kind])


def money(amount: Decimal | None) -> Decimal | None:
    """Return dollars with the six decimals that are stored."""
    return None if amount is None else amount.quantize(_MICRO)


def total(amounts: pd.Series) -> Decimal:
    """Return the sum of a column of dollars, null counting as nothing."""
    return sum((amount for amount in amounts if amount is not None and not pd.isna(amount)), Decimal(0)).quantize(
        _MICRO
    )


def _array(series: pd.Series, kind: ColumnKind) -> Any:
    if kind == "usd":
        values = [None if value is None or pd.isna(value) else money(value) for value in series]
        return pa.array(values, type=ARROW[kind])
    return pa.Array.from_pandas(series, type=ARROW[kind])
