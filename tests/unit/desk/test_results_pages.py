"""How posts did, at the desk: compared with their own kind, the best first, and what is not known said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert
from starlette.applications import Starlette

from dayreel.desk.pages.results import plot_of
from dayreel.errors import UsageError
from dayreel.marts.build import mart_files
from dayreel.services.project import Project
from dayreel.services.reporting.results import Curve, channel_results, video_results
from dayreel.stores.catalog.tables import metric_snapshots
from tests.fakes.counted import VIEWS, content_of, day_of, mark, video, write_counted, write_mart
from tests.fakes.desk import Browser, person
from tests.fakes.project import DAY, write_channel
from tests.fakes.rows import add_content, add_post


@pytest.fixture
def counted(project: Project) -> Project:
    write_counted(project)
    return project


def test_the_best_is_first_by_multiples_of_the_usual(counted: Project) -> None:
    results = channel_results(counted, "crafts", age="24h", days=28)
    assert [video.content_id for video in results.ranked] == [content_of(number) for number in range(6, -1, -1)]
    assert [video.times for video in results.ranked] == [3.0, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25]
    (usual,) = results.usual
    assert (usual.platform, usual.posts, usual.middle) == ("instagram", 7, 400.0)
    assert (usual.low, usual.high) == pytest.approx((160.0, 840.0))
    assert results.counted_until == day_of(6) + timedelta(days=3)


def test_what_was_rejected_is_part_of_the_cost_of_what_is_out(counted: Project) -> None:
    results = channel_results(counted, "crafts", age="24h", days=28)
    assert (results.made, results.approved, results.rejected) == (8, 7, 1)
    assert results.spent_usd == Decimal("4.20")
    assert results.usd_per_posted == Decimal("0.60")


def test_a_topic_with_few_videos_says_nothing(counted: Project) -> None:
    topics = channel_results(counted, "crafts", age="24h", days=28).topics
    assert [(topic.topic, topic.videos, topic.says_something) for topic in topics] == [
        ("kites", 3, True), ("ropes", 2, False), ("jars", 2, False),
    ]  # fmt: skip


def test_platforms_are_compared_each_with_itself(counted: Project) -> None:
    other = [mark(number, 10_000 * (number + 1), "youtube") for number in range(5)]
    write_mart(counted, "engagement/cohorts", [mark(number, views) for number, views in enumerate(VIEWS)] + other)
    videos = {video.content_id: video for video in channel_results(counted, "crafts", age="24h", days=28).ranked}
    both = videos[content_of(4)]
    assert {post.platform: post.times for post in both.reached} == {"instagram": 1.25, "youtube": 50_000 / 30_000}
    assert both.times == pytest.approx((1.25 + 5 / 3) / 2)


def test_too_few_too_young_and_uncounted_videos_are_not_ranked(project: Project) -> None:
    write_mart(project, "engagement/cohorts", [mark(number, 100) for number in range(4)])
    write_mart(project, "content/performance", [video(0), video(7, latest_age_h=3.0), video(9, latest_age_h=240.0)])
    results = channel_results(project, "crafts", age="24h", days=28)
    assert results.ranked == ()
    reasons = {video.content_id: video.not_known for video in results.unranked}
    assert reasons[content_of(0)] == "fewer than 5 posts to compare it with"
    assert reasons[content_of(7)] == "not 24h old yet"
    assert reasons[content_of(9)] == "its views at 24h were not measured"


def test_a_usual_of_0_views_is_named(project: Project, desk: Starlette) -> None:
    """Seven posts are enough to know it, and nothing is a multiple of it."""
    write_mart(project, "engagement/cohorts", [mark(number, 0) for number in range(7)])
    write_mart(project, "content/performance", [video(number) for number in range(7)])
    results = channel_results(project, "crafts", age="24h", days=28)
    assert {video.not_known for video in results.unranked} == {"the usual is 0 views"}
    add_content(project.catalog, content_of(0), "posted")
    vera = person(desk, "Vera", "viewer")
    assert "too few to say" not in vera.open("/results?age=24h")
    assert "the usual is 0" in vera.open(f"/results/{content_of(0)}")


def test_an_old_video_was_not_counted_lately(project: Project, desk: Starlette) -> None:
    long_ago = DAY - timedelta(days=200)
    write_counted(project, long_ago)
    add_content(project.catalog, content_of(6, long_ago), "posted")
    page = person(desk, "Vera", "viewer").open(f"/results/{content_of(6, long_ago)}")
    assert "None of its posts was counted in the last 90 days" in page


def test_files_of_earlier_days_are_not_read(counted: Project) -> None:
    """A page that reads a year and a half of files takes seconds."""
    for mart in ("content/performance", "engagement/cohorts", "engagement/daily"):
        mart_files(counted).path(mart, "2026-01-01").write_bytes(b"no table")
    assert len(channel_results(counted, "crafts", age="24h", days=90).ranked) == 7
    assert video_results(counted, content_of(6), "crafts").curves


def test_a_curve_lies_in_the_band_of_the_other_posts(counted: Project) -> None:
    (curve,) = video_results(counted, content_of(6), "crafts").curves
    assert curve.points == ((1.0, 1200), (2.0, 2400), (3.0, 3600))
    assert curve.band[0] == (1, 100.0, 350.0, 500.0), "its own views are not in it"
    plot = plot_of(curve)
    assert (plot.most_views, plot.most_days) == (3600, 4)
    assert plot.line.split()[-1] == "240.0,0.0"
    assert plot_of(Curve("instagram", ((1.0, 0),), ())).band == ""


def test_the_pages_show_best_worst_curves_and_doubts(counted: Project, desk: Starlette) -> None:
    add_content(counted.catalog, content_of(6), "posted", idea="Seven ropes across a valley")
    vera = person(desk, "Vera", "viewer")
    page = vera.open("/results?age=24h")
    assert page.index("3 times</b> the usual") < page.index("0.25 times</b> the usual")
    assert "Worth another try" not in page, "the middle of kites is the usual itself"
    assert "Posts were last counted on" in page
    assert "2 topics have fewer than 3 videos" in page
    video_page = vera.open(f"/results/{content_of(6)}")
    assert "Seven ropes across a valley" in video_page
    assert 'class="line" points="0.0,150.0' in video_page
    assert "<b>3 times</b> the usual 400" in video_page
    assert "watch time not reported" in video_page


def test_without_marts_the_page_says_what_to_do(project: Project, ana: Browser) -> None:
    write_channel(project.settings.root, "notes")  # with two there is a choice of channels, here as well
    assert "No mart was built yet" in ana.open("/results")
    assert "No mart was built yet" in ana.open("/results/crafts-2026-11-20")


def test_what_is_no_channel_age_or_period_is_refused(counted: Project, ana: Browser) -> None:
    write_channel(counted.settings.root, "notes")
    assert "No post of this channel was counted in the last 90 days" in ana.open("/results?channel=notes")
    for wrong in ("channel=nobody", "age=9y", "days=7"):
        assert ana.get(f"/results?{wrong}").status_code == 404, wrong
    assert ana.get("/results/crafts-2020-01-01").status_code == 404
    with pytest.raises(UsageError, match="is not an age"):
        channel_results(counted, "crafts", age="9y", days=28)


def test_the_queue_shows_the_newest_views_of_each_post(project: Project, desk: Starlette) -> None:
    content_id = add_post(project.catalog, content_of(6), 6)
    at = datetime(2026, 11, 18, 9, tzinfo=UTC)
    for hours, views in ((0, 5317), (1, 6400), (2, None)):
        moment = {"observed_at": at + timedelta(hours=hours), "observed_on": at.date(), "age_h": 24.0 + hours}
        post = {"post_row_id": 6, "content_id": content_id, "platform": "instagram", "post_id": "p6"}
        with project.catalog.write() as connection:
            connection.execute(insert(metric_snapshots).values(**post, **moment, views=views, simulated=True))
    page = person(desk, "Vera", "viewer").open("/?view=posted")
    assert f'<a href="/results/{content_id}">6,400 views</a>' in page
