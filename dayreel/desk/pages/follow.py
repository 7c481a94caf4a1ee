"""Following along: a content's status as JSON for those who poll, and as server-sent events for those who listen."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dayreel.desk import sessions
from dayreel.desk.live import POLL_S, EventStream, begin, begin_all, live_document
from dayreel.desk.pages.page import PageRequest, status_code
from dayreel.desk.state import DeskState
from dayreel.errors import DayreelError
from dayreel.queries.changes import status_now
from dayreel.records import Records
from dayreel.rules.fingerprint import fingerprint

_MOST_POLLED: Final = 1000

AsyncEndpoint = Callable[[Request], Awaitable[Response]]


class Polls:
    """Where contents stand, for those who poll: read ten times a second each at most, however many ask.

    That is as old as what a stream sends. Safe between threads: what two read at once is the same.
    """

    def __init__(self, records: Records) -> None:
        """Read nothing yet."""
        self._records = records
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def show(self, request: PageRequest) -> Response:
        """Return where a content stands, or 304 where the asker has that already.

        Raises:
            UsageError: there is no such content.
        """
        document = self._document(request.path("content_id"))
        # Without the marker: that moves with every other content, and this one would never be the same.
        standing = {name: value for name, value in document.items() if name != "event_id"}
        tag = f'W/"{fingerprint(standing=standing)[:32]}"'
        headers = {"cache-control": "private, no-cache", "etag": tag}
        if tag in request.http.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return JSONResponse(document, headers=headers)

    def _document(self, content_id: str) -> dict[str, Any]:
        now = self._records.clock.monotonic()
        read_at, document = self._known.get(content_id, (None, {}))
        if read_at is None or now - read_at >= POLL_S:
            document = live_document(*status_now(self._records, content_id))
            if len(self._known) >= _MOST_POLLED:
                self._known.clear()
            self._known[content_id] = (now, document)
        return document


def events(desk: DeskState) -> AsyncEndpoint:
    """Return the endpoint that streams: one content where the path names it, all of them otherwise."""

    async def endpoint(request: Request) -> Response:
        who = await run_in_threadpool(sessions.identify, desk, request)
        if who is None:
            return JSONResponse({"error": "Nobody is logged in."}, 401, headers={"www-authenticate": "Bearer"})
        content_id = request.path_params.get("content_id")

        async def may_look() -> bool:
            return await run_in_threadpool(sessions.identify, desk, request) is not None

        try:
            if content_id is None:
                return EventStream(desk.feed, *await begin_all(desk.feed, _last_event_id(request)), may_look=may_look)
            begun = await begin(desk.feed, content_id, _last_event_id(request))
        except DayreelError as error:
            code = status_code(error, request.method)
            return JSONResponse({"error": error.message, "next_step": error.next_step}, code)
        # 204 is the one answer after which an EventSource does not come back.
        return Response(status_code=204) if begun is None else EventStream(desk.feed, *begun, may_look=may_look)

    return endpoint


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
    return int(text) if text.isdecimal() and len(text) < 16 else None  # noqa: PLR2004
