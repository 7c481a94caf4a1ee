"""The front door to Dagster: its web server has no login, so everybody reaches it through here, under `/dagster`.

Viewers and reviewers look; operators launch. GraphQL goes through as POST with JSON from our own pages, or over a
websocket for subscriptions; never as GET, which Dagster would execute even when a picture in a text asks for it. Each
mutation leaves a line in the record of acts, and what it starts carries the person as the tag `dayreel/actor`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import websockets
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from dayreel.desk import sessions
from dayreel.desk.dagster_paths import DagsterPath, read_path
from dayreel.desk.forms import read_body
from dayreel.desk.graphql_rules import MOST_BYTES, read_operation, signed_launch
from dayreel.desk.pages.page import PageRequest, show_error, status_code
from dayreel.desk.state import DeskState
from dayreel.errors import ConfigurationError, DayreelError, GateClosedError, UsageError
from dayreel.rules.roles import may
from dayreel.services.audit import note_act
from dayreel.services.desk.sessions import Visitor

# RFC 9110, section 7.6.1; and what would give Dagster more of a person's data than it needs.
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade"}
_NOT_PASSED_ON = frozenset(
    (*_HOP_BY_HOP, "transfer-encoding", "host", "content-length", "cookie", "authorization", "origin", "referer")
)
_NOT_PASSED_BACK = frozenset((*_HOP_BY_HOP, "transfer-encoding", "set-cookie", "server", "date"))
_POLICY_VIOLATED = 1008


class DagsterProxy:
    """Lets people through to one Dagster web server."""

    def __init__(self, desk: DeskState, *, client: httpx.AsyncClient | None = None) -> None:
        """Prepare; nothing is connected yet."""
        self._desk = desk
        self._client = client

    async def http(self, request: Request) -> Response:
        """Pass one request on, or say why not."""
        page_request = PageRequest(self._desk, request, None, {})
        try:
            who = await run_in_threadpool(sessions.identify, self._desk, request)
            if who is None:
                return _to_login(request)
            page_request = PageRequest(self._desk, request, who, {})
            return await self._let_through(request, who)
        except DayreelError as error:
            if "text/html" in request.headers.get("accept", "") and request.method == "GET":
                return await run_in_threadpool(show_error, page_request, error)
            code = status_code(error, request.method)
            return JSONResponse({"errors": [{"message": str(error)}], "error": str(error)}, code)

    async def websocket(self, socket: WebSocket) -> None:
        """Pass a websocket's messages on in both directions; subscriptions and queries only."""
        who = await run_in_threadpool(sessions.identify, self._desk, socket)
        is_ours = who is not None and (who.how == "token" or sessions.is_same_origin(self._desk, socket, must_say=True))
        if not is_ours or self._desk.dagster_url is None or not _leads_to_graphql(_raw_path(socket)):
            await socket.close(_POLICY_VIOLATED)
            return
        url = "ws" + self._desk.dagster_url.removeprefix("http") + "/dagster/graphql"
        protocols = [websockets.Subprotocol(name) for name in socket.scope.get("subprotocols", [])]
        try:
            async with websockets.connect(url, subprotocols=protocols or None, max_size=None, proxy=None) as upstream:
                await socket.accept(subprotocol=upstream.subprotocol)
                await _both_ways(socket, upstream)
        except (OSError, websockets.WebSocketException):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1013)

    async def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _let_through(self, request: Request, who: Visitor) -> Response:
        path = read_path(_raw_path(request))
        if path.is_graphql:
            return await self._graphql(request, who, path)
        if request.method in ("GET", "HEAD"):
            if path.is_report:
                return Response("Method not allowed.\n", 405, media_type="text/plain", headers={"allow": "POST"})
            return await self._forward(request, path, b"")
        _require_own_origin(self._desk, request, who)
        if request.method != "POST" or not path.is_report:
            return Response("Method not allowed.\n", 405, media_type="text/plain", headers={"allow": "GET"})
        _require_operator(who, path.segments[0])
        body = await read_body(request, MOST_BYTES)
        await self._note(who, path.segments[0], path.written, {})
        return await self._forward(request, path, body)

    async def _graphql(self, request: Request, who: Visitor, path: DagsterPath) -> Response:
        if request.method != "POST":
            return Response("GraphQL is POST only here.\n", 405, media_type="text/plain", headers={"allow": "POST"})
        _require_own_origin(self._desk, request, who)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise UsageError("GraphQL is sent as application/json here.", next_step="Nothing was done in Dagster.")
        operation = read_operation(await read_body(request, MOST_BYTES))
        body = operation.body
        if operation.kind == "mutation":
            _require_operator(who, ", ".join(operation.fields))
            body = signed_launch(operation, actor=who.name)
            await self._note(who, "dagster", ", ".join(operation.fields), _audit_detail(body))
        return await self._forward(request, path, json.dumps(body).encode(), drop_query=True)

    async def _note(self, who: Visitor, act: str, target: str, detail: dict[str, Any]) -> None:
        def write() -> None:
            with self._desk.project.catalog.write() as connection:
                at = self._desk.project.clock.now()
                note_act(connection, act, target, actor=who.name, at=at, via=who.how, detail=detail)

        await run_in_threadpool(write)

    async def _forward(self, request: Request, path: DagsterPath, body: bytes, *, drop_query: bool = False) -> Response:
        if self._desk.dagster_url is None:
            raise ConfigurationError("Dagster's web server is not behind this desk.", next_step="Start `dayreel up`.")
        if self._client is None:
            # No limit on how long an answer may take: some of Dagster's pages do; the browser gives up before.
            limits = httpx.Timeout(None, connect=5.0)
            self._client = httpx.AsyncClient(timeout=limits, trust_env=False, follow_redirects=False)
        query = b"" if drop_query else request.scope.get("query_string", b"")
        url = httpx.URL(self._desk.dagster_url).copy_with(
            raw_path=path.written.encode() + (b"?" + query if query else b"")
        )
        headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_PASSED_ON]
        sent = self._client.build_request(request.method, url, headers=headers, content=body)
        try:
            answer = await self._client.send(sent, stream=True)
        except httpx.TransportError as error:
            raise ConfigurationError(
                f"Dagster's web server did not answer ({type(error).__name__}).",
                next_step="`dayreel up` starts it; it takes some seconds. Its log is var/logs/webserver.log.",
            ) from error
        back = StreamingResponse(_parts(answer), answer.status_code)
        # Starlette builds absolute redirects from the address it was asked at, which is nobody else's.
        where = answer.headers.get("location", "")
        if where.startswith(self._desk.dagster_url):
            answer.headers["location"] = where.removeprefix(self._desk.dagster_url)
        back.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.decode("latin-1").lower() not in _NOT_PASSED_BACK
        ]
        return back


def _to_login(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/login?next=/dagster/", 303)
    return JSONResponse({"errors": [{"message": "Nobody is logged in."}]}, 401)


def _raw_path(connection: HTTPConnection) -> bytes:
    """Return the path as it came over the wire; test clients and some servers hand over the decoded one alone."""
    raw: bytes | None = connection.scope.get("raw_path")
    return raw if raw is not None else quote(connection.scope["path"]).encode()


def _leads_to_graphql(raw: bytes) -> bool:
    try:
        return read_path(raw).is_graphql
    except UsageError:
        return False


def _require_operator(who: Visitor, what: str) -> None:
    if not may(who.role, "operator"):
        raise GateClosedError(
            f"This takes the role operator, and {who.name!r} is {who.role}: {what}.",
            next_step="Ask an admin of this desk. Nothing was done in Dagster.",
        )


def _require_own_origin(desk: DeskState, request: Request, who: Visitor) -> None:
    if who.how != "token" and not sessions.is_same_origin(desk, request, must_say=True):
        raise GateClosedError("Another site sent this request.", next_step="Nothing was done in Dagster.")


def _audit_detail(body: dict[str, Any]) -> dict[str, Any]:
    """Return what the record keeps of a mutation: its name and variables, not more of them than one can read."""
    text = json.dumps(body.get("variables"), default=str)
    return {"operation": body.get("operationName"), "variables": text[:2000]}


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()


async def _both_ways(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    """Pass messages on until either side ends, then end the other."""
    ways = {asyncio.create_task(_upwards(socket, upstream)), asyncio.create_task(_downwards(socket, upstream))}
    _done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in rest:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close()


async def _upwards(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    while True:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            return
        text = message.get("text")
        if text is None or not _is_harmless(text):
            return
        await upstream.send(text)


async def _downwards(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    async for message in upstream:
        if isinstance(message, str):
            await socket.send_text(message)


def _is_harmless(text: str) -> bool:
    """Return whether a websocket message may pass: Dagster's protocol, and in it no document with a mutation."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(message, dict):
        return False
    if message.get("type") in ("connection_init", "connection_terminate", "stop"):
        return True
    if message.get("type") != "start":
        return False
    try:
        return read_operation(json.dumps(message.get("payload"))).kind != "mutation"
    except UsageError:
        return False
