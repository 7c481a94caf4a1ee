"""Where do contents stand? Each with its costs, newest decision, posts, unknown outcomes, and what to do next.

What a person sees before deciding about one of them is `review`; where one came from is `story`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from dayreel.queries.renders import Render, mean_progress, renders_of
from dayreel.queries.rows import (
    ContentRow,
    DecisionRow,
    PostRow,
    costs_of,
    is_unnamed,
    list_contents,
    newest_verdicts,
    posts_of,
)
from dayreel.queries.unknown_outcomes import UnknownOutcome, UnknownOutcomes, read_unknown_outcomes
from dayreel.records import Records
from dayreel.stores.catalog.tables import effects


@dataclass(frozen=True)
class PostStatus:
    """Where one post stands.

    Attributes:
        since: from when on it is so, as long as it is not over.
        is_unnamed: it is out, and its platform has given it no public id yet.
    """

    platform: str
    state: str
    post_id: str | None
    url: str | None
    error: str | None
    since: datetime | None
    is_unnamed: bool


@dataclass(frozen=True)
class ContentStatus:
    """Where one content stands.

    Attributes:
        costs: per layer, what was settled or is still reserved, in dollars.
        newest: the newest decision on it, edits included.
        renders: how far its segments are; left out once it is posted, unless they were asked for.
    """

    row: ContentRow
    costs: tuple[tuple[str, Decimal], ...]
    newest: DecisionRow | None
    renders: tuple[Render, ...]
    posts: tuple[PostStatus, ...]
    unknown: tuple[UnknownOutcome, ...]

    @property
    def cost_usd(self) -> Decimal:
        """All layers together, in dollars."""
        return sum((usd for _layer, usd in self.costs), Decimal(0))

    @property
    def progress(self) -> int | None:
        """How far its segments are together, 0 to 100; None while none is being made."""
        return mean_progress(self.renders) if any(render.is_under_way for render in self.renders) else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.row.state in ("posted", "rejected", "expired", "failed")

    @property
    def next_step(self) -> str | None:
        """The command a person would type next, or None when there is nothing to do."""
        has_failed_post = any(post.state == "failed" for post in self.posts)
        return next_step(self.row, has_unknown=bool(self.unknown), has_failed_post=has_failed_post)


@dataclass(frozen=True)
class Status:
    """Contents, newest day first, then by channel and take; and every unknown outcome there is, theirs or not."""

    contents: tuple[ContentStatus, ...]
    unknown: UnknownOutcomes


def status_of(
    records: Records,
    *,
    day: date | None = None,
    channels: Sequence[str] = (),
    states: Sequence[str] = (),
    limit: int | None = None,
) -> Status:
    """Return where contents stand.

    Args:
        limit: only so many of the newest, and what has an unknown outcome, however old it is.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        rows = list_contents(connection, day=day, channels=channels, states=states, limit=limit)
        if limit is not None:
            unknown = read_unknown_outcomes(records, connection).here
            older = {outcome.content_id for outcome in unknown if outcome.content_id} - {row.id for row in rows}
            rows += list_contents(connection, day=day, channels=channels, states=states, ids=sorted(older))
        return read_status(records, connection, rows)


def read_status(
    records: Records, connection: Connection, rows: Sequence[ContentRow], *, all_renders: bool = False
) -> Status:
    """Return where these contents stand, in their order, read inside the caller's transaction.

    Args:
        all_renders: how far their segments are even of what is posted; else the history would be read for nothing.
    """
    ids = [row.id for row in rows]
    costs, newest, posts = costs_of(connection, ids), newest_verdicts(connection, ids), _posts(connection, ids)
    renders = renders_of(connection, [row.id for row in rows if all_renders or row.state != "posted"])
    unknown = read_unknown_outcomes(records, connection)
    by_content: dict[str | None, tuple[UnknownOutcome, ...]] = {}
    for outcome in unknown.here:
        by_content[outcome.content_id] = (*by_content.get(outcome.content_id, ()), outcome)
    contents = (
        ContentStatus(
            row=row,
            costs=tuple(sorted(costs.get(row.id, {}).items())),
            newest=newest.get(row.id),
            renders=renders.get(row.id, ()),
            posts=posts.get(row.id, ()),
            unknown=by_content.get(row.id, ()),
        )
        for row in rows
    )
    return Status(tuple(contents), unknown)


def next_step(row: ContentRow, *, has_unknown: bool, has_failed_post: bool = False) -> str | None:
    """Return the command a person would type next, or None when there is nothing to do."""
    if has_unknown:
        return "dayreel reconcile"
    if row.state == "review_pending":
        return f"dayreel review approve {row.id}"
    if row.state == "failed" or (row.state == "publishing" and has_failed_post):
        return f"dayreel retry {row.id}"
    if row.state in ("approved", "publishing"):
        return f"dayreel publish {row.id}"
    if row.state in ("rejected", "expired"):
        return f"dayreel retry {row.id} --new-take"
    return None if row.state == "posted" else f"dayreel run --date {row.day} --channel {row.channel}"


def _posts(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[PostStatus, ...]]:
    rows = posts_of(connection, ids)
    # Only the ledger tells which of those that are out without an address will yet have a public id.
    numbers = [post.effect_id for post in rows if post.state == "posted" and post.post_url is None]
    query = select(effects.c.id, effects.c.result).where(effects.c.id.in_(numbers))
    results = {row.id: row.result for row in connection.execute(query)} if numbers else {}
    posts: dict[str, tuple[PostStatus, ...]] = {}
    for post in rows:
        posts[post.content_id] = (*posts.get(post.content_id, ()), _post(post, results.get(post.effect_id, {})))
    return posts


def _post(post: PostRow, result: dict[str, Any]) -> PostStatus:
    unnamed = is_unnamed(post, result)
    is_over = post.state == "posted" and not unnamed
    return PostStatus(
        platform=post.platform,
        state=post.state,
        post_id=post.post_id,
        url=post.post_url,
        error=post.error_message,
        since=None if is_over else post.posted_at or post.updated_at,
        is_unnamed=unnamed,
    )
