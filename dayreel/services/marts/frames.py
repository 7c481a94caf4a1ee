"""Reading the catalog (and the manifests' facts) into frames: where the data of marts lies. Jobs: `library_throughput`.

Everything is read for one day or for a few contents at a time, so that memory does not grow with history.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, Select, func, select

from dayreel.schemas.manifest import Manifest
from dayreel.schemas.mart import ColumnKind
from dayreel.services.marts.shapes import frame_of
from dayreel.services.measure_posts import WINDOW_DAYS
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import (
    content,
    decisions,
    effects,
    metric_snapshots,
    platform_posts,
    processing_logs,
    state_transitions,
)
from dayreel.vendors.registry import posted_by_hand

SNAPSHOTS: Mapping[str, ColumnKind] = {
    "id": "int",
    "post_row_id": "int",
    "content_id": "text",
    "platform": "text",
    "observed_at": "moment",
    "observed_on": "day",
    "age_h": "float",
    "views": "int",
    "reach": "int",
    "likes": "int",
    "comments": "int",
    "shares": "int",
    "saves": "int",
    "watch_time_s": "float",
}
POSTS: Mapping[str, ColumnKind] = {
    "post_row_id": "int",
    "channel": "text",
    "content_id": "text",
    "platform": "text",
    "post_id": "text",
    "posted_at": "moment",
    "posted_on": "day",
    "simulated": "flag",
}
FAILURES: Mapping[str, ColumnKind] = {"platform": "text", "error": "text"}
CONTENTS: Mapping[str, ColumnKind] = {
    "content_id": "text",
    "channel": "text",
    "day": "day",
    "take": "int",
    "world": "text",
    "state": "text",
    "topic": "text",
    "idea": "text",
    "caption": "text",
}
MADE: Mapping[str, ColumnKind] = {
    "content_id": "text",
    "hook": "text",
    "idea_model": "text",
    "prompt_model": "text",
    "video_model": "text",
    "experiment": "text",
    "variant": "text",
}
SPENT: Mapping[str, ColumnKind] = {
    "content_id": "text",
    "spent_on": "day",
    "channel": "text",
    "world": "text",
    "provider": "text",
    "layer": "text",
    "kind": "text",
    "state": "text",
    "reserved_usd": "usd",
    "settled_usd": "usd",
}
DECISIONS: Mapping[str, ColumnKind] = {
    "decision_id": "int",
    "content_id": "text",
    "channel": "text",
    "content_day": "day",
    "world": "text",
    "revision": "int",
    "verdict": "text",
    "decided_by": "text",
    "via": "text",
    "reason": "text",
    "decided_at": "moment",
}
REQUESTS: Mapping[str, ColumnKind] = {"content_id": "text", "requested_at": "moment"}
WORK: Mapping[str, ColumnKind] = {
    "channel": "text",
    "layer": "text",
    "provider": "text",
    "outcome": "text",
    "duration_s": "float",
    "error": "text",
    "at": "moment",
    "simulated": "flag",
}
_SENTENCE = re.compile(r"(?<=[.!?…])\s")


@dataclass(frozen=True)
class Period:
    """A calendar day as moments: from local midnight to the next one; 23 or 25 hours where the clocks change."""

    start_at: datetime
    end_at: datetime


def period_of(day: date, zone: str) -> Period:
    """Return the moments at which a day begins and ends in `zone`."""
    start, end = (
        datetime.combine(day + timedelta(days=offset), time(0), tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for offset in (0, 1)
    )
    return Period(start, end)


def snapshots_of_day(project: Project, day: date) -> pd.DataFrame:
    """Return every snapshot of one observation day."""
    return _read(project, SNAPSHOTS, _snapshots().where(metric_snapshots.c.observed_on == day))


def snapshots_of_contents(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return every snapshot of these contents' posts."""
    table = metric_snapshots
    of_these = select(platform_posts.c.id).where(platform_posts.c.content_id.in_(content_ids))
    return _read(project, SNAPSHOTS, _snapshots().where(table.c.post_row_id.in_(of_these)))


def last_snapshots_before(project: Project, day: date, posts: pd.DataFrame) -> pd.DataFrame:
    """Return the last snapshot before `day` of each of these posts that has one.

    Nearly every post has one of the day before. The others are looked for day by day, back to when they went out: one
    indexed read a day, however long the history is.
    """
    wanted: dict[int, date] = dict(zip(posts["post_row_id"], posts["posted_on"], strict=True))
    snapshots: list[pd.DataFrame] = []
    for back in range(1, WINDOW_DAYS + 1):
        earlier = day - timedelta(days=back)
        # A channel's calendar may be a day ahead of the factory's.
        wanted = {number: out_on for number, out_on in wanted.items() if out_on <= earlier + timedelta(days=1)}
        if not wanted:
            break
        rows = snapshots_of_day(project, earlier)
        rows = rows[rows["post_row_id"].isin(wanted)]
        for number in set(rows["post_row_id"]):
            del wanted[number]
        if len(rows):
            snapshots.append(rows)
    return pd.concat(snapshots, ignore_index=True) if snapshots else frame_of(SNAPSHOTS, [])


def posts_in_window(project: Project, day: date) -> pd.DataFrame:
    """Return the posts that are out and were made public in the window that ends on `day`.

    A channel's calendar may be a day ahead of the factory's, so the day after is in it too.
    """
    posts = platform_posts
    last = day + timedelta(days=1)
    window = (posts.c.posted_on > day - timedelta(days=WINDOW_DAYS), posts.c.posted_on <= last)
    return _read(project, POSTS, _posts().where(*window))


def posts_of_contents(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return the posts of these contents that are out."""
    return _read(project, POSTS, _posts().where(platform_posts.c.content_id.in_(content_ids)))


def failed_measurements(project: Project, day: date) -> pd.DataFrame:
    """Return the platforms that could not be asked on `day`, newest word last."""
    logs = processing_logs
    query = (
        select(logs.c.metadata, logs.c.error_message)
        .where(
            logs.c.layer == "measurement",
            logs.c.status == "failed",
            logs.c.started_at >= period_of(day, project.settings.timezone).start_at,
            logs.c.started_at < period_of(day, project.settings.timezone).end_at,
        )
        .order_by(logs.c.id)
    )
    with project.catalog.read() as connection:
        error_of = {str(row["platform"]): error for row, error in connection.execute(query)}
    return frame_of(FAILURES, sorted(error_of.items()))


def was_measured(project: Project, day: date) -> bool:
    """Return whether any platform was asked on `day`, with whatever answer."""
    period = period_of(day, project.settings.timezone)
    logs = processing_logs
    query = select(func.count()).where(
        logs.c.layer == "measurement", logs.c.started_at >= period.start_at, logs.c.started_at < period.end_at
    )
    with project.catalog.read() as connection:
        return bool(connection.execute(query).scalar())


def first_content_day(project: Project) -> date | None:
    """Return the day of the oldest content, or None where nothing was made yet."""
    with project.catalog.read() as connection:
        first: date | None = connection.execute(select(func.min(content.c.day))).scalar()
    return first


def worlds_between(project: Project, first: date, last: date) -> list[str]:
    """Return the worlds in which something was made for the days from `first` to `last`; the project's if in none."""
    query = select(content.c.world).distinct().where(content.c.day >= first, content.c.day <= last)
    with project.catalog.read() as connection:
        return sorted(connection.execute(query).scalars()) or [project.settings.world]


def contents_between(project: Project, first: date, last: date, channels: Sequence[str] = ()) -> pd.DataFrame:
    """Return the contents that were made for the days from `first` to `last`, every take; of these channels only."""
    columns = [content.c.id.label("content_id"), *(content.c[name] for name in list(CONTENTS)[1:])]
    query = select(*columns).where(content.c.day >= first, content.c.day <= last)
    return _read(project, CONTENTS, query.where(content.c.channel.in_(channels)) if channels else query)


def made_from(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return how each content was made, as its manifest says; one whose folder is gone is left out."""
    rows = [
        _made(project.contents.manifest(content_id))
        for content_id in content_ids
        if project.contents.exists(content_id)
    ]
    return frame_of(MADE, rows)


def spent_by_contents(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return the effects that cost, or hold reserved, money for these contents."""
    return _read(project, SPENT, _spent().where(effects.c.content_id.in_(content_ids)))


def spent_between(project: Project, first: date, last: date) -> pd.DataFrame:
    """Return the effects whose money counts on a day from `first` to `last`."""
    return _read(project, SPENT, _spent().where(effects.c.spent_on >= first, effects.c.spent_on <= last))


def decisions_on(project: Project, day: date) -> pd.DataFrame:
    """Return what people decided on a day, and the reviews that ran out of time (`expired`, without a decision)."""
    period = period_of(day, project.settings.timezone)
    made = _decisions()
    moves = state_transitions
    expired = select(
        moves.c.entity_id, content.c.channel, content.c.day, content.c.world, content.c.revision, moves.c.at
    ).join(content, content.c.id == moves.c.entity_id)
    with project.catalog.read() as connection:
        rows = [
            tuple(row)
            for row in connection.execute(
                made.where(decisions.c.decided_at >= period.start_at, decisions.c.decided_at < period.end_at)
            )
        ]
        rows += [
            (
                None,
                move.entity_id,
                move.channel,
                move.day,
                move.world,
                move.revision,
                "expired",
                None,
                None,
                None,
                move.at,
            )
            for move in connection.execute(
                expired.where(
                    moves.c.entity == "content",
                    moves.c.event == "expire",
                    moves.c.at >= period.start_at,
                    moves.c.at < period.end_at,
                )
            )
        ]
    return frame_of(DECISIONS, rows)


def _decisions() -> Select[Any]:
    return select(
        decisions.c.id,
        decisions.c.content_id,
        content.c.channel,
        content.c.day,
        content.c.world,
        decisions.c.revision,
        decisions.c.verdict,
        decisions.c.decided_by,
        decisions.c.via,
        decisions.c.note,
        decisions.c.decided_at,
    ).join(content, content.c.id == decisions.c.content_id)


def newest_verdicts(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return the newest decision of each of these contents."""
    newest = select(func.max(decisions.c.id)).where(decisions.c.content_id.in_(content_ids))
    return _read(project, DECISIONS, _decisions().where(decisions.c.id.in_(newest.group_by(decisions.c.content_id))))


def review_requests(project: Project, content_ids: Sequence[str]) -> pd.DataFrame:
    """Return every moment at which a review of one of these contents was asked for."""
    moves = state_transitions
    query = select(moves.c.entity_id, moves.c.at).where(
        moves.c.entity == "content", moves.c.to_state == "review_pending", moves.c.entity_id.in_(content_ids)
    )
    return _read(project, REQUESTS, query)


def work_on(project: Project, day: date) -> pd.DataFrame:
    """Return every stage, measurement and post that was started on a day, with how it ended."""
    period = period_of(day, project.settings.timezone)
    with project.catalog.read() as connection:
        rows = [*_stages(connection, period, project.settings.world), *_sends(connection, period)]
    return frame_of(WORK, rows)


def _stages(connection: Connection, period: Period, world: str) -> list[tuple[Any, ...]]:
    """Return the stages of a period; `world` is that of measurements that were written down without one."""
    logs = processing_logs
    query = (
        select(logs, content.c.channel, content.c.world)
        .join(content, content.c.id == logs.c.content_id, isouter=True)
        .where(logs.c.started_at >= period.start_at, logs.c.started_at < period.end_at)
        .order_by(logs.c.id)
    )
    return [
        (
            row["channel"],
            row["layer"],
            (row["metadata"] or {}).get("provider") or (row["metadata"] or {}).get("platform"),
            row["status"],
            (row["completed_at"] - row["started_at"]).total_seconds() if row["completed_at"] else None,
            row["error_message"],
            row["started_at"],
            (row["world"] or (row["metadata"] or {}).get("world") or world) == "sandbox",
        )
        for row in connection.execute(query).mappings()
    ]


def _sends(connection: Connection, period: Period) -> list[tuple[Any, ...]]:
    query = (
        select(effects)
        .where(effects.c.kind == "post", effects.c.sent_at >= period.start_at, effects.c.sent_at < period.end_at)
        .order_by(effects.c.id)
    )
    outcomes = {"confirmed": "completed", "refused": "failed", "unknown": "unknown"}
    return [
        (
            row["channel"],
            row["layer"],
            row["target"],
            outcomes.get(row["state"], "started"),
            (row["settled_at"] - row["sent_at"]).total_seconds() if row["settled_at"] else None,
            row["error"],
            row["sent_at"],
            row["world"] == "sandbox",
        )
        for row in connection.execute(query).mappings()
    ]


def _made(manifest: Manifest) -> tuple[Any, ...]:
    idea, stages = manifest.idea, manifest.stages
    text = "" if idea is None else (idea.narration or idea.caption or idea.idea).strip()
    chosen: dict[str, Any] = {}
    for stage in ("ideas", "prompts"):
        if stage in stages and stages[stage].parameters.get("experiment"):
            chosen = stages[stage].parameters
    models = [stages[stage].model if stage in stages else None for stage in ("ideas", "prompts", "raw_segments")]
    hook = _SENTENCE.split(text)[0] or None
    return (manifest.content_id, hook, *models, chosen.get("experiment"), chosen.get("variant"))


def _snapshots() -> Select[Any]:
    return select(*(metric_snapshots.c[name] for name in SNAPSHOTS))


def _posts() -> Select[Any]:
    posts = platform_posts
    return (
        select(
            posts.c.id,
            content.c.channel,
            posts.c.content_id,
            posts.c.platform,
            posts.c.post_id,
            posts.c.posted_at,
            posts.c.posted_on,
            content.c.world == "sandbox",
        )
        .join(content, content.c.id == posts.c.content_id)
        .where(posts.c.state == "posted", posts.c.post_id.is_not(None), posts.c.platform.not_in(posted_by_hand()))
    )


def _spent() -> Select[Any]:
    names = {"provider": "target"}
    return select(*(effects.c[names.get(name, name)].label(name) for name in SPENT)).where(
        (effects.c.reserved_usd > 0) | (effects.c.settled_usd > 0)
    )


def _read(project: Project, kinds: Mapping[str, ColumnKind], query: Select[Any]) -> pd.DataFrame:
    with project.catalog.read() as connection:
        return frame_of(kinds, connection.execute(query).all())
