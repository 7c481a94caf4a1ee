"""A server on loopback that answers what it is given, and writes down what it was asked. For answers no world gives."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.ports import free_port


@dataclass(frozen=True)
class Say:
    """One answer. `lost` closes the connection without one; `cut` sends so many bytes less than it promises."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    cut: int = 0

    @property
    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedServer:
    """`answers` are given in order; the last one is given again and again."""

    answers: list[Say]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def next(self) -> Say:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Say) -> Iterator[ScriptedServer]:
    """Run a server with this script until the block ends."""
    script = ScriptedServer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, self.path, headers, body))
            say = script.next()
            self.close_connection = True
            if say.lost:
                return
            self.send_response(say.status)
            for name, value in {"Content-Type": "application/json", **say.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(say.raw)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(say.raw[: len(say.raw) - say.cut])

        do_GET = do_POST = do_PUT = answer  # noqa: N815  the standard library calls them so

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def unused_url() -> str:
    """Return an address on loopback where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
