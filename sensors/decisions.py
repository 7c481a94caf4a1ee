"""People's decisions become materializations of `reviews`; what was approved becomes posts when its gates allow.

See https://docs.dagster.io/guides/automate/sensors. What is due is decided by `dayreel.services.upkeep.due_work`; a run
key keeps a tick from asking twice, and the effect ledger keeps a post from going out twice.
"""

from collections.abc import Sequence

import dagster as dg

from dayreel.services.upkeep.due_work import DueReview, due_posts, new_decisions
from pipeline_assets.steps import CONTENT_TAG, DECISION_TAG, TRIGGER_TAG
from resources.project import ProjectResource
from sensors.ticks import KnownDays, without_unfinished

INTERVAL_S = 15
_MOST_TAKES = 10
"""Decisions of one day, about, that are looked for among what was recorded."""


def build_decision_sensors(partitions: dg.DailyPartitionsDefinition) -> list[dg.SensorDefinition]:
    """Return the sensor that records decisions and the one that publishes what was approved."""

    @dg.sensor(
        name="decision_recorded_sensor",
        job_name="publish",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns each decision row into a materialization of the channel's `reviews`.",
    )
    def decision_recorded(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        with project.open(actor="sensor decision_recorded") as opened:
            news = new_decisions(opened, int(context.cursor or 0), days=KnownDays(partitions))
        recorded = _recorded(context.instance, news.due)
        for reason in news.left_out:
            context.log.warning("left out: %s", reason)
        requests = [
            dg.RunRequest(
                run_key=f"decision:{decision.decision_id}",
                partition_key=decision.day.isoformat(),
                asset_selection=[dg.AssetKey([decision.channel, "reviews"])],
                tags=_tags(
                    decision.channel, decision.content_id, decision.decision_id, decision.decided_by, decision.via
                ),
            )
            for decision in news.due
            if decision not in recorded
        ]
        skip = None if requests else dg.SkipReason("; ".join(news.left_out) or "no new decision")
        # The cursor moves past rows that were left out as well: a channel that is gone would stop every later
        # decision.
        return dg.SensorResult(run_requests=requests, cursor=str(news.cursor), skip_reason=skip)

    @dg.sensor(
        name="post_due_sensor",
        job_name="publish",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Publishes what was approved, one run per platform, once its publish window is open.",
    )
    def post_due(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
        left_out: list[str] = []
        with project.open(actor="sensor post_due") as opened:
            due = due_posts(opened, days=KnownDays(partitions), left_out=left_out)
        for reason in left_out:
            context.log.warning("left out: %s", reason)
        requests = [
            dg.RunRequest(
                run_key=post.key,
                partition_key=post.day.isoformat(),
                asset_selection=[dg.AssetKey([post.channel, "posts", post.platform])],
                tags={
                    **_tags(post.channel, post.content_id, post.decision_id, post.decided_by, post.via),
                    "platform": post.platform,
                },
            )
            for post in due
        ]
        # The run key of a post contains its turn, so that a refused one is tried again later; without this filter a
        # slow machine would queue a run per turn.
        requests = without_unfinished(context.instance, requests, same=(CONTENT_TAG, "platform"))
        nothing = "what is due has its run already" if due else "nothing approved is due"
        skip = None if requests else dg.SkipReason("; ".join(left_out) or nothing)
        return dg.SensorResult(run_requests=requests, skip_reason=skip)

    return [decision_recorded, post_due]


def _recorded(instance: dg.DagsterInstance, decisions: Sequence[DueReview]) -> list[DueReview]:
    """Return those that `dayreel publish`, or the demo, has recorded: a run for each would hold up today's work."""
    days: dict[str, list[str]] = {}
    for decision in decisions:
        days.setdefault(decision.channel, []).append(decision.day.isoformat())
    made: set[tuple[str, str | None, object]] = set()
    for channel, partitions in days.items():
        reviews = dg.AssetRecordsFilter(dg.AssetKey([channel, "reviews"]), asset_partitions=partitions)
        for record in instance.fetch_materializations(reviews, limit=_MOST_TAKES * len(partitions)).records:
            event = record.asset_materialization
            if event is not None and "decision_id" in event.metadata:
                made.add((channel, event.partition, event.metadata["decision_id"].value))
    return [each for each in decisions if (each.channel, each.day.isoformat(), each.decision_id) in made]


def _tags(channel: str, content_id: str, decision_id: int, decided_by: str, via: str) -> dict[str, str]:
    return {
        "channel": channel,
        CONTENT_TAG: content_id,
        DECISION_TAG: str(decision_id),
        TRIGGER_TAG: f"decision {decision_id} by {decided_by} via {via}",
    }
