"""What is due: in its window, not out yet, not too often; and one broken row never stops the rest."""

import contextlib
from collections.abc import Callable, Container
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.services.configure import write_config
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.due_work import BATCH, MOST_ATTEMPTS, TRY_AGAIN_AFTER, due_posts, new_decisions
from dayreel.services.upkeep.report_silences import find_silences
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.registry import vendor_named
from tests.fakes.clock import FakeClock
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, reviewable, write_channel

MakeProject = Callable[..., Project]
DAYS: Container[str] = {"2026-11-18", "2026-11-19", "2026-11-20"}


def approve(project: Project, name: str = "crafts", **more: Any) -> str:
    row = reviewable(project, name=name, video=f"video of {name} {more}".encode(), **more)
    decide(project, row.id, "approved", by="ana", via="desk")
    return row.id


def due(project: Project) -> list[tuple[str, str, int]]:
    return [(post.content_id, post.platform, post.attempt) for post in due_posts(project, days=DAYS)]


def test_every_decision_is_reported_once_in_order_with_a_cursor(make_project: MakeProject) -> None:
    project = make_project()
    content_id = approve(project)
    decide(project, content_id, "rejected", by="ben", via="cli")
    decisions = new_decisions(project, 0, days=DAYS)
    assert [
        (decision.content_id, decision.verdict, decision.decided_by, decision.via, decision.day)
        for decision in decisions.due
    ] == [
        (content_id, "approved", "ana", "desk", DAY),
        (content_id, "rejected", "ben", "cli", DAY),
    ]
    assert decisions.left_out == []
    again = new_decisions(project, decisions.cursor, days=DAYS)
    assert (again.due, again.cursor) == ([], decisions.cursor)


def test_a_decision_no_run_can_record_is_skipped_with_a_reason(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {}, "glass": {}})
    approve(project, "glass")
    approve(project, day=DAY - timedelta(days=5))
    approve(project)
    (project.settings.channels_dir / "glass.yaml").unlink()
    decisions = new_decisions(project, 0, days=DAYS)
    assert [decision.content_id for decision in decisions.due] == ["crafts-2026-11-20"]
    assert decisions.left_out == [
        "decision 1: there is no channel 'glass' any more",
        "decision 2: 2026-11-15 is not a partition",
    ]
    assert decisions.cursor == 3


def test_decisions_come_in_batches(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    for number in range(BATCH + 5):
        decide(project, row.id, "edited", by="ana", via="cli", caption=f"words {number}")
    first = new_decisions(project, 0, days=DAYS)
    second = new_decisions(project, first.cursor, days=DAYS)
    assert (len(first.due), len(second.due)) == (BATCH, 5)


def test_an_approved_content_is_due_on_each_of_its_platforms(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    content_id = approve(project)
    assert due(project) == [(content_id, "instagram", 0), (content_id, "youtube", 0)]
    publish_post(project, channel_of(project), content_id, "instagram", provider=FakePlatform())
    assert due(project) == [(content_id, "youtube", 0)]


@pytest.mark.parametrize("verdict", ["rejected", "edited"])
def test_only_an_approval_makes_it_due(make_project: MakeProject, verdict: Any) -> None:
    project = make_project()
    content_id = approve(project)
    decide(project, content_id, verdict, by="ben", via="cli", caption="other words")
    assert due(project) == []


def test_a_post_is_due_only_in_windows_and_once_after_a_miss(make_project: MakeProject) -> None:
    clock = FakeClock(datetime(2026, 11, 20, 17, 59, tzinfo=UTC))
    project = make_project(channels={"crafts": {"publish_windows": ["18:00-19:00"]}}, clock=clock)
    content_id = approve(project)
    assert due(project) == []
    clock.move(minutes=1)
    assert due(project) == [(content_id, "instagram", 0)]
    clock.move(hours=1)
    assert due(project) == []
    clock.move(days=1, minutes=-30)
    assert due(project) == [(content_id, "instagram", 0)]


def test_nothing_is_due_while_the_kill_switch_is_off(make_project: MakeProject) -> None:
    project = make_project()
    approve(project)
    with project.catalog.write() as connection:
        write_config(connection, "switch", "off", by="ana", at=project.clock.now())
    assert due(project) == []


def test_a_failed_post_is_due_again_later_up_to_a_limit(make_project: MakeProject) -> None:
    project = make_project()
    clock = project.clock
    assert isinstance(clock, FakeClock)
    content_id = approve(project)
    down = TransientError(attempted="post", answer="HTTP 503", retry_after_s=3600)
    for attempt in range(MOST_ATTEMPTS):
        assert due(project) == [(content_id, "instagram", attempt)]
        with pytest.raises(TransientError):
            publish_post(project, channel_of(project), content_id, "instagram", provider=FakePlatform(steps=[down]))
        assert due(project) == []
        clock.move(seconds=TRY_AGAIN_AFTER.total_seconds() - 1)
        assert due(project) == []
        clock.move(seconds=2)
    assert due(project) == []


@pytest.mark.parametrize("step", ["refused", "lost_answer", "processing"])
def test_what_takes_a_person_or_a_look_is_not_started_by_itself(make_project: MakeProject, step: Any) -> None:
    project = make_project()
    content_id = approve(project)
    with contextlib.suppress(PermanentError, UnknownOutcomeError):
        publish_post(project, channel_of(project), content_id, "instagram", provider=FakePlatform(steps=[step]))
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=2)
    assert due(project) == []


def test_a_post_that_is_just_being_sent_is_not_started_twice(make_project: MakeProject) -> None:
    project = make_project()
    content_id = approve(project)
    down = TransientError(attempted="post", answer="HTTP 503", retry_after_s=3600)
    with pytest.raises(TransientError):
        publish_post(project, channel_of(project), content_id, "instagram", provider=FakePlatform(steps=[down]))
    with project.catalog.write() as connection:
        connection.execute(update(effects).values(state="sent"))
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=2)
    assert due(project) == []


def test_a_failure_before_sending_is_retried_with_backoff(make_project: MakeProject) -> None:
    """A run key is used up by a run that failed; without a turn in it an approved content would wait for ever."""
    project = make_project()
    clock = project.clock
    assert isinstance(clock, FakeClock)
    content_id = approve(project)

    class Down(FakePlatform):
        def quota(self) -> None:
            raise TransientError(attempted="read the quota", answer="HTTP 503")

    keys = []
    for pause_s in (0, 60, 600, 3600, 86400):
        clock.move(seconds=pause_s)
        keys += [post.key for post in due_posts(project, days=DAYS)]
        with pytest.raises(TransientError):
            publish_post(project, channel_of(project), content_id, "instagram", provider=Down())
    assert len(keys) == 5
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_a_full_day_starts_nothing_and_the_next_day_does(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"max_posts_per_day": 1}})
    earlier, later = approve(project, day=DAY - timedelta(days=1)), approve(project)
    publish_post(project, channel_of(project), earlier, "instagram", provider=FakePlatform())
    assert due(project) == []
    assert isinstance(project.clock, FakeClock)
    project.clock.move(days=1)
    assert due(project) == [(later, "instagram", 0)]


def test_broken_or_vanished_channels_and_days_hold_nobody_back(make_project: MakeProject) -> None:
    project = make_project(channels={name: {} for name in ("crafts", "glass", "metal", "paper")})
    for name in ("glass", "metal", "paper"):
        approve(project, name)
    approve(project, day=DAY - timedelta(days=7))
    content_id = approve(project)
    write_channel(project.settings.root, "glass", timezone="Nowhere")
    (project.settings.channels_dir / "metal.yaml").unlink()
    (project.settings.channels_dir / "paper.yaml").write_text("title: [")
    left_out: list[str] = []
    assert [post.content_id for post in due_posts(project, days=DAYS, left_out=left_out)] == [content_id]
    assert [reason.split(":")[0] for reason in left_out] == ["glass-2026-11-20", "paper-2026-11-20"]


def test_due_posts_need_the_same_world_permission_and_keys(make_project: MakeProject) -> None:
    sandbox = make_project(channels={"crafts": {}, "glass": {}})
    approve(sandbox)
    clock = FakeClock()
    live = make_project(world="live", channels={}, clock=clock)
    assert due(live) == []
    content_id = approve(live, "glass")
    assert due(live) == []
    with live.catalog.write() as connection:
        write_config(connection, "publish.instagram", "live", by="ana", at=live.clock.now())
    left_out: list[str] = []
    assert due_posts(live, days=DAYS, left_out=left_out) == []
    (missing,) = [reason for reason in left_out if reason.startswith("instagram: nothing is posted there before")]
    needs = vendor_named("instagram").needs
    assert all(variable in missing for variable in needs)
    assert not any(silence.subject.startswith("post ") for silence in find_silences(live, None))
    clock.move(minutes=10)
    silent = [silence.subject for silence in find_silences(live, None)]
    assert f"post {content_id} instagram" in silent, "nothing is started, and people hear of it"
    with_keys = replace(live, settings=live.settings.with_variables(**dict.fromkeys(needs, "a key")))
    assert due(with_keys) == [(content_id, "instagram", 0)]
