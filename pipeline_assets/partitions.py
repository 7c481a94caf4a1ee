"""The one partitions definition that every asset shares: calendar days.

See https://docs.dagster.io/guides/build/partitions-and-backfills. All channels share one object, because a backfill
over several channels is only possible when their root assets do. `end_offset=1` makes today a partition today.
"""

import dagster as dg

from dayreel.settings import Settings

FILED_FOOTAGE = dg.AssetDep(dg.AssetKey(["library", "in_library"]), partition_mapping=dg.AllPartitionMapping())
"""All of the library, for what is made from it; the asset itself is in `pipeline_assets.footage`."""


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the daily partitions from DAYREEL_FIRST_DAY up to and with today in DAYREEL_TIMEZONE."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day, timezone=settings.timezone, end_offset=1)
