"""The marts as assets: one per table, rebuilt automatically when its inputs have changed.

See https://docs.dagster.io/guides/automate/declarative-automation: it is used here only, where a run costs nothing and
changes nothing outside. What a mart holds is `dayreel.marts`; a run over many partitions is one run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from dayreel.marts.content_tables import CONTENT_TABLES
from dayreel.marts.declared import MARTS
from dayreel.schemas.channel import Channel
from dayreel.schemas.mart import WINDOW_DAYS, Every, Mart
from dayreel.settings import Settings
from dayreel.stores.mart_files import ALWAYS
from pipeline_assets.contracts import column_schema, contract_specs, evaluations, none_failed
from pipeline_assets.engagement_assets import SNAPSHOTS
from pipeline_assets.freshness import derived
from pipeline_assets.metadata import runbook, table
from pipeline_assets.partitions import FILED_FOOTAGE
from pipeline_assets.run_queue import ANALYTICS_POOL
from pipeline_assets.steps import open_project

OWNER = "team:content"
# A table that is not longer is shown whole on its page.
SHOWN_ROWS = 10
# How far back a change makes a partition new by itself; older ones are rebuilt by hand (a backfill is one run).
_LOOKBACK: Mapping[Every, timedelta] = {
    "day": timedelta(days=3), "week": timedelta(days=9), "month": timedelta(days=35),
}  # fmt: skip


def mart_key(name: str) -> dg.AssetKey:
    """Return the asset key of a mart."""
    return dg.AssetKey(name.split("/"))


def build_marts(
    channels: Sequence[Channel],
    partitions: dg.DailyPartitionsDefinition,
    settings: Settings,
    *,
    marts: Iterable[Mart] = MARTS.values(),
    owner: str = OWNER,
) -> list[dg.AssetsDefinition]:
    """Return the asset of each of these marts, by default of every one of dayreel's."""
    periods = build_periods(partitions, settings)
    has_library = settings.library is not None
    return [
        _asset(
            mart,
            _deps(mart, channels, has_library=has_library),
            periods[mart.every],
            owner,
            derived(mart, channels, settings.timezone),
        )
        for mart in marts
    ]


def build_periods(
    partitions: dg.DailyPartitionsDefinition, settings: Settings
) -> Mapping[Every, dg.PartitionsDefinition | None]:
    """Return the partitions of marts by what one covers; weeks begin on Monday."""
    first = date.fromisoformat(settings.first_day)
    monday = (first - timedelta(days=first.weekday())).isoformat()
    return {
        "day": partitions,
        # `end_offset=1`: the week and the month that are under way fill up day by day.
        "week": dg.WeeklyPartitionsDefinition(monday, timezone=settings.timezone, day_offset=1, end_offset=1),
        "month": dg.MonthlyPartitionsDefinition(
            first.replace(day=1).isoformat(), timezone=settings.timezone, end_offset=1
        ),
        "always": None,
    }


def _deps(mart: Mart, channels: Sequence[Channel], *, has_library: bool) -> list[dg.AssetDep | dg.AssetKey]:
    deps: list[dg.AssetDep | dg.AssetKey] = []
    for name in dict.fromkeys((*mart.after, *(name for name in mart.reads if "/" in name or name in CONTENT_TABLES))):
        if name == "snapshots":
            # The snapshot before lies on the day before, or further back after a gap.
            deps.append(dg.AssetDep(SNAPSHOTS, partition_mapping=_days(-1, 0)))
        elif name == "footage":
            # Filing is the last job of an item; what ended on the way counts with it, or with the next one.
            deps += [FILED_FOOTAGE] if has_library else []
        elif "/" in name:
            # A post passes its ages on the days after its content's own.
            later = _days(0, WINDOW_DAYS) if name == "engagement/cohorts" else None
            is_of_days = mart.reads.get(name) == ("days",) or mart.every in ("week", "month")
            mapping = one_day_each() if is_of_days else later
            deps.append(dg.AssetDep(mart_key(name), partition_mapping=mapping))
        else:
            deps += [key for channel in channels for key in _of_channel(channel, name)]
    return deps


def _of_channel(channel: Channel, name: str) -> list[dg.AssetKey]:
    if name == "posts":
        return [dg.AssetKey([channel.name, "posts", platform]) for platform in channel.platforms.chosen()]
    return [] if name == "prompts" and channel.prompts is None else [dg.AssetKey([channel.name, name])]


def one_day_each() -> dg.TimeWindowPartitionMapping:
    """Return the mapping of a week or month to those of its days that exist."""
    return _days(0, 0)


def _days(first: int, last: int) -> dg.TimeWindowPartitionMapping:
    # The first days have no day before them.
    return dg.TimeWindowPartitionMapping(
        start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
    )


def build_condition(mart: Mart) -> dg.AutomationCondition:
    """Return `eager()` over more than the newest partition, and also where a day upstream is missing.

    A day that was never measured never gets snapshots; its mart is where that shows.
    """
    condition = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing()) & none_failed()
    # A content's row changes for as long as its posts are measured.
    is_long = mart.name == "content/performance"
    lookback = timedelta(days=WINDOW_DAYS + 1) if is_long else _LOOKBACK.get(mart.every)
    if lookback is None:
        return condition
    latest = dg.AutomationCondition.in_latest_time_window
    return condition.replace(latest(), latest(lookback))


def facts_of(rows: Any) -> dict[str, Any]:
    """Return what the page of a mart shows of one partition: how many rows, of which world, and few rows in full."""
    facts: dict[str, Any] = {
        "dagster/row_count": rows.num_rows,
        "simulated": dg.MetadataValue.bool(any(rows.column("simulated").to_pylist())),
    }
    return {**facts, "rows": table(rows.to_pylist())} if 0 < rows.num_rows <= SHOWN_ROWS else facts


def _asset(
    mart: Mart,
    deps: list[dg.AssetDep | dg.AssetKey],
    partitions: dg.PartitionsDefinition | None,
    owner: str,
    freshness: dg.FreshnessPolicy | None,
) -> dg.AssetsDefinition:
    @dg.asset(
        key=mart_key(mart.name),
        deps=deps,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # A mart whose upstream assets this project does not have stays empty, so nothing starts it.
        automation_condition=build_condition(mart) if deps else None,
        freshness_policy=freshness,
        group_name="marts" if mart.name in MARTS else mart.name.partition("/")[0],
        owners=[owner],
        kinds={"duckdb", "parquet"},
        code_version=mart.code_version,
        check_specs=contract_specs(mart, mart_key(mart.name), partitions),
        io_manager_key="tables",
        pool=ANALYTICS_POOL,
        required_resource_keys={"project"},
        metadata=column_schema(mart),
        description=f"One row is {mart.grain}. Analysts ask it with `dayreel sql` as `{mart.view}`. "
        f"{runbook('how-to/analytics')}",
    )
    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from dayreel.marts.build import build_partitions, mart_files  # noqa: PLC0415  DuckDB costs half a second
        from dayreel.marts.checks import check_tables  # noqa: PLC0415

        keys = list(context.partition_keys) if partitions is not None else [ALWAYS]
        with open_project(context) as project:
            files = mart_files(project)
            tables = build_partitions(project, files, mart, keys)
        checks = check_tables(mart, tables)
        refused = {key: results[0] for key, results in checks.items() if not results[0].passed}
        facts = {key: facts_of(rows) for key, rows in tables.items() if key not in refused}
        if not refused:
            for key in facts if partitions is not None else ():
                context.add_asset_metadata(facts[key], asset_key=mart_key(mart.name), partition_key=key)
            yield dg.MaterializeResult(value=tables, metadata=facts[ALWAYS] if partitions is None else None)
        else:
            # The days whose key holds are written all the same; the one output is of all days, and so is left out.
            for key, metadata in facts.items():
                files.write(mart.name, key, tables[key])
                yield dg.AssetMaterialization(mart_key(mart.name), partition=key, metadata=metadata)
        yield from evaluations(context, mart_key(mart.name), checks)
        for key, check in refused.items():
            raise dg.Failure(
                f"{key}: {check.message} It was not written: such a file would double what it is joined with.",
                metadata={"expected": check.expected}, allow_retries=False,
            )  # fmt: skip

    return body
