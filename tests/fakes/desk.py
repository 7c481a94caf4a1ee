"""A desk on a temporary project, with quick hashes, for a test client or served on a real port."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import uvicorn
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dayreel.desk import sessions
from dayreel.desk.app import create_desk
from dayreel.services.project import Project
from tests.waiting import WITHIN_S, wait_until

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "three small words"


def desk_on(project: Project, **wishes: Any) -> Starlette:
    """Return a desk; nothing it starts really starts."""
    return create_desk(project, **{"hasher": QUICK, "start": lambda *_what: None, "poll_s": 0.02, **wishes})


class Browser(TestClient):
    """A test client that behaves like a person's browser: same-origin posts with the token of the page before."""

    def __init__(self, app: Starlette, **wishes: Any) -> None:
        super().__init__(app, base_url="http://desk.localhost", follow_redirects=False, **wishes)
        self.headers["accept"] = "text/html"

    def open(self, path: str) -> str:
        """Open a page and return its text."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-800:])
        return answer.text

    def submit(self, path: str, page: str | None = None, **fields: Any) -> Any:
        """Post a form as the page at `page` would."""
        token = csrf_of(self.open(page or "/account"))
        return self.post(path, data={"csrf": token, **fields}, headers={"origin": "http://desk.localhost"})


def csrf_of(page: str) -> str:
    """Return the CSRF token of a page's first form."""
    match = re.search(r'name="csrf" value="([^"]+)"', page)
    assert match, page[-600:]
    return match[1]


def seen_on(page: str) -> str:
    """Return what a content's page says that it showed."""
    match = re.search(r'name="seen" value="([^"]+)"', page)
    assert match, page[-600:]
    return match[1]


def person(app: Starlette, name: str, role: str) -> Browser:
    """Return the browser of a new person who is logged in; walking through the login is for the tests of it."""
    state = app.state.desk
    user = state.users.accept(state.users.add(name, role, by="test"), name=name, password=PASSWORD)
    secret = state.sessions.begin(user, agent="test")
    cookie = state.signer("dayreel.cookie.dayreel_session").sign(secret).decode()
    browser = Browser(app)
    browser.cookies.set("dayreel_session", cookie, domain="desk.localhost", path="/")
    return browser


def come_in(browser: Browser, path: str, name: str) -> None:
    """Use a one-time link."""
    answer = browser.submit(path, path, name=name, password=PASSWORD, again=PASSWORD)
    assert answer.status_code == 303, answer.text


def token_of(app: Starlette, name: str, role: str) -> str:
    """Return an API token of somebody new."""
    state = app.state.desk
    state.users.add(name, role, by="test")
    token: str = state.sessions.make_token(state.users.named(name), "test", by="test")
    return token


class _Server(uvicorn.Server):
    """uvicorn that stops when it is asked to, instead of looking ten times a second whether it was."""

    async def main_loop(self) -> None:
        self.loop, self.is_over = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        await self.is_over.wait()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.is_over.set)


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an application on a loopback port, a free one by itself, until the block ends; gives its address."""
    config = uvicorn.Config(app, port=port, log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait_until(lambda: hasattr(server, "is_over") or not thread.is_alive(), every_s=0.002)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        thread.join(WITHIN_S)
        assert not thread.is_alive(), "the server did not stop"


def post_slowly(
    url: str, path: str, body: bytes, headers: dict[str, str], *, meanwhile: Callable[[], object] | None
) -> int:
    """Send a request whose last byte comes after `meanwhile`, which begins once the desk knows who asks; return the
    status. With None the last byte never comes.
    """
    host = url.removeprefix("http://")
    name, _, port = host.partition(":")
    head = {"host": host, "origin": url, "content-length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{header}: {value}\r\n" for header, value in head.items())
    asked = threading.Event()
    identify = sessions.identify

    def identify_and_say(*who: Any) -> Any:
        visitor = identify(*who)
        asked.set()
        return visitor

    with (
        patch.object(sessions, "identify", identify_and_say),
        socket.create_connection((name, int(port)), timeout=WITHIN_S) as line,
    ):
        line.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body[:-1])
        assert asked.wait(WITHIN_S)
        if meanwhile is not None:
            meanwhile()
            line.sendall(body[-1:])
        return int(line.makefile("rb").readline().split()[1])
