"""The marts as assets: one per table, rebuilt automatically when its inputs have changed.

See https://docs.dagster.io/guides/automate/declarative-automation: it is used here only, where a run costs nothing and
changes nothing outside. What a mart holds is `dayreel.services.marts`; a run over many partitions is one run.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from dayreel.schemas.channel import Channel
from dayreel.schemas.mart import Every, Mart
from dayreel.services.marts.tables import MARTS
from dayreel.services.measure_posts import WINDOW_DAYS
from dayreel.settings import Settings
from dayreel.stores.mart_files import ALWAYS
from pipeline_assets.engagement_assets import SNAPSHOTS
from pipeline_assets.metadata import runbook, table
from pipeline_assets.partitions import FILED_FOOTAGE
from pipeline_assets.steps import open_project

OWNER = "team:content"
# A table that is not longer is shown whole on its page.
SHOWN_ROWS = 10
_COLUMN_TYPES = {
    "text": "string", "int": "int64", "float": "float64", "usd": "decimal(12,6)", "day": "date32",
    "moment": "timestamp[us, UTC]", "flag": "bool",
}  # fmt: skip
# How far back a change rebuilds a partition automatically; older ones are rebuilt by hand (a backfill is one run).
_LOOKBACK: Mapping[str, timedelta] = {
    "engagement/daily": timedelta(days=3),
    "engagement/cohorts": timedelta(days=3),
    "content/performance": timedelta(days=WINDOW_DAYS + 1),
    "finance/spend": timedelta(days=3),
    "finance/projection": timedelta(days=3),
    "review/outcomes": timedelta(days=3),
    "factory/health": timedelta(days=3),
    "library/throughput": timedelta(days=3),
    "summary/weekly": timedelta(days=9),
    "summary/monthly": timedelta(days=35),
}
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "content/performance": ("final_video", "reviews"),
    "finance/spend": ("ideas", "prompts", "raw_segments"),
    "review/outcomes": ("reviews",),
    "factory/health": ("final_video", "posts"),
}
_DAILY_PARTS = ("content/performance", "engagement/daily", "finance/spend", "review/outcomes", "factory/health")


def mart_key(name: str) -> dg.AssetKey:
    """Return the asset key of a mart."""
    return dg.AssetKey(name.split("/"))


def build_marts(
    channels: Sequence[Channel], partitions: dg.DailyPartitionsDefinition, settings: Settings
) -> list[dg.AssetsDefinition]:
    """Return the asset of every mart."""
    periods = build_periods(partitions, settings)
    has_library = settings.library is not None
    return [
        _asset(mart, _deps(mart.name, channels, has_library=has_library), periods[mart.every])
        for mart in MARTS.values()
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


def _deps(name: str, channels: Sequence[Channel], *, has_library: bool) -> list[dg.AssetDep]:
    if name in {"engagement/daily", "engagement/cohorts"}:
        # The snapshot before lies on the day before, or further back after a gap.
        return [dg.AssetDep(SNAPSHOTS, partition_mapping=_days(-1, 0))]
    if name == "library/throughput":
        # Filing is the last job of an item; what ended on the way is counted with it, or with the next one.
        return [FILED_FOOTAGE] if has_library else []
    if name == "finance/projection":
        return [dg.AssetDep(mart_key("finance/spend"))]
    if name in ("summary/weekly", "summary/monthly"):
        return [dg.AssetDep(mart_key(part), partition_mapping=one_day_each()) for part in _DAILY_PARTS]
    if name == "experiments/results":
        return [dg.AssetDep(mart_key("content/performance"))]
    deps = [dg.AssetDep(key) for channel in channels for key in _of_channel(channel, _SOURCES[name])]
    if name == "content/performance":
        deps.append(dg.AssetDep(mart_key("engagement/cohorts"), partition_mapping=_days(0, WINDOW_DAYS)))
    return deps


def _of_channel(channel: Channel, names: tuple[str, ...]) -> list[dg.AssetKey]:
    keys: list[dg.AssetKey] = []
    for name in names:
        if name == "posts":
            keys += [dg.AssetKey([channel.name, "posts", platform]) for platform in channel.platforms.chosen()]
        elif name != "prompts" or channel.prompts is not None:
            keys.append(dg.AssetKey([channel.name, name]))
    return keys


def one_day_each() -> dg.TimeWindowPartitionMapping:
    """Return the mapping of a week or month to those of its days that exist."""
    return _days(0, 0)


def _days(first: int, last: int) -> dg.TimeWindowPartitionMapping:
    # The first days have no day before them.
    return dg.TimeWindowPartitionMapping(
        start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
    )


def build_condition(name: str) -> dg.AutomationCondition:
    """Return `eager()` over more than the newest partition, and also where a day upstream is missing.

    A day that was never measured never gets snapshots; its mart is where that shows.
    """
    condition = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())
    lookback = _LOOKBACK.get(name)
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


def _asset(mart: Mart, deps: list[dg.AssetDep], partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                _COLUMN_TYPES[column.kind],
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.name not in mart.key),
            )
            for column in mart.columns
        ],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(mart.key)}"]),
    )

    @dg.asset(
        key=mart_key(mart.name),
        deps=deps,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # A mart whose upstream assets this project does not have stays empty, so nothing starts it.
        automation_condition=build_condition(mart.name) if deps else None,
        group_name="marts",
        owners=[OWNER],
        kinds={"pandas", "parquet"},
        code_version="1",
        io_manager_key="marts",
        required_resource_keys={"project"},
        metadata={"dagster/column_schema": schema},
        description=f"One row is {mart.grain}. Analysts ask it with `dayreel sql` as `{mart.view}`. "
        f"{runbook('how-to/analytics')}",
    )
    def body(context: dg.AssetExecutionContext) -> dict[str, Any]:
        from dayreel.services.marts.build_marts import build_mart, mart_files  # noqa: PLC0415  pandas costs a second

        keys = list(context.partition_keys) if partitions is not None else [ALWAYS]
        with open_project(context) as project:
            files = mart_files(project)
            tables = {key: build_mart(project, files, mart.name, key) for key in keys}
        for key, rows in tables.items():
            context.add_asset_metadata(
                facts_of(rows),
                asset_key=mart_key(mart.name),
                partition_key=key if partitions is not None else None,
            )
        return tables

    return body
