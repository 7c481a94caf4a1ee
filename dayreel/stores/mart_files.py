"""The marts on disk: one Parquet file per mart and partition, written aside and renamed. What is in them is `services`.

    var/marts/<group>/<name>/<partition>.parquet

The layout is a folder of files, nothing else, so that DuckDB, pandas or Spark read it without us. Only local folders
are written; another place (S3) is another class with these four methods.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ALWAYS = "all"


class MartFiles:
    """All marts below one folder."""

    def __init__(self, root: Path) -> None:
        """Remember the folder; nothing is read yet."""
        self.root = root

    def path(self, mart: str, partition: str) -> Path:
        """Return where a partition lies, whether it exists or not."""
        return self.root / mart / f"{partition}.parquet"

    def write(self, mart: str, partition: str, table: Any) -> Path:
        """Write a partition so that readers see the old file or the new one, and return its path.

        The same table gives the same bytes: no time, no host and no pandas metadata is in the file.

        Raises:
            OSError: it could not be written; what was there before is untouched.
        """
        path = self.path(mart, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                pq.write_table(table, file, compression="zstd", write_statistics=True, store_schema=True)
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        return path

    def read(self, mart: str, partitions: Iterable[str], *, schema: Any) -> Any:
        """Return these partitions as one Arrow table; those that do not exist are left out.

        Args:
            schema: the mart's schema, for when there is nothing to read and for files of an older shape.
        """
        tables = [
            pq.read_table(path, schema=schema)
            for partition in partitions
            if (path := self.path(mart, partition)).is_file()
        ]
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def partitions(self, mart: str) -> list[str]:
        """Return the partitions that exist, in order."""
        return sorted(path.stem for path in (self.root / mart).glob("*.parquet"))

    def rows(self, mart: str, partition: str) -> int:
        """Return how many rows a partition has, read from the file's footer."""
        return int(pq.read_metadata(self.path(mart, partition)).num_rows)
