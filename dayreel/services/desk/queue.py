"""What the desk's first page shows: what waits for somebody, a screenful at a time, without HTTP. Changes nothing."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, case, func, select

from dayreel.errors import DayreelError
from dayreel.queries.review import Seen, is_held, seen_of
from dayreel.queries.rows import ContentRow, DecisionRow, costs_of, newest_verdicts, posts_of
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import CheckResult, FinalVideo
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import content, renders

PAGE_SIZE = 25
_REMEMBERED = 2000

# What each view of the queue holds, in the order of its tabs.
VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "review": ("To review", ("review_pending",)),
    "making": ("In the making", ("pending", "scripting", "voicing", "rendering", "composing")),
    "leaving": ("Going out", ("approved", "publishing")),
    "stopped": ("Stopped", ("failed", "expired", "rejected")),
    "posted": ("Posted", ("posted",)),
    "all": ("All", ()),
}


@dataclass(frozen=True)
class QueueItem:
    """One content in the queue.

    Attributes:
        seen: what a decision made from this page is bound to; None while there is no video.
        title: the channel's, for people.
        progress: 0 to 100 over all its segments; None when none is being made.
        newest: the newest decision, and `is_held` whether it keeps the content from going out.
        waiting_since_at: when it came into its present state.
    """

    content_id: str
    channel: str
    title: str
    day: date
    take: int
    state: str
    version: int
    revision: int
    seen: Seen | None
    idea: str | None
    caption: str | None
    poster: str | None
    waiting_since_at: datetime
    deadline_at: datetime | None
    cost_usd: Decimal
    checks: tuple[CheckResult, ...]
    progress: int | None
    unknown: int
    error: str | None
    posts: Mapping[str, str]
    can_be_decided: bool
    newest: DecisionRow | None
    is_held: bool


@dataclass(frozen=True)
class Queue:
    """One screenful of one view, and how many there are in each."""

    view: str
    counts: Mapping[str, int]
    items: list[QueueItem]
    page: int
    pages: int


class Remembered:
    """What a queue asks for again and again, kept between requests: manifests and channel files are files.

    A final video is remembered by its hash, a channel as long as no channel file has changed. Deciding reads anew.
    """

    def __init__(self, studio: Studio) -> None:
        """Prepare; nothing is read yet."""
        self._studio = studio
        self._videos: OrderedDict[tuple[str, int, str], FinalVideo] = OrderedDict()
        self._channels: dict[str, Channel] = {}
        self._stamp: tuple[tuple[str, int, int], ...] = ()

    def final_video(self, row: ContentRow) -> FinalVideo | None:
        """Return a content's final video, or None when it has none or its manifest cannot be read now."""
        if row.video_sha256 is None:
            return None
        key = (row.id, row.revision, row.video_sha256)
        known = self._videos.get(key)
        if known is not None:
            return known
        try:
            found = self._studio.contents.manifest(row.id).final_video
        except DayreelError:
            return None  # the content's own page says what is wrong with it
        if found is not None and found.file.sha256 == row.video_sha256:
            self._videos[key] = found
            while len(self._videos) > _REMEMBERED:
                self._videos.pop(next(iter(self._videos)), None)
        return found

    def channels(self) -> dict[str, Channel]:
        """Return the channels read so far, forgotten when any of their files has changed; `channel` adds to them."""
        files = sorted(self._studio.settings.channels_dir.glob("*.yaml"))
        stamp = tuple((file.name, *_stamp(file)) for file in files)
        if stamp != self._stamp:
            self._stamp, self._channels = stamp, {}
        return self._channels

    def channel(self, known: dict[str, Channel], name: str) -> Channel | None:
        """Return a channel, or None when its file is gone or broken: its contents' own pages say why."""
        if name not in known:
            try:
                known[name] = self._studio.channels.load(name)
            except DayreelError:
                return None
        return known[name]


def _stamp(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:
        return (0, 0)
    return (facts.st_mtime_ns, facts.st_size)


def queue_of(
    studio: Studio, remembered: Remembered, *, view: str = "review", page: int = 1, channel: str | None = None
) -> Queue:
    """Return one page of a view: what is due first comes first, elsewhere the newest.

    Raises:
        StoreError: the catalog cannot be read.
    """
    chosen = view if view in VIEWS else "review"
    of_channel = [content.c.channel == channel] if channel else []
    with studio.catalog.read() as connection:
        counts = _counts(connection, of_channel)
        pages = max(1, -(-counts[chosen] // PAGE_SIZE))
        page = min(max(page, 1), pages)
        rows = _rows(connection, chosen, page, of_channel)
        items = _items(studio, connection, remembered, rows)
    return Queue(chosen, counts, items, page, pages)


def _counts(connection: Connection, where: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    query = select(content.c.state, func.count()).where(*where).group_by(content.c.state)
    by_state: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {
        view: sum(count for state, count in by_state.items() if not states or state in states)
        for view, (_title, states) in VIEWS.items()
    }


def _rows(connection: Connection, view: str, page: int, where: Sequence[ColumnElement[bool]]) -> list[ContentRow]:
    states = VIEWS[view][1]
    query = select(content).where(*where)
    if states:
        query = query.where(content.c.state.in_(states))
    if view == "review":
        # Those on hold have no deadline, and come last on either database.
        query = query.order_by(
            content.c.review_deadline_at.is_(None),
            content.c.review_deadline_at,
            content.c.day,
            content.c.channel,
            content.c.take,
        )
    else:
        query = query.order_by(content.c.day.desc(), content.c.channel, content.c.take.desc())
    query = query.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)
    return [ContentRow(**row) for row in connection.execute(query).mappings()]


def _items(
    studio: Studio, connection: Connection, remembered: Remembered, rows: Sequence[ContentRow]
) -> list[QueueItem]:
    ids, channels = [row.id for row in rows], remembered.channels()
    costs = costs_of(connection, ids)
    posts: dict[str, dict[str, str]] = {}
    for post in posts_of(connection, ids):
        posts.setdefault(post["content_id"], {})[post["platform"]] = post["state"]
    progress = _progress(connection, ids)
    unknown = Counter(outcome.content_id for outcome in read_unknown_outcomes(studio, connection).here)
    said = newest_verdicts(connection, ids)
    items = []
    for row in rows:
        final = remembered.final_video(row)
        channel = remembered.channel(channels, row.channel)
        seen = _seen(row, channel)
        newest = said.get(row.id)
        items.append(
            QueueItem(
                content_id=row.id,
                channel=row.channel,
                title=channel.title if channel else row.channel,
                day=row.day,
                take=row.take,
                state=row.state,
                version=row.version,
                revision=row.revision,
                seen=seen,
                idea=row.idea,
                caption=row.caption,
                poster=_poster(studio, row, final),
                waiting_since_at=row.updated_at,
                deadline_at=row.review_deadline_at if row.state == "review_pending" else None,
                cost_usd=sum(costs.get(row.id, {}).values(), Decimal(0)),
                checks=() if final is None else final.checks,
                progress=progress.get(row.id),
                unknown=unknown[row.id],
                error=row.error if row.state == "failed" else None,
                posts=posts.get(row.id, {}),
                can_be_decided=row.state == "review_pending" and seen is not None,
                newest=newest,
                is_held=is_held(row, newest.verdict if newest else None),
            )
        )
    return items


def _poster(studio: Studio, row: ContentRow, final: FinalVideo | None) -> str | None:
    if final is None or not studio.contents.has(row.id, final.poster):
        return None
    return final.poster


def _seen(row: ContentRow, channel: Channel | None) -> Seen | None:
    return None if row.video_sha256 is None or channel is None else seen_of(row, channel)


def _progress(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    under_way = func.sum(case((renders.c.state.in_(UNDER_WAY), 1), else_=0))
    query = (
        select(renders.c.content_id, func.avg(renders.c.progress).label("mean"), under_way.label("under_way"))
        .where(renders.c.content_id.in_(ids))
        .group_by(renders.c.content_id)
    )
    return {row.content_id: round(float(row.mean)) for row in connection.execute(query) if row.under_way}
