"""A server in front of a stand-in that passes everything on, and spoils the answer to one request.

It echoes all it got (addresses, headers, bodies: whatever a vendor could repeat in an error), loses the request, or
lets the vendor act and then loses or replaces its answer.
"""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SHAPES = ("json 401", "json 429", "text 502", "garbage 200", "codes 400", "lost")
"""What comes instead of an answer; the vendor has not seen the request."""
ACTED = ("acted, lost", "acted, page 502")
"""Likewise, and the vendor has done what was asked: its answer is lost, or a page from in between takes its place."""


@dataclass
class HostileProxy:
    """`turns_at` is the number of the request (from 1) that is answered with `shape`; `count` those so far."""

    behind: str
    url: str = ""
    turns_at: int = 0
    shape: str = SHAPES[0]
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, turns_at: int, shape: str) -> None:
        """Count from the beginning again."""
        self.turns_at, self.shape, self.count = turns_at, shape, 0

    @property
    def has_turned(self) -> bool:
        """Whether the request that it spoils has come."""
        return self.count >= self.turns_at

    def next_is_hostile(self) -> bool:
        """Count a request, and return whether it is the one to spoil."""
        with self.lock:
            self.count += 1
            return self.count == self.turns_at


def proxied_answer(shape: str, echo: str) -> tuple[int, str, bytes]:
    """Return status, type and body of an answer that repeats `echo` wherever a vendor's message could be."""
    kind, _, status = shape.partition(" ")
    if kind == "text":
        return int(status), "text/html", f"<html>{echo}</html>".encode()
    code: Any = echo if kind == "codes" else "invalid_request"
    error = {"message": echo, "error_user_msg": echo, "type": code, "code": code, "log_id": "1", "reason": code}
    error |= {"errors": [{"reason": code, "message": echo, "domain": "x"}], "fbtrace_id": "1"}
    body: dict[str, Any] = {"error": error, "detail": echo, "message": echo, "error_description": echo, "ok": False}
    body |= {"code": 1200, "type": "error", "debug_info": {"message": echo, "type": code, "retriable": False}}
    if kind == "codes":
        body |= {"error_type": echo, "request_id": echo}
    if kind == "garbage":
        body = {"surprise": echo, "text": echo}
    return int(status), "application/json", json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: HostileProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer one request."""
        self.close_connection = True
        proxy, body = self.server.proxy, self._body()
        if not proxy.next_is_hostile():
            if self.headers.get("Upgrade", "").lower() == "websocket":
                self._pass_on()
            else:
                self._say(*self._ask(body))
        elif proxy.shape in ACTED:
            self._ask(body)
            if proxy.shape.endswith("502"):
                self._say(502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>")
        elif proxy.shape != "lost":
            # What is most likely a key comes first: messages are cut.
            key = self.headers.get("Authorization", "")
            echo = f"{key} {self.path} {body[:2000].decode('utf-8', 'replace')} {dict(self.headers)}"
            status, kind, answer_parts = proxied_answer(proxy.shape, echo)
            self._say(status, {"Content-Type": kind, "request-id": "req_1"}, answer_parts)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _pass_on(self) -> None:
        """Hand a websocket's bytes on, both ways, until one side ends."""
        target = urlsplit(self.server.proxy.behind)
        with socket.create_connection((str(target.hostname), int(target.port or 80)), timeout=20) as vendor:
            head = [
                f"{self.command} {self.path} HTTP/1.1",
                *(f"{name}: {value}" for name, value in self.headers.items()),
            ]
            vendor.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
            there = threading.Thread(target=_copy, args=(self.rfile.read1, vendor), daemon=True)
            there.start()
            _copy(vendor.recv, self.connection)
            there.join(20)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = urlsplit(self.server.proxy.behind)
        connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=20)
        dropped = {"transfer-encoding", "content-length", "connection"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        try:
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        return reply.status, {name: value for name, value in reply.getheaders() if name.lower() not in dropped}, content

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = answer  # noqa: N815  the standard library calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library calls it so
        """Keep quiet."""


def _copy(read: Callable[[int], bytes], into: socket.socket) -> None:
    with suppress(OSError):  # whoever has gone has heard enough
        while block := read(65536):
            into.sendall(block)
        into.shutdown(socket.SHUT_WR)


@contextmanager
def hostile_proxy(behind: str) -> Iterator[HostileProxy]:
    """Run one in front of `behind` until the block ends."""
    proxy = HostileProxy(behind)
    server = _Server(proxy)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
