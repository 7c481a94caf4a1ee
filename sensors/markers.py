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
            found = new_markers(opened, json.loads(context.cursor or "{}"), days=KnownDays(partitions))
        for reason in found.left_alone:
            context.log.warning("left alone: %s", reason)
        requests = [
            dg.RunRequest(
                run_key=f"marker:{one.content_id}:{one.stage}:{one.digest}",
                partition_key=one.day.isoformat(),
                asset_selection=[dg.AssetKey([one.channel, name]) for name in one.assets],
                tags={
                    "channel": one.channel,
                    CONTENT_TAG: one.content_id,
                    TRIGGER_TAG: f"marker {one.stage} by {one.producer}",
                },
            )
            for one in found.ready
        ]
        skip = None if requests else dg.SkipReason("; ".join(found.left_alone) or "no new marker")
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(found.seen), skip_reason=skip)

    return marker_found
