"""Decisions and due posts become runs: once each, whatever else is in the tables."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sqlalchemy import update

from dayreel.stores.catalog.tables import content
from tests.days import ZONE, days_ago, today
from tests.fakes.rows import add_decision
from tests.orchestration.deployment import NOTES, Deployment, failures, reason_of

DAY = today()
NOTES_ID = f"notes-{DAY}"


def _decision(deployment: Deployment, *content_ids: str) -> None:
    with deployment.project() as project:
        for content_id in content_ids:
            add_decision(project.catalog, content_id, at=project.clock.now())


def _poison(deployment: Deployment, state: str) -> None:
    """Decide on contents of a channel that is gone, and of a day that is not a partition."""
    for channel, day in (("gone", days_ago(1)), ("notes", date(1999, 1, 1))):
        _decision(deployment, deployment.add_content(f"{channel}-{day}", state))


def test_an_approval_is_recorded_and_then_posted(made: Deployment, instance: dg.DagsterInstance) -> None:
    assert "no new decision" in reason_of(made.tick(instance, "decision_recorded_sensor"))
    decision_id = made.decide(NOTES_ID, "approved")
    tick = made.tick(instance, "decision_recorded_sensor", cursor="0")
    (request,) = tick.run_requests
    assert request.run_key == f"decision:{decision_id}"
    assert request.tags["dayreel/trigger"] == f"decision {decision_id} by ana via cli"
    assert tick.cursor == str(decision_id)
    assert made.obey(instance, request, "publish").success
    (post,) = made.tick(instance, "post_due_sensor").run_requests
    assert post.tags["dayreel/trigger"] == f"decision {decision_id} by ana via cli"
    result = made.obey(instance, post, "publish")
    assert result.success, failures(result)
    assert "nothing approved is due" in reason_of(made.tick(instance, "post_due_sensor"))
    assert "no new decision" in reason_of(made.tick(instance, "decision_recorded_sensor", cursor=tick.cursor))


def test_what_was_recorded_without_the_sensor_gets_no_run(made: Deployment, instance: dg.DagsterInstance) -> None:
    """After months of `dayreel publish`, or a demo, the first `dayreel up` would begin with a run for each decision."""
    first = made.decide(NOTES_ID, "approved")
    key = dg.AssetKey(["notes", "reviews"])
    for day in (DAY, days_ago(1)):
        event = dg.AssetMaterialization(key, partition=str(day), metadata={"decision_id": first + (day != DAY)})
        instance.report_runless_asset_event(event)
    tick = made.tick(instance, "decision_recorded_sensor")
    assert (tick.run_requests, tick.cursor) == ([], str(first))
    second = made.decide(NOTES_ID, "rejected")
    (request,) = made.tick(instance, "decision_recorded_sensor").run_requests
    assert request.run_key == f"decision:{second}", "what was recorded of another day is another decision"


def test_each_platform_gets_a_run_of_its_own(made: Deployment, instance: dg.DagsterInstance) -> None:
    """So that one platform's trouble never holds another back."""
    made.write_channel("notes", {**NOTES, "platforms": {"outbox": {}, "instagram": {}}})
    made.decide(NOTES_ID, "approved")
    requests = made.tick(instance, "post_due_sensor").run_requests
    selected = [[key.to_user_string() for key in request.asset_selection] for request in requests]
    assert selected == [["notes/posts/instagram"], ["notes/posts/outbox"]]


def test_a_post_that_has_a_run_already_is_not_asked_for_again(made: Deployment, instance: dg.DagsterInstance) -> None:
    """On a machine that is slower than the turns, the queue would otherwise grow by every due post each turn."""
    made.decide(NOTES_ID, "approved")
    (post,) = made.tick(instance, "post_due_sensor").run_requests
    job = made.defs.get_repository_def().get_job("publish")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("dayreel"), "dayreel"), "publish")
    for status in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED"):
        run = instance.create_run_for_job(
            job, tags=dict(post.tags), status=dg.DagsterRunStatus[status], remote_job_origin=origin
        )
        assert "has its run already" in reason_of(made.tick(instance, "post_due_sensor")), status
        instance.report_run_canceled(run)
        assert len(made.tick(instance, "post_due_sensor").run_requests) == 1, status


def test_a_rejection_is_recorded_and_nothing_is_posted(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "rejected")
    (request,) = made.tick(instance, "decision_recorded_sensor").run_requests
    assert [key.to_user_string() for key in request.asset_selection] == ["notes/reviews"]
    assert made.tick(instance, "post_due_sensor").run_requests == []


def test_poison_rows_are_named_and_the_next_goes_through(made: Deployment, instance: dg.DagsterInstance) -> None:
    """A channel that is gone, a day that is not a partition: an unknown key would otherwise fail every tick."""
    _poison(made, "review_pending")
    last = made.decide(NOTES_ID, "approved")
    tick = made.tick(instance, "decision_recorded_sensor")
    assert [request.run_key for request in tick.run_requests] == [f"decision:{last}"]
    assert tick.cursor == str(last)
    _decision(made, f"gone-{days_ago(1)}")
    assert "there is no channel 'gone' any more" in reason_of(
        made.tick(instance, "decision_recorded_sensor", cursor=tick.cursor)
    )


def test_a_poison_row_does_not_stop_the_posts_of_others(made: Deployment, instance: dg.DagsterInstance) -> None:
    _poison(made, "approved")
    made.decide(NOTES_ID, "approved")
    assert [request.tags["dayreel/content"] for request in made.tick(instance, "post_due_sensor").run_requests] == [
        NOTES_ID
    ]


def test_a_broken_channel_file_does_not_stop_other_posts(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.write_channel("other", {**NOTES, "title": "Others"})
    made.decide(NOTES_ID, "approved")
    _decision(made, made.add_content(f"other-{DAY}", "approved"))
    assert len(made.tick(instance, "post_due_sensor").run_requests) == 2
    (made.root / "channels" / "other.yaml").write_text("title: [", encoding="utf-8")
    requests = made.tick(instance, "post_due_sensor").run_requests
    assert [request.tags["dayreel/content"] for request in requests] == [NOTES_ID]


def test_a_hundred_decisions_are_taken_at_a_time(made: Deployment, instance: dg.DagsterInstance) -> None:
    _decision(made, *[NOTES_ID] * 103)
    first = made.tick(instance, "decision_recorded_sensor")
    second = made.tick(instance, "decision_recorded_sensor", cursor=first.cursor)
    assert (len(first.run_requests), len(second.run_requests)) == (100, 3)


def test_nothing_is_due_outside_windows_or_with_the_switch_off(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "approved")
    later = datetime.now(ZoneInfo(ZONE)) + timedelta(hours=3)
    window = f"{later:%H}:00-{later:%H}:30"
    made.write_channel("notes", {**NOTES, "publish_windows": [window]})
    assert made.tick(instance, "post_due_sensor").run_requests == []
    made.write_channel("notes", NOTES)
    assert len(made.tick(instance, "post_due_sensor").run_requests) == 1
    with made.project() as project, project.catalog.write() as connection:
        from dayreel.services.configure import write_config

        write_config(connection, "switch", "off", by="ana", at=project.clock.now())
    assert made.tick(instance, "post_due_sensor").run_requests == []


def test_a_content_of_the_other_world_is_never_due(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "approved")
    with made.project() as project, project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == NOTES_ID).values(world="live"))
    assert made.tick(instance, "post_due_sensor").run_requests == []
