"""How the posts of a channel did, and how one video did: what the desk's pages of results say, from the marts.

A video is compared with its own channel on its own platform at the same age, and views of different platforms are never
added. What is too young, too few or not measured is named instead of shown. How marts are computed is `dayreel.marts`;
drawing and words are the desk's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

import duckdb

from dayreel.clock import local_day
from dayreel.errors import UsageError
from dayreel.marts.build import mart_files
from dayreel.marts.query import opened_marts
from dayreel.services.project import Project

AGES: Final[Mapping[str, int]] = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}
"""The ages of the mart `engagement/cohorts`, in hours."""
LEAST_POSTS: Final = 5
"""With fewer posts of the same age on a platform nothing is called usual there."""
LEAST_OF_TOPIC: Final = 3
USUAL_DAYS: Final = 90
"""What is usual is worked out from the posts of so many days, up to now."""
_CURVE_DAYS: Final = 31


@dataclass(frozen=True)
class Usual:
    """What a channel's posts reach on one platform at one age: the middle, and where eight of ten are."""

    platform: str
    posts: int
    low: float
    middle: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there are enough posts to compare others with."""
        return self.posts >= LEAST_POSTS


@dataclass(frozen=True)
class Reached:
    """What one post had reached at one age; each counter is None where the platform did not report it.

    Attributes:
        times: its views as a multiple of the usual ones there; None where those are not known.
        completion: mean watch time as a share of the video's length; above 1 where it is replayed.
        skip_rate: share of viewers who left in the first seconds.
        follows_per_1000: new followers per 1,000 views.
    """

    platform: str
    views: int
    times: float | None
    completion: float | None
    skip_rate: float | None
    follows_per_1000: float | None


@dataclass(frozen=True)
class Video:
    """One video of the period.

    Attributes:
        reached: per platform on which the age is measured, the best first.
        times: the middle of its `Reached.times`; None where there are none.
        not_known: why it is not ranked, in words; empty where it is.
    """

    content_id: str
    day: date
    topic: str | None
    hook: str | None
    variant: str | None
    cost_usd: Decimal
    reached: tuple[Reached, ...]
    times: float | None
    not_known: str


@dataclass(frozen=True)
class Topic:
    """The videos of the period with one topic; `times` is the middle of theirs."""

    topic: str
    videos: int
    times: float

    @property
    def says_something(self) -> bool:
        """Whether there are enough videos to look at the figure at all."""
        return self.videos >= LEAST_OF_TOPIC


@dataclass(frozen=True)
class ChannelResults:
    """One channel over some days.

    Attributes:
        counted_until: the newest day on which a post of it was measured; None: none ever was.
        ranked: the videos that can be compared, the best first.
        unranked: the others that were posted, the newest first.
        made, approved, rejected: of the contents of these days.
        spent_usd: what all of them cost, the rejected ones too.
    """

    first: date
    last: date
    counted_until: date | None
    usual: tuple[Usual, ...]
    ranked: tuple[Video, ...]
    unranked: tuple[Video, ...]
    topics: tuple[Topic, ...]
    made: int
    approved: int
    rejected: int
    spent_usd: Decimal

    @property
    def usd_per_posted(self) -> Decimal | None:
        """What one posted video costs, with everything that was made and not posted; None: none was."""
        posted = len(self.ranked) + len(self.unranked)
        return self.spent_usd / posted if posted else None


@dataclass(frozen=True)
class Curve:
    """A post's views by age, against the band of the channel's other posts there.

    Attributes:
        points: age in days and views, oldest first.
        band: age in whole days, and the views below which one, five and nine of ten posts are.
    """

    platform: str
    points: tuple[tuple[float, int], ...]
    band: tuple[tuple[int, float, float, float], ...]


@dataclass(frozen=True)
class VideoResults:
    """One video, platform by platform.

    Attributes:
        at_ages: per age (`1h`, `24h`, `7d`, `30d`) and platform, where it is measured.
        usual: what is usual at these ages and platforms.
    """

    curves: tuple[Curve, ...]
    at_ages: Mapping[str, Mapping[str, Reached]]
    usual: Mapping[str, Mapping[str, Usual]]


def channel_results(project: Project, channel: str, *, age: str, days: int) -> ChannelResults:
    """Return how the videos of a channel's last `days` days did at an age.

    Raises:
        UsageError: the age is none, or no mart was built yet.
        StoreError: the bucket with the marts could not be used.
    """
    if age not in AGES:
        raise UsageError(f"{age!r} is not an age.", next_step=f"There are: {', '.join(AGES)}.")
    last = local_day(project.clock.now(), project.channels.load(channel).timezone)
    first = last - timedelta(days=days - 1)
    with opened_marts(mart_files(project), since=_since(last)) as marts:
        ask = _Asking(marts, channel, project.settings.world == "sandbox", last)
        contents, reached, usual = ask.contents(first, last), ask.reached(), ask.usual()
        counted_until = ask.counted_until()
    videos = [_video(row, reached[row["content_id"], age], usual[age], age) for row in contents if row["platforms"]]
    ranked = sorted((video for video in videos if video.times is not None), key=lambda video: -(video.times or 0))
    return ChannelResults(
        first,
        last,
        counted_until,
        usual=tuple(usual[age].values()),
        ranked=tuple(ranked),
        unranked=tuple(video for video in reversed(videos) if video.times is None),
        topics=_topics(ranked),
        made=sum(row["state"] not in ("pending", "failed") for row in contents),
        approved=sum(row["verdict"] == "approved" for row in contents),
        rejected=sum(row["verdict"] == "rejected" for row in contents),
        spent_usd=sum((row["cost_usd"] for row in contents), Decimal(0)),
    )


def video_results(project: Project, content_id: str, channel: str) -> VideoResults:
    """Return how one video did, at each age and day by day.

    Raises:
        UsageError: no mart was built yet.
        StoreError: the bucket with the marts could not be used.
    """
    today = local_day(project.clock.now(), project.channels.load(channel).timezone)
    with opened_marts(mart_files(project), since=_since(today)) as marts:
        ask = _Asking(marts, channel, project.settings.world == "sandbox", today)
        reached, curves = ask.reached(), ask.curves(content_id)
        at_ages = {age: {post.platform: post for post in reached[content_id, age]} for age in AGES}
        return VideoResults(curves, {age: posts for age, posts in at_ages.items() if posts}, ask.usual())


def _video(row: Mapping[str, Any], reached: Sequence[Reached], usual: Mapping[str, Usual], age: str) -> Video:
    times = [post.times for post in reached if post.times is not None]
    if reached:
        has_usual = any(usual[post.platform].is_known for post in reached)
        why_not = "the usual is 0 views" if has_usual else f"fewer than {LEAST_POSTS} posts to compare it with"
        not_known = "" if times else why_not
    else:
        is_young = row["latest_age_h"] is not None and row["latest_age_h"] < AGES[age]
        not_known = f"not {age} old yet" if is_young else f"its views at {age} were not measured"
    return Video(
        **{name: row[name] for name in ("content_id", "day", "topic", "hook", "variant", "cost_usd")},
        reached=tuple(reached),
        times=median(times) if times else None,
        not_known=not_known,
    )


def _topics(videos: Iterable[Video]) -> tuple[Topic, ...]:
    by_topic: dict[str, list[float]] = defaultdict(list)
    for video in videos:
        if video.topic and video.times is not None:
            by_topic[video.topic].append(video.times)
    topics = [Topic(topic, len(times), median(times)) for topic, times in by_topic.items()]
    return tuple(sorted(topics, key=lambda topic: (not topic.says_something, -topic.times, topic.topic)))


def _since(today: date) -> date:
    return today - timedelta(days=USUAL_DAYS)


class _Asking:
    """The questions about one channel, with the days from which the usual is worked out."""

    def __init__(self, marts: duckdb.DuckDBPyConnection, channel: str, simulated: bool, today: date) -> None:
        self._marts = marts
        self._given = {"channel": channel, "simulated": simulated, "since": _since(today)}

    def _rows(self, query: str, **given: Any) -> list[dict[str, Any]]:
        answer = self._marts.execute(query, {**self._given, **given})
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def contents(self, first: date, last: date) -> list[dict[str, Any]]:
        return self._rows(
            """
            SELECT content_id, day, state, verdict, topic, hook, variant, cost_usd, platforms, latest_age_h
            FROM content_performance
            WHERE channel = $channel AND simulated = $simulated AND day BETWEEN $first AND $last AND day >= $since
            ORDER BY day, take
            """,
            first=first,
            last=last,
        )

    def reached(self) -> dict[tuple[str, str], list[Reached]]:
        """Return what posts had reached, by content and age."""
        rows = self._rows(
            """
            SELECT content_id, age, platform, views, completion, skip_rate, follows_per_1000_views,
                   views / nullif(median(views) OVER same, 0) AS times, count(*) OVER same AS posts
            FROM engagement_cohorts
            WHERE channel = $channel AND simulated = $simulated AND day >= $since AND views IS NOT NULL
            WINDOW same AS (PARTITION BY platform, age)
            ORDER BY times DESC, platform
            """
        )
        reached: dict[tuple[str, str], list[Reached]] = defaultdict(list)
        for row in rows:
            times = row["times"] if row["posts"] >= LEAST_POSTS else None
            counters = (row["completion"], row["skip_rate"], row["follows_per_1000_views"])
            reached[row["content_id"], row["age"]].append(Reached(row["platform"], row["views"], times, *counters))
        return reached

    def usual(self) -> dict[str, dict[str, Usual]]:
        """Return what is usual, by age and platform."""
        rows = self._rows(
            """
            SELECT age, platform, count(*) AS posts, quantile_cont(views, 0.1) AS low, median(views) AS middle,
                   quantile_cont(views, 0.9) AS high
            FROM engagement_cohorts
            WHERE channel = $channel AND simulated = $simulated AND day >= $since AND views IS NOT NULL
            GROUP BY ALL ORDER BY ALL
            """
        )
        usual: dict[str, dict[str, Usual]] = defaultdict(dict)
        for row in rows:
            age = row.pop("age")
            usual[age][row["platform"]] = Usual(**row)
        return usual

    def counted_until(self) -> date | None:
        ((row),) = self._rows(
            """
            SELECT max(day) AS day FROM engagement_daily
            WHERE channel = $channel AND simulated = $simulated AND day >= $since AND status = 'measured'
            """
        )
        day: date | None = row["day"]
        return day

    def curves(self, content_id: str) -> tuple[Curve, ...]:
        rows = self._rows(
            """
            SELECT platform, content_id = $content_id AS is_it, age_h / 24 AS age_d, round(age_h / 24)::INT AS whole,
                   views
            FROM engagement_daily
            WHERE channel = $channel AND simulated = $simulated AND day >= $since AND views IS NOT NULL
              AND age_h < 24 * $most
            ORDER BY platform, age_h
            """,
            content_id=content_id,
            most=_CURVE_DAYS,
        )
        platforms = sorted({row["platform"] for row in rows if row["is_it"]})
        return tuple(_curve(platform, [row for row in rows if row["platform"] == platform]) for platform in platforms)


def _curve(platform: str, rows: Sequence[Mapping[str, Any]]) -> Curve:
    others: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        if not row["is_it"]:
            others[row["whole"]].append(row["views"])
    band = [(day, *_tenths(views)) for day, views in sorted(others.items()) if len(views) >= LEAST_POSTS]
    points = [(row["age_d"], row["views"]) for row in rows if row["is_it"]]
    return Curve(platform, tuple(points), tuple(band))


def _tenths(views: Sequence[int]) -> tuple[float, float, float]:
    ordered = sorted(views)
    last = len(ordered) - 1
    return float(ordered[round(last * 0.1)]), float(median(ordered)), float(ordered[round(last * 0.9)])
