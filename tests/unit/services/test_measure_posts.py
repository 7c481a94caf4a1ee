"""Measuring: what a platform says, as of now; what it does not say stays empty; gaps are visible."""

import json
import random
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dayreel.errors import PermanentError, ProviderError, TransientError, UsageError
from dayreel.providers.platforms.contract import Counters
from dayreel.schemas.mart import NOT_ANSWERED
from dayreel.services.measure_accounts import followers_on, measure_accounts
from dayreel.services.measure_posts import Measured, gaps_of, measurable_posts, measure_posts, measured_on
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.tables import account_snapshots, metric_snapshots
from tests.fakes.clock import FakeClock
from tests.fakes.platform import FakePlatform, Killed
from tests.fakes.project import DAY, channel_of, reviewable
from tests.fakes.rows import add_post

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
    assert (instagram.snapshots, instagram.missing) == (1, {})
    assert (youtube.snapshots, youtube.missing) == (0, {"p-c1": NOT_ANSWERED})
    assert (instagram.views, youtube.views) == (120, None)
    (row,) = snapshots(project)
    assert (row["views"], row["likes"], row["watch_time_s"]) == (120, 0, 31.5)
    assert (row["reach"], row["comments"], row["shares"], row["saves"]) == (None, None, None, None)
    assert (row["age_h"], row["observed_at"], row["observed_on"], row["simulated"]) == (3.0, NOON, DAY, True)
    (snapshot,) = json.loads((project.contents.folder(ID) / "analytics.json").read_text())
    assert (snapshot["views"], snapshot["likes"], snapshot["reach"]) == (120, 0, None)


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
    assert instagram.snapshots == 0
    assert "HTTP 500" in instagram.missing["p-c1"]
    assert youtube.snapshots == 1
    assert [row["platform"] for row in snapshots(project)] == ["youtube"]


def test_a_platform_that_no_channel_uses_any_more_is_named(project: Project) -> None:
    instagram, _ = measure_posts(project, DAY, platforms={})
    assert instagram.missing == {"p-c1": "no channel publishes there any more"}


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


class Moody(FakePlatform):
    """A platform of many posts, some of whose requests fail.

    Args:
        refused: posts whose presence makes a request fail for good.
        luck: whether the next request is answered, by its number; all are when it is None.
        per_call: how many posts one request may name.
    """

    def __init__(
        self, *, refused: AbstractSet[str] = frozenset(), luck: Callable[[], bool] | None = None, per_call: int = 20
    ) -> None:
        super().__init__()
        self.counters_per_call = per_call
        self._refused = refused
        self._luck = luck

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        assert len(post_ids) <= self.counters_per_call
        self.counted.append(list(post_ids))
        if self._luck is not None and not self._luck():
            raise TransientError(attempted="read insights", answer="HTTP 500")
        if refused := self._refused & set(post_ids):
            raise PermanentError(attempted="read insights", answer="code 10", reference=min(refused))
        return [Counters(post_id, NOON, views=1) for post_id in post_ids]


@pytest.fixture
def crowded(make_project: Callable[..., Project]) -> Project:
    """A project with fifty posts on Instagram, of the last 25 days."""
    opened = make_project(channels={"crafts": PLATFORMS}, run_id="run-1")
    for number in range(1, 51):
        back = timedelta(days=number % 25)
        channel = "crafts" if number <= 25 else "notes"
        add_post(opened.catalog, f"{channel}-{DAY - back}", number, "instagram", at=NOON - back - timedelta(hours=1))
    return opened


def test_a_post_that_cannot_be_read_costs_no_other(crowded: Project) -> None:
    platform = Moody(refused={"p7", "p31"})
    (measured,) = measure_posts(crowded, DAY, platforms={"instagram": platform})
    assert (measured.snapshots, sorted(measured.missing)) == (48, ["p31", "p7"])
    assert "(id 'p7')" in measured.missing["p7"]
    assert len(platform.counted) < 20, "asked in halves, not one by one"


class Deep(Moody):
    """A platform that reports watch time elsewhere, as often as `answers` has something."""

    in_depth = ("watch_time_s", "follows")

    def __init__(self, *answers: ProviderError | dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self.answers = list(answers)

    def count_in_depth(self, post_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        answer = self.answers.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        return {post_id: answer[post_id] for post_id in post_ids if post_id in answer}


def test_what_is_reported_elsewhere_costs_those_metrics_alone(crowded: Project) -> None:
    away = TransientError(attempted="read Analytics", answer="HTTP 503")
    scope = PermanentError(attempted="read Analytics", answer="HTTP 403, the scope is missing")
    platform = Deep(away, {"p1": {"watch_time_s": 90.0, "follows": 2}}, scope, {})
    (measured,) = measure_posts(crowded, DAY, platforms={"instagram": platform})
    assert (measured.snapshots, measured.missing) == (50, {})
    assert measured.refused == dict.fromkeys(Deep.in_depth, "HTTP 403, the scope is missing")
    rows = {row["post_id"]: row for row in snapshots(crowded)}
    assert (rows["p1"]["watch_time_s"], rows["p1"]["follows"], rows["p1"]["refused"]) == (90.0, 2, None)
    assert (rows["p20"]["watch_time_s"], rows["p20"]["refused"], rows["p20"]["views"]) == (None, None, 1)
    refused = [row for row in rows.values() if row["refused"]]
    assert len(refused) == 20, "the posts of one request"
    assert all(row["views"] == 1 and row["follows"] is None for row in refused)
    assert measured_on(crowded, DAY) == [measured], "the reason is kept"


class Followed(FakePlatform):
    """A platform whose followers are those of the next answer."""

    def __init__(self, *answers: int | ProviderError | None) -> None:
        super().__init__()
        self.answers = list(answers)

    def followers(self) -> int | None:
        answer = self.answers.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer


def test_followers_are_counted_once_a_day_or_why_not(project: Project) -> None:
    refusal = PermanentError(attempted="count", answer="HTTP 401, scope_not_authorized")
    followed, silent = Followed(refusal, 1200), FakePlatform("youtube")
    platforms = {"instagram": followed, "youtube": silent}
    assert [measure_accounts(project, DAY, platforms) for _ in range(3)] == [
        {},
        {"instagram": 1200},
        {"instagram": 1200},
    ]
    with project.catalog.read() as connection:
        rows = list(connection.execute(select(account_snapshots)).mappings())
    assert [(row["followers"], row["refused"]) for row in rows] == [(None, refusal.answer), (1200, None)]
    assert followers_on(project, DAY + timedelta(days=1)) == {}


def test_what_was_read_before_the_end_is_kept(crowded: Project) -> None:
    class Ending(Moody):
        def counters(self, post_ids: Sequence[str]) -> list[Counters]:
            if len(self.counted) == 2:
                raise Killed
            return super().counters(post_ids)

    with pytest.raises(Killed):
        measure_posts(crowded, DAY, platforms={"instagram": Ending()})
    assert len(snapshots(crowded)) == 40


def test_a_platform_that_is_away_is_not_asked_for_each_post(crowded: Project) -> None:
    platform = Moody(luck=lambda: False, per_call=1)
    (measured,) = measure_posts(crowded, DAY, platforms={"instagram": platform})
    assert (measured.snapshots, len(measured.missing)) == (0, 50)
    assert len(platform.counted) == 9, "three posts, three attempts each"


@pytest.mark.parametrize("per_call", [1, 20])
def test_one_failing_request_in_twenty_loses_nothing(crowded: Project, per_call: int) -> None:
    dice = random.Random(7)
    platform = Moody(luck=lambda: dice.random() >= 0.05, per_call=per_call)
    kept = 0
    for _ in range(30):
        (measured,) = measure_posts(crowded, DAY, platforms={"instagram": platform}, analytics=False)
        kept += len(measured.missing) == 0
    assert len(snapshots(crowded)) >= 0.995 * 30 * 50
    assert kept == 30


def test_a_later_pull_asks_for_young_posts_and_gaps(crowded: Project) -> None:
    measure_posts(crowded, DAY, platforms={"instagram": Moody(refused={"p7"})})
    again = Moody()
    (measured,) = measure_posts(crowded, DAY, platforms={"instagram": again}, only_due=True)
    (asked,) = again.counted
    assert measured == Measured("instagram", 50, {}, 50)
    assert sorted(asked) == ["p1", "p2", "p25", "p26", "p27", "p50", "p7"]


def test_a_past_day_says_what_it_holds(crowded: Project) -> None:
    measure_posts(crowded, DAY, platforms={"instagram": Moody(refused={"p7"})})
    crowded.clock.sleep(86_400)
    (measured,) = measured_on(crowded, DAY)
    assert (measured.snapshots, measured.missing) == (49, {"p7": f"not measured on {DAY}"})
    assert gaps_of([measured]) == [f"instagram: no counters of p7: not measured on {DAY}"]
