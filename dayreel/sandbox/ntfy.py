"""Stand-in for an ntfy server on which every topic is somebody's: publish as JSON, read what is kept as lines of JSON.

Facts: docs.ntfy.sh, publish, subscribe and access control (2026). Errors are `{"code", "http", "error"}`.
"""

import json
import re
from datetime import timedelta
from typing import Final

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Handler, Place, Refused, routes
from dayreel.sandbox.world import SandboxWorld

KEPT: Final = timedelta(hours=12)
LIMIT_BYTES: Final = 4096
_TOPIC: Final = re.compile(r"[-_A-Za-z0-9]{1,64}")


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/ntfy`."""
    table: dict[Place, Handler] = {
        ("POST", "/ntfy/", "publish"): publish,
        ("GET", "/ntfy/{topic}/json", "messages"): messages,
    }
    return routes(world, "ntfy", _fault_answer, table)


def error(status: int, number: int, message: str) -> JSONResponse:
    """Return an error in ntfy's shape; its code begins with the status."""
    body = {"code": status * 100 + number, "http": status, "error": message, "link": "https://ntfy.sh/docs/publish/"}
    return JSONResponse(body, status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    if fault.kind == "expired_token":
        return error(401, 1, "unauthorized")
    if fault.kind == "quota" or fault.status == 429:  # noqa: PLR2004
        return error(429, 8, "limit reached: daily message quota reached")
    return error(fault.status or 500, 1, "internal server error")


def _require_access(call: Call, topic: str) -> None:
    if not _TOPIC.fullmatch(topic):
        raise Refused(error(400, 9, "invalid request: topic invalid"))
    if call.request.headers.get("authorization"):
        raise Refused(error(401, 1, "unauthorized"))  # nobody has a token here
    if topic != credentials.NTFY_TOPIC:
        raise Refused(error(403, 1, "forbidden"))


async def publish(call: Call) -> Response:
    """Take a message; sent again it is another one."""
    body = await call.json()
    if body is None:
        raise Refused(error(400, 17, "invalid request: request body must be valid JSON"))
    _require_access(call, str(body.get("topic", "")))
    if len(str(body.get("message", "")).encode()) > LIMIT_BYTES:
        raise Refused(error(413, 1, "attachment too large, or bandwidth limit reached"))
    id_, now = call.world.new_digest("ntfy")[:12], call.world.now()
    message = {"id": id_, "time": int(now.timestamp()), "expires": int((now + KEPT).timestamp()), "event": "message"}
    given = {name: body[name] for name in ("topic", "title", "message", "click") if body.get(name)}
    call.world.store.put("message", id_, {"service": "ntfy", **message, **given})
    return JSONResponse({**message, **given})


async def messages(call: Call) -> Response:
    """List what is kept of a topic, oldest first, a document a line."""
    _require_access(call, call.request.path_params["topic"])
    kept = [message for message in call.world.store.all("message") if message["service"] == "ntfy"]
    lines = [json.dumps(message) + "\n" for message in kept if message["expires"] > call.world.now().timestamp()]
    return PlainTextResponse("".join(lines), media_type="application/x-ndjson")
