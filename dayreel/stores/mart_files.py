"""The marts on disk: one Parquet file per mart and partition, written aside and renamed.

What is in them is `dayreel.marts`.

    var/marts/<group>/<name>/<partition>.parquet
    var/marts/charts/<week>/<channel, or all>/<chart>.png

The layout is a folder of files, nothing else, so that DuckDB, pandas or Spark read it without us. In a bucket it is the
same: see `mart_bucket`, which opens either. pyarrow, a quarter of a second, is imported where it is needed.
"""

import io
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from dayreel.atomic_write import atomic_write_bytes

ALWAYS = "all"


class MartFiles:
    """All marts below one local folder."""

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
            StoreError, OSError: it could not be written; what was there before is untouched.
        """
        import pyarrow.parquet as pq  # noqa: PLC0415

        target = io.BytesIO()
        pq.write_table(table, target, compression="zstd", write_statistics=True, store_schema=True)
        return self.write_bytes(f"{mart}/{partition}.parquet", target.getvalue())

    def write_charts(self, week: str, scope: str, charts: Mapping[str, bytes]) -> None:
        """Write the charts of a week, given as PNG by name, beside the marts.

        Args:
            scope: the channel they are of, or `all`.

        Raises:
            StoreError, OSError: one could not be written.
        """
        for name, picture in charts.items():
            self.write_bytes(f"{charts_folder(week, scope)}/{name}.png", picture)

    def chart_names(self, week: str, scope: str) -> list[str]:
        """Return which charts of a week were written here, in order."""
        return sorted(path.stem for path in (self.root / charts_folder(week, scope)).glob("*.png"))

    def chart(self, week: str, scope: str, name: str) -> bytes | None:
        """Return one chart as a PNG, or None when there is none of that name.

        Args:
            name: made of letters, digits and `_`; the caller has looked.
        """
        path = self.root / charts_folder(week, scope) / f"{name}.png"
        return path.read_bytes() if path.is_file() else None

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write one file below the root, whole or not at all, and return its path.

        Raises:
            StoreError, OSError: it could not be written; what was there before is untouched.
        """
        path = self.root / name
        atomic_write_bytes(path, content)
        return path

    def read(self, mart: str, partitions: Iterable[str], *, schema: Any = None) -> Any:
        """Return these partitions as one Arrow table; those that do not exist are left out.

        Args:
            schema: the mart's schema, for when there is nothing to read and for files of an older shape; without one
                the files decide, a column that one of them lacks is null there, and nothing to read is None.
        """
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        tables = [
            pq.read_table(path, schema=schema)
            for partition in partitions
            if (path := self.path(mart, partition)).is_file()
        ]
        if not tables:
            return None if schema is None else schema.empty_table()
        return pa.concat_tables(tables, promote_options="none" if schema is not None else "permissive")

    def partitions(self, mart: str) -> list[str]:
        """Return the partitions that exist, in order."""
        return sorted(path.stem for path in (self.root / mart).glob("*.parquet"))

    def own_tables(self, marts: Container[str]) -> list[str]:
        """Return the tables here that are not among `marts`, in order: those that a team's own assets have written."""
        names = {path.parent.relative_to(self.root).as_posix() for path in self.root.rglob("*.parquet")}
        return sorted(name for name in names if name not in marts)


def charts_folder(week: str, scope: str) -> str:
    """Return where the charts of a week lie, below the root."""
    return f"charts/{week}/{scope}"
