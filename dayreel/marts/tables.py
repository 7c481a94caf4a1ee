"""Loading a table by the name of its asset: a mart, what a channel made, measurements, or a table of a team's own.

Only a team's own tables are stored here: those of dayreel are written by what computes them. The forms in which people
work with one are `frames`.
"""

import re
from collections.abc import Collection
from datetime import date
from typing import Any

from dayreel.errors import UsageError
from dayreel.marts.build import mart_files, read_table
from dayreel.marts.checks import check_tables
from dayreel.marts.content_tables import CONTENT_TABLES, SNAPSHOTS, content_table_of, read_content_table, read_snapshots
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.records import Records
from dayreel.schemas.content import CheckResult

_PARTITION = re.compile(r"[\w-]{1,100}")


def load_table(records: Records, asset: str, partitions: Collection[str] | None = None) -> Any:
    """Return partitions of an asset's table as Arrow, by default all there are; those that do not exist are left out.

    Raises:
        UsageError: it is not one of dayreel's tables, and no file was written for it.
        StoreError, StateError: the catalog, a manifest or a bucket cannot be read.
    """
    of_channel = content_table_of(asset, records.channels.names())
    if of_channel is not None or asset == SNAPSHOTS.name:
        days = None if partitions is None else {date.fromisoformat(key) for key in partitions}
        if of_channel is None:
            return read_snapshots(records, days)
        channel, name, platform = of_channel
        return read_content_table(records, name, channel=channel, days=days, platform=platform)
    return read_table(mart_files(records), asset, partitions)


def store_table(records: Records, asset: str, partition: str, table: Any) -> str:
    """Write a partition of a table, where the marts are, and return its file; one of dayreel's own keeps its columns.

    Raises:
        UsageError: asset or partition cannot be the name of a file, or the columns are not those of the mart.
        StoreError, OSError: it could not be written; what was there before is untouched.
    """
    folder, *_ = parts = asset.split("/")
    if _PARTITION.fullmatch(partition) is None or folder == "charts" or {*parts} & {"", ".", ".."}:
        raise UsageError(
            f"Partition {partition!r} of {asset!r} cannot be stored as a file.",
            next_step="Name partitions with letters, digits, `_` and `-`, no table `charts`, no part of a key `..`.",
        )
    if asset in MARTS:
        schema = schema_of(MARTS[asset])
        if set(table.column_names) != set(schema.names):
            different = ", ".join(sorted(set(table.column_names) ^ set(schema.names)))
            raise UsageError(
                f"{asset!r} of partition {partition!r} has other columns than the mart: {different}.",
                next_step="Its columns are in docs/reference/marts.md.",
            )
        table = table.select(schema.names).cast(schema)
    return str(mart_files(records).write(asset, partition, table))


def check_content(
    records: Records, name: str, content_id: str, *, platform: str | None = None
) -> tuple[CheckResult, ...]:
    """Return whether a content's rows of a table of `CONTENT_TABLES` keep its contract.

    Raises:
        StoreError, StateError: the catalog, or the manifest, cannot be read.
    """
    rows = read_content_table(records, name, ids=[content_id], platform=platform)
    return check_tables(CONTENT_TABLES[name], {content_id: rows})[content_id]
