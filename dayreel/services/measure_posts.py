"""Measuring posts: one append-only snapshot per post and call, and each content's `analytics.json`.

Platforms report totals as of now, so only today can be measured: a past day is never filled in afterwards. What a
platform does not report stays null. Each platform's measurement is written to `processing_logs` (layer `measurement`),
so that a gap keeps its reason.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, select

from dayreel.atomic_write import atomic_write_text
from dayreel.clock import local_day
from dayreel.errors import ProviderError, UsageError
from dayreel.providers.platforms.contract import Counters, PlatformProvider
from dayreel.schemas.mart import WINDOW_DAYS
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content, metric_snapshots, platform_posts, processing_logs
from dayreel.vendors.registry import posted_by_hand

COUNTERS = ("views", "reach", "likes", "comments", "shares", "saves", "watch_time_s")


@dataclass(frozen=True)
class Measured:
    """What one measurement of one platform brought.

    Attributes:
        missing: post ids the platform did not answer for.
        error: why the platform could not be asked, or None.
        views: of all posts that were counted, together; None where the platform reported none.
    """

    platform: str
    snapshots: int
    missing: tuple[str, ...]
    error: str | None
    views: int | None = None


def gaps_of(measured: Iterable[Measured]) -> list[str]:
    """Return in words what each platform did not report; empty when every one answered for every post."""
    return [
        f"{platform.platform}: {platform.error or 'no answer for ' + ', '.join(platform.missing)}"
        for platform in measured
        if platform.error or platform.missing
    ]


def measurable_posts(project: Project, day: date) -> list[RowMapping]:
    """Return the posts of the window that have an id on their platform, oldest first."""
    query = (
        select(platform_posts)
        .join(content, content.c.id == platform_posts.c.content_id)
        .where(
            content.c.world == project.settings.world,
            platform_posts.c.state == "posted",
            platform_posts.c.post_id.is_not(None),
            platform_posts.c.posted_on > day - timedelta(days=WINDOW_DAYS),
            platform_posts.c.platform.not_in(posted_by_hand()),
        )
        .order_by(platform_posts.c.id)
    )
    with project.catalog.read() as connection:
        return list(connection.execute(query).mappings())


def measure_posts(
    project: Project, day: date, *, platforms: Mapping[str, PlatformProvider], analytics: bool = True
) -> list[Measured]:
    """Take a snapshot of every post that is not older than thirty days, and return what each platform brought.

    A platform that cannot be asked leaves a visible gap (`error`) and never holds the others back.

    Args:
        analytics: also write each content's `analytics.json` again.

    Raises:
        UsageError: `day` is not today: platforms report totals as of now, so history cannot be measured.
    """
    today = local_day(project.clock.now(), project.settings.timezone)
    if day != today:
        raise UsageError(
            f"Engagement of {day} cannot be measured today ({today}): platforms report totals as of now.",
            next_step="A day that was missed stays a gap; nothing was changed.",
        )
    posts = measurable_posts(project, day)
    results = [
        _measure(project, day, name, [post for post in posts if post["platform"] == name], platforms.get(name))
        for name in sorted({post["platform"] for post in posts})
    ]
    for content_id in sorted({post["content_id"] for post in posts}) if analytics else ():
        write_analytics(project, content_id)
    return results


def _measure(
    project: Project, day: date, platform: str, posts: list[RowMapping], provider: PlatformProvider | None
) -> Measured:
    started_at = project.clock.now()
    everything = tuple(post["post_id"] for post in posts)
    try:
        counted = (
            {counter.post_id: counter for counter in provider.counters(everything)} if provider is not None else None
        )
    except ProviderError as error:
        return _logged(project, started_at, Measured(platform, 0, everything, str(error)))
    if counted is None:
        return _logged(project, started_at, Measured(platform, 0, everything, "no channel publishes there any more"))
    answered = [post for post in posts if post["post_id"] in counted]
    with project.catalog.write() as connection:
        for post in answered:
            connection.execute(
                insert(metric_snapshots).values(**_snapshot(project, day, post, counted[post["post_id"]]))
            )
    missing = tuple(post["post_id"] for post in posts if post["post_id"] not in counted)
    views_known = [views for post in answered if (views := counted[post["post_id"]].views) is not None]
    measured = Measured(platform, len(answered), missing, None, sum(views_known) if views_known else None)
    return _logged(project, started_at, measured)


def _logged(project: Project, started_at: datetime, measured: Measured) -> Measured:
    """Write down how a platform's measurement ended, and return it."""
    with project.catalog.write() as connection:
        connection.execute(
            insert(processing_logs).values(
                layer="measurement",
                status="completed" if measured.error is None else "failed",
                started_at=started_at,
                completed_at=project.clock.now(),
                error_message=measured.error,
                metadata={
                    "platform": measured.platform,
                    "world": project.settings.world,
                    "snapshots": measured.snapshots,
                    "missing": list(measured.missing),
                },
                run_id=project.run_id,
            )
        )
    return measured


def _snapshot(project: Project, day: date, post: RowMapping, counters: Counters) -> dict[str, Any]:
    age = counters.observed_at - post["posted_at"]
    return {
        "post_row_id": post["id"],
        "content_id": post["content_id"],
        "platform": post["platform"],
        "post_id": post["post_id"],
        "observed_at": counters.observed_at,
        "observed_on": day,
        "age_h": round(age.total_seconds() / 3600, 4),
        "simulated": project.settings.world == "sandbox",
        "run_id": project.run_id,
        **{name: getattr(counters, name) for name in COUNTERS},
    }


def write_analytics(project: Project, content_id: str) -> None:
    """Write every snapshot of a content's posts to its `analytics.json`, where it has a folder."""
    query = select(metric_snapshots).where(metric_snapshots.c.content_id == content_id).order_by(metric_snapshots.c.id)
    with project.catalog.read() as connection:
        rows = list(connection.execute(query).mappings())
    snapshots = [
        {
            "platform": row["platform"],
            "post_id": row["post_id"],
            "observed_at": row["observed_at"].isoformat(timespec="seconds"),
            "age_h": row["age_h"],
            "simulated": row["simulated"],
            **{name: row[name] for name in COUNTERS},
        }
        for row in rows
    ]
    folder = project.contents.folder(content_id)
    if folder.is_dir():
        atomic_write_text(folder / "analytics.json", json.dumps(snapshots, indent=2))
        project.contents.keep(content_id)
