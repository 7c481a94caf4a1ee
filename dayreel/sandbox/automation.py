"""Stand-in for a scenario of Make or a Zap that posts what its webhook gets: strict, and able to fail, forget, repeat.

It answers as both do (`automation_style`): 2xx for what is queued, before anything runs. Then it fetches the video,
posts it, and calls back. What it reads and says is `providers.platforms.automation`'s own protocol, as its how-to page
shows it; refusals before that are Make's, as reported on 2026-09-28.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import re
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Handler, Place, Refused, fetch_here, routes, sha256_of
from dayreel.sandbox.world import Document, SandboxWorld

_DELIVERY: Final = "automation_delivery"
_WINDOW_S: Final = 300
_FIELDS: Final[dict[str, type | tuple[type, ...]]] = {
    "version": int,
    "idempotency_key": str,
    "content_id": str,
    "channel": str,
    "day": str,
    "title": str,
    "caption": str,
    "hashtags": list,
    "ai_generated": bool,
    "video_url": str,
    "video_sha256": str,
    "video_size_bytes": int,
    "video_duration_s": (int, float),
    "cover_at_s": (int, float, type(None)),
    "callback_url": (str, type(None)),
    "confirm_by": str,
}
SPECIAL_FAULTS: Final = dict.fromkeys(
    ("fails", "forgets", "repeats", "contradicts", "early", "mixes_up", "queue_full"), ("hook",)
)
"""What a scenario may do: fail at posting, lose what it took, call back twice, say `failed` after `posted`, call back
before it answers, name another content, or have no room."""
_CALLS: set[asyncio.Task[None]] = set()


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/automation`."""
    world.settlers.append(lambda: _settle(world))
    table: dict[Place, Handler] = {
        ("GET", "/automation/status", "status"): status,
        ("POST", "/automation/{key:path}", "hook"): hook,
    }
    pace = {"automation_switched_on": True, "automation_style": "make", "automation_processing_s": 0.0}
    return routes(world, "automation", _fault_answer, table, special_faults=SPECIAL_FAULTS, pace=pace)


def _fault_answer(_route: str, fault: Fault) -> Response:
    if fault.kind == "expired_token":
        return PlainTextResponse("Webhook not found", 410)
    if fault.kind == "quota":
        return PlainTextResponse("Queue is full.", 400)
    return PlainTextResponse("Internal server error", fault.status or 500)


async def hook(call: Call) -> Response:
    """Take a document that is signed and whole; the same key again is the same post."""
    if call.request.path_params["key"] != urlsplit(credentials.PUBLISH_WEBHOOK_URL).path.lstrip("/"):
        raise Refused(PlainTextResponse("Webhook not found", 410))
    if not call.world.pace("automation_switched_on"):
        raise Refused(PlainTextResponse("There is no scenario listening for this webhook.", 410))
    if call.has("queue_full"):
        raise Refused(PlainTextResponse("Queue is full.", 400))
    body = await call.request.body()
    document = _read(body)
    key = str(document.get("idempotency_key"))
    if problem := _signature_problem(call, body) or _problem(call, document):
        raise Refused(JSONResponse({"status": "failed", "idempotency_key": key, "reason": problem}, 400))
    if call.world.store.get(_DELIVERY, key) is None:
        await _take(call, document)
    return _accepted(call)


def _accepted(call: Call) -> Response:
    if call.world.pace("automation_style") == "make":
        return PlainTextResponse("Accepted")
    digest = call.world.new_digest("automation")
    return JSONResponse({"attempt": digest[:32], "id": digest[:32], "request_id": digest[:32], "status": "success"})


def _read(body: bytes) -> Document:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refused(PlainTextResponse("Bad Request: the body is not a JSON object", 400))
    return document


def _signature_problem(call: Call, body: bytes) -> str:
    headers = call.request.headers
    stamp = headers.get("x-dayreel-timestamp", "")
    secret = credentials.PUBLISH_WEBHOOK_SECRET.encode()
    wanted = "v1=" + hmac.new(secret, b"v1:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("x-dayreel-signature", ""), wanted):
        return "the signature is wrong"
    if abs(call.world.now().timestamp() - int(stamp)) > _WINDOW_S:
        return "the timestamp is too old"
    return ""


def _problem(call: Call, document: Document) -> str:
    """Return what of a document is not as the how-to page says; empty where all is."""
    if set(document) != set(_FIELDS):
        return f"fields: {', '.join(sorted(set(document) ^ set(_FIELDS)))}"
    wrong = [name for name, kind in _FIELDS.items() if not isinstance(document[name], kind)]
    if wrong:
        return f"types: {', '.join(wrong)}"
    if call.request.headers.get("idempotency-key") != document["idempotency_key"]:
        return "the header Idempotency-Key is not the document's"
    if not re.fullmatch(r"[0-9a-f]{64}", document["video_sha256"]) or not document["caption"]:
        return "no caption, or no hash of the video"
    callback = document["callback_url"]
    if callback is not None and not _is_here(callback):
        return "callback_url is not on this machine"
    return ""


def _is_here(url: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return urlsplit(url).hostname == "localhost"


async def _take(call: Call, document: Document) -> None:
    """Fetch the video, and put what was delivered behind whatever is processed."""
    world, key = call.world, document["idempotency_key"]
    path = world.folder("uploads", "automation") / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.mp4"
    reason = "Instagram: the connection has expired" if call.has("fails") else None
    try:
        await asyncio.to_thread(fetch_here, document["video_url"], path)
        if sha256_of(path) != document["video_sha256"]:
            reason = reason or "the video is not the one that was announced"
    except (OSError, ValueError) as error:
        reason = reason or f"the video could not be fetched ({type(error).__name__})"
    delivery = {**document, "taken_at": world.now().isoformat(), "reason": reason, "forgotten": call.has("forgets")}
    world.store.put(_DELIVERY, key, delivery)
    _settle(world)
    report = _report(world, key)
    if document["callback_url"] is None or call.has("forgets") or report["status"] == "pending":
        return
    if call.has("mixes_up"):
        report = {**report, "content_id": "another-2026-01-01"}
    reports = [report, report] if call.has("repeats") else [report]
    if call.has("contradicts"):
        reports.append({"status": "failed", "reason": "Instagram: taken down"})
    if call.has("early"):
        await asyncio.to_thread(_call_back, document["callback_url"], reports)
        return
    calling = asyncio.create_task(asyncio.to_thread(_call_back, document["callback_url"], reports))
    _CALLS.add(calling)
    calling.add_done_callback(_CALLS.discard)


def _call_back(url: str, reports: list[dict[str, Any]]) -> None:
    """Report to the desk; a desk that does not answer is not asked again, as Zapier and Make do it."""
    if not _is_here(url):
        return
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for report in reports:
        body, headers = json.dumps(report).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310  to this machine alone
        try:
            opener.open(request, timeout=30).close()
        except (OSError, ValueError):
            continue


def _settle(world: SandboxWorld) -> None:
    """Post what is due, once."""
    for delivery in world.store.all(_DELIVERY):
        key = delivery["idempotency_key"]
        id_ = hashlib.sha256(key.encode()).hexdigest()[:16]
        is_due = world.age_s(delivery["taken_at"]) >= float(world.pace("automation_processing_s"))
        if delivery["reason"] or delivery["forgotten"] or not is_due or world.post("automation", id_) is not None:
            continue
        facts = {"caption": delivery["caption"], "sha256": delivery["video_sha256"], "title": delivery["title"]}
        path = f"/automation/posts/{id_}"
        world.go_live(platform="automation", id_=id_, path=path, ai_label=delivery["ai_generated"], **facts)


def _report(world: SandboxWorld, key: str) -> dict[str, Any]:
    """Return what is said of a delivery, in a callback and at the status address."""
    delivery = world.store.get(_DELIVERY, key)
    base = {"idempotency_key": key}
    if delivery is None or delivery["forgotten"]:
        return {**base, "status": "unknown"}
    if delivery["reason"]:
        return {**base, "status": "failed", "reason": delivery["reason"]}
    post = world.post("automation", hashlib.sha256(key.encode()).hexdigest()[:16])
    if post is None:
        return {**base, "status": "pending"}
    return {**base, "status": "posted", "id": post["id"], "url": f"https://posts.sandbox.example{post['path']}"}


async def status(call: Call) -> Response:
    """Say how a delivery stands, for whoever cannot be called back."""
    _settle(call.world)
    return JSONResponse(_report(call.world, str(call.request.query_params.get("idempotency_key"))))
