"""Following along: a content's status as JSON for those who poll, and as server-sent events for those who listen."""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dayreel.desk import sessions
from dayreel.desk.live import EventStream, begin, begin_all, live_document
from dayreel.desk.pages.page import PageRequest, status_code
from dayreel.desk.state import DeskState
from dayreel.errors import DayreelError
from dayreel.queries.changes import status_now

AsyncEndpoint = Callable[[Request], Awaitable[Response]]


def show_status(request: PageRequest) -> Response:
    """Return where a content stands, now.

    Raises:
        UsageError: there is no such content.
    """
    return JSONResponse(live_document(*status_now(request.desk.project, request.path("content_id"))))


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
