"""Measuring posts: one append-only snapshot per post and pull, and each content's `analytics.json`.

Platforms report totals as of now, so only today can be measured: a past day is never filled in afterwards. What a
platform does not report stays null. Answers are saved as they come, and a post that cannot be read costs nothing but
itself. Each platform's pull is written to `processing_logs` (layer `measurement`), so that a gap keeps its reason.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from sqlalchemy import RowMapping, insert, select

from dayreel.atomic_write import atomic_write_text
from dayreel.clock import Clock, local_day
from dayreel.errors import ProviderError, UsageError
from dayreel.providers.platforms.contract import Counters, CountsInDepth, PlatformProvider
from dayreel.schemas.mart import NOT_ANSWERED, WINDOW_DAYS
from dayreel.schemas.metric import METRICS
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.stores.catalog.tables import content, metric_snapshots, platform_posts, processing_logs
from dayreel.vendors.registry import without_counters

PULL_TIMES = (time(7, 30), time(13, 30), time(19, 30))
"""When posts are measured by themselves, in the project's zone: at each of them, those that are due."""
YOUNG = timedelta(hours=48)
"""Most views come in a post's first two days, and insights may be two days late: until then each pull asks again."""
ONLY_DUE = {"pull": "due"}
"""The tag of a run that asks only for what `due_to_measure` names."""
_GIVE_UP_AFTER = 3


@dataclass(frozen=True)
class Measured:
    """What a day holds of one platform.

    Attributes:
        snapshots: how many posts were counted on this day.
        missing: why each of the others has no counters, by post id.
        views: of all posts that were counted, together; None where the platform reported none.
        refused: why the platform did not report a metric of a post that was counted, by metric.
    """

    platform: str
    snapshots: int
    missing: Mapping[str, str]
    views: int | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


def gaps_of(measured: Iterable[Measured]) -> list[str]:
    """Return in words what each platform did not report; empty when every one answered for every post."""
    gaps = []
    for platform in measured:
        by_reason: dict[str, list[str]] = {}
        for post_id, reason in platform.missing.items():
            by_reason.setdefault(reason, []).append(post_id)
        gaps += [f"{platform.platform}: no counters of {', '.join(ids)}: {why}" for why, ids in by_reason.items()]
    return gaps


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
            platform_posts.c.platform.not_in(without_counters()),
        )
        .order_by(platform_posts.c.id)
    )
    with project.catalog.read() as connection:
        return list(connection.execute(query).mappings())


def due_to_measure(project: Project, day: date) -> list[RowMapping]:
    """Return the measurable posts that have no counters of this day yet, and those that are still young."""
    counted = _last_on(project, day)
    young_since = project.clock.now() - YOUNG
    posts = measurable_posts(project, day)
    return [post for post in posts if post["id"] not in counted or post["posted_at"] > young_since]


def measure_posts(
    project: Project,
    day: date,
    *,
    platforms: Mapping[str, PlatformProvider],
    only_due: bool = False,
    analytics: bool = True,
) -> list[Measured]:
    """Take a snapshot of every post that is not older than thirty days, and return what the day holds then.

    Args:
        only_due: ask only for what `due_to_measure` names.
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
    posts = due_to_measure(project, day) if only_due else measurable_posts(project, day)
    reasons: dict[int, str] = {}
    for name in sorted({post["platform"] for post in posts}):
        reasons |= _pull(project, day, name, [post for post in posts if post["platform"] == name], platforms.get(name))
    for content_id in sorted({post["content_id"] for post in posts}) if analytics else ():
        write_analytics(project, content_id)
    return measured_on(project, day, reasons)


def measured_on(project: Project, day: date, reasons: Mapping[int, str] | None = None) -> list[Measured]:
    """Return what a day holds, platform by platform. Without counters are posts that were out before it began.

    Args:
        reasons: why a post has none, by its row's id, as a pull has just learned it.
    """
    reasons = reasons or {}
    last, posts = _last_on(project, day), measurable_posts(project, day)
    missing = {
        post["id"]: reasons.get(post["id"], f"not measured on {day}")
        for post in posts
        if post["id"] not in last and (post["posted_on"] < day or post["id"] in reasons)
    }
    posts = [post for post in posts if post["id"] in last or post["id"] in missing]
    measured = []
    for name in sorted({post["platform"] for post in posts}):
        rows = [post for post in posts if post["platform"] == name]
        counted = [last[post["id"]] for post in rows if post["id"] in last]
        known = [snapshot.views for snapshot in counted if snapshot.views is not None]
        refused = {name: why for snapshot in counted for name, why in (snapshot.refused or {}).items()}
        gaps = {post["post_id"]: missing[post["id"]] for post in rows if post["id"] in missing}
        measured.append(Measured(name, len(counted), gaps, sum(known) if known else None, refused))
    return measured


def _last_on(project: Project, day: date) -> dict[int, Any]:
    """Return views and refusals of each counted post's last snapshot of a day, by its row's id."""
    query = (
        select(metric_snapshots.c.post_row_id, metric_snapshots.c.views, metric_snapshots.c.refused)
        .where(metric_snapshots.c.observed_on == day)
        .order_by(metric_snapshots.c.id)
    )
    with project.catalog.read() as connection:
        return {row.post_row_id: row for row in connection.execute(query)}


def _pull(
    project: Project, day: date, platform: str, posts: Sequence[RowMapping], provider: PlatformProvider | None
) -> dict[int, str]:
    """Save each post's counters as they come, and return why the others have none, by the post's row id."""
    started_at = project.clock.now()
    row_of = {post["post_id"]: post for post in posts}
    missing: dict[str, str] = {}
    saved = 0
    for asked, answer in _ask(project.clock, provider, list(row_of)):
        if isinstance(answer, str):
            missing |= dict.fromkeys(asked, answer)
            continue
        counted = {counters.post_id: counters for counters in answer}
        with project.catalog.write() as connection:
            for post_id in (post_id for post_id in asked if post_id in counted):
                values = _snapshot(project, day, row_of[post_id], counted[post_id])
                connection.execute(insert(metric_snapshots).values(**values))
                saved += 1
        missing |= dict.fromkeys((post_id for post_id in asked if post_id not in counted), NOT_ANSWERED)
    failed = next((reason for reason in missing.values() if reason != NOT_ANSWERED), None) if not saved else None
    _log(project, started_at, platform, saved=saved, missing=missing, error=failed)
    return {row_of[post_id]["id"]: reason for post_id, reason in missing.items()}


def _ask(
    clock: Clock, provider: PlatformProvider | None, post_ids: Sequence[str]
) -> Iterator[tuple[Sequence[str], Sequence[Counters] | str]]:
    """Yield, request by request, which posts were asked for, and their counters or why there are none.

    A request that fails is asked in halves, until the post that cannot be read stands alone; after three such posts in
    a row the platform itself is taken to be away.
    """
    if provider is None:
        yield post_ids, "no channel publishes there any more"
        return
    size = provider.counters_per_call
    requests = deque(post_ids[start : start + size] for start in range(0, len(post_ids), size))
    unread: dict[str, str] = {}
    while requests:
        asked = requests.popleft()
        try:
            answer = retry_transient(clock, partial(provider.counters, asked))
        except ProviderError as error:
            if len(asked) > 1:
                middle = len(asked) // 2
                requests.extendleft((asked[middle:], asked[:middle]))
                continue
            unread[asked[0]] = str(error)
            if len(unread) == _GIVE_UP_AFTER:
                yield [*unread, *(post_id for request in requests for post_id in request)], str(error)
                return
        else:
            yield from (([post_id], reason) for post_id, reason in unread.items())
            unread.clear()
            yield asked, _in_depth(clock, provider, answer)
    yield from (([post_id], reason) for post_id, reason in unread.items())


def _in_depth(clock: Clock, provider: PlatformProvider, counted: Sequence[Counters]) -> Sequence[Counters]:
    """Return counters with what the platform reports elsewhere; where it does not, that costs those metrics alone."""
    if not counted or not isinstance(provider, CountsInDepth):
        return counted
    post_ids = [counters.post_id for counters in counted]
    try:
        more = retry_transient(clock, partial(provider.count_in_depth, post_ids))
    except ProviderError as error:
        refused = dict.fromkeys(provider.in_depth, error.answer)
        return [replace(counters, refused={**counters.refused, **refused}) for counters in counted]
    return [replace(counters, **more.get(counters.post_id, {})) for counters in counted]


def _log(
    project: Project, started_at: datetime, platform: str, *, saved: int, missing: Mapping[str, str], error: str | None
) -> None:
    """Write down how a platform's pull ended."""
    with project.catalog.write() as connection:
        connection.execute(
            insert(processing_logs).values(
                layer="measurement",
                status="completed" if error is None else "failed",
                started_at=started_at,
                completed_at=project.clock.now(),
                error_message=error,
                metadata={
                    "platform": platform,
                    "world": project.settings.world,
                    "snapshots": saved,
                    "missing": dict(missing),
                },
                run_id=project.run_id,
            )
        )


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
        **{name: getattr(counters, name) for name in METRICS},
        "refused": dict(counters.refused) or None,
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
            **{name: row[name] for name in METRICS},
        }
        for row in rows
    ]
    folder = project.contents.folder(content_id)
    if folder.is_dir():
        atomic_write_text(folder / "analytics.json", json.dumps(snapshots, indent=2))
        project.contents.keep(content_id)
