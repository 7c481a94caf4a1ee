"""The jobs people and schedules start: making a day, publishing it, measuring.

See https://docs.dagster.io/guides/build/jobs. Every run is in-process: parallelism comes from runs and pools, because
a step in a process of its own costs seconds and most steps wait.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dayreel.marts.declared import MARTS
from dayreel.schemas.channel import Channel
from pipeline_assets.engagement_assets import SNAPSHOTS
from pipeline_assets.mart_assets import mart_key
from pipeline_assets.run_queue import MAKES, POSTS
from pipeline_assets.run_queue import MARTS as MARTS_LAST

MAKE_DAY = "make_day"
"""The job that makes a day of every channel; those of one channel begin with its name."""
MAKING = ("ideas", "prompts", "raw_segments", "narration", "final_video")


def making_keys(channel: Channel) -> list[dg.AssetKey]:
    """Return the assets that make one channel's day, up to its review."""
    left_out = set()
    if channel.prompts is None:
        left_out.add("prompts")
    if channel.narration is None:
        left_out.add("narration")
    return [dg.AssetKey([channel.name, name]) for name in MAKING if name not in left_out]


def publishing_keys(channel: Channel) -> list[dg.AssetKey]:
    """Return a channel's review and its posts."""
    posts = [dg.AssetKey([channel.name, "posts", platform]) for platform in channel.platforms.chosen()]
    return [dg.AssetKey([channel.name, "reviews"]), *posts]


def make_day_job_name(channel: str) -> str:
    """Return the name of the job that makes one channel's day."""
    return f"{MAKE_DAY}_{channel}"


def make_day_schedule_name(channel: str) -> str:
    """Return the name of the schedule that makes a channel's day."""
    return f"{make_day_job_name(channel)}_schedule"


def build_jobs(channels: Sequence[Channel]) -> list[Any]:
    """Return every job (unresolved asset jobs, a type that Dagster does not export).

    With no channel there is nothing to make, and only measuring is left.
    """
    daily = [mart_key(mart.name) for mart in MARTS.values() if mart.every == "day"]
    jobs = [
        dg.define_asset_job(
            "measure",
            selection=dg.AssetSelection.assets(SNAPSHOTS),
            description="Take today's snapshot of every post of the last 32 days.",
        ),
        dg.define_asset_job(
            "marts",
            selection=dg.AssetSelection.assets(*daily),
            tags=MARTS_LAST,
            description="Rebuild the daily marts of a day, or of many days in one run.",
        ),
    ]
    if not channels:
        return jobs
    everything = [key for channel in channels for key in making_keys(channel)]
    publishing = [key for channel in channels for key in publishing_keys(channel)]
    jobs += [
        dg.define_asset_job(
            MAKE_DAY,
            selection=dg.AssetSelection.assets(*everything),
            tags=MAKES,
            description="Make a day of every channel, up to its review. Safe to repeat.",
        ),
        dg.define_asset_job(
            "publish",
            selection=dg.AssetSelection.assets(*publishing),
            tags=POSTS,
            description="Record the newest decision and publish what was approved, through every gate.",
        ),
    ]
    jobs += [
        dg.define_asset_job(
            make_day_job_name(channel.name),
            selection=dg.AssetSelection.assets(*making_keys(channel)),
            tags={"channel": channel.name, **MAKES},
            description=f"Make a day of {channel.title}, up to its review. Safe to repeat.",
        )
        for channel in channels
    ]
    return jobs
