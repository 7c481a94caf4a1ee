"""Computing marts for days, weeks and months: the assets and `refresh_marts` both come through `build_mart`."""

import calendar
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from dayreel.clock import day_begins, local_day
from dayreel.errors import UsageError
from dayreel.marts.checks import check_tables
from dayreel.marts.content_tables import CONTENT_TABLES, read_content_table
from dayreel.marts.database import opened_database, schema_of
from dayreel.marts.declared import MARTS
from dayreel.marts.frames import as_frame
from dayreel.records import Records
from dayreel.schemas.mart import ColumnKind, Every, Mart
from dayreel.stores.catalog.tables import content, jobs, metadata, processing_logs
from dayreel.stores.mart_bucket import open_mart_files
from dayreel.stores.mart_files import ALWAYS, MartFiles

# So many days are computed by one query; memory does not grow with what is asked for.
_TOGETHER = 31
_SQL_TYPES: Mapping[ColumnKind, str] = {
    "text": "VARCHAR", "int": "BIGINT", "float": "DOUBLE", "usd": "DECIMAL(12, 6)", "day": "DATE",
    "moment": "TIMESTAMPTZ", "flag": "BOOLEAN",
}  # fmt: skip
_LOG = logging.getLogger(__name__)


def mart_files(records: Records) -> MartFiles:
    """Return the project's marts, wherever they are kept."""
    return open_mart_files(records.settings)


def build_mart(records: Records, files: MartFiles, name: str, partitions: Iterable[str]) -> dict[str, Any]:
    """Return partitions of a mart as Arrow tables, ordered by its key; the same rows are the same bytes on disk.

    Args:
        files: where the tables lie that this one reads.
        partitions: days, first days of weeks or months, or `all`.

    Raises:
        StoreError: the catalog cannot be read.
        StateError: a manifest is damaged (`content/performance` only).
    """
    return build_partitions(records, files, MARTS[name], partitions)


def build_partitions(records: Records, files: MartFiles, mart: Mart, partitions: Iterable[str]) -> dict[str, Any]:
    """Return the same as `build_mart`, of a mart that may be a team's own.

    Raises:
        UsageError: it reads a table that was never written.
        StoreError, StateError: see `build_mart`.
    """
    if mart.every != "day":
        return {key: _computed(records, files, mart, days_of(key, mart.every)) for key in partitions}
    tables: dict[str, Any] = {}
    for group in _groups(sorted(map(date.fromisoformat, partitions))):
        rows = _computed(records, files, mart, _range(group[0], group[-1]))
        tables |= {day.isoformat(): rows.filter(pc.field("day") == day) for day in group}
    return tables


def _computed(records: Records, files: MartFiles, mart: Mart, days: Sequence[date]) -> Any:
    columns = ", ".join(f"{column.name}::{_SQL_TYPES[column.kind]} AS {column.name}" for column in mart.columns)
    query = f"SELECT {columns} FROM ({mart.sql}) ORDER BY {', '.join(mart.key)}"
    with opened_database(records, days) as database:
        for name in mart.reads.keys() - metadata.tables.keys():
            database.register(name.replace("/", "_"), _table_read(records, files, name, mart.reads[name], days))
        tables = {name: conditions for name, conditions in mart.reads.items() if name in metadata.tables}
        database.load(tables, uses=mart.uses, query=mart.sql)
        for name in mart.given:
            database.work_out(name)
        return database.answer(query).cast(schema_of(mart))


def _table_read(records: Records, files: MartFiles, name: str, wanted: Sequence[str], days: Sequence[date]) -> Any:
    is_bound = tuple(wanted) == ("days",)
    if name in CONTENT_TABLES:
        return read_content_table(records, name, days=set(days) if is_bound else None)
    return read_table(files, name, [day.isoformat() for day in days] if is_bound else None)


def days_to_report(records: Records, first: date, last: date) -> list[date]:
    """Return the days of a range that marts have something to say about: from the first content or job to yesterday.

    Today is one of them once it was measured; before that every number of it would look missing.
    """
    zone = records.settings.timezone
    today = local_day(records.clock.now(), zone)
    logs = processing_logs.c
    measured = select(func.count()).where(
        logs.layer == "measurement",
        logs.started_at >= day_begins(today, zone),
        logs.started_at < day_begins(today + timedelta(days=1), zone),
    )
    with records.catalog.read() as connection:
        first_content = connection.execute(select(func.min(content.c.day))).scalar()
        first_job = connection.execute(
            select(func.min(jobs.c.finished_at)).where(jobs.c.state.in_(("completed", "failed")))
        ).scalar()
        newest = today if connection.execute(measured).scalar() else today - timedelta(days=1)
    begun = [day for day in (first_content, first_job and local_day(first_job, zone)) if day is not None]
    return _range(max(first, min(begun)), min(last, newest)) if begun else []


def refresh_marts(records: Records, days: Iterable[date], *, contents_of: Iterable[date] = ()) -> int:
    """Build and write every mart of these days, and the weeks and months they are in; return how many files.

    Args:
        contents_of: days before, of which only `content/performance` is built: their posts were still measured.

    Raises:
        StoreError: the catalog cannot be read, or a file could not be written.
    """
    files, days = mart_files(records), list(days)
    count = 0
    for mart in sorted(MARTS.values(), key=lambda mart: ("day", "week", "month", "always").index(mart.every)):
        of_mart = {*days, *contents_of} if mart.name == "content/performance" else days
        keys = sorted({period_key(day, mart.every) for day in of_mart}) if mart.every != "always" else [ALWAYS]
        for start in range(0, len(keys), _TOGETHER):  # not all at once: memory must not grow with the history
            tables = build_mart(records, files, mart.name, keys[start : start + _TOGETHER])
            checks = check_tables(mart, tables)
            for result in (result for results in checks.values() for result in results if not result.passed):
                _LOG.warning("A check of a mart fails: %s Expected: %s.", result.message, result.expected)
            for key, table in tables.items():
                if not checks[key][0].passed:  # a fault of ours: such a file would double what it is joined with
                    raise ValueError(f"{mart.name} of {key} was not written: {checks[key][0].message}")
                files.write(mart.name, key, table)
        count += len(keys)
    return count


def read_table(files: MartFiles, name: str, partitions: Collection[str] | None = None) -> Any:
    """Return partitions of a mart or of a team's own table (default: all there are) as Arrow.

    Raises:
        UsageError: it is a team's own table, and none of these partitions was written, or their types differ.
    """
    keys = files.partitions(name) if partitions is None else partitions
    try:
        table = files.read(name, keys, schema=schema_of(MARTS[name]) if name in MARTS else None)
    except pa.ArrowTypeError as error:
        raise UsageError(
            f"The partitions of {name!r} are not one table: {error}.",
            next_step="Materialize those again whose column has the other type; each is a file of its own.",
        ) from error
    if table is None:
        which = "any partition" if partitions is None else ", ".join(partitions)
        raise UsageError(
            f"No table of {name!r} was written for {which}.",
            next_step="Materialize it first, through the IO manager `tables`.",
        )
    return table


def read_mart(files: MartFiles, name: str, partitions: Collection[str] | None = None) -> Any:
    """Return partitions of a mart (default: all there are) as one pandas frame, see `frames.as_frame`."""
    return as_frame(read_table(files, name, partitions))


def period_key(day: date, every: Every) -> str:
    """Return the partition that a day falls into: itself, its Monday, or the first of its month."""
    if every == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    if every == "month":
        return day.replace(day=1).isoformat()
    return day.isoformat() if every == "day" else ALWAYS


def days_of(partition: str, every: Every) -> list[date]:
    """Return the days of a partition; none for `all`."""
    if every == "always":
        return []
    first = date.fromisoformat(partition)
    count = {"day": 1, "week": 7, "month": calendar.monthrange(first.year, first.month)[1]}[every]
    return _range(first, first + timedelta(days=count - 1))


def _range(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _groups(days: list[date]) -> list[list[date]]:
    groups: list[list[date]] = []
    for day in days:
        if groups and (day - groups[-1][0]).days < _TOGETHER:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups
