"""What waits for somebody? Contents by state, those that people are needed for first, a screenful at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, func, select

from dayreel.queries.alarms import Alarms, read_alarms
from dayreel.queries.contents import STANDINGS, ContentStatus, read_status, urgent_first
from dayreel.queries.expectations import OpenDay, open_days
from dayreel.queries.quality import judge, waivers_of
from dayreel.queries.review import (
    PlatformWords,
    ReviewSnapshot,
    as_approved,
    platform_words,
    scope_of_words,
    snapshot_for_review,
)
from dayreel.queries.rows import ContentRow, all_rows, list_contents, newest_views
from dayreel.records import Records
from dayreel.rules.quality import JudgedCheck, Waiver, failed_checks
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FinalVideo, Idea
from dayreel.stores.catalog.tables import content

PAGE_SIZE = 25
# What each view of the queue holds, in the order of its tabs.
VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "review": ("To review", ("review_pending",)),
    "making": ("In the making", ("pending", "scripting", "voicing", "rendering", "composing")),
    "leaving": ("Going out", ("approved", "publishing")),
    "stopped": ("Stopped", ("failed", "expired", "rejected")),
    "posted": ("Posted", ("posted",)),
    "all": ("All", ()),
}
# Most contents are over, and only the newest of these are read; whatever is not over is read whole, to be put in order.
_OVER = ("expired", "rejected", "posted")
_OPEN = tuple(state for _title, states in VIEWS.values() for state in states if state not in _OVER)


class ContentFiles(Protocol):
    """What a queue asks of files, again and again: whoever shows many pages may remember the answers."""

    def made(self, row: ContentRow) -> tuple[FinalVideo | None, Idea | None]:
        """Return a content's final video and its idea, None where there is none or its manifest cannot be read now."""

    def channels(self) -> Callable[[str], Channel | None]:
        """Return what loads a channel, or None when its file is gone or broken: its contents' own pages say why."""


@dataclass(frozen=True)
class QueueItem:
    """One content in the queue.

    Attributes:
        seen: what a decision made from this page is bound to; None while there is no video.
        title: the channel's, for people.
        poster: path inside the content's folder, when it is there.
        words: what each platform would get, as long as that can be decided.
        views: per platform, as it was last counted; what was never counted, or is not reported, is not there.
    """

    status: ContentStatus
    title: str
    seen: ReviewSnapshot | None
    poster: str | None
    checks: tuple[JudgedCheck, ...]
    words: tuple[PlatformWords, ...]
    views: Mapping[str, int]

    @property
    def row(self) -> ContentRow:
        """The content itself."""
        return self.status.row

    @property
    def can_be_decided(self) -> bool:
        """Whether it can be approved from the queue."""
        return self.row.state == "review_pending" and self.seen is not None and not failed_checks(self.checks)


@dataclass(frozen=True)
class Queue:
    """One screenful of one view, and how many there are in each."""

    view: str
    counts: Mapping[str, int]
    items: tuple[QueueItem, ...]
    page: int
    pages: int


@dataclass(frozen=True)
class Group:
    """The contents that stand alike, newest first; `total` counts those that are not among `contents` too."""

    standing: str
    total: int
    contents: tuple[ContentStatus, ...]


@dataclass(frozen=True)
class Dashboard:
    """Every standing that has contents, in the order in which people are needed, and what they should know besides.

    Attributes:
        more: how many contents there are beyond those of the groups.
        days: those of which nothing is made.
    """

    groups: tuple[Group, ...]
    more: int
    alarms: Alarms
    days: tuple[OpenDay, ...]


def queue_of(
    records: Records, files: ContentFiles, *, view: str = "review", page: int = 1, channel: str | None = None
) -> Queue:
    """Return one page of a view: what is due first comes first, elsewhere the newest.

    Raises:
        StoreError: the catalog cannot be read.
    """
    chosen = view if view in VIEWS else "review"
    of_channel = [content.c.channel == channel] if channel else []
    with records.catalog.read() as connection:
        by_state = _count(connection, of_channel)
        counts = {
            name: sum(count for state, count in by_state.items() if not states or state in states)
            for name, (_title, states) in VIEWS.items()
        }
        pages = max(1, -(-counts[chosen] // PAGE_SIZE))
        page = min(max(page, 1), pages)
        statuses = read_status(records, connection, _rows(connection, chosen, page, of_channel)).contents
        ids = [status.row.id for status in statuses]
        waived, views = waivers_of(connection, ids), newest_views(connection, ids)
    load = files.channels()
    items = tuple(
        _item(records, files, load, status, waived.get(status.row.id, ()), views.get(status.row.id, {}))
        for status in statuses
    )
    return Queue(chosen, counts, items, page, pages)


def dashboard(records: Records, *, limit: int = 100) -> Dashboard:
    """Return where everything stands, the `limit` contents that need people most.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        alarms = read_alarms(records, connection)
        in_doubt = sorted({outcome.content_id for outcome in alarms.unknown.here if outcome.content_id})
        doubtful = list_contents(connection, ids=in_doubt, states=_OVER)
        rows = list_contents(connection, states=_OPEN) + doubtful
        over = Counter(_count(connection, [content.c.state.in_(_OVER)]))
        over.subtract(row.state for row in doubtful)
        for state in _OVER:
            room = max(limit - len(rows), 0)
            newest = list_contents(connection, states=(state,), limit=room + len(doubtful))
            rows += [row for row in newest if row not in doubtful][:room]
        contents = urgent_first(read_status(records, connection, rows, alarms.unknown).contents)
        days = tuple(open_days(records, connection))
    totals = over + Counter(status.standing for status in contents if status.standing not in _OVER)
    groups = (
        Group(standing, totals[standing], tuple(status for status in contents[:limit] if status.standing == standing))
        for standing in STANDINGS
        if standing in totals
    )
    return Dashboard(tuple(groups), totals.total() - len(contents[:limit]), alarms, days)


def _count(connection: Connection, where: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    query = select(content.c.state, func.count()).where(*where).group_by(content.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


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
    return all_rows(connection, ContentRow, query)


def _item(
    records: Records,
    files: ContentFiles,
    load: Callable[[str], Channel | None],
    status: ContentStatus,
    waived: Iterable[Waiver],
    views: Mapping[str, int],
) -> QueueItem:
    row = status.row
    (final, idea), channel = files.made(row), load(row.channel)
    waits = row.state == "review_pending" and row.video_sha256 is not None
    as_it_goes = as_approved(channel, row, status.newest) if channel else None
    words = platform_words(as_it_goes, row.id, row.caption or "", idea) if as_it_goes and waits else ()
    bound = scope_of_words(row, words) if waits else None
    return QueueItem(
        status=status,
        title=channel.title if channel else row.channel,
        seen=None if row.video_sha256 is None or channel is None else snapshot_for_review(row, channel, bound),
        poster=final.poster if final is not None and records.contents.has(row.id, final.poster) else None,
        checks=judge(row, final, waived),
        words=words,
        views=views,
    )
