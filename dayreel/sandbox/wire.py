"""How a call reaches a vendor's stand-in: faults before and after it, lost answers, uploads streamed to disk.

What any vendor answers belongs to its own file; here is only what is the same for all of them.
"""

import asyncio
import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from dayreel.errors import DayreelError
from dayreel.sandbox.faults import Fault, Faults
from dayreel.sandbox.world import Document, SandboxWorld

Address = tuple[str, int]
_OPEN: Final[dict[tuple[Address | None, Address | None], asyncio.Transport]] = {}
_SERVED: Final[set[Address | None]] = set()
"""Where `DroppableHTTP` has had connections, in this process."""


class VersionConvertor(Convertor[str]):
    """Matches a path part such as `v25.0`."""

    regex = r"v[0-9]+\.[0-9]+"

    def convert(self, value: str) -> str:
        """Return it as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it stands."""
        return value


register_url_convertor("version", VersionConvertor())


class DroppableHTTP(H11Protocol):
    """uvicorn's HTTP protocol, with its connections on a list so that one can be cut in the middle of an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the connection on the list."""
        super().connection_made(transport)
        _OPEN[_place(self.server), _place(self.client)] = transport
        _SERVED.add(_place(self.server))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take it off again."""
        _OPEN.pop((_place(self.server), _place(self.client)), None)
        super().connection_lost(exc)


def _place(address: Any) -> Address | None:
    return None if not address else (str(address[0]), int(address[1] or 0))


def forget_connection(scope: Scope) -> asyncio.Transport | None:
    """Take a connection off the list (a websocket has left HTTP behind) and return its transport."""
    return _OPEN.pop((_place(scope.get("server")), _place(scope.get("client"))), None)


async def drop_connection(scope: Scope) -> None:
    """Cut the connection without an answer: the client sees it closed or reset, as with a real lost answer.

    Raises:
        DayreelError: the app does not run under `dayreel.sandbox.server`, so there is no connection to cut.
    """
    server = _place(scope.get("server"))
    transport = _OPEN.get((server, _place(scope.get("client"))))
    if transport is None and server in _SERVED:
        return  # the client has gone already: it died, or would not wait
    if transport is None:
        raise DayreelError("A lost answer needs dayreel.sandbox.server; this app runs under something else.")
    transport.abort()
    await asyncio.sleep(0.01)  # lets the protocol notice, so that uvicorn does not complain about a missing answer


class Refused(Exception):  # noqa: N818 - it is an answer that cuts the handler short, not a failure of ours
    """The vendor says no: carries the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"answered {response.status_code}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one vendor.

    Args:
        world: what is known.
        request: as it came in.
        route: the short name of the route.
        fault: a fault of a special kind that the handler itself must show, or None.
    """

    world: SandboxWorld
    request: Request
    route: str
    fault: Fault | None

    @property
    def origin(self) -> str:
        """The address the client used, such as `http://127.0.0.1:8765`."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    def has(self, kind: str) -> bool:
        """Return whether this call carries a fault of this kind."""
        return self.fault is not None and self.fault.kind == kind

    def bearer(self, scheme: str = "Bearer") -> str:
        """Return the secret of the Authorization header, or an empty string."""
        given, _, secret = self.request.headers.get("authorization", "").partition(" ")
        return secret.strip() if given.lower() == scheme.lower() else ""

    async def json(self) -> Document | None:
        """Return the body as a JSON object, or None when it is not one."""
        try:
            body = json.loads(await self.request.body())
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    async def fields(self) -> Document:
        """Return query, form or JSON fields together, as the Graph and Slack APIs accept any of them."""
        fields: Document = dict(self.request.query_params)
        kind = self.request.headers.get("content-type", "")
        if kind.startswith("application/json"):
            fields |= await self.json() or {}
        elif self.request.method in ("POST", "PUT"):
            form = await self.request.form()
            fields |= {name: value for name, value in form.items() if isinstance(value, str)}
        return fields


Handler = Callable[[Call], Awaitable[Response]]
FaultAnswer = Callable[[str, Fault], Response]
RouteName = Callable[[SandboxWorld, Request], str]
Place = tuple[str, str, str | RouteName]
"""Methods, path and short name of a route."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of one vendor as an ASGI app.

    Args:
        world: what is known.
        service: the vendor's short name.
        route: the route's short name, or how to find it where one path serves several (a Graph node).
        handler: answers the call.
        fault_answer: the vendor's own shape for `(route, fault)` of kinds error, expired_token, quota and
            error_after_accept.
    """

    world: SandboxWorld
    service: str
    route: str | RouteName
    handler: Handler
    fault_answer: FaultAnswer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with whatever fault is armed for it."""
        request = Request(scope, receive)
        route = self.route if isinstance(self.route, str) else self.route(self.world, request)
        faults = Faults(self.world)
        fault = None if request.method == "HEAD" else faults.take(self.service, route, is_read=_is_read(request, route))
        kind = fault.kind if fault else ""
        if fault and kind == "delay":
            await asyncio.sleep(fault.seconds)
        if kind == "unreadable":
            await _drain(request)
            await _proxy_page(503)(scope, receive, send)
            return
        if fault and kind in ("error", "expired_token", "quota"):
            await _drain(request)
            await answer_fault(self.fault_answer, route, fault)(scope, receive, send)
            return
        try:
            response = await self.handler(Call(self.world, request, route, fault))
        except Refused as refused:
            await _drain(request)
            response = refused.response
        except (ClientDisconnect, BrokenOff):
            if fault:  # otherwise it was the client that went away
                await drop_connection(scope)
            return
        if kind == "lose_answer":
            await drop_connection(scope)
            return
        if fault and kind == "error_after_accept":
            response = answer_fault(self.fault_answer, route, fault)
        if fault and kind == "answer_after_accept":
            response = await _odd_answer(response, fault)
            faults.fail_reads_after(fault, self.service)
        await response(scope, receive, send)


def answer_fault(fault_answer: FaultAnswer, route: str, fault: Fault) -> Response:
    """Return the armed answer: the given body or the vendor's typical one, with the given headers."""
    if fault.body is not None:
        status = fault.status or 500
        if isinstance(fault.body, str):
            return Response(fault.body, status, headers=fault.headers)
        return JSONResponse(fault.body, status, headers=fault.headers)
    response = fault_answer(route, fault)
    for name, value in fault.headers.items():
        response.headers[name] = value
    return response


_READS_BY_POST: Final = frozenset({"status", "list", "creator"})
"""Routes of vendors that read by POST (TikTok)."""


def _is_read(request: Request, route: str) -> bool:
    """Return whether a call only looks: also YouTube's question to an upload, which is a PUT without bytes."""
    asks_upload = request.headers.get("content-range", "").startswith("bytes */")
    return request.method == "GET" or route in _READS_BY_POST or asks_upload


async def _odd_answer(real: Response, fault: Fault) -> Response:
    """Return what stands between us and a vendor that has acted: any status, headers and body, or half of its own."""
    if fault.body is not None:
        kind = JSONResponse if not isinstance(fault.body, str) else Response
        return kind(fault.body, fault.status or 200, headers=fault.headers)
    if fault.bytes:
        kept = {name: value for name, value in real.headers.items() if name.lower() != "content-length"}
        body = bytes(getattr(real, "body", b""))[: fault.bytes]
        return Response(body, fault.status or real.status_code, headers={**kept, **fault.headers})
    return _proxy_page(fault.status or 503, fault.headers)


def _proxy_page(status: int, headers: Mapping[str, str] | None = None) -> Response:
    body = f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"
    return Response(body, status, headers=headers, media_type="text/html")


async def _drain(request: Request) -> None:
    """Read the rest of the body, so that the client can finish sending before it reads the answer."""
    try:
        async for _ in request.stream():
            pass
    except (ClientDisconnect, RuntimeError):  # RuntimeError: the handler has read it already
        return


class BrokenOff(Exception):  # noqa: N818 - control flow of an armed fault
    """An upload was cut by an armed fault."""


@dataclass(frozen=True, slots=True)
class Received:
    """What an upload brought: how many bytes, and whether the connection broke before the end."""

    size_bytes: int
    is_broken: bool


async def receive_file(call: Call, path: Path, *, offset: int = 0) -> Received:
    """Stream the request's body into a file from `offset` on, keeping what arrived when the connection breaks."""
    cut_after = call.fault.bytes if call.fault and call.has("break_off") else None
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(offset)
        try:
            async for block in call.request.stream():
                taken = block if cut_after is None else block[: max(0, cut_after - size)]
                file.write(taken)
                size += len(taken)
                if cut_after is not None and size >= cut_after:
                    return Received(size, is_broken=True)
        except ClientDisconnect:
            return Received(size, is_broken=True)
        finally:
            file.truncate()
    return Received(size, is_broken=False)


def fetch_here(url: str, path: Path) -> None:
    """Fetch a file from this machine; anything farther away is not reachable from the sandbox.

    Raises:
        OSError, ValueError: it could not be fetched.
    """
    host = urllib.parse.urlsplit(url).hostname
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise OSError(f"{host} is not on this machine")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer, path.open("wb") as file:
        while block := answer.read(1 << 20):
            file.write(block)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tokens(text: str) -> int:
    """Estimate how many tokens a text has: about four characters each."""
    return max(1, round(len(text) / 4))


def routes(
    world: SandboxWorld,
    service: str,
    fault_answer: FaultAnswer,
    table: Mapping[Place, Handler],
    *,
    special_faults: Mapping[str, tuple[str, ...]] | None = None,
    pace: Mapping[str, Any] | None = None,
) -> list[Route]:
    """Return the routes of a vendor, each of which can be armed with faults.

    Args:
        special_faults: kinds of faults that the handlers show themselves, and the routes of each.
        pace: the vendor's settings in the world and their defaults; times are seconds of world time.
    """
    names = [name for _, _, name in table if isinstance(name, str)]
    world.offer(service, names, special_faults=special_faults, pace=pace)
    return [
        Route(path, Endpoint(world, service, name, handler, fault_answer), methods=method.split(","))
        for (method, path, name), handler in table.items()
    ]
