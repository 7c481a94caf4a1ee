"""Completion markers dropped by external workers or people become runs that take their files over.

Which are new is decided by `dayreel.services.upkeep.watch_markers`; hashing and decoding is the run's work. The cursor
holds what was seen of the contents that have markers now, so it does not grow. Format:
docs/how-to/completion-markers.md.
"""

import json

import dagster as dg

from dayreel.services.upkeep.watch_markers import new_markers
from pipeline_assets.steps import CONTENT_TAG, TRIGGER_TAG
from resources.project import ProjectResource
from sensors.ticks import KnownDays

INTERVAL_S = 15


def build_marker_sensor(partitions: dg.DailyPartitionsDefinition) -> dg.SensorDefinition:
    """Return the sensor that finds completion markers."""

    @dg.sensor(
        name="marker_found_sensor",
        job_name="make_day",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes over raw segments and final videos that were made elsewhere and marked as done.",
    )
    def marker_found(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        with project.open(actor="sensor marker_found") as opened:
            news = new_markers(opened, json.loads(context.cursor or "{}"), days=KnownDays(partitions))
        for reason in news.left_alone:
            context.log.warning("left alone: %s", reason)
        requests = [
            dg.RunRequest(
                # The digest is part of the key: Dagster never starts a second run for a key, and a corrected marker
                # must start one.
                run_key=f"marker:{marker.content_id}:{marker.stage}:{marker.digest}",
                partition_key=marker.day.isoformat(),
                asset_selection=[dg.AssetKey([marker.channel, name]) for name in marker.assets],
                tags={
                    "channel": marker.channel,
                    CONTENT_TAG: marker.content_id,
                    TRIGGER_TAG: f"marker {marker.stage} by {marker.producer}",
                },
            )
            for marker in news.ready
        ]
        skip = None if requests else dg.SkipReason("; ".join(news.left_alone) or "no new marker")
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(news.seen), skip_reason=skip)

    return marker_found
