"""Tables as what a downstream asset or a notebook asks for: an IO manager for dayreel's tables and a team's own.

See https://docs.dagster.io/guides/build/io-managers. What there is to load is `dayreel.marts.tables`, the forms are
`dayreel.marts.frames`; where files are, on this machine or in a bucket, is `dayreel.stores.mart_files`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from dayreel.errors import UsageError
from dayreel.records import opened_records
from dayreel.settings import load_settings
from dayreel.stores.mart_files import ALWAYS


class TableIOManager(dg.ConfigurableIOManager):
    """Loads a table as the annotation says, and writes what an asset returns: a table, or one for each partition."""

    root: str | None = Field(None, description="project root; left out, the folder that holds workspace.yaml")
    # `dayreel.marts.frames.TableForm`, which would import pyarrow with the definitions.
    form: Literal["pyarrow", "pandas", "polars", "duckdb"] = Field(
        default="pyarrow", description="what a table is loaded as where nothing is annotated"
    )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write a table of this partition, or a mapping of partition to table, in any form.

        Raises:
            UsageError: it is not a table, one table for several partitions, or not a table for each of them.
            OSError, StoreError: a file could not be written; what was there before is untouched.
        """
        from dayreel.marts.frames import to_arrow  # noqa: PLC0415  pyarrow
        from dayreel.marts.tables import store_table  # noqa: PLC0415

        asset = _name(context.asset_key)
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else [ALWAYS]
        if not isinstance(obj, Mapping) and len(keys) > 1:
            raise UsageError(
                f"{asset!r} returned one table for {len(keys)} partitions.",
                next_step="Return a mapping of partition key to table, or leave out the single-run backfill policy.",
            )
        if isinstance(obj, Mapping) and (other := {*obj} ^ {*keys}):
            raise UsageError(
                f"{asset!r} was to return a table for each of {len(keys)} partitions, and returned {len(obj)}. On one "
                f"side alone: {', '.join(sorted(map(str, other))[:10])}.",
                next_step="Return one for every key of `context.partition_keys`, without rows where there are none.",
            )
        tables = {key: to_arrow(value) for key, value in (obj if isinstance(obj, Mapping) else {keys[0]: obj}).items()}
        with opened_records(self._settings()) as records:
            paths = [store_table(records, asset, key, table) for key, table in tables.items()]
        if not isinstance(obj, Mapping):  # where one is returned, the asset says per partition what it likes
            rows = tables[keys[0]].num_rows
            context.add_output_metadata({"dagster/row_count": rows, "file": dg.MetadataValue.path(paths[0])})

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the upstream partitions of this step as one table; partitions that do not exist are left out.

        Raises:
            UsageError: nothing was written for the asset, or the annotation is of no table.
            ConfigurationError: polars is asked for and not installed.
            StoreError, StateError: the catalog, a manifest or a bucket cannot be read.
        """
        from dayreel.marts.frames import form_of, in_form  # noqa: PLC0415  pyarrow
        from dayreel.marts.tables import load_table  # noqa: PLC0415

        form = form_of(context.dagster_type.typing_type) or self.form
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else None
        with opened_records(self._settings()) as records:
            return in_form(load_table(records, _name(context.asset_key), keys), form)

    def _settings(self) -> Any:
        return load_settings(Path(self.root) if self.root else None)


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)
