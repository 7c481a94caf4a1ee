"""Stand-in for the Discord bot API: messages with embeds, buttons and a file, edits, history, private follow-ups.

People press by `interactions`. Errors are `{"code", "message", "errors"}` with an HTTP status.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from nacl.signing import SigningKey
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.interactions import pressed_button
from dayreel.sandbox.wire import Call, Handler, Place, Refused, routes
from dayreel.sandbox.world import ChatDelivery, Document, SandboxWorld

FILE_LIMIT: Final = 10 * 1024 * 1024
REQUEST_LIMIT: Final = 25 * 1024 * 1024
NONCE_LIFE: Final = timedelta(minutes=5)
TOKEN_LIFE: Final = timedelta(minutes=15)
_BOT_ID: Final = credentials.DISCORD_APPLICATION_ID
_BOT: Final = {
    "id": _BOT_ID,
    "username": "dayreel",
    "discriminator": "0",
    "global_name": None,
    "avatar": None,
    "bot": True,
}
_FIRST_ID: Final = 1_300_000_000_000_000_000
_EMBED_TOTAL: Final = 6000
_PRIVATE: Final = 64
_ANSWER_TYPES: Final = (1, 4, 5, 6, 7, 9)
_MODAL: Final = 9


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/discord/api/v10`."""
    base = "/discord/api/v10"
    table: dict[Place, Handler] = {
        ("GET", f"{base}/users/@me", "auth"): me,
        ("GET", f"{base}/oauth2/applications/@me", "auth"): application,
        ("GET", f"{base}/channels/{{channel_id}}", "auth"): channel,
        ("POST", f"{base}/channels/{{channel_id}}/messages", "post"): post_message,
        ("GET", f"{base}/channels/{{channel_id}}/messages", "history"): history,
        ("PATCH", f"{base}/channels/{{channel_id}}/messages/{{message_id}}", "update"): update,
        ("POST", f"{base}/webhooks/{{application_id}}/{{token}}", "follow_up"): follow_up,
    }
    world.offer("discord", (), chat=ChatDelivery(_payload, _signed, _problem))
    return routes(world, "discord", _fault_answer, table, pace={"discord_has_access": True})


def error(status: int, code: int, message: str) -> JSONResponse:
    """Return an error in Discord's shape."""
    return JSONResponse({"code": code, "message": message, "errors": {}}, status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    if fault.kind == "expired_token":
        return error(401, 0, "401: Unauthorized")
    if fault.kind == "quota" or fault.status == 429:  # noqa: PLR2004
        limited = {"message": "You are being rate limited.", "retry_after": 1.0, "global": False}
        return JSONResponse(limited, 429, headers={"retry-after": "1"})
    if fault.kind == "error_after_accept" or fault.code is None:
        return error(fault.status or 500, 0, "500: Internal Server Error")
    return error(fault.status or 403, int(fault.code), "armed by a test")


def _authorised(call: Call) -> None:
    if call.bearer("Bot") != credentials.DISCORD_BOT_TOKEN:
        raise Refused(error(401, 0, "401: Unauthorized"))
    if not call.request.headers.get("user-agent", "").startswith("DiscordBot ("):
        raise Refused(error(403, 40333, "internal network error"))


def _room(call: Call) -> str:
    _authorised(call)
    if call.request.path_params["channel_id"] != credentials.DISCORD_CHANNEL_ID:
        raise Refused(error(404, 10003, "Unknown Channel"))
    if not call.world.pace("discord_has_access"):
        raise Refused(error(403, 50001, "Missing Access"))
    return credentials.DISCORD_CHANNEL_ID


async def me(call: Call) -> Response:
    """Say whose token it is."""
    _authorised(call)
    return JSONResponse(_BOT)


async def application(call: Call) -> Response:
    """Say whose application it is."""
    _authorised(call)
    facts = {"id": _BOT_ID, "name": "dayreel", "description": "", "icon": None, "bot_public": False, "owner": _BOT}
    return JSONResponse({**facts, "bot_require_code_grant": False, "verify_key": "", "team": None, "flags": 0})


async def channel(call: Call) -> Response:
    """Describe the one text channel there is."""
    return JSONResponse({"id": _room(call), "type": 0, "name": "reviews"})


async def post_message(call: Call) -> Response:
    """Post a message; the same enforced nonce within a few minutes returns the one that is there."""
    room = _room(call)
    wish, files = await _content(call)
    _check(wish, files=len(files))
    nonce = str(wish.get("nonce") or "")
    if wish.get("enforce_nonce") and nonce:
        for known in call.world.store.all("message"):
            is_young = call.world.now() - datetime.fromisoformat(known["created_at"]) < NONCE_LIFE
            if known.get("nonce") == nonce and known["service"] == "discord" and is_young:
                return JSONResponse(_shown(known))
    id_ = str(_FIRST_ID + call.world.store.count_up("discord_message"))
    named = {int(attachment["id"]): str(attachment["filename"]) for attachment in wish.get("attachments") or []}
    facts = {"service": "discord", "created_at": call.world.now().isoformat(), "id": id_, "channel": room, "edits": 0}
    media = f"{call.origin}/discord/attachments/{id_}"
    attached = [
        {"id": str(n), "filename": named.get(n, ""), "size": size, "url": f"{media}/{n}", "proxy_url": f"{media}/{n}"}
        for n, size in files.items()
    ]
    kept = {name: wish.get(name) for name in ("content", "embeds", "components")}
    message = call.world.store.put("message", id_, {**facts, **kept, "nonce": nonce, "attachments": attached})
    return JSONResponse({**_shown(message), "nonce": nonce})


async def update(call: Call) -> Response:
    """Change a message; what is not named stays."""
    _room(call)
    id_ = call.request.path_params["message_id"]
    known = call.world.store.get("message", id_)
    if known is None or known["service"] != "discord":
        raise Refused(error(404, 10008, "Unknown Message"))
    wish, _ = await _content(call)
    _check({**known, **wish}, files=0)
    changed = {name: wish[name] for name in ("content", "embeds", "components", "attachments") if name in wish}
    return JSONResponse(_shown(call.world.store.merge("message", id_, **changed, edits=known["edits"] + 1)))


async def history(call: Call) -> Response:
    """List messages, newest first."""
    _room(call)
    limit = int(call.request.query_params.get("limit", 50))
    if not 1 <= limit <= 100:  # noqa: PLR2004
        raise Refused(error(400, 50035, "Invalid Form Body"))
    before = int(call.request.query_params.get("before", 2**63))
    messages = [message for message in reversed(call.world.store.all("message")) if message["service"] == "discord"]
    return JSONResponse([_shown(message) for message in messages if int(message["id"]) < before][:limit])


async def follow_up(call: Call) -> Response:
    """Answer a press with its own token; here only in private."""
    token = call.world.store.get("discord_token", call.request.path_params["token"])
    is_known = token is not None and call.request.path_params["application_id"] == credentials.DISCORD_APPLICATION_ID
    if token is None or not is_known or call.world.now() - datetime.fromisoformat(token["at"]) > TOKEN_LIFE:
        raise Refused(error(404, 10015, "Unknown Webhook"))
    wish, _ = await _content(call)
    _check(wish, files=0)
    if wish.get("flags") != _PRIVATE:
        raise Refused(error(400, 50035, "Invalid Form Body"))
    reply = {"service": "discord", "user": token["user"], "text": wish["content"]}
    call.world.store.put("reply_ephemeral", str(call.world.store.count_up("reply_ephemeral")), reply)
    return JSONResponse({"id": str(_FIRST_ID + call.world.store.count_up("discord_message")), "flags": _PRIVATE})


async def _content(call: Call) -> tuple[Document, dict[int, int]]:
    """Return the message that is wished for, and the size of each file by its number."""
    announced = call.request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > REQUEST_LIMIT:
        raise Refused(error(413, 40005, "Request entity too large"))
    files: dict[int, int] = {}
    if call.request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await call.request.form()
        payload = form.get("payload_json")
        raw = payload if isinstance(payload, str) else await payload.read() if payload is not None else b""
        for name, part in form.items():
            if isinstance(part, UploadFile) and name.startswith("files["):
                files[int(name[6:-1])] = len(await part.read())
        await form.close()
    else:
        raw = await call.request.body()
    try:
        wish = json.loads(raw)
    except ValueError:
        wish = None
    if not isinstance(wish, dict):
        raise Refused(error(400, 50109, "The request body contains invalid JSON."))
    if any(size > FILE_LIMIT for size in files.values()):
        raise Refused(error(413, 40005, "Request entity too large"))
    return wish, files


def _check(wish: Document, *, files: int) -> None:
    """Refuse what Discord would not take.

    Raises:
        Refused: 50035, or 50006 for a message with nothing in it.
    """
    if not (wish.get("content") or wish.get("embeds") or files):
        raise Refused(error(400, 50006, "Cannot send an empty message"))
    for problem in problems_of(wish):
        raise Refused(JSONResponse({"code": 50035, "message": "Invalid Form Body", "errors": {"_": problem}}, 400))


def problems_of(wish: Document) -> Iterator[str]:
    """Yield what is wrong with a message."""
    embeds, rows = wish.get("embeds") or [], wish.get("components") or []
    if len(wish.get("content") or "") > 2000:  # noqa: PLR2004
        yield "content has at most 2000 characters"
    if len(str(wish.get("nonce") or "")) > 25:  # noqa: PLR2004
        yield "a nonce has at most 25 characters"
    if len(embeds) > 10 or len(rows) > 5:  # noqa: PLR2004
        yield "at most 10 embeds and 5 rows"
    total = 0
    for embed in embeds:
        texts = {"title": 256, "description": 4096}
        parts = [(str(embed.get(name) or ""), most) for name, most in texts.items()]
        parts.append((str((embed.get("footer") or {}).get("text") or ""), 2048))
        for field in embed.get("fields") or []:
            parts += [(str(field["name"]), 256), (str(field["value"]), 1024)]
            if not field["value"]:
                yield "a field needs a value"
        total += sum(len(text) for text, _ in parts)
        if any(len(text) > most for text, most in parts):
            yield "a part of an embed is too long"
    if total > _EMBED_TOTAL:
        yield "embeds have at most 6000 characters together"
    yield from _problems_of_buttons(rows)


def _problems_of_buttons(rows: list[Any]) -> Iterator[str]:
    buttons = _buttons({"components": rows})
    if any(row.get("type") != 1 or not 1 <= len(row.get("components") or []) <= 5 for row in rows):  # noqa: PLR2004
        yield "a row has type 1 and 1 to 5 buttons"
    ids = [str(button.get("custom_id") or "") for button in buttons]
    if len(set(ids)) != len(ids) or any(not 1 <= len(button_id) <= 100 for button_id in ids):  # noqa: PLR2004
        yield "each custom_id is its own and has 1 to 100 characters"
    if any(button.get("type") != 2 or not 1 <= len(button.get("label") or "") <= 80 for button in buttons):  # noqa: PLR2004
        yield "a button has type 2 and a label of 1 to 80 characters"


def _shown(message: Document) -> Document:
    lists = {name: message.get(name) or [] for name in ("embeds", "components", "attachments")}
    rest = {"mentions": [], "mention_roles": [], "mention_everyone": False, "tts": False, "pinned": False, "flags": 0}
    return {
        **rest,
        **lists,
        "id": message["id"],
        "type": 0,
        "content": message.get("content") or "",
        "channel_id": message["channel"],
        "author": _BOT,
        "timestamp": message["created_at"],
        "edited_timestamp": None,
    }


# -- what people press ------------------------------------------------------------------------------------


def _payload(world: SandboxWorld, wish: Document) -> Document:
    token = world.new_digest("discord_token")[:40]
    user = {"id": wish["user"], "username": wish["name"]}
    world.store.put("discord_token", token, {"at": world.now().isoformat(), "user": wish["user"]})
    common = {
        "id": token[:18],
        "application_id": credentials.DISCORD_APPLICATION_ID,
        "token": token,
        "version": 1,
        "channel_id": credentials.DISCORD_CHANNEL_ID,
        "member": {"user": user, "roles": []},
    }
    if wish.get("form"):
        typed = {"type": 18, "component": {"type": 4, "custom_id": "caption", "value": wish.get("caption") or ""}}
        return {"type": 5, **common, "data": {"custom_id": wish["form"], "components": [typed]}}
    message, button = pressed_button(world, wish, "custom_id", _buttons)
    data = {"component_type": 2, "custom_id": button["custom_id"]}
    return {"type": 3, **common, "data": data, "message": {"id": message["id"]}}


def _buttons(message: Document) -> list[Document]:
    return [button for row in message.get("components") or [] for button in row.get("components") or []]


def _signed(payload: Document, at: str) -> tuple[str, dict[str, str]]:
    body = json.dumps(payload)
    key = SigningKey(bytes.fromhex(credentials.DISCORD_SIGNING_SEED))
    signature = key.sign(f"{at}{body}".encode()).signature.hex()
    headers = {"X-Signature-Timestamp": at, "X-Signature-Ed25519": signature, "Content-Type": "application/json"}
    return body, headers


def _problem(answer: Any) -> str:
    if not isinstance(answer, dict) or answer.get("type") not in _ANSWER_TYPES:
        return "Discord takes a JSON object with a type"
    if answer["type"] != _MODAL:
        return ""
    data = answer["data"]
    (label,) = data["components"]
    box = label["component"]
    is_form = label["type"] == 18 and box["type"] == 4 and 0 < len(label["label"]) <= 45  # noqa: PLR2004
    fits = len(box.get("value", "")) <= box["max_length"] <= 4000 and len(data["title"]) <= 45  # noqa: PLR2004
    if not is_form or not fits or not 1 <= len(data["custom_id"]) <= 100:  # noqa: PLR2004
        return "the form is not as Discord wants it"
    return ""
