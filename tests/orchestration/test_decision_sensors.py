"""Decisions and due posts become runs: once each, whatever else is in the tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import delete, insert, update

from dayreel.stores.catalog.tables import content, decisions
from tests.orchestration.project import NOTES, Project, days_ago, failures, reason_of, today

DAY = today()
NOTES_ID = f"notes-{DAY}"


def _content(project: Project, content_id: str, channel: str, day: Any, state: str = "review_pending") -> None:
    now = datetime.now(UTC)
    with project.studio() as room, room.catalog.write() as connection:
        connection.execute(
            insert(content).values(
                id=content_id,
                channel=channel,
                day=day,
                take=1,
                world="sandbox",
                state=state,
                version=1,
                revision=1,
                caption="words",
                video_sha256="0" * 64,
                storage_path=content_id,
                created_at=now,
                updated_at=now,
            )
        )


def _decision(project: Project, content_id: str, verdict: str = "approved") -> None:
    with project.studio() as room, room.catalog.write() as connection:
        connection.execute(
            insert(decisions).values(
                content_id=content_id,
                verdict=verdict,
                revision=1,
                video_sha256="0" * 64,
                caption="words",
                fields={},
                decided_by="ben",
                via="desk",
                decided_at=datetime.now(UTC),
            )
        )


def test_an_approval_is_recorded_and_then_posted(made: Project, instance: dg.DagsterInstance) -> None:
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


@pytest.mark.slow
def test_each_platform_gets_a_run_of_its_own(project: Project, instance: dg.DagsterInstance) -> None:
    """So that one platform's trouble never holds another back."""
    project.write_channel("notes", {**NOTES, "platforms": {"outbox": {}, "instagram": {}}})
    project.run(instance, "make_day_notes", DAY)
    project.decide(NOTES_ID, "approved")
    requests = project.tick(instance, "post_due_sensor").run_requests
    selected = [[key.to_user_string() for key in request.asset_selection] for request in requests]
    assert selected == [["notes/posts/instagram"], ["notes/posts/outbox"]]


def test_a_post_that_has_a_run_already_is_not_asked_for_again(made: Project, instance: dg.DagsterInstance) -> None:
    """On a machine that is slower than the turns, the queue would otherwise grow by every due post each turn."""
    made.decide(NOTES_ID, "approved")
    (post,) = made.tick(instance, "post_due_sensor").run_requests
    job = made.defs.get_repository_def().get_job("publish")
    under_way = instance.create_run_for_job(job, tags=dict(post.tags), status=dg.DagsterRunStatus.STARTED)
    assert "has its run already" in reason_of(made.tick(instance, "post_due_sensor"))
    instance.report_run_canceled(under_way)
    assert len(made.tick(instance, "post_due_sensor").run_requests) == 1


def test_a_rejection_is_recorded_and_nothing_is_posted(made: Project, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "rejected")
    (request,) = made.tick(instance, "decision_recorded_sensor").run_requests
    assert [key.to_user_string() for key in request.asset_selection] == ["notes/reviews"]
    assert made.tick(instance, "post_due_sensor").run_requests == []


def test_poison_rows_are_named_and_the_next_goes_through(made: Project, instance: dg.DagsterInstance) -> None:
    """A channel that is gone, a day that is no partition: an unknown key would otherwise fail every tick for ever."""
    _content(made, "gone-2026-11-01", "gone", days_ago(1))
    _content(made, "notes-1999-01-01", "notes", days_ago(9999))
    _decision(made, "gone-2026-11-01")
    _decision(made, "notes-1999-01-01")
    last = made.decide(NOTES_ID, "approved")
    tick = made.tick(instance, "decision_recorded_sensor")
    assert [request.run_key for request in tick.run_requests] == [f"decision:{last}"]
    assert tick.cursor == str(last)
    _decision(made, "gone-2026-11-01")
    assert "there is no channel 'gone' any more" in reason_of(
        made.tick(instance, "decision_recorded_sensor", cursor=tick.cursor)
    )


def test_a_poison_row_does_not_stop_the_posts_of_others(made: Project, instance: dg.DagsterInstance) -> None:
    _content(made, "gone-2026-11-01", "gone", days_ago(1), state="approved")
    _content(made, "notes-1999-01-01", "notes", days_ago(9999), state="approved")
    _decision(made, "gone-2026-11-01")
    _decision(made, "notes-1999-01-01")
    made.decide(NOTES_ID, "approved")
    assert [one.tags["dayreel/content"] for one in made.tick(instance, "post_due_sensor").run_requests] == [NOTES_ID]


@pytest.mark.slow
def test_a_broken_channel_file_does_not_stop_other_posts(make_project: Any, instance: dg.DagsterInstance) -> None:
    project: Project = make_project(notes=NOTES, other={**NOTES, "title": "Others"})
    project.run(instance, "make_day_notes", DAY)
    project.decide(NOTES_ID, "approved")
    _content(project, f"other-{DAY}", "other", DAY, state="approved")
    _decision(project, f"other-{DAY}")
    assert len(project.tick(instance, "post_due_sensor").run_requests) == 2
    (project.root / "channels" / "other.yaml").write_text("title: [", encoding="utf-8")
    requests = project.tick(instance, "post_due_sensor").run_requests
    assert [one.tags["dayreel/content"] for one in requests] == [NOTES_ID]


def test_a_hundred_decisions_are_taken_at_a_time(made: Project, instance: dg.DagsterInstance) -> None:
    for _ in range(103):
        _decision(made, NOTES_ID)
    first = made.tick(instance, "decision_recorded_sensor")
    second = made.tick(instance, "decision_recorded_sensor", cursor=first.cursor)
    assert (len(first.run_requests), len(second.run_requests)) == (100, 3)


def test_nothing_is_due_outside_windows_or_with_the_switch_off(made: Project, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "approved")
    later = datetime.now(UTC) + timedelta(hours=3)
    window = f"{later:%H}:00-{later:%H}:30"
    made.write_channel("notes", {**NOTES, "publish_windows": [window]})
    assert made.tick(instance, "post_due_sensor").run_requests == []
    made.write_channel("notes", NOTES)
    assert len(made.tick(instance, "post_due_sensor").run_requests) == 1
    with made.studio() as room, room.catalog.write() as connection:
        from dayreel.services.configure import write_config

        write_config(connection, "switch", "off", by="ana", at=room.clock.now())
    assert made.tick(instance, "post_due_sensor").run_requests == []


def test_a_content_of_the_other_world_is_never_due(made: Project, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "approved")
    with made.studio() as room, room.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == NOTES_ID).values(world="live"))
    assert made.tick(instance, "post_due_sensor").run_requests == []
    with made.studio() as room, room.catalog.write() as connection:
        connection.execute(delete(decisions))
