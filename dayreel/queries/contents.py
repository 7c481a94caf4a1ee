"""Where do contents stand? Each with its costs, newest decision, posts, unknown outcomes, and what to do next.

What a person sees before deciding about one of them is `review`; where one came from is `story`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from dayreel.errors import DayreelError
from dayreel.queries.config import read_config
from dayreel.queries.holds import read_holds
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
    pause_of,
    posts_of,
    skipped_day,
)
from dayreel.queries.unknown_outcomes import UnknownOutcome, UnknownOutcomes, read_unknown_outcomes
from dayreel.records import Records
from dayreel.rules.lifecycle import WORKING
from dayreel.rules.pauses import why_paused
from dayreel.rules.quality import failed_checks
from dayreel.schemas.effect import FOLLOW_UPS, MOST_FOLLOW_UP_SENDS
from dayreel.stores.catalog.epoch import epoch_beside
from dayreel.stores.catalog.tables import content, effects

STANDINGS = (
    *("unknown outcome", "post failed", "failed", "review pending", "on hold"),
    *("rendering", "composing", "voicing", "scripting", "pending"),
    *("approved", "publishing", "expired", "rejected", "superseded", "posted"),
)
"""Every way in which a content can stand, the one that needs people most first: the order of every face's lists."""


@dataclass(frozen=True)
class PostStatus:
    """Where one post stands.

    Attributes:
        since: from when on it is so, as long as it is not over.
        is_unnamed: it is out, and its platform has given it no public id yet.
        is_refused: it failed, and sending the same again changes nothing: its error says what would.
        has_left: it is out, and something that was to be done with it afterwards was refused, or tried often enough.
    """

    platform: str
    state: str
    post_id: str | None
    url: str | None
    error: str | None
    since: datetime | None
    is_unnamed: bool
    is_refused: bool
    has_left: bool = False


@dataclass(frozen=True)
class ContentStatus:
    """Where one content stands.

    Attributes:
        costs: per layer, what was settled or is still reserved, in dollars.
        newest: the newest decision on it, edits included.
        renders: how far its segments are; left out once it is posted, unless they were asked for.
        is_of_other_world: it was begun in the world that is not this one, so nothing more comes of it here.
        newest_take: id of the newest take of its day, where that is another one.
        failed_checks: names of the checks that keep what waits for an approval from getting one.
        obstacle: the command that ends what keeps its channel, or everything, from being made and posted.
    """

    row: ContentRow
    costs: tuple[tuple[str, Decimal], ...]
    newest: DecisionRow | None
    renders: tuple[Render, ...]
    posts: tuple[PostStatus, ...]
    unknown: tuple[UnknownOutcome, ...]
    is_of_other_world: bool
    newest_take: str | None
    failed_checks: tuple[str, ...]
    obstacle: str | None

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
    def waits_for_approval(self) -> bool:
        """Whether nothing of it goes out until somebody approves it: also what goes out already, while it is held."""
        endorsed = self.newest is not None and self.newest.verdict == "endorsed"
        return self.row.state == "review_pending" or (self.row.state == "publishing" and (self.is_held or endorsed))

    @property
    def can_publish(self) -> bool:
        """Whether a person can have it go out now, as far as its own gates are concerned."""
        is_current = self.newest_take is None and not self.is_of_other_world
        return is_current and self.row.state in ("approved", "publishing") and not self.waits_for_approval

    @property
    def can_continue(self) -> bool:
        """Whether a person can have it go on from where it stopped, keeping what is done and paid."""
        if self.row.state == "failed":
            return self.newest_take is None and not self.is_of_other_world
        return (self.can_publish and self.has_failed_post) or self.has_left

    @property
    def has_left(self) -> bool:
        """Whether a post of it is out, and something that was to be done with it afterwards waits for a person."""
        is_current = self.newest_take is None and not self.is_of_other_world
        return is_current and self.row.state == "posted" and any(post.has_left for post in self.posts)

    @property
    def standing(self) -> str:
        """How it stands for people, one of `STANDINGS`: in doubt, failed, on hold, or its lifecycle's state in words.

        The lifecycle's own state knows nothing of posts, holds, doubt or other takes.
        """
        if self.unknown:
            return "unknown outcome"
        if self.newest_take is not None and self.row.state not in ("posted", "rejected", "expired"):
            return "superseded"
        if self.has_failed_post:
            return "post failed"
        return "on hold" if self.is_held else self.row.state.replace("_", " ")

    @property
    def next_step(self) -> str | None:
        """The command a person would type next, or None when there is nothing to do.

        Every face shows this one, so it has to be one that is not refused: `tests/unit/queries/test_next_step.py`.
        """
        key, waits = self.row.id, self.waits_for_approval and not self.is_of_other_world
        check = "".join(self.failed_checks[:1])
        # What was refused is refused again: what has to change is in its error.
        is_refused = self.has_failed_post and any(post.is_refused for post in self.failed_posts)
        steps = (
            (bool(self.unknown), "dayreel reconcile"),
            (self.has_left and self.obstacle is None, f"dayreel retry {key}"),
            (self.newest_take is not None or self.row.state == "posted", None),
            (waits and bool(check), f"dayreel review waive {key} {check} --reason TEXT"),
            (waits, f"dayreel review approve {key}"),
            (is_refused, f"dayreel why {key}"),
            (self.obstacle is not None, self.obstacle),
            (self.is_of_other_world or self.row.state in ("rejected", "expired"), f"dayreel retry {key} --new-take"),
            (self.can_continue, f"dayreel retry {key}"),
            (self.can_publish, f"dayreel publish {key}"),
            (True, f"dayreel run --date {self.row.day} --channel {self.row.channel}"),
        )
        return next(step for is_so, step in steps if is_so)


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
        return read_status(records, connection, rows, unknown)


def urgent_first(contents: Iterable[ContentStatus]) -> list[ContentStatus]:
    """Return contents in the order in which people are needed; those that stand alike keep their order."""
    return sorted(contents, key=lambda content: STANDINGS.index(content.standing))


def read_status(
    records: Records,
    connection: Connection,
    rows: Sequence[ContentRow],
    unknown: UnknownOutcomes | None = None,
    *,
    all_renders: bool = False,
) -> Status:
    """Return where these contents stand, in their order, read inside the caller's transaction.

    Args:
        unknown: every unknown outcome, where the caller has read them in this transaction.
        all_renders: how far their segments are even of what is posted; else the history would be read for nothing.
    """
    ids = [row.id for row in rows]
    costs, newest, posts = costs_of(connection, ids), newest_verdicts(connection, ids), _posts(connection, ids)
    renders = renders_of(connection, [row.id for row in rows if all_renders or row.state != "posted"])
    unknown = unknown or read_unknown_outcomes(records, connection)
    newest_takes = _newest_takes(connection, ids)
    failed, obstacles = _failed_checks(records, connection, rows), _obstacles(records, connection, rows)
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
            is_of_other_world=row.world != records.settings.world,
            newest_take=newest_takes.get(row.id),
            failed_checks=failed.get(row.id, ()),
            obstacle=obstacles.get((row.channel, row.day), obstacles.get((row.channel, None))),
        )
        for row in rows
    )
    return Status(tuple(contents), unknown)


def _newest_takes(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return, of those of these contents whose day has a newer take, the newest one."""
    if not ids:
        return {}
    newer = content.alias()
    of_its_day = (newer.c.channel == content.c.channel) & (newer.c.day == content.c.day)
    query = select(content.c.id, newer.c.id.label("newest")).join(newer, of_its_day & (newer.c.take > content.c.take))
    return {row.id: row.newest for row in connection.execute(query.where(content.c.id.in_(ids)).order_by(newer.c.take))}


def _failed_checks(records: Records, connection: Connection, rows: Sequence[ContentRow]) -> dict[str, tuple[str, ...]]:
    waiting = [row for row in rows if row.state in ("review_pending", "publishing")]
    if not waiting:
        return {}
    from dayreel.queries.quality import judge, waivers_of  # noqa: PLC0415  brings shapes, only where something waits

    waived = waivers_of(connection, [row.id for row in waiting])
    failed = {}
    for row in waiting:
        try:
            final = records.contents.manifest(row.id).final_video
        except DayreelError:  # its own page says what cannot be read
            continue
        failed[row.id] = tuple(check.name for check in failed_checks(judge(row, final, waived.get(row.id, ()))))
    return failed


def _obstacles(
    records: Records, connection: Connection, rows: Sequence[ContentRow]
) -> dict[tuple[str, date | None], str]:
    """Return what to type first before anything of a channel, or of one of its days, can be made or posted."""
    under_way = [row for row in rows if row.state != "posted"]
    obstacles: dict[tuple[str, date | None], str] = {}
    if not under_way:
        return obstacles
    everything = None
    if read_config(connection, "switch").value == "off":
        everything = "dayreel switch on"
    elif read_holds(connection, epoch_beside(records.settings.content_dir)).is_of_other_time:
        everything = "dayreel reconcile"
    for name in {row.channel for row in under_way}:
        if everything is not None or _is_paused(records, connection, name):
            obstacles[name, None] = everything or f"dayreel channels resume {name}"
    for row in under_way:
        may_be_skipped = (row.channel, None) not in obstacles and row.state in (*WORKING, "failed")
        if may_be_skipped and skipped_day(connection, row.channel, row.day) is not None:
            obstacles[row.channel, row.day] = f"dayreel channels skip {row.channel} {row.day} --remove"
    return obstacles


def _is_paused(records: Records, connection: Connection, name: str) -> bool:
    pause = pause_of(connection, name)
    if pause is None:
        return False
    try:
        return why_paused(records.channels.load(name), pause, records.clock.now()) is not None
    except DayreelError:  # nothing is made without its file either
        return False


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
    left = _left(connection, ids)
    for post in rows:
        state, result = acts.get(post.effect_id, ("", {}))
        shown = _post(post, state, result, left.get((post.content_id, post.platform), []))
        posts[post.content_id] = (*posts.get(post.content_id, ()), shown)
    return posts


def _left(connection: Connection, ids: Sequence[str]) -> dict[tuple[str, str], list[RowMapping]]:
    """Return what was to be done with posts that are out and is not done, by content and platform."""
    query = select(effects).where(
        effects.c.content_id.in_(ids), effects.c.kind.in_(FOLLOW_UPS), effects.c.state != "confirmed"
    )
    left: dict[tuple[str, str], list[RowMapping]] = {}
    for row in connection.execute(query.order_by(effects.c.id)).mappings() if ids else ():
        left.setdefault((row["content_id"], row["target"]), []).append(row)
    return left


def _post(post: PostRow, effect_state: str, result: dict[str, Any], left: Sequence[RowMapping]) -> PostStatus:
    unnamed = is_unnamed(post, result)
    is_over = post.state == "posted" and not unnamed
    return PostStatus(
        platform=post.platform,
        state=post.state,
        post_id=post.post_id,
        url=post.post_url,
        error=" ".join(filter(None, (post.error_message, *map(_left_in_words, left)))) or None,
        since=None if is_over else post.posted_at or post.updated_at,
        is_unnamed=unnamed,
        is_refused=post.state == "failed" and effect_state == "refused",
        has_left=any(_waits_for_a_person(row) for row in left),
    )


def _waits_for_a_person(row: RowMapping) -> bool:
    is_given_up = row["state"] == "intended" and int(row["attempts"]) >= MOST_FOLLOW_UP_SENDS
    return bool(row["state"] == "refused" or is_given_up)


def _left_in_words(row: RowMapping) -> str:
    again = f"The post is out; `dayreel retry {row['content_id']}` tries that alone."
    if row["state"] == "intended" and _waits_for_a_person(row):
        return f"Its {row['kind']} is not there after {row['attempts']} attempts: {row['error']} {again}"
    words = {
        "refused": f"is refused: {row['error']} {again}",
        "unknown": f"may be done or not: {row['error']} The post is out; `dayreel reconcile` looks.",
    }
    return f"Its {row['kind']} {words.get(row['state'], 'is not there yet, and is done next.')}"
