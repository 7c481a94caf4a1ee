"""The forms in which people work with a table: pyarrow, pandas, polars, DuckDB; an Arrow table in between.

What is not asked for is not imported. polars is not a dependency of dayreel: whoever wants it installs it.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Literal, get_args

import pyarrow as pa

from dayreel.errors import ConfigurationError, UsageError

TableForm = Literal["pyarrow", "pandas", "polars", "duckdb"]
"""What a table can be loaded as."""


def form_of(wanted: Any) -> str | None:
    """Return the form that an annotation asks for, and None where it asks for nothing (`Any`, none at all).

    `Optional` asks for what it holds: a table without rows is a table, never None.

    Raises:
        UsageError: it is a type that no table can be loaded as.
    """
    held = [kind for kind in get_args(wanted) if kind is not type(None)]
    if len(held) == 1 and type(None) in get_args(wanted):
        wanted = held[0]
    if wanted in (None, Any, object):
        return None
    package = str(getattr(wanted, "__module__", "")).partition(".")[0].lstrip("_")
    form = {
        "pyarrow.Table": "pyarrow", "pandas.DataFrame": "pandas", "polars.DataFrame": "polars",
        "polars.LazyFrame": "lazy polars", "duckdb.DuckDBPyRelation": "duckdb",
    }.get(f"{package}.{getattr(wanted, '__name__', wanted)}")  # fmt: skip
    if form is None:
        raise UsageError(
            f"A table cannot be loaded or stored as {wanted!r}.",
            next_step="What it can be: pandas.DataFrame, polars.DataFrame, polars.LazyFrame, pyarrow.Table or "
            "duckdb.DuckDBPyRelation.",
        )
    return form


def in_form(table: Any, form: str) -> Any:
    """Return an Arrow table in one of the forms, or as `lazy polars`.

    A DuckDB relation belongs to DuckDB's default connection, so that `duckdb.sql` can join it by its variable's name.

    Raises:
        ConfigurationError: polars is asked for and not installed.
    """
    return _FROM_ARROW[form](table)


def to_arrow(value: Any) -> Any:
    """Return what an asset has returned, in any form, as an Arrow table without pandas' own metadata.

    Raises:
        UsageError: it is not a table.
    """
    if isinstance(value, pa.Table):
        table = value
    elif (form := form_of(_base_of(value))) == "pandas":
        table = pa.Table.from_pandas(value, preserve_index=False)
    elif form == "lazy polars":
        table = value.collect().to_arrow()
    elif form == "polars":
        table = value.to_arrow()
    else:
        table = value.to_arrow_table()
    return table.replace_schema_metadata(None)


def _base_of(value: Any) -> type:
    """Return a value's type, or that of pandas which it extends, such as geopandas does."""
    kinds = type(value).__mro__
    return next((kind for kind in kinds if kind.__name__ == "DataFrame"), kinds[0])


def as_frame(table: Any) -> Any:
    """Return an Arrow table as a pandas frame with nullable types: a null count does not make floats of the others."""
    import pandas as pd  # noqa: PLC0415  only who draws or writes reports pays for it

    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=nullable.get)
    for field in table.schema:
        if field.type == pa.string():
            frame[field.name] = frame[field.name].astype(object).where(frame[field.name].notna(), None)
    return frame


def _polars() -> ModuleType:
    try:
        import polars as pl  # noqa: PLC0415  optional
    except ImportError as error:
        raise ConfigurationError(
            "A table was to be loaded with polars, which is not installed.",
            next_step="Install it where dayreel is: pip install 'dayreel[polars]'.",
        ) from error
    return pl


def _relation(table: Any) -> Any:
    import duckdb  # noqa: PLC0415  half a second

    return duckdb.from_arrow(table)


_FROM_ARROW: Mapping[str, Callable[[Any], Any]] = {
    "pyarrow": lambda table: table,
    "pandas": as_frame,
    "polars": lambda table: _polars().from_arrow(table),
    "lazy polars": lambda table: _polars().from_arrow(table).lazy(),
    "duckdb": _relation,
}
