"""Following along: server-sent events from one reader of the catalog, however many people watch.

While anybody watches, the reader looks at the change marker when PostgreSQL notifies of a commit, with SQLite ten times
a second. It reads what has changed once and hands the same bytes to every stream. A slow stream holds only the newest
state of each content. Formats: the HTML standard,
section 9.2 (`id`, `event`, `data`, `retry`); what is sent is `queries.changes`.
"""

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio.to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from dayreel.desk.pg_notify import NotificationListener
from dayreel.errors import DayreelError, StoreError
from dayreel.queries.changes import changes_since, newest_marker, status_now
from dayreel.queries.contents import ContentStatus
from dayreel.queries.renders import mean_progress, render_state
from dayreel.records import Records
from dayreel.services.desk.sessions import ASK_AGAIN_S

# SQLite notifies nobody of a commit; so often one primary key is looked at, and nothing else while nothing changes.
POLL_S = 0.1
HEARTBEAT_S = 15.0
RETRY_MS = 2000
_REMEMBERED = 1000
_TROUBLE_PAUSE_S = 2.0
_MOST_MISSED = 5000
_READY_DEADLINE_S = 5.0
_HELLO = b": following\n\n"
_RESET = b"event: reset\ndata: {}\n\n"

_log = logging.getLogger(__name__)


class TooManyError(DayreelError):
    """More people watch than this desk follows along for."""


class Stream:
    """What one watcher has not seen yet: per content, the newest event alone."""

    def __init__(self, content_id: str | None) -> None:
        """Prepare.

        Args:
            content_id: the one content that is watched, or None for all.
        """
        self.content_id = content_id
        self._pending: dict[str, bytes] = {}
        self._news = asyncio.Event()
        self._is_over = False

    def push(self, content_id: str, event: bytes) -> None:
        """Hand over the newest event of a content."""
        # One event a content, the newest: a phone that sleeps gathers no queue, and misses no state that still holds.
        self._pending[content_id] = event
        self._news.set()

    def skip(self, event: bytes) -> None:
        """Leave out an event that was sent already: it came in while the present state was read."""
        self._pending = {content_id: pending for content_id, pending in self._pending.items() if pending != event}
        if not self._pending and not self._is_over:
            self._news.clear()

    def close(self) -> None:
        """Let the watcher come to an end."""
        self._is_over = True
        self._news.set()

    async def take(self, timeout_s: float) -> list[bytes] | None:
        """Wait for news; an empty list when there is none in time, None when the desk closes."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return []
        if self._is_over:
            return None
        self._news.clear()
        taken, self._pending = list(self._pending.values()), {}
        return taken


class Feed:
    """The one reader of the catalog behind every stream of this process."""

    def __init__(self, records: Records, *, poll_s: float = POLL_S, most: int = 2000) -> None:
        """Prepare; reading begins with the first watcher and ends with the last."""
        self._records = records
        self._poll_s = poll_s
        self._most = most
        self._streams: set[Stream] = set()
        self._latest: OrderedDict[str, tuple[ContentStatus, bytes]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.reads = 0

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def join(self, content_id: str | None) -> Stream:
        """Begin to watch one content, or all.

        Raises:
            TooManyError: too many watch already.
        """
        # Each holds a connection and a task; without a bound, forgotten tabs would take the desk's file descriptors.
        if len(self._streams) >= self._most:
            raise TooManyError(f"{self._most} streams are open already.", next_step="Reload the page in a while.")
        stream = Stream(content_id)
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._ready = asyncio.Event()
            self._latest.clear()
            self._task = asyncio.create_task(self._read(self._ready), name="catalog-reader")
            # A reader that raised would otherwise leave every browser waiting on a stream without news.
            self._task.add_done_callback(self._let_go)
        return stream

    def leave(self, stream: Stream) -> None:
        """Stop watching."""
        self._streams.discard(stream)
        if not self._streams and self._task is not None:
            self._task.remove_done_callback(self._let_go)
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """End every stream and the reader."""
        for stream in self._streams:
            stream.close()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def ready(self) -> None:
        """Wait until the reader has its first marker: what is read after this can miss nothing that is pushed.

        Raises:
            StoreError: it has not been able to read the catalog for a while.
        """
        try:
            async with asyncio.timeout(_READY_DEADLINE_S):
                await self._ready.wait()
        except TimeoutError:
            raise StoreError("The catalog cannot be read now.", next_step="`dayreel doctor` shows why.") from None

    def is_over(self, content_id: str | None) -> bool:
        """Return whether a content has reached the end of its lifecycle, as far as the feed has reported."""
        known = self._latest.get(content_id) if content_id else None
        return known is not None and known[0].is_over

    async def latest(self, content_id: str) -> tuple[ContentStatus, bytes]:
        """Return where a content stands, read once for all who watch it.

        Raises:
            UsageError: there is no such content.
            StoreError: the catalog cannot be read.
        """
        if content_id not in self._latest:
            self._remember(*await self._in_thread(status_now, self._records, content_id))
        return self._latest[content_id]

    async def missed(self, cursor: int) -> list[tuple[str, bytes]] | None:
        """Return one event per content that changed after a marker; None when those are too many to send.

        Raises:
            StoreError: the catalog cannot be read.
        """
        newest = await self._in_thread(newest_marker, self._records)
        # A cursor beyond the newest marker is from a catalog that was replaced since (a restored backup): the browser
        # has to load the page again.
        if cursor > newest or newest - cursor > _MOST_MISSED:
            return None
        changes = await self._in_thread(changes_since, self._records, cursor)
        return [(content_id, as_event(live, changes.marker)) for content_id, live in changes.contents.items()]

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        self.reads += 1
        return await anyio.to_thread.run_sync(work, *arguments)

    async def _read(self, ready: asyncio.Event) -> None:
        cursor: int | None = None
        window: int | None = None
        listener = NotificationListener(self._records.catalog, poll_s=self._poll_s)
        try:
            while True:
                try:
                    if cursor is None:
                        cursor = await self._in_thread(newest_marker, self._records)
                        ready.set()
                    else:
                        changes = await self._in_thread(changes_since, self._records, cursor, window)
                        cursor, window = changes.marker, changes.window
                        for live in changes.contents.values():
                            self._notify(live, changes.marker)
                except DayreelError as error:
                    # Heartbeats show the watchers that the desk is alive, whether or not the catalog comes back.
                    _log.warning("The catalog cannot be read for the live view: %s", error)
                    await asyncio.sleep(_TROUBLE_PAUSE_S)
                await listener.wait()
        finally:
            listener.close()

    def _notify(self, live: ContentStatus, marker: int) -> None:
        known = self._latest.get(live.row.id)
        if known is not None and known[0] == live:
            return  # it was only looked at again
        event = self._remember(live, marker)
        for stream in self._streams:
            if stream.content_id in (None, live.row.id):
                stream.push(live.row.id, event)

    def _let_go(self, _task: asyncio.Task[None]) -> None:
        """End the streams of a reader that is gone, so that nobody watches something that cannot move any more."""
        for stream in self._streams:
            stream.close()

    def _remember(self, live: ContentStatus, marker: int) -> bytes:
        event = as_event(live, marker)
        self._latest[live.row.id] = (live, event)
        self._latest.move_to_end(live.row.id)
        while len(self._latest) > _REMEMBERED:
            self._latest.popitem(last=False)
        return event


def live_document(live: ContentStatus, marker: int) -> dict[str, Any]:
    """Return a content as those who poll or follow along get it, as of a marker. The keys are a contract."""
    row = live.row
    return {
        "content_id": row.id,
        "state": row.state,
        "standing": live.standing,
        "status": render_state([render.state for render in live.renders]),
        "progress": mean_progress(live.renders),
        "renders": [
            {
                "sequence": render.sequence,
                "state": render.state,
                "progress": render.progress,
                "detail": render.detail,
                "updated_at": render.updated_at.isoformat(timespec="milliseconds"),
            }
            for render in live.renders
        ],
        "posts": {post.platform: {"state": post.state, "url": post.url} for post in live.posts},
        "revision": row.revision,
        "version": row.version,
        "cost_usd": f"{live.cost_usd:.4f}",
        "error": row.error,
        "terminal": live.is_over,
        "updated_at": row.updated_at.isoformat(timespec="milliseconds"),
        "event_id": marker,
    }


def as_event(live: ContentStatus, marker: int) -> bytes:
    """Return a content as one server-sent event; JSON on one line, so that nothing in it can end the event."""
    # ASCII alone: U+2028 and U+0085 end a line for some clients, and an event with it.
    data = json.dumps(live_document(live, marker), ensure_ascii=True, separators=(",", ":"))
    return f"id: {marker}\nevent: status\nretry: {RETRY_MS}\ndata: {data}\n\n".encode("ascii")


async def begin(feed: Feed, content_id: str, last_event_id: int | None) -> tuple[Stream, bytes] | None:
    """Begin to watch one content: its stream, and what is sent first; None when nothing will ever come any more.

    Raises:
        UsageError: there is no such content.
        StoreError: the catalog cannot be read.
    """
    stream = feed.join(content_id)
    try:
        await feed.ready()
        live, event = await feed.latest(content_id)
        if last_event_id is not None:
            missed = await feed.missed(last_event_id)
            if missed is not None and content_id not in dict(missed):
                event = _HELLO
        # It has ended, and the browser has seen how: 204 keeps it from asking again for ever.
        if live.is_over and event == _HELLO:
            feed.leave(stream)
            return None
    except BaseException:
        feed.leave(stream)
        raise
    return stream, event


async def begin_all(feed: Feed, last_event_id: int | None) -> tuple[Stream, bytes]:
    """Begin to watch every content; what was missed in a gap comes first, or `reset` when that is too much to send.

    Raises:
        StoreError: the catalog cannot be read.
    """
    stream = feed.join(None)
    try:
        await feed.ready()
        if last_event_id is None:
            return stream, _HELLO
        missed = await feed.missed(last_event_id)
    except BaseException:
        feed.leave(stream)
        raise
    return stream, _HELLO + (_RESET if missed is None else b"".join(event for _id, event in missed))


class EventStream(StreamingResponse):
    """A stream as an answer; it leaves the feed however it ends, also when the client was gone before it began."""

    def __init__(self, feed: Feed, stream: Stream, first: bytes, *, may_look: Callable[[], Awaitable[bool]]) -> None:
        """Prepare; no proxy may gather events before it passes them on."""
        # nginx gathers answers by default and would hand events over in bursts of kilobytes.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(_events(feed, stream, first, may_look), media_type="text/event-stream", headers=headers)
        self._feed, self._stream = feed, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until either side has had enough."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._stream)


async def _events(
    feed: Feed, stream: Stream, first: bytes, may_look: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield news and heartbeats until the content's end, or until whoever watches may not look any more."""
    loop = asyncio.get_running_loop()
    ask_at = loop.time() + ASK_AGAIN_S
    yield first
    # The first event was read while the stream was joined already, so the feed may have pushed the same one.
    stream.skip(first)
    while not feed.is_over(stream.content_id):
        events = await stream.take(HEARTBEAT_S)
        if loop.time() >= ask_at:
            if not await may_look():
                return
            ask_at = loop.time() + ASK_AGAIN_S
        if events is None:
            return
        yield b"".join(events) or b": heartbeat\n\n"
