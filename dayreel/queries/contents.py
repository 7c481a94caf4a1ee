"""Where do contents stand? Each with its costs, newest decision, posts, unknown outcomes, and what to do next.

What a person sees before deciding about one of them is `review`; where one came from is `story`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from dayreel.queries.rows import (
    ContentRow,
    DecisionRow,
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
        next_step: the command a person would type next, or None when there is nothing to do.
    """

    row: ContentRow
    costs: tuple[tuple[str, Decimal], ...]
    newest: DecisionRow | None
    posts: tuple[PostStatus, ...]
    unknown: tuple[UnknownOutcome, ...]
    next_step: str | None

    @property
    def cost_usd(self) -> Decimal:
        """All layers together, in dollars."""
        return sum((usd for _layer, usd in self.costs), Decimal(0))


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
        unknown = read_unknown_outcomes(records, connection)
        if limit is not None:
            older = {outcome.content_id for outcome in unknown.here if outcome.content_id} - {row.id for row in rows}
            rows += list_contents(connection, day=day, channels=channels, states=states, ids=sorted(older))
        ids = [row.id for row in rows]
        costs, newest, posts = costs_of(connection, ids), newest_verdicts(connection, ids), _posts(connection, ids)
    contents = (
        _status(row, costs.get(row.id, {}), newest.get(row.id), posts.get(row.id, ()), unknown.of(row.id))
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


def _status(
    row: ContentRow,
    costs: dict[str, Decimal],
    newest: DecisionRow | None,
    posts: Sequence[PostStatus],
    unknown: tuple[UnknownOutcome, ...],
) -> ContentStatus:
    has_failed_post = any(post.state == "failed" for post in posts)
    step = next_step(row, has_unknown=bool(unknown), has_failed_post=has_failed_post)
    return ContentStatus(row, tuple(sorted(costs.items())), newest, tuple(posts), unknown, step)


def _posts(connection: Connection, ids: Sequence[str]) -> dict[str, list[PostStatus]]:
    rows = posts_of(connection, ids)
    # Only the ledger tells which of those that are out without an address will yet have a public id.
    numbers = [post["effect_id"] for post in rows if post["state"] == "posted" and post["post_url"] is None]
    query = select(effects.c.id, effects.c.result).where(effects.c.id.in_(numbers))
    results = {row.id: row.result for row in connection.execute(query)} if numbers else {}
    posts: dict[str, list[PostStatus]] = {}
    for post in rows:
        posts.setdefault(post["content_id"], []).append(_post(post, results.get(post["effect_id"], {})))
    return posts


def _post(post: RowMapping, result: dict[str, Any]) -> PostStatus:
    unnamed = is_unnamed(post, result)
    is_over = post["state"] == "posted" and not unnamed
    return PostStatus(
        platform=post["platform"],
        state=post["state"],
        post_id=post["post_id"],
        url=post["post_url"],
        error=post["error_message"],
        since=None if is_over else post["posted_at"] or post["updated_at"],
        is_unnamed=unnamed,
    )
