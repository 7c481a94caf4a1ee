"""The one partitions definition that every asset shares: calendar days.

See https://docs.dagster.io/guides/build/partitions-and-backfills. All channels share one object, because a backfill
over several channels is only possible when their root assets do. `end_offset=1` makes today a partition today.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from dayreel.errors import ConfigurationError
from dayreel.schemas.channel import Channel
from dayreel.settings import Settings

FILED_FOOTAGE = dg.AssetDep(dg.AssetKey(["library", "in_library"]), partition_mapping=dg.AllPartitionMapping())
"""All of the library, for what is made from it; the asset itself is in `pipeline_assets.footage`."""


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the daily partitions from DAYREEL_FIRST_DAY up to and with today in DAYREEL_TIMEZONE."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day, timezone=settings.timezone, end_offset=1)


def check_zones(settings: Settings, channels: dict[str, Channel]) -> None:
    """Refuse a channel whose day would be made before its partition exists.

    Raises:
        ConfigurationError: names the channel and the setting that fixes it.
    """
    day = date(2026, 1, 15)
    for channel in channels.values():
        hour, minute = (int(part) for part in channel.make_at.split(":"))
        made_at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(channel.timezone))
        if made_at.astimezone(ZoneInfo(settings.timezone)).date() < day:
            raise ConfigurationError(
                f"Channel {channel.name!r} makes its day at {channel.make_at} in {channel.timezone}, when the day has "
                f"not begun in DAYREEL_TIMEZONE ({settings.timezone}).",
                next_step=f"Set DAYREEL_TIMEZONE={channel.timezone}.",
            )
