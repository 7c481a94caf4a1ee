"""Marts as Parquet files, one per partition: an IO manager for tables, for one partition or many in one run.

See https://docs.dagster.io/guides/build/io-managers. Where and how a file is written is `dayreel.stores.mart_files`.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field


class MartIOManager(dg.ConfigurableIOManager):
    """Writes what a mart's asset returns, a mapping of partition key to Arrow table, below one local folder.

    Another place (S3) is another `MartFiles` with the same methods, chosen in `_files`.
    """

    root: str = Field(description="folder of the marts; `dayreel sql` and the report read var/marts of the project")

    def handle_output(self, context: dg.OutputContext, obj: dict[str, Any]) -> None:
        """Write every partition of the run.

        Raises:
            OSError: a file could not be written; what was there before is untouched.
        """
        for partition, table in obj.items():
            self._files().write(_mart(context.asset_key), partition, table)

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the upstream partitions of this step as one Arrow table; partitions that do not exist are left out."""
        from dayreel.services.marts.shapes import schema_of  # noqa: PLC0415  pandas, only where a table is wanted
        from dayreel.services.marts.tables import MARTS  # noqa: PLC0415

        name = _mart(context.asset_key)
        files = self._files()
        keys = context.asset_partition_keys if context.has_asset_partitions else files.partitions(name)
        return files.read(name, keys, schema=schema_of(MARTS[name]))

    def _files(self) -> Any:
        from dayreel.stores.mart_files import MartFiles  # noqa: PLC0415  pyarrow, only where a file is touched

        return MartFiles(Path(self.root))


def _mart(key: dg.AssetKey) -> str:
    return "/".join(key.path)
