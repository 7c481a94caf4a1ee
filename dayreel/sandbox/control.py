"""The control plane and the pages of the sandbox world: effects, faults, clock, pace, and what a person can look at."""

import html
import ipaddress
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dayreel.errors import UsageError
from dayreel.sandbox.activity import Activity
from dayreel.sandbox.faults import Faults
from dayreel.sandbox.interactions import press
from dayreel.sandbox.presets import AUDITED, NEW_DEVELOPER
from dayreel.sandbox.world import Document, SandboxWorld

VERSION: Final = 1
_MEANING: Final = {
    AUDITED: "Preset <b>audited</b>: the vendors meet somebody whose apps are audited, and limits do not hold. A first "
    "day outside is harder: <code>dayreel sandbox --preset new_developer</code>.",
    NEW_DEVELOPER: "Preset <b>new_developer</b>: the vendors are met as on a first day, before any audit, with limits.",
}
Control = Callable[[Request], Awaitable[Response]]


def mount(world: SandboxWorld, token: str | None, activity: Activity, code: str) -> list[Route]:
    """Return the routes of the control plane and the pages.

    Args:
        world: what is known.
        token: when given, the control plane wants it as a bearer token.
        activity: how busy it is; `/_world/leave` makes it leave.
        code: which code it runs.
    """
    plane = ControlPlane(world, activity, code)
    table: dict[tuple[str, str], Control] = {
        ("GET", "/_world"): plane.about,
        ("GET", "/_world/effects"): plane.effects,
        ("GET", "/_world/faults"): plane.faults,
        ("POST", "/_world/faults"): plane.arm,
        ("DELETE", "/_world/faults"): plane.clear,
        ("POST", "/_world/clock"): plane.clock,
        ("GET", "/_world/pace"): plane.pace,
        ("POST", "/_world/pace"): plane.pace,
        ("POST", "/_world/preset"): plane.preset,
        ("POST", "/_world/press"): plane.press,
        ("POST", "/_world/reset"): plane.reset,
        ("POST", "/_world/leave"): plane.leave,
    }
    guarded = [
        Route(path, _guarded(handler, token), methods=[method], name=f"{method} {path}")
        for (method, path), handler in table.items()
    ]
    return [*guarded, Route("/", plane.front_page)]


def _guarded(handler: Control, token: str | None) -> Control:
    """Let only this machine in (also when a web page on it tries), and turn wrong wishes into sentences."""

    async def guarded(request: Request) -> Response:
        if not _is_loopback(request.client.host if request.client else None) or not _is_loopback(request.url.hostname):
            return JSONResponse({"error": "The control plane answers on loopback only."}, 403)
        if token and request.headers.get("authorization") != f"Bearer {token}":
            return JSONResponse({"error": "The control plane of this world wants its token."}, 401)
        try:
            return await handler(request)
        except (UsageError, ValueError, TypeError) as problem:
            return JSONResponse({"error": str(problem)}, 400)

    return guarded


def _is_loopback(host: str | None) -> bool:
    if host in ("localhost", "testserver", "testclient"):
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _body(request: Request) -> Document:
    raw = await request.body()
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise UsageError("The control plane takes one JSON object.")
    return body


class ControlPlane:
    """Handlers of the control plane and the pages."""

    def __init__(self, world: SandboxWorld, activity: Activity, code: str) -> None:
        self._world = world
        self._activity = activity
        self._code = code
        self._faults = Faults(world)

    async def about(self, _request: Request) -> Response:
        """Say which world this is."""
        return JSONResponse(
            {
                "world": "sandbox",
                "root": str(self._world.root),
                "now": self._world.now().isoformat(),
                "version": VERSION,
                "code": self._code,
                "preset": self._world.preset,
                "stays": self._activity.stays_s is None,
            }
        )

    async def effects(self, request: Request) -> Response:
        """List paid generations, live posts and messages as the vendors see them."""
        return JSONResponse(self._world.effects(_origin(request)))

    async def faults(self, _request: Request) -> Response:
        """List what is armed and what has fired."""
        return JSONResponse(self._faults.listing())

    async def arm(self, request: Request) -> Response:
        """Arm a fault."""
        fault = self._faults.arm(await _body(request))
        return JSONResponse({"armed": fault.id})

    async def clear(self, _request: Request) -> Response:
        """Disarm every fault."""
        self._faults.clear()
        return JSONResponse(self._faults.listing())

    async def clock(self, request: Request) -> Response:
        """Move the world's time."""
        wish = await _body(request)
        if set(wish) == {"advance_s"}:
            now = self._world.advance(float(wish["advance_s"]))
        elif set(wish) == {"now"}:
            now = self._world.set_now(datetime.fromisoformat(wish["now"]))
        else:
            raise UsageError("Moving the clock takes either advance_s or now.")
        return JSONResponse({"now": now.isoformat()})

    async def pace(self, request: Request) -> Response:
        """Read or change the world's settings."""
        return JSONResponse(self._world.set_pace(await _body(request) if request.method == "POST" else {}))

    async def preset(self, request: Request) -> Response:
        """Begin with another preset."""
        self._world.choose_preset(str((await _body(request)).get("name")))
        return JSONResponse(self._world.set_pace({}))

    async def press(self, request: Request) -> Response:
        """Press a button of a message in a chat, or send the form that was opened."""
        return JSONResponse(await press(self._world, await _body(request)))

    async def reset(self, _request: Request) -> Response:
        """Forget everything."""
        self._world.reset()
        return JSONResponse({"reset": True})

    async def leave(self, _request: Request) -> Response:
        """Go as soon as nobody is being answered; what is known stays in the folder."""
        self._activity.stays_s = 0.0
        return JSONResponse({"leaves": True})

    async def front_page(self, request: Request) -> Response:
        """Show a person what is here."""
        effects = self._world.effects(_origin(request))
        posts = "".join(
            f"<li>{html.escape(post['platform'])}: <a href='{html.escape(post['path'])}'>{html.escape(post['id'])}</a> "
            f"{html.escape(str(post.get('caption', '')))[:120]}</li>"
            for post in effects["posts"]
        )
        made = "".join(
            f"<li>{html.escape(item['vendor'])} {html.escape(item['kind'])} {html.escape(item['model'])} "
            f"{html.escape(item['id'])} ${html.escape(item['cost_usd'])}</li>"
            for item in effects["generations"]
        )
        body = (
            "<p>Nothing here is real: this server stands in for the outside services, on this machine only.</p>"
            f"<p>{_MEANING[self._world.preset]}</p>"
            f"<h2>Posts</h2><ul>{posts or '<li>none</li>'}</ul>"
            f"<h2>Paid generations</h2><ul>{made or '<li>none</li>'}</ul>"
        )
        return HTMLResponse(_page("The sandbox world", body))


async def post_page(request: Request, _missing: Exception) -> Response:
    """Show the post that lives at an address which nothing else answers, labelled as simulated."""
    for post in request.app.state.world.store.all("post"):
        if post["path"].rstrip("/") == request.url.path.rstrip("/"):
            facts = "".join(
                f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
                for name, value in post.items()
            )
            return HTMLResponse(_page(f"SIMULATED {post['platform']} post", f"<table>{facts}</table>"))
    return HTMLResponse(_page("No such post", "<p>SIMULATED: there is nothing here.</p>"), 404)


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _page(title: str, body: str) -> str:
    style = "body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}th{text-align:left}"
    return (
        f"<!doctype html><meta charset='utf-8'><title>{html.escape(title)}</title><style>{style}</style>"
        f"<h1>{html.escape(title)}</h1>{body}"
    )
