"""Stand-in for the Slack Web API: messages with metadata, history, three-step file upload, private answers, forms.

People press by `interactions`. Errors come with HTTP 200 and `ok: false`.
"""

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dayreel.errors import UsageError
from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.interactions import pressed_button
from dayreel.sandbox.wire import BrokenOff, Call, Handler, Place, Refused, receive_file, routes, sha256_of
from dayreel.sandbox.world import ChatDelivery, Document, SandboxWorld

TEXT_LIMIT: Final = 40_000
BLOCK_LIMIT: Final = 50
TRIGGER_LIFE: Final = timedelta(seconds=3)
_LIMITS: Final = {"section": 3000, "header": 150}
SCOPES: Final = {
    "post": "chat:write",
    "update": "chat:write",
    "private": "chat:write",
    "file": "files:write",
    "history": "channels:history",
}
"""The scope that a route needs, from its method's page at docs.slack.dev (November 2026)."""
BOT_USER: Final = "U0SANDBOX"


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/slack`."""
    table: dict[Place, Handler] = {
        ("POST", "/slack/upload/{file_id}", "file"): upload,
    }
    methods: dict[str, tuple[str, Handler]] = {
        "auth.test": ("auth", auth_test),
        "chat.postMessage": ("post", post_message),
        "chat.update": ("update", update),
        "chat.postEphemeral": ("private", post_ephemeral),
        "views.open": ("form", open_view),
        "conversations.history": ("history", history),
        "conversations.replies": ("history", history),
        "files.getUploadURLExternal": ("file", get_upload_url),
        "files.completeUploadExternal": ("file", complete_upload),
    }
    for name, (route, handler) in methods.items():
        table["GET,POST", f"/slack/api/{name}", route] = handler
    world.offer("slack", (), chat=ChatDelivery(_payload, _signed, _problem))
    pace = {"slack_in_channel": True, "slack_scopes": "chat:write,files:write,channels:history"}
    return routes(world, "slack", _fault_answer, table, pace=pace)


def ok(**fields: Any) -> JSONResponse:
    """Return a good answer."""
    return JSONResponse({"ok": True, **fields})


def error(code: str, **more: Any) -> JSONResponse:
    """Return an error in Slack's shape, which has HTTP status 200."""
    return JSONResponse({"ok": False, "error": code, **more})


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return error("token_expired")
    if fault.kind == "quota" or fault.status == 429:  # noqa: PLR2004
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers={"retry-after": "1"})
    if fault.kind == "error_after_accept" or fault.code is None:
        return JSONResponse({"ok": False, "error": "internal_error"}, fault.status or 500)
    return JSONResponse({"ok": False, "error": str(fault.code)}, fault.status or 200)


async def _fields(call: Call) -> Document:
    """Return the arguments of an authorised call; what came as JSON text is read.

    Raises:
        Refused: no or a wrong token.
    """
    fields = await call.fields()
    token = call.bearer() or fields.pop("token", "")
    if not token:
        raise Refused(error("not_authed"))
    if token != credentials.SLACK_BOT_TOKEN:
        raise Refused(error("invalid_auth"))
    needed, granted = SCOPES.get(call.route), str(call.world.pace("slack_scopes"))
    if needed and needed not in granted.split(","):
        raise Refused(error("missing_scope", needed=needed, provided=granted))
    for name in ("blocks", "metadata", "files", "attachments", "view"):
        if isinstance(fields.get(name), str):
            try:
                fields[name] = json.loads(fields[name])
            except ValueError:
                raise Refused(error(f"invalid_{name}")) from None
    return fields


async def auth_test(call: Call) -> Response:
    """Say whose token it is."""
    await _fields(call)
    return ok(
        url=call.origin, team="Sandbox", user="dayreel", team_id="T0SANDBOX", user_id=BOT_USER, bot_id="B0SANDBOX"
    )


def _channel(call: Call, fields: Document) -> str:
    channel = str(fields.get("channel") or fields.get("channel_id") or "")
    if channel != credentials.SLACK_CHANNEL_ID:
        raise Refused(error("channel_not_found"))
    if not call.world.pace("slack_in_channel"):
        raise Refused(error("not_in_channel"))
    return channel


def _check_content(fields: Document) -> None:
    """Refuse a message without content or with blocks Slack would not take.

    Raises:
        Refused: with Slack's code.
    """
    if not fields.get("text") and not fields.get("blocks"):
        raise Refused(error("no_text"))
    if len(str(fields.get("text", ""))) > TEXT_LIMIT:
        raise Refused(error("msg_too_long"))
    blocks = fields.get("blocks") or []
    if not isinstance(blocks, list) or len(blocks) > BLOCK_LIMIT:
        raise Refused(error("invalid_blocks"))
    for index, block in enumerate(blocks):
        problem = _block_problem(block)
        if problem:
            metadata = {"messages": [f"[ERROR] {problem} [json-pointer:/blocks/{index}]"]}
            raise Refused(error("invalid_blocks", response_metadata=metadata))


def _block_problem(block: Any) -> str | None:
    if not isinstance(block, dict) or not block.get("type"):
        return "missing required field: type"
    text = (block.get("text") or {}).get("text", "")
    if block["type"] in _LIMITS and not text.strip():
        return "must be more than 0 characters"
    if len(text) > _LIMITS.get(block["type"], TEXT_LIMIT):
        return "must be less than the limit of characters"
    return _actions_problem(block.get("elements") or []) if block["type"] == "actions" else None


def _actions_problem(elements: list[Any]) -> str | None:
    if not 1 <= len(elements) <= 25:  # noqa: PLR2004
        return "must have 1 to 25 elements"
    for element in elements:
        if len((element.get("text") or {}).get("text", "")) > 75 or len(str(element.get("value", ""))) > 2000:  # noqa: PLR2004
            return "a button is too long"
        if len(str(element.get("action_id", ""))) > 255:  # noqa: PLR2004
            return "action_id is too long"
    return None


async def post_message(call: Call) -> Response:
    """Post a message; repeated calls post again."""
    fields = await _fields(call)
    channel = _channel(call, fields)
    _check_content(fields)
    number = call.world.store.count_up("slack_ts")
    ts = f"{int(call.world.now().timestamp())}.{number:06d}"
    message = _kept(call, {**fields, "channel": channel, "ts": ts})
    return ok(channel=channel, ts=ts, message=_shown(message))


def _kept(call: Call, fields: Document) -> Document:
    known = call.world.store.get("message", fields["ts"]) or {"edits": 0}
    names = ("text", "blocks", "metadata", "thread_ts", "channel", "ts", "files")
    given = {name: fields[name] for name in names if fields.get(name) is not None}
    moment = call.world.now().isoformat()
    body = {"service": "slack", "created_at": moment, **known, **given}
    return call.world.store.put("message", fields["ts"], body)


def _shown(message: Document) -> Document:
    names = ("text", "blocks", "metadata", "thread_ts", "ts", "files")
    shown = {name: message[name] for name in names if name in message}
    return {"type": "message", "user": BOT_USER, "bot_id": "B0SANDBOX", "app_id": "A0SANDBOX", **shown}


async def update(call: Call) -> Response:
    """Replace a message."""
    fields = await _fields(call)
    channel, ts = _channel(call, fields), str(fields.get("ts", ""))
    known = call.world.store.get("message", ts)
    if known is None:
        raise Refused(error("message_not_found"))
    _check_content(fields)
    message = _kept(call, {**fields, "channel": channel, "ts": ts})
    message = call.world.store.merge("message", ts, edits=known["edits"] + 1)
    return ok(channel=channel, ts=ts, text=message.get("text", ""), message=_shown(message))


async def post_ephemeral(call: Call) -> Response:
    """Say something that one person sees."""
    fields = await _fields(call)
    channel = _channel(call, fields)
    if not fields.get("user"):
        raise Refused(error("user_not_in_channel"))
    _check_content(fields)
    reply = {"service": "slack", "user": fields["user"], "channel": channel, "text": fields["text"]}
    call.world.store.put("reply_ephemeral", str(call.world.store.count_up("reply_ephemeral")), reply)
    return ok(message_ts=f"{call.world.now().timestamp():.6f}")


async def open_view(call: Call) -> Response:
    """Open a form in front of somebody who has just pressed."""
    fields = await _fields(call)
    trigger = call.world.store.get("slack_trigger", str(fields.get("trigger_id", "")))
    if trigger is None:
        raise Refused(error("invalid_trigger_id"))
    if trigger["is_used"]:
        raise Refused(error("exchanged_trigger_id"))
    if call.world.now() - datetime.fromisoformat(trigger["at"]) > TRIGGER_LIFE:
        raise Refused(error("expired_trigger_id"))
    problem = _view_problem(fields.get("view"))
    if problem:
        raise Refused(error("invalid_arguments", response_metadata={"messages": [f"[ERROR] {problem}"]}))
    call.world.store.merge("slack_trigger", str(fields["trigger_id"]), is_used=True)
    id_ = "V0" + call.world.new_digest("slack_view")[:9].upper()
    view = {**fields["view"], "id": id_}
    call.world.store.put("slack_view", id_, view)
    return ok(view=view)


def _view_problem(view: Any) -> str | None:
    if not isinstance(view, dict) or view.get("type") != "modal":
        return "a view is a modal"
    titles = [str((view.get(name) or {}).get("text", "")) for name in ("title", "submit", "close")]
    if not titles[0] or any(len(title) > 24 for title in titles):  # noqa: PLR2004
        return "title, submit and close have at most 24 characters"
    if len(str(view.get("private_metadata", ""))) > 3000 or len(str(view.get("callback_id", ""))) > 255:  # noqa: PLR2004
        return "private_metadata or callback_id is too long"
    for block in view.get("blocks") or [{}]:
        box = block.get("element") or {}
        fits = len(box.get("initial_value", "")) <= box.get("max_length", 3000) <= 3000  # noqa: PLR2004
        if block.get("type") != "input" or not block.get("label") or not box.get("action_id") or not fits:
            return "an input block has a label, and an element that fits"
    return None


async def history(call: Call) -> Response:
    """List messages, newest first; metadata only when asked for."""
    fields = await _fields(call)
    channel = _channel(call, fields)
    limit = min(999, int(fields.get("limit", 100)))
    thread = fields.get("ts") if call.request.url.path.endswith("replies") else None
    messages = [message for message in call.world.store.all("message") if message.get("channel") == channel]
    if thread:
        messages = [message for message in messages if thread in (message["ts"], message.get("thread_ts"))]
    else:
        messages = [message for message in reversed(messages) if not message.get("thread_ts")]
    oldest, latest = float(fields.get("oldest", 0) or 0), float(fields.get("latest", 1e12) or 1e12)
    chosen = [_shown(message) for message in messages if oldest < float(message["ts"]) <= latest][:limit]
    if str(fields.get("include_all_metadata", "")).lower() not in ("true", "1"):
        chosen = [{name: value for name, value in message.items() if name != "metadata"} for message in chosen]
    return ok(messages=chosen, has_more=len(messages) > limit)


async def get_upload_url(call: Call) -> Response:
    """First step of an upload: where to send the bytes."""
    fields = await _fields(call)
    if not fields.get("filename") or not str(fields.get("length", "")).isdigit() or int(fields["length"]) < 1:
        raise Refused(error("invalid_arguments"))
    id_ = "F0" + call.world.new_digest("slack_file")[:9].upper()
    facts = {"id": id_, "filename": fields["filename"], "length": int(fields["length"]), "is_uploaded": False}
    call.world.store.put("slack_file", id_, facts)
    return ok(upload_url=f"{call.origin}/slack/upload/{id_}", file_id=id_)


def _file(world: SandboxWorld, file_id: str) -> Path:
    return world.folder("uploads", "slack") / file_id


async def upload(call: Call) -> Response:
    """Second step: the raw bytes, exactly as many as announced."""
    known = call.world.store.get("slack_file", call.request.path_params["file_id"])
    if known is None:
        raise Refused(PlainTextResponse("no such upload", 404))
    if call.request.headers.get("content-type", "").startswith("multipart/"):
        form = await call.request.form()
        parts = [part for part in form.values() if not isinstance(part, str)]
        data = await parts[0].read() if parts else b""
        _file(call.world, known["id"]).write_bytes(data)
        size = len(data)
    else:
        got = await receive_file(call, _file(call.world, known["id"]))
        if got.is_broken:
            raise BrokenOff
        size = got.size_bytes
    if size != known["length"]:
        raise Refused(PlainTextResponse(f"expected {known['length']} bytes, got {size}", 400))
    call.world.store.merge("slack_file", known["id"], is_uploaded=True)
    return PlainTextResponse(f"OK - {size}")


async def complete_upload(call: Call) -> Response:
    """Third step: share the files in a channel or a thread."""
    fields = await _fields(call)
    files = fields.get("files")
    if not isinstance(files, list) or not files:
        raise Refused(error("invalid_arguments"))
    shared: list[Document] = []
    for wish in files:
        known = call.world.store.get("slack_file", str(wish.get("id", "")))
        if known is None or not known["is_uploaded"]:
            raise Refused(error("file_not_found"))
        sha256 = sha256_of(_file(call.world, known["id"]))
        shared.append({"id": known["id"], "title": wish.get("title") or known["filename"], "sha256": sha256})
    if fields.get("channel_id") or fields.get("channels"):
        channel = _channel(call, {"channel": fields.get("channel_id") or fields["channels"]})
        ts = f"{int(call.world.now().timestamp())}.{call.world.store.count_up('slack_ts'):06d}"
        text = fields.get("initial_comment") or ""
        _kept(call, {"channel": channel, "ts": ts, "text": text, "thread_ts": fields.get("thread_ts"), "files": shared})
    return ok(files=[{"id": file["id"], "title": file["title"]} for file in shared])


# -- what people press ------------------------------------------------------------------------------------


def _payload(world: SandboxWorld, wish: Document) -> Document:
    user = {"id": wish["user"], "username": wish["name"], "team_id": "T0SANDBOX"}
    common = {"user": user, "team": {"id": "T0SANDBOX"}, "api_app_id": "A0SANDBOX"}
    if wish.get("form"):
        view = world.store.get("slack_view", str(wish["form"]))
        if view is None:
            raise UsageError(f"No form {wish['form']!r} was opened.")
        state = {"values": {"caption": {"caption": {"type": "plain_text_input", "value": wish.get("caption")}}}}
        return {"type": "view_submission", **common, "view": {**view, "state": state}, "response_urls": []}
    message, button = pressed_button(world, wish, "action_id", _buttons)
    trigger = world.new_digest("slack_trigger")[:20]
    world.store.put("slack_trigger", trigger, {"at": world.now().isoformat(), "is_used": False})
    return {
        "type": "block_actions",
        **common,
        "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
        "channel": {"id": message["channel"], "name": "reviews"},
        "message": {"ts": message["ts"], "text": message.get("text", "")},
        "trigger_id": trigger,
        "actions": [{**button, "action_ts": message["ts"]}],
    }


def _buttons(message: Document) -> list[Document]:
    return [element for block in message.get("blocks") or [] for element in block.get("elements") or []]


def _signed(payload: Document, at: str) -> tuple[str, dict[str, str]]:
    body = urlencode({"payload": json.dumps(payload)})
    mac = hmac.new(credentials.SLACK_SIGNING_SECRET.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256)
    kind = "application/x-www-form-urlencoded"
    headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={mac.hexdigest()}", "Content-Type": kind}
    return body, headers


def _problem(answer: Any) -> str:
    is_fine = answer is None or answer == {} or (isinstance(answer, dict) and answer.get("response_action") == "errors")
    return "" if is_fine else "Slack takes nothing, {} or a response_action"
