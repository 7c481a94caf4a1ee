"""Where do contents stand? Each with its costs, newest decision, posts, unknown outcomes, and what to do next.

What a person sees before deciding about one of them is `review`; where one came from is `story`.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    is_held,
    is_unnamed,
    list_contents,
    newest_verdicts,
    posts_of,
)
from dayreel.queries.unknown_outcomes import UnknownOutcome, UnknownOutcomes, read_unknown_outcomes
from dayreel.records import Records
from dayreel.stores.catalog.tables import effects

STANDINGS = (
    *("unknown outcome", "post failed", "failed", "review pending", "on hold"),
    *("rendering", "composing", "voicing", "scripting", "pending"),
    *("approved", "publishing", "expired", "rejected", "posted"),
)
"""Every way in which a content can stand, the one that needs people most first: the order of every face's lists."""
# What a person would type next about a content in this state; in any other, the command that makes its day.
_NEXT: Mapping[str, str] = {
    "failed": "dayreel retry {id}",
    "review_pending": "dayreel review approve {id}",
    "approved": "dayreel publish {id}",
    "publishing": "dayreel publish {id}",
    "rejected": "dayreel retry {id} --new-take",
    "expired": "dayreel retry {id} --new-take",
}


@dataclass(frozen=True)
class PostStatus:
    """Where one post stands.

    Attributes:
        since: from when on it is so, as long as it is not over.
        is_unnamed: it is out, and its platform has given it no public id yet.
        is_refused: it failed, and sending the same again changes nothing: its error says what would.
    """

    platform: str
    state: str
    post_id: str | None
    url: str | None
    error: str | None
    since: datetime | None
    is_unnamed: bool
    is_refused: bool


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
    def failed_posts(self) -> tuple[PostStatus, ...]:
        """The posts that were tried and are not out, each with its error."""
        return tuple(post for post in self.posts if post.state == "failed")

    @property
    def is_held(self) -> bool:
        """Whether a person keeps it from going out and from expiring."""
        return is_held(self.row, self.newest.verdict if self.newest else None)

    @property
    def has_failed_post(self) -> bool:
        """Whether it is going out and a platform has not got it."""
        return self.row.state in ("approved", "publishing") and bool(self.failed_posts)

    @property
    def standing(self) -> str:
        """How it stands for people, one of `STANDINGS`: in doubt, failed, on hold, or its lifecycle's state in words.

        The lifecycle's own state knows nothing of posts, holds or doubt.
        """
        if self.unknown:
            return "unknown outcome"
        if self.has_failed_post:
            return "post failed"
        return "on hold" if self.is_held else self.row.state.replace("_", " ")

    @property
    def next_step(self) -> str | None:
        """The command a person would type next, or None when there is nothing to do."""
        if self.unknown:
            return "dayreel reconcile"
        if self.has_failed_post:
            # What was refused is refused again: what has to change is in its error.
            return f"dayreel {'why' if any(post.is_refused for post in self.failed_posts) else 'retry'} {self.row.id}"
        making = f"dayreel run --date {self.row.day} --channel {self.row.channel}"
        return None if self.row.state == "posted" else _NEXT.get(self.row.state, making).format(id=self.row.id)


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


def urgent_first(contents: Iterable[ContentStatus]) -> list[ContentStatus]:
    """Return contents in the order in which people are needed; those that stand alike keep their order."""
    return sorted(contents, key=lambda content: STANDINGS.index(content.standing))


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


def _posts(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[PostStatus, ...]]:
    rows = posts_of(connection, ids)
    # Only the ledger knows which of those that are out without an address will yet have a public id, and which of those
    # that failed were refused.
    numbers = [
        post.effect_id for post in rows if post.state == "failed" or (post.state == "posted" and post.post_url is None)
    ]
    query = select(effects.c.id, effects.c.state, effects.c.result).where(effects.c.id.in_(numbers))
    acts = {row.id: (row.state, row.result) for row in connection.execute(query)} if numbers else {}
    posts: dict[str, tuple[PostStatus, ...]] = {}
    for post in rows:
        state, result = acts.get(post.effect_id, ("", {}))
        posts[post.content_id] = (*posts.get(post.content_id, ()), _post(post, state, result))
    return posts


def _post(post: PostRow, effect_state: str, result: dict[str, Any]) -> PostStatus:
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
        is_refused=post.state == "failed" and effect_state == "refused",
    )
