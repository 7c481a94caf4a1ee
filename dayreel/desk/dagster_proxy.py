"""The way to Dagster: its web server has no login, so everybody reaches it through here, under `/dagster`.

Viewers and reviewers look; operators launch. Nothing of a request goes on as it came: the target is written from the
route that matched (`dagster_routes`), GraphQL from the document that was judged (`graphql_rules`), and of the headers a
list of harmless ones. GraphQL is POST with JSON from our own pages, or a websocket for subscriptions; never GET, which
Dagster would execute even when a picture in a text asks for it. Each mutation is a line in the record of acts, with its
outcome, and what it starts carries the person as the tag `dayreel/actor`.
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
from dayreel.desk.dagster_routes import DagsterRoute, read_report_query, read_route
from dayreel.desk.forms import read_body
from dayreel.desk.graphql_rules import MOST_BYTES, Operation, outcome_of, read_operation
from dayreel.desk.pages.page import PageRequest, show_error, status_code
from dayreel.desk.state import DeskState
from dayreel.errors import ConfigurationError, DayreelError, GateClosedError, UsageError
from dayreel.rules.roles import may
from dayreel.services.audit import note_act, note_outcome
from dayreel.services.dagster_address import PATH_PREFIX
from dayreel.services.desk.sessions import ASK_AGAIN_S, Visitor

_PASSED_ON = ("accept", "accept-encoding", "if-none-match", "if-modified-since", "if-range", "range", "user-agent")
# RFC 9110, section 7.6.1; Dagster redirects nobody, and what it says of itself is not for browsers.
_NOT_PASSED_BACK = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade", "transfer-encoding"),
        *("set-cookie", "server", "date", "location"),
    }
)
_GRAPHQL = DagsterRoute("graphql", f"{PATH_PREFIX}/graphql", "graphql")
_JSON = {"content-type": "application/json"}
_TAGS = """query Tags($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"""
_POLICY_VIOLATED, _TRY_AGAIN = 1008, 1013


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
            route = read_route(_raw_path(request))
            who = await run_in_threadpool(sessions.identify, self._desk, request)
            if who is None:
                return _to_login(request)
            page_request = PageRequest(self._desk, request, who, {})
            body = b""
            if request.method == "POST" and "POST" in route.methods:
                body = await read_body(request, MOST_BYTES)
                # A body takes as long as its sender likes: somebody may have been disabled meanwhile, or lost a role.
                who = await run_in_threadpool(sessions.identify, self._desk, request)
                if who is None:
                    return _to_login(request)
            return await self._let_through(request, who, route, body)
        except DayreelError as error:
            if "text/html" in request.headers.get("accept", "") and request.method == "GET":
                return await run_in_threadpool(show_error, page_request, error)
            code = status_code(error, request.method)
            return JSONResponse({"errors": [{"message": str(error)}], "error": str(error)}, code)

    async def websocket(self, socket: WebSocket) -> None:
        """Pass a websocket's messages on in both directions; subscriptions only."""
        who = await run_in_threadpool(sessions.identify, self._desk, socket)
        # Browsers send cookies with a websocket's handshake from any site, and CORS does not apply to it: only the
        # origin shows who opened it.
        is_ours = who is not None and (who.how == "token" or sessions.is_same_origin(self._desk, socket, must_say=True))
        if not is_ours or self._desk.dagster is None or not _leads_to_graphql(_raw_path(socket)):
            await socket.close(_POLICY_VIOLATED)
            return
        offered = [
            websockets.Subprotocol(name) for name in socket.scope.get("subprotocols", []) if name == "graphql-ws"
        ]
        url = "ws" + self._desk.dagster.url.removeprefix("http") + _GRAPHQL.path
        try:
            async with self._connect(url, offered) as upstream:
                await socket.accept(subprotocol=upstream.subprotocol)
                await self._both_ways(socket, upstream)
        except (OSError, websockets.WebSocketException):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(_TRY_AGAIN)

    async def _both_ways(self, socket: WebSocket, upstream: websockets.ClientConnection) -> None:
        """Pass messages on until either side ends, or whoever opened it may not look any more; then end the other."""
        ways = {
            asyncio.create_task(way)
            for way in (self._upwards(socket, upstream), _downwards(socket, upstream), self._while_known(socket))
        }
        _done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in rest:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()

    async def _upwards(self, socket: WebSocket, upstream: websockets.ClientConnection) -> None:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            passed = None if text is None else await run_in_threadpool(_passed_message, text)
            if passed is None or await run_in_threadpool(sessions.identify, self._desk, socket) is None:
                return
            await upstream.send(passed)

    async def _while_known(self, socket: WebSocket) -> None:
        """Return once whoever opened a websocket is nobody here any more: disabled, logged out, or with a new role."""
        while await run_in_threadpool(sessions.identify, self._desk, socket) is not None:
            await asyncio.sleep(ASK_AGAIN_S)

    async def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _let_through(self, request: Request, who: Visitor, route: DagsterRoute, body: bytes) -> Response:
        if request.method not in route.methods:
            allowed = ", ".join(route.methods)
            return Response("Method not allowed.\n", 405, media_type="text/plain", headers={"allow": allowed})
        if route.kind == "graphql":
            return await self._graphql(request, who, body)
        if route.kind == "report":
            return await self._report(request, who, route, body)
        answer = await self._send(request.method, route.path, _passed_on(request))
        back = StreamingResponse(_parts(answer), answer.status_code)
        back.raw_headers = _passed_back(answer)
        return back

    async def _graphql(self, request: Request, who: Visitor, document: bytes) -> Response:
        _require_own_origin(self._desk, request, who)
        if _content_type(request) != "application/json":
            raise UsageError("GraphQL is sent as application/json here.", next_step="Nothing was done in Dagster.")
        operation = await run_in_threadpool(read_operation, document)
        headers = {**_passed_on(request), **_JSON}
        if operation.kind != "mutation":
            # Written from the parsed document, not passed on as it came: what was judged and what Dagster reads must
            # be the same bytes.
            answer = await self._send("POST", _GRAPHQL.path, headers, json.dumps(operation.body).encode())
            back = StreamingResponse(_parts(answer), answer.status_code)
            back.raw_headers = _passed_back(answer)
            return back
        target = ", ".join(operation.fields)
        # In the record before it is sent: what Dagster does and never answers must not be missing there.
        number = await self._note(who, "dagster", target, operation.for_record())
        async with self._outcome(number):
            await self._require_no_claims(operation)
            body = json.dumps(operation.signed(who.name)).encode()
        return await self._act(number, _GRAPHQL.path, headers, body)

    async def _report(self, request: Request, who: Visitor, route: DagsterRoute, body: bytes) -> Response:
        _require_own_origin(self._desk, request, who)
        if _content_type(request) not in ("application/json", ""):
            raise UsageError("Reports are sent as application/json here.", next_step="Nothing was done in Dagster.")
        query = read_report_query(request.scope.get("query_string", b""))
        number = await self._note(who, route.name, route.path, {})
        return await self._act(number, f"{route.path}{f'?{query}' if query else ''}", _JSON if body else {}, body)

    async def _act(self, number: int, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Send what changes something, and write down what came of it before anybody hears."""
        async with self._outcome(number, "no answer, so it may have happened"):
            answer = await self._send("POST", target, headers, body)
            try:
                content = await answer.aread()
            except httpx.TransportError as error:
                raise _no_answer(error) from error
            finally:
                await answer.aclose()
        await self._note_outcome(number, outcome_of(answer.status_code, content))
        return Response(content, answer.status_code, media_type=answer.headers.get("content-type"))

    async def _require_no_claims(self, operation: Operation) -> None:
        """Let tags of dayreel's own pass only as copies of what the run has that is executed again.

        Dagster's pages send every tag of a run with its re-execution. Nobody else may say that a run belongs to a
        decision, a content or a person.
        """
        for claim in operation.claims():
            owned = await self._tags_of(claim.follows) if claim.follows else {}
            forged = sorted(key for key, value in claim.tags if owned.get(key) != value)
            if forged:
                raise GateClosedError(
                    f"Tags that begin with dayreel/ are set by dayreel alone, and this request brings {forged[0]!r}.",
                    next_step="Take it out of the run's tags and launch again. Nothing was done in Dagster.",
                )

    async def _tags_of(self, run_id: str) -> dict[str, str]:
        body = json.dumps({"query": _TAGS, "variables": {"id": run_id}}).encode()
        answer = await self._send("POST", _GRAPHQL.path, _JSON, body)
        try:
            content = json.loads(await answer.aread())
            run = content["data"]["runOrError"]
            return {tag["key"]: tag["value"] for tag in run.get("tags", ())}
        except httpx.TransportError as error:
            raise _no_answer(error) from error
        except (ValueError, LookupError, TypeError):  # no such run: nothing can be copied from it
            return {}
        finally:
            await answer.aclose()

    async def _note(self, who: Visitor, act: str, target: str, detail: dict[str, Any]) -> int:
        """Write down what somebody is about to do, or was refused.

        Raises:
            GateClosedError: it takes the role operator.
        """
        refusal = None
        if not may(who.role, "operator"):
            refusal = f"This takes the role operator, and {who.name!r} is {who.role}: {target}."
            detail = {**detail, "outcome": f"refused: {refusal}"}

        def write() -> int:
            with self._desk.project.catalog.write() as connection:
                at = self._desk.project.clock.now()
                return note_act(connection, act, target, actor=who.name, at=at, via=who.how, detail=detail)

        number = await run_in_threadpool(write)
        if refusal is not None:
            raise GateClosedError(refusal, next_step="Ask an admin of this desk. Nothing was done in Dagster.")
        return number

    async def _note_outcome(self, number: int, outcome: str) -> None:
        def write() -> None:
            with self._desk.project.catalog.write() as connection:
                note_outcome(connection, number, outcome)

        await run_in_threadpool(write)

    @contextlib.asynccontextmanager
    async def _outcome(self, number: int, otherwise: str = "refused") -> AsyncIterator[None]:
        """Write down why an act did not come to its end."""
        try:
            yield
        except DayreelError as error:
            await self._note_outcome(number, f"{otherwise}: {error.message}"[:300])
            raise

    async def _send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
        if self._desk.dagster is None:
            raise ConfigurationError("Dagster's web server is not behind this desk.", next_step="Start `dayreel up`.")
        if self._client is None:
            # No limit on how long an answer may take: some of Dagster's pages do; the browser gives up before.
            limits = httpx.Timeout(None, connect=5.0)
            # And no proxy of the environment: Dagster has no login, and is reached on this machine alone.
            transport = httpx.AsyncHTTPTransport(uds=self._desk.dagster.socket)
            self._client = httpx.AsyncClient(transport=transport, timeout=limits, trust_env=False)
        # The raw path, because httpx would normalise dot segments and escapes once more after they were checked.
        url = httpx.URL(self._desk.dagster.url).copy_with(raw_path=target.encode("ascii"))
        try:
            return await self._client.send(
                self._client.build_request(method, url, headers=headers, content=body), stream=True
            )
        except httpx.TransportError as error:
            raise _no_answer(error) from error

    def _connect(self, url: str, offered: list[websockets.Subprotocol]) -> websockets.connect:
        options: dict[str, Any] = {"subprotocols": offered or None, "max_size": None, "proxy": None}
        if self._desk.dagster is not None and self._desk.dagster.socket is not None:
            return websockets.unix_connect(self._desk.dagster.socket, url, **options)
        return websockets.connect(url, **options)


def _no_answer(error: httpx.TransportError) -> ConfigurationError:
    return ConfigurationError(
        f"Dagster's web server did not answer ({type(error).__name__}).",
        next_step="`dayreel up` starts it; it takes some seconds. Its log is var/logs/webserver.log.",
    )


def _passed_on(request: Request) -> dict[str, str]:
    return {name: request.headers[name] for name in _PASSED_ON if name in request.headers}


def _passed_back(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    headers = ((name.lower(), value) for name, value in answer.headers.raw)
    return [(name, value) for name, value in headers if name.decode("latin-1") not in _NOT_PASSED_BACK]


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


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
        return read_route(raw).kind == "graphql"
    except UsageError:
        return False


def _require_own_origin(desk: DeskState, request: Request, who: Visitor) -> None:
    if who.how != "token" and not sessions.is_same_origin(desk, request, must_say=True):
        raise GateClosedError("Another site sent this request.", next_step="Nothing was done in Dagster.")


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()


async def _downwards(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    async for message in upstream:
        if isinstance(message, str):
            await socket.send_text(message)


def _passed_message(text: str) -> str | None:
    """Write a websocket message again as it may go on: Dagster's protocol, and in it subscriptions alone; else None."""
    try:
        message = json.loads(text)
        kind, key = message["type"], message.get("id")
        # The payload of `connection_init` is dropped: Dagster needs none, and nobody has looked at it.
        if kind in ("connection_init", "connection_terminate"):
            return json.dumps({"type": kind})
        if not isinstance(key, str | int):
            return None
        if kind == "stop":
            return json.dumps({"type": kind, "id": key})
        operation = read_operation(json.dumps(message["payload"])) if kind == "start" else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, UsageError):
        return None
    if operation is None or operation.kind != "subscription":
        return None
    return json.dumps({"type": kind, "id": key, "payload": operation.body})
