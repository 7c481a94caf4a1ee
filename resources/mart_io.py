"""Marts as Parquet files, one per partition: an IO manager for tables, for one partition or many in one run.

See https://docs.dagster.io/guides/build/io-managers. Where files are (this machine or a bucket) and how they are
written is `dayreel.stores.mart_files`.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from dayreel.settings import load_settings
from dayreel.stores.mart_bucket import open_mart_files
from dayreel.stores.mart_files import MartFiles


class MartIOManager(dg.ConfigurableIOManager):
    """Writes what a mart's asset returns, a mapping of partition key to Arrow table, where the environment says."""

    root: str | None = Field(None, description="project root; left out, the folder that holds workspace.yaml")

    def handle_output(self, context: dg.OutputContext, obj: dict[str, Any]) -> None:
        """Write every partition of the run.

        Raises:
            OSError, StoreError: a file could not be written; what was there before is untouched.
        """
        files = self._files()
        for partition, table in obj.items():
            files.write(_mart(context.asset_key), partition, table)

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the upstream partitions of this step as one Arrow table; partitions that do not exist are left out."""
        from dayreel.marts.build import schema_of  # noqa: PLC0415  pandas, only where a table is wanted
        from dayreel.marts.declared import MARTS  # noqa: PLC0415

        name = _mart(context.asset_key)
        files = self._files()
        keys = context.asset_partition_keys if context.has_asset_partitions else files.partitions(name)
        return files.read(name, keys, schema=schema_of(MARTS[name]))

    def _files(self) -> MartFiles:
        return open_mart_files(load_settings(Path(self.root) if self.root else None))


def _mart(key: dg.AssetKey) -> str:
    return "/".join(key.path)
