"""What the posts did: snapshots of every post of the last 32 days, by the day they were observed."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from dayreel.clock import local_day
from dayreel.marts.content_tables import SNAPSHOTS as SNAPSHOTS_TABLE
from dayreel.providers.platforms.contract import PlatformProvider
from dayreel.schemas.channel import Channel
from dayreel.schemas.mart import WINDOW_DAYS
from dayreel.services.making.code_versions import OF_WHAT_HAPPENED
from dayreel.services.measure_accounts import followers_on, measure_accounts
from dayreel.services.measure_posts import ONLY_DUE, gaps_of, measure_posts, measured_on
from dayreel.vendors.registry import without_counters
from pipeline_assets.contracts import check_specs, column_schema
from pipeline_assets.freshness import measured
from pipeline_assets.metadata import runbook, table
from pipeline_assets.run_queue import ANALYTICS_POOL
from pipeline_assets.steps import open_project

SNAPSHOTS = dg.AssetKey(["engagement", "snapshots"])
CHECK = "every_platform_answered"
ALL_ANSWERED = "Every platform answered for every post."


def build_snapshots(channels: Sequence[Channel], partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return the snapshots asset over the posts of all channels."""
    by_hand = without_counters()
    platforms = sorted({name for channel in channels for name in channel.platforms.chosen() if name not in by_hand})
    # Without the last parameter the first month cannot load.
    window = dg.TimeWindowPartitionMapping(
        start_offset=-(WINDOW_DAYS - 1), end_offset=0, allow_nonexistent_upstream_partitions=True
    )
    posts = [
        dg.AssetDep(dg.AssetKey([channel.name, "posts", platform]), partition_mapping=window)
        for channel in channels
        for platform in channel.platforms.chosen()
        if platform not in by_hand
    ]

    @dg.asset(
        key=SNAPSHOTS,
        deps=posts,
        partitions_def=partitions,
        group_name="engagement",
        owners=["team:content"],
        kinds={"table"},
        freshness_policy=measured(partitions.timezone),
        pool=ANALYTICS_POOL,
        code_version=OF_WHAT_HAPPENED,
        io_manager_key="tables",
        required_resource_keys={"project", *platforms},
        metadata=column_schema(SNAPSHOTS_TABLE),
        check_specs=check_specs(
            {
                CHECK: "Fails while a post that was out has no counters of the day: the platform could not be asked, "
                "did not answer for it, or nobody asked. What is missing when the day ends stays a gap: "
                "`engagement/daily` has it as rows with `status = 'missing'` and the reason."
            },
            SNAPSHOTS,
            partitions,
        ),
        description="What the platforms report on this day of every post of the last 32 days, and how many follow the "
        "accounts; docs/reference/metrics.md says what each metric counts. Totals as of now: a past day cannot be "
        f"measured afterwards; its run reports what it holds. {runbook('explanation/engagement')}",
    )
    def snapshots(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = date.fromisoformat(context.partition_key)
        with open_project(context) as project:
            if day < local_day(project.clock.now(), project.settings.timezone):
                measured, followers = measured_on(project, day), followers_on(project, day)
            else:
                clients: dict[str, PlatformProvider] = {
                    name: getattr(context.resources, name).open(project) for name in platforms
                }
                only_due = context.run.tags.items() >= ONLY_DUE.items()
                measured = measure_posts(project, day, platforms=clients, only_due=only_due)
                followers = measure_accounts(project, day, clients)
        gaps = gaps_of(measured)
        return dg.MaterializeResult(
            metadata={
                "snapshots": dg.MetadataValue.int(sum(platform.snapshots for platform in measured)),
                "platforms": table(
                    [
                        {
                            **vars(platform),
                            "missing": ", ".join(platform.missing) or None,
                            "refused": "; ".join(f"{name}: {why}" for name, why in platform.refused.items()) or None,
                        }
                        for platform in measured
                    ]
                ),
                # Plotted per day; what a platform did not report is a gap, not a zero.
                **{f"views_{platform.platform}": platform.views for platform in measured if platform.views is not None},
                **{f"followers_{name}": count for name, count in followers.items()},
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=not gaps,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(gaps) or ALL_ANSWERED,
                )
                for _ in context.assets_def.check_specs
            ],
        )

    return snapshots
