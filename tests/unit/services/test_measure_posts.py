"""Measuring: what a platform says, as of now; what it does not say stays empty; gaps are visible."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dayreel.errors import TransientError, UsageError
from dayreel.providers.platforms.contract import Counters
from dayreel.services.measure_posts import measurable_posts, measure_posts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.tables import metric_snapshots
from tests.fakes.clock import FakeClock
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, reviewable

ID = "crafts-2026-11-20"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PLATFORMS: dict[str, Any] = {"platforms": {"instagram": {}, "youtube": {}}}


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    opened = make_project(channels={"crafts": PLATFORMS}, run_id="run-1")
    row = reviewable(opened)
    decide(opened, row.id, "approved", by="ana", via="cli")
    for name in ("instagram", "youtube"):
        publish_post(opened, channel_of(opened), row.id, name, provider=FakePlatform(name))
    return opened


def snapshots(project: Project) -> list[dict[str, object]]:
    with project.catalog.read() as connection:
        query = select(metric_snapshots).order_by(metric_snapshots.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_snapshot_stores_null_for_what_a_platform_omits(project: Project) -> None:
    counted = Counters("p-c1", NOON, views=120, likes=0, watch_time_s=31.5)
    platforms = {"instagram": FakePlatform(counts=[counted]), "youtube": FakePlatform("youtube", counts=[])}
    instagram, youtube = measure_posts(project, DAY, platforms=platforms)
    assert (instagram.snapshots, instagram.missing, instagram.error) == (1, (), None)
    assert (youtube.snapshots, youtube.missing, youtube.error) == (0, ("p-c1",), None)
    assert (instagram.views, youtube.views) == (120, None)
    (row,) = snapshots(project)
    assert (row["views"], row["likes"], row["watch_time_s"]) == (120, 0, 31.5)
    assert (row["reach"], row["comments"], row["shares"], row["saves"]) == (None, None, None, None)
    assert (row["age_h"], row["observed_at"], row["observed_on"], row["simulated"]) == (3.0, NOON, DAY, True)
    (document,) = json.loads((project.contents.folder(ID) / "analytics.json").read_text())
    assert (document["views"], document["likes"], document["reach"]) == (120, 0, None)


def test_measuring_again_adds_and_never_changes(project: Project) -> None:
    for views in (120, 100):
        measure_posts(project, DAY, platforms={"instagram": FakePlatform(counts=[Counters("p-c1", NOON, views=views)])})
    assert [row["views"] for row in snapshots(project)] == [120, 100]
    assert len(json.loads((project.contents.folder(ID) / "analytics.json").read_text())) == 2


@pytest.mark.parametrize("days", [-1, 1])
def test_only_today_can_be_measured(project: Project, days: int) -> None:
    with pytest.raises(UsageError, match="platforms report totals as of now"):
        measure_posts(project, DAY + timedelta(days=days), platforms={"instagram": FakePlatform()})
    assert snapshots(project) == []


def test_an_unreachable_platform_leaves_a_gap_and_blocks_nobody(project: Project) -> None:
    down = FakePlatform(counts=TransientError(attempted="read insights", answer="HTTP 500"))
    counted = FakePlatform("youtube", counts=[Counters("p-c1", NOON, views=7)])
    instagram, youtube = measure_posts(project, DAY, platforms={"instagram": down, "youtube": counted})
    assert (instagram.snapshots, instagram.missing) == (0, ("p-c1",))
    assert "HTTP 500" in str(instagram.error)
    assert youtube.snapshots == 1
    assert [row["platform"] for row in snapshots(project)] == ["youtube"]


def test_a_platform_that_no_channel_uses_any_more_is_named(project: Project) -> None:
    instagram, _ = measure_posts(project, DAY, platforms={})
    assert instagram.error == "no channel publishes there any more"


def test_posts_older_than_the_window_are_left_alone(project: Project) -> None:
    assert isinstance(project.clock, FakeClock)
    assert len(measurable_posts(project, DAY)) == 2
    assert len(measurable_posts(project, DAY + timedelta(days=30))) == 2
    assert measurable_posts(project, DAY + timedelta(days=40)) == []


def test_sandbox_posts_are_not_measured_on_a_real_platform(
    project: Project, make_project: Callable[..., Project]
) -> None:
    live = make_project(world="live", channels={})
    platform = FakePlatform()
    assert measurable_posts(live, DAY) == []
    assert measure_posts(live, DAY, platforms={"instagram": platform}) == []
    assert platform.counted == []
