"""The charts as an asset: five pictures a week beside the marts, shown on the asset's own page.

The desk, behind which Dagster's pages are, serves the pictures; the markdown is a fixed template that holds our names.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg

from dayreel.marts.declared import MARTS
from dayreel.rules.desk_links import chart_link, picture
from dayreel.stores.mart_files import ALWAYS, MartFiles, charts_folder
from pipeline_assets.freshness import derived
from pipeline_assets.mart_assets import build_condition, mart_key, one_day_each
from pipeline_assets.metadata import desk_origin, runbook
from pipeline_assets.run_queue import ANALYTICS_POOL
from pipeline_assets.steps import open_project

CHARTS = mart_key("summary/charts")


def build_charts(weeks: dg.PartitionsDefinition, zone: str) -> dg.AssetsDefinition:
    """Return the asset of the weekly charts, over all channels together.

    Args:
        weeks: the partitions of `summary/weekly`.
        zone: DAYREEL_TIMEZONE.
    """

    @dg.asset(
        key=CHARTS,
        deps=[
            dg.AssetDep(mart_key("summary/weekly")),
            dg.AssetDep(mart_key("finance/projection"), partition_mapping=one_day_each()),
        ],
        partitions_def=weeks,
        backfill_policy=dg.BackfillPolicy.single_run(),
        automation_condition=build_condition(MARTS["summary/weekly"]),
        freshness_policy=derived(MARTS["summary/weekly"], [], zone),
        group_name="marts",
        owners=["team:content"],
        kinds={"matplotlib"},
        pool=ANALYTICS_POOL,
        code_version="1",
        required_resource_keys={"project"},
        description="Views by age, reactions by platform, spend against the cap, approval rate, cost per 1,000 views "
        "by topic: the eight weeks that end with this one. The weekly report has them per channel. "
        f"{runbook('how-to/analytics')}",
    )
    def charts(context: dg.AssetExecutionContext) -> None:
        from dayreel.marts.build import mart_files  # noqa: PLC0415
        from dayreel.services.reporting.draw_charts import draw_all  # noqa: PLC0415  matplotlib costs a second
        from dayreel.services.reporting.write_report import chart_data  # noqa: PLC0415

        for key in context.partition_keys:
            with open_project(context) as project:
                drawn = draw_all(chart_data(project, date.fromisoformat(key)))
                files = mart_files(project)
                files.write_charts(key, ALWAYS, drawn)
            context.add_asset_metadata(shown(files, key, drawn), asset_key=CHARTS, partition_key=key)

    return charts


def shown(files: MartFiles, week: str, names: Iterable[str]) -> dict[str, Any]:
    """Return the charts of a week, over all channels, as the asset's page shows them, and where they lie."""
    metadata: dict[str, Any] = {
        name: dg.MetadataValue.md(picture(name, chart_link(week, ALWAYS, name), origin=desk_origin())) for name in names
    }
    return metadata | {"files": dg.MetadataValue.path(str(files.root / charts_folder(week, ALWAYS)))}
