"""What items of own footage have become is recorded as materializations, one partition an item.

Which steps are new is decided by `dayreel.footage.library.stage_story`; the cursor is the last one's number.
"""

import dagster as dg

from dayreel.footage.library.stage_story import new_moves
from pipeline_assets.footage.assets import ITEMS, RECORD_ITEMS, item_key
from pipeline_assets.steps import TRIGGER_TAG
from resources.project import ProjectResource

INTERVAL_S = 15


def build_item_sensor() -> dg.SensorDefinition:
    """Return the sensor that records what items have become."""

    @dg.sensor(
        name="item_moved_sensor",
        job_name=RECORD_ITEMS,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records each step of an item of own footage: ripped, remuxed, transcoded, in the library.",
    )
    def item_moved(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        with project.open(actor="sensor item_moved") as opened:
            moves = new_moves(opened, int(context.cursor or 0))
        if not moves:
            return dg.SensorResult(skip_reason=dg.SkipReason("no item has moved"))
        requests = [
            dg.RunRequest(
                run_key=f"item:{move.transition_id}",
                partition_key=move.item_id,
                asset_selection=[item_key(move.stage)],
                tags={"item": move.item_id, TRIGGER_TAG: move.trigger[:200]},
            )
            for move in moves
        ]
        return dg.SensorResult(
            run_requests=requests,
            cursor=str(moves[-1].transition_id),
            dynamic_partitions_requests=[ITEMS.build_add_request(sorted({move.item_id for move in moves}))],
        )

    return item_moved
