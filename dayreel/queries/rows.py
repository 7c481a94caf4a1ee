"""The rows that several questions ask for, and the selects that find them. Nothing here changes anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, func, select

from dayreel.clock import day_begins
from dayreel.errors import UsageError
from dayreel.rules.approval import Words
from dayreel.rules.pauses import Pause, PauseSpan
from dayreel.stores.catalog.tables import (
    acts,
    channel_pauses,
    content,
    decisions,
    effects,
    metric_snapshots,
    pinned_ideas,
    platform_posts,
    skipped_days,
    state_transitions,
)

if TYPE_CHECKING:
    from dayreel.schemas.channel import Channel

Row = TypeVar("Row")

# A video is posted within its review, which takes days at the most.
_MADE_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class ContentRow:
    """Where one content stands; the columns of the `content` table.

    `post_fields` is what people have set of its posts for it alone, by platform and field; None where nothing.
    """

    id: str
    channel: str
    day: date
    take: int
    world: str
    state: str
    last_good_state: str | None
    version: int
    revision: int
    idea: str | None
    topic: str | None
    caption: str | None
    video_sha256: str | None
    storage_path: str
    final_video_path: str | None
    review_deadline_at: datetime | None
    error: str | None
    run_id: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    posted_at: datetime | None
    post_fields: dict[str, dict[str, Any]] | None = None


@dataclass(frozen=True)
class DecisionRow:
    """What a person said; the columns of the `decisions` table.

    `words` is what each platform was to get; only approvals have it, and none that is older than schema 0007.
    `accounts` is the account of each platform, `id` and `name`, as far as it was known; none before schema 0012.
    """

    id: int
    content_id: str
    verdict: str
    revision: int
    video_sha256: str
    caption: str
    fields: dict[str, dict[str, Any]]
    decided_by: str
    via: str
    note: str | None
    decided_at: datetime
    words: Words | None
    accounts: dict[str, dict[str, str]] | None


@dataclass(frozen=True)
class PinnedIdea:
    """An idea that a person has set for a channel's day; the columns of the `pinned_ideas` table."""

    channel: str
    day: date
    idea: str
    caption: str | None
    pinned_by: str
    pinned_at: datetime


@dataclass(frozen=True)
class SkippedDay:
    """A day that a person has a channel leave out; the columns of the `skipped_days` table."""

    channel: str
    day: date
    note: str | None
    skipped_by: str
    skipped_at: datetime

    @property
    def reason(self) -> str:
        """Who has it left out, and why, in a sentence."""
        note = f" ({self.note})" if self.note else ""
        return f"{self.day} of channel {self.channel!r} is skipped by {self.skipped_by}{note}"


@dataclass(frozen=True)
class PostRow:
    """Where one content stands on one platform; the columns of the `platform_posts` table."""

    id: int
    content_id: str
    platform: str
    account: str
    effect_id: int
    decision_id: int
    state: str
    post_id: str | None
    post_url: str | None
    video_sha256: str
    posted_at: datetime | None
    posted_on: date | None
    error_message: str | None
    updated_at: datetime


@dataclass(frozen=True)
class Transition:
    """One step of the content's lifecycle."""

    at: datetime
    from_state: str
    event: str
    to_state: str
    trigger: str
    actor: str
    notes: str | None


def as_row(kind: type[Row], row: RowMapping, **others: Any) -> Row:
    """Return a row of the catalog as the dataclass with its columns; `others` are the fields that are not columns."""
    columns = {field.name: row[field.name] for field in fields(kind) if field.name not in others}  # type: ignore[arg-type]  # of a dataclass
    return kind(**columns, **others)


def all_rows(connection: Connection, kind: type[Row], query: Select[Any]) -> list[Row]:
    """Return what a query finds, as dataclasses."""
    return [as_row(kind, row) for row in connection.execute(query).mappings()]


def first_row(connection: Connection, kind: type[Row], query: Select[Any]) -> Row | None:
    """Return the first that a query finds, or None."""
    return next(iter(all_rows(connection, kind, query.limit(1))), None)


def get_content(connection: Connection, content_id: str, *, lock: bool = False) -> ContentRow:
    """Return one content.

    Args:
        lock: keep it as it is until the caller's transaction ends (PostgreSQL; SQLite has one writer anyway).

    Raises:
        UsageError: there is none of that id.
    """
    query = select(content).where(content.c.id == content_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise UsageError(f"There is no content {content_id!r}.", next_step="`dayreel status --all` lists them.")
    return as_row(ContentRow, row)


def current_content(connection: Connection, channel: str, day: date) -> ContentRow | None:
    """Return the newest take of a channel's day, or None when nothing was made for it yet."""
    query = select(content).where(content.c.channel == channel, content.c.day == day).order_by(content.c.take.desc())
    return first_row(connection, ContentRow, query)


def other_open_take(connection: Connection, row: ContentRow, world: str) -> ContentRow | None:
    """Return another take of the same day that is under way or out in a world, or None."""
    query = (
        select(content)
        .where(content.c.channel == row.channel, content.c.day == row.day, content.c.id != row.id)
        .order_by(content.c.take.desc())
    )
    takes = all_rows(connection, ContentRow, query)
    return next((take for take in takes if not is_over(take, world)), None)


def is_held(row: ContentRow, newest: str | None) -> bool:
    """Return whether a person keeps a content from going out and from expiring."""
    waits = row.state == "publishing" or (row.state == "review_pending" and row.review_deadline_at is None)
    return newest == "held" and waits


def is_over(row: ContentRow, world: str) -> bool:
    """Return whether the day of this take may have another one: nothing more comes of it in this world."""
    return row.state in ("rejected", "expired", "failed") or row.world != world


def list_contents(
    connection: Connection,
    *,
    day: date | None = None,
    channels: Sequence[str] = (),
    states: Sequence[str] = (),
    ids: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[ContentRow]:
    """Return contents, newest day first, then by channel and take; at most `limit` of them, and of `ids` if given."""
    query = select(content).order_by(content.c.day.desc(), content.c.channel, content.c.take).limit(limit)
    if day is not None:
        query = query.where(content.c.day == day)
    if channels:
        query = query.where(content.c.channel.in_(channels))
    if states:
        query = query.where(content.c.state.in_(states))
    if ids is not None:
        query = query.where(content.c.id.in_(ids))
    return all_rows(connection, ContentRow, query)


def contents_of_days(connection: Connection, days: Collection[date], *, or_begun_since: datetime) -> list[ContentRow]:
    """Return the contents of these days, and those that were begun since then, each day's newest take last."""
    query = select(content).where(content.c.day.in_(days) | (content.c.created_at > or_begun_since))
    return all_rows(connection, ContentRow, query.order_by(content.c.take))


def newest_views(connection: Connection, content_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return the views of each content's posts, by platform, as they were last counted; without a count nothing."""
    later = metric_snapshots.alias()
    newest = (
        select(later.c.id)
        .where(later.c.post_row_id == metric_snapshots.c.post_row_id, later.c.views.is_not(None))
        .order_by(later.c.observed_at.desc(), later.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = (platform_posts.c.content_id, platform_posts.c.platform, metric_snapshots.c.views)
    query = (
        select(*columns)
        .join(metric_snapshots, metric_snapshots.c.post_row_id == platform_posts.c.id)
        .where(platform_posts.c.content_id.in_(content_ids), metric_snapshots.c.id == newest)
        .order_by(platform_posts.c.platform)
    )
    views: dict[str, dict[str, int]] = {}
    for content_id, platform, count in connection.execute(query):
        views.setdefault(content_id, {})[platform] = count
    return views


def earlier_ideas(connection: Connection, channel: str, since: date, *, but: str) -> list[tuple[str, str]]:
    """Return (content id, idea) of a channel's contents since a day, newest first, leaving out one content."""
    query = (
        select(content.c.id, content.c.idea)
        .where(content.c.channel == channel, content.c.day >= since, content.c.idea.is_not(None), content.c.id != but)
        .order_by(content.c.day.desc(), content.c.take.desc())
    )
    return [(row.id, row.idea) for row in connection.execute(query)]


def decisions_of(connection: Connection, content_id: str) -> tuple[DecisionRow, ...]:
    """Return every decision on a content, the first one first."""
    query = select(decisions).where(decisions.c.content_id == content_id).order_by(decisions.c.id)
    return tuple(all_rows(connection, DecisionRow, query))


def transitions_of(connection: Connection, content_id: str) -> tuple[Transition, ...]:
    """Return every step of a content's lifecycle, the first one first."""
    query = (
        select(state_transitions)
        .where(state_transitions.c.entity == "content", state_transitions.c.entity_id == content_id)
        .order_by(state_transitions.c.id)
    )
    return tuple(all_rows(connection, Transition, query))


def newest_verdict(connection: Connection, content_id: str) -> DecisionRow | None:
    """Return the newest decision on a content, edits included, or None."""
    query = select(decisions).where(decisions.c.content_id == content_id).order_by(decisions.c.id.desc())
    return first_row(connection, DecisionRow, query)


def newest_verdicts(connection: Connection, content_ids: Sequence[str]) -> dict[str, DecisionRow]:
    """Return the newest decision on each of these contents that has one."""
    newest = (
        select(func.max(decisions.c.id)).where(decisions.c.content_id.in_(content_ids)).group_by(decisions.c.content_id)
    )
    query = select(decisions).where(decisions.c.id.in_(newest))
    return {row.content_id: row for row in all_rows(connection, DecisionRow, query)}


def decisions_after(connection: Connection, cursor: int, *, limit: int) -> list[DecisionRow]:
    """Return decisions with a number above `cursor`, oldest first."""
    query = select(decisions).where(decisions.c.id > cursor).order_by(decisions.c.id).limit(limit)
    return all_rows(connection, DecisionRow, query)


def pause_of(connection: Connection, channel: str) -> Pause | None:
    """Return the pause that a person has put on a channel, over or not, or None."""
    query = select(channel_pauses).where(channel_pauses.c.channel == channel)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Pause(row["until_on"], row["paused_by"], row["paused_at"], row["note"])


def rests_of(connection: Connection, channel: "Channel") -> list[PauseSpan]:
    """Return when a channel was paused and is, oldest first: the record of acts keeps what was resumed."""
    query = (
        select(acts.c.at, acts.c.actor, acts.c.act, acts.c.detail)
        .where(acts.c.target == channel.name, acts.c.act.in_(("pause channel", "resume channel")))
        .order_by(acts.c.id)
    )
    rests: list[PauseSpan] = []
    for act in connection.execute(query):
        if rests and (rests[-1].ended_at is None or act.at < rests[-1].ended_at):
            rests[-1] = replace(rests[-1], ended_at=act.at)
        if act.act == "pause channel":
            until = act.detail.get("until")
            until_on = None if until is None else date.fromisoformat(until)
            ended_at = None if until_on is None else day_begins(until_on + timedelta(days=1), channel.timezone)
            rests.append(PauseSpan(act.at, ended_at, until_on, act.actor))
    return rests


def begun_on_of(connection: Connection, channel: str) -> date | None:
    """Return the first day of which a channel has made anything."""
    return connection.execute(select(func.min(content.c.day)).where(content.c.channel == channel)).scalar()


def skipped_day(connection: Connection, channel: str, day: date) -> SkippedDay | None:
    """Return the word of a person that a channel leaves this day out, or None."""
    query = select(skipped_days).where(skipped_days.c.channel == channel, skipped_days.c.day == day)
    return first_row(connection, SkippedDay, query)


def pinned_idea(connection: Connection, channel: str, day: date) -> PinnedIdea | None:
    """Return the idea that a person has set for a channel's day, or None."""
    query = select(pinned_ideas).where(pinned_ideas.c.channel == channel, pinned_ideas.c.day == day)
    return first_row(connection, PinnedIdea, query)


def newest_backup_at(connection: Connection) -> datetime | None:
    """Return when the catalog was last backed up, or None."""
    query = select(acts.c.at).where(acts.c.act == "backup").order_by(acts.c.at.desc()).limit(1)
    newest: datetime | None = connection.execute(query).scalar()
    return newest


def oldest_content_at(connection: Connection) -> datetime | None:
    """Return when the first content was begun, or None."""
    oldest: datetime | None = connection.execute(select(func.min(content.c.created_at))).scalar()
    return oldest


def posts_of(connection: Connection, content_ids: Sequence[str]) -> list[PostRow]:
    """Return the platform posts of these contents, by content and platform."""
    if not content_ids:
        return []
    query = (
        select(platform_posts)
        .where(platform_posts.c.content_id.in_(content_ids))
        .order_by(platform_posts.c.content_id, platform_posts.c.platform)
    )
    return all_rows(connection, PostRow, query)


def posted_since(connection: Connection, *, world: str, since: datetime) -> list[PostRow]:
    """Return the posts that went out after a moment, oldest first."""
    query = (
        select(platform_posts)
        .join(content, content.c.id == platform_posts.c.content_id)
        .where(content.c.created_at >= since - _MADE_BEFORE, content.c.world == world)
        .where(platform_posts.c.state == "posted", platform_posts.c.posted_at > since)
        .order_by(platform_posts.c.id)
    )
    return all_rows(connection, PostRow, query)


def posts_without_public_id(connection: Connection, *, world: str, since: datetime) -> list[PostRow]:
    """Return the posts since a moment that are out and that their platform has not named publicly yet, oldest first.

    TikTok names a post only after moderation, and sometimes never.
    """
    query = (
        select(platform_posts, effects.c.result)
        .join(content, content.c.id == platform_posts.c.content_id)
        .join(effects, effects.c.id == platform_posts.c.effect_id)
        .where(
            # By the index on this one: what is older was made earlier still.
            content.c.created_at >= since - _MADE_BEFORE,
            content.c.world == world,
            platform_posts.c.state == "posted",
            platform_posts.c.post_url.is_(None),
            platform_posts.c.posted_at >= since,
        )
        .order_by(platform_posts.c.id)
    )
    posts_found = [(as_row(PostRow, row), row["result"]) for row in connection.execute(query).mappings()]
    return [post for post, result in posts_found if is_unnamed(post, result)]


def is_unnamed(post: PostRow, result: dict[str, Any]) -> bool:
    """Return whether a post is out without a public id that will yet come; `result` is its effect's."""
    raw = result.get("raw") or {}
    return bool(post.state == "posted" and raw.get("public_id_pending") and post.post_id == raw.get("publish_id"))


def costs_of(connection: Connection, content_ids: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    """Return, per content and layer, what was settled or is still reserved, in dollars."""
    if not content_ids:
        return {}
    total = func.sum(func.coalesce(effects.c.settled_usd, effects.c.reserved_usd))
    query = (
        select(effects.c.content_id, effects.c.layer, total.label("usd"))
        .where(effects.c.content_id.in_(content_ids))
        .group_by(effects.c.content_id, effects.c.layer)
    )
    costs: dict[str, dict[str, Decimal]] = {}
    for row in connection.execute(query):
        costs.setdefault(row.content_id, {})[row.layer] = row.usd
    return costs
