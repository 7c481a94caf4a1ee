"""A DuckDB database in memory for some days of the catalog: what marts, and questions beside them, are computed in.

The catalog is read through its own connection, SQLite or PostgreSQL, and reaches DuckDB as Arrow. Only rows of these
days are read, and only columns that the query names, so that a day costs the same however long the history is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import JSON, Boolean, Date, Float, Integer, Text, bindparam, cast, select, text

from dayreel.clock import day_begins
from dayreel.marts.declared import shared_sql
from dayreel.queries.bills import bill_lines
from dayreel.queries.config import config_at
from dayreel.records import Records
from dayreel.rules.experiments import MATURE_DAYS, TriedContent, compare, contents_needed, is_lopsided, spread_of
from dayreel.schemas.manifest import Manifest
from dayreel.schemas.mart import NOT_ANSWERED, WINDOW_DAYS, ColumnKind, Table
from dayreel.stores.catalog.tables import metadata
from dayreel.stores.catalog.types import Moment, Usd
from dayreel.vendors.registry import without_counters

ARROW: dict[ColumnKind, Any] = {
    "text": pa.string(), "int": pa.int64(), "float": pa.float64(), "usd": pa.decimal128(12, 6), "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"), "flag": pa.bool_(),
}  # fmt: skip
_KINDS: tuple[tuple[Any, ColumnKind], ...] = (
    (Moment, "moment"), (Usd, "usd"), (Date, "day"), (Boolean, "flag"), (Integer, "int"), (Float, "float")
)  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s")


class MartDatabase:
    """One database; `days` are a table of it, with the moments at which each begins and ends.

    Args:
        days: in a row without gaps; none where only marts are read.
        bound: values for conditions beside `:first_on`, `:last_on`, `:day_before`, `:month_from`, `:starts_at`,
            `:ends_at`, and the window in which posts went out that are measured, `:window_from` and `:window_until`.
    """

    def __init__(self, records: Records, days: Sequence[date], **bound: Any) -> None:
        """Open it, with the days and the small functions of `sql/shared/macros.sql`."""
        self._records = records
        self._days = days
        zone = records.settings.timezone
        moments = [day_begins(day, zone) for day in (*days, *(day + timedelta(days=1) for day in days[-1:]))]
        self._bound = {**_bounds(days, moments), **bound}
        # One thread: sums of floats come out the same each time, and a second one would not pay for itself.
        self._connection = duckdb.connect(":memory:", config={"threads": 1, "python_enable_replacements": False})
        self._connection.execute("SET TimeZone = 'UTC'")
        for name, value in {
            "world": records.settings.world, "window_days": WINDOW_DAYS, "without_counters": without_counters(),
            "not_answered": NOT_ANSWERED,
            "mature_days": MATURE_DAYS,
        }.items():  # fmt: skip
            self._connection.execute(f"SET VARIABLE {name} = ?", [value])
        self._connection.execute(shared_sql("macros"))
        self.give("days", {"day": "day", "starts_at": "moment", "ends_at": "moment"},
                  list(zip(days, moments[:-1], moments[1:], strict=True)))  # fmt: skip

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()

    def register(self, name: str, table: Any) -> None:
        """Give an Arrow table a name."""
        self._connection.register(name, table)

    def give(self, name: str, kinds: dict[str, ColumnKind], rows: Sequence[Sequence[Any]]) -> None:
        """Make a table of rows."""
        self.register(name, arrow_table(kinds, rows))

    def load(self, reads: Mapping[str, Sequence[str]], *, uses: Sequence[str] = (), query: str) -> None:
        """Read tables of the catalog, and make views of queries in `sql/shared/` over them.

        Args:
            reads: conditions by table, in SQL that SQLite and PostgreSQL both know. Each is read on its own, since a
                database uses its indexes for them and none for an `or`; no row may meet two of them.
            uses: the shared queries, in the order in which they build on each other.
            query: what will be asked; columns that it and the shared queries do not name are left out.

        Raises:
            StoreError: the catalog cannot be read.
        """
        words = set(re.findall(r"\w+", " ".join((query, *map(shared_sql, uses)))))
        with self._records.catalog.read() as connection:
            for name, conditions in reads.items():
                columns = [column for column in metadata.tables[name].columns if column.name in words]
                query_of = select(*(cast(c, Text).label(c.name) if isinstance(c.type, JSON) else c for c in columns))
                rows = [
                    row for where in conditions for row in connection.execute(query_of.where(self._condition(where)))
                ]
                self.give(name, {column.name: _kind_of(column.type) for column in columns}, rows)
        for name in uses:
            self._connection.execute(f"CREATE VIEW {name} AS {shared_sql(name)}")

    def _condition(self, condition: str) -> Any:
        named = {name: value for name, value in self._bound.items() if re.search(rf":{name}\b", condition)}
        types: dict[type, Any] = {date: Date(), datetime: Moment()}
        return text(condition).bindparams(
            *(bindparam(name, value, type_=types.get(type(value))) for name, value in named.items())
        )

    def work_out(self, name: str) -> None:
        """Make one of the tables and functions that Python works out, see `Mart.given`."""
        {
            "manifests": self._manifests, "caps": self._caps, "judge": self._judge,
            "bill_lines": self._bill_lines,
        }[name]()  # fmt: skip

    def _manifests(self) -> None:
        """Make `manifests` for the contents that were read: how each was made; one whose folder is gone is left out."""
        ids = [content_id for (content_id,) in self._connection.sql("SELECT id FROM content").fetchall()]
        store = self._records.contents
        names = ("content_id", "hook", "idea_model", "prompt_model", "video_model", "experiment", "variant",
                 "edition", "assigned_by", "detect_percent", "is_held_out")  # fmt: skip
        rows = [_how_made(store.manifest(content_id)) for content_id in ids if store.exists(content_id)]
        kinds: dict[str, ColumnKind] = dict.fromkeys(names, "text")
        self.give("manifests", kinds | {"detect_percent": "float", "is_held_out": "flag"}, rows)

    def _caps(self) -> None:
        """Make `caps`: the caps of all channels together, as they were set when each day ended."""
        zone = self._records.settings.timezone
        rows = []
        with self._records.catalog.read() as connection:
            for day in self._days:
                ended_at = day_begins(day + timedelta(days=1), zone)
                usd = [Decimal(config_at(connection, f"cap.{name}_usd", ended_at)) for name in ("day", "month")]
                rows.append((day, *usd))
        self.give("caps", {"day": "day", "cap_day_usd": "usd", "cap_month_usd": "usd"}, rows)

    def _bill_lines(self) -> None:
        """Make `bill_lines`: the days are those of UTC, by which vendors bill."""
        with self._records.catalog.read() as connection:
            lines = bill_lines(connection, self._days[0], self._days[-1])
        kinds: dict[str, ColumnKind] = {
            "world": "text", "day": "day", "provider": "text", "model": "text", "requests": "int",
            "booked_usd": "usd", "held_usd": "usd", "billed_usd": "usd", "difference_usd": "usd",
        }  # fmt: skip
        rows = [[_to_millionth(getattr(line, name)) for name in kinds] for line in lines]
        self.give("bill_lines", kinds, rows)

    def _judge(self) -> None:
        """Make the function `judge`; its statistics are `rules.experiments`."""

        def judged(
            name_a: str, blocked_a: list[Any], all_a: list[Any], assigned_a: int,
            name_b: str, blocked_b: list[Any], all_b: list[Any], assigned_b: int,
            pairs: int, detect_percent: float, history: list[Any],
        ) -> dict[str, Any]:  # fmt: skip
            variants = round((1 + (1 + 8 * pairs) ** 0.5) / 2)
            spread = spread_of([outcome_of(each) for each in history])
            needed = contents_needed(detect_percent, spread=spread, variants=variants)
            a, b, every_a, every_b = (
                [outcome_of(each) for each in outcomes] for outcomes in (blocked_a, blocked_b, all_a, all_b)
            )
            comparison = compare(name_a, a, name_b, b, pairs=pairs, horizon=needed)
            every = compare(name_a, every_a, name_b, every_b, pairs=pairs, horizon=needed)
            lopsided = is_lopsided(assigned_a, assigned_b)
            return asdict(replace(comparison, chance_b=every.chance_b)) | {"needed": needed, "is_lopsided": lopsided}

        outcomes = "STRUCT(day DATE, views DOUBLE, usd DOUBLE, is_approved BOOLEAN, is_refused BOOLEAN)[]"
        variant = ["VARCHAR", outcomes, outcomes, "BIGINT"]
        takes: Any = [*variant, *variant, "BIGINT", "DOUBLE", outcomes]
        gives: Any = (
            "STRUCT(n_a BIGINT, n_b BIGINT, ratio DOUBLE, low DOUBLE, high DOUBLE, final_low DOUBLE, "
            "final_high DOUBLE, chance_b DOUBLE, guardrails VARCHAR, verdict VARCHAR, needed BIGINT, "
            "is_lopsided BOOLEAN)"
        )
        self._connection.create_function("judge", judged, takes, gives)

    def answer(self, query: str, values: Mapping[str, Any] | None = None) -> Any:
        """Run a query, with values for its parameters, and return its answer as an Arrow table."""
        return self._connection.sql(query, params=values or {}).to_arrow_table()


def schema_of(table: Table) -> Any:
    """Return the Arrow schema of a table."""
    return pa.schema([(column.name, ARROW[column.kind]) for column in table.columns])


@contextmanager
def opened_database(records: Records, days: Sequence[date] = (), **bound: Any) -> Iterator[MartDatabase]:
    """Give a database, see `MartDatabase`, and close it afterwards."""
    database = MartDatabase(records, days, **bound)
    try:
        yield database
    finally:
        database.close()


def outcome_of(fields: Mapping[str, Any]) -> TriedContent:
    """Return a row of `sql/shared/outcomes.sql` as the rules take it."""
    return TriedContent(**fields)


def arrow_table(kinds: dict[str, ColumnKind], rows: Sequence[Sequence[Any]]) -> Any:
    """Return rows as an Arrow table; no rows still give every column with its type."""
    values = list(zip(*rows, strict=True)) or [()] * len(kinds)
    arrays = [pa.array(column, type=ARROW[kind]) for column, kind in zip(values, kinds.values(), strict=True)]
    return pa.table(dict(zip(kinds, arrays, strict=True)))


def _bounds(days: Sequence[date], moments: Sequence[datetime]) -> dict[str, Any]:
    if not days:
        return {}
    return {
        "first_on": days[0], "last_on": days[-1], "starts_at": moments[0], "ends_at": moments[-1],
        "day_before": days[0] - timedelta(days=1), "month_from": days[0].replace(day=1),
        "window_from": days[0] - timedelta(days=WINDOW_DAYS), "window_until": days[-1] + timedelta(days=1),
    }  # fmt: skip


def _kind_of(column_type: Any) -> ColumnKind:
    return next((kind for known, kind in _KINDS if isinstance(column_type, known)), "text")


def _to_millionth(value: Any) -> Any:
    """Return a value as a column takes it: bills go further behind the point than money is kept here."""
    return value.quantize(Decimal("0.000001")) if isinstance(value, Decimal) else value


def _how_made(manifest: Manifest) -> tuple[Any, ...]:
    idea, stages = manifest.idea, manifest.stages
    words = "" if idea is None else (idea.narration or idea.caption or idea.idea).strip()
    tried = [stages[stage].parameters for stage in ("prompts", "ideas") if stage in stages]
    chosen = next((parameters for parameters in tried if parameters.get("experiment")), {})
    models = [stages[stage].model if stage in stages else None for stage in ("ideas", "prompts", "raw_segments")]
    hook = _SENTENCE_END.split(words)[0] or None
    trial = manifest.trial
    assigned = (
        (chosen.get("experiment"), chosen.get("variant"), None, "blocked" if chosen else None, None)
        if trial is None
        else (trial.experiment, trial.variant, trial.edition, trial.chosen_by, trial.detect_percent)
    )
    is_held_out = any(parameters.get("held_out", False) for parameters in tried)
    return (manifest.content_id, hook, *models, *assigned, is_held_out)
