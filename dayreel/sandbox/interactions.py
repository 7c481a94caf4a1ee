"""People in the chats of the sandbox world: they press a button, or send the form that was opened for them.

Each press becomes the signed request that Slack or Discord would send. It is delivered when an address on this machine
is given, and the answer is then held to what the vendor takes; otherwise it is only returned, for tests that bend it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from nacl.signing import SigningKey

from dayreel.errors import UsageError
from dayreel.sandbox import credentials
from dayreel.sandbox.world import Document, World

DEADLINE_S: Final = 3.0
_WISHES: Final = {"service", "message", "button", "form", "caption", "user", "name", "to", "at"}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_DISCORD_TYPES: Final = (1, 4, 5, 6, 7, 9)
_MODAL: Final = 9


async def press(world: World, wish: Document) -> Document:
    """Press a button or send a form.

    Args:
        wish: `service`; `message` and `button` (approve, reject, edit), or `form` and `caption`; `user` and `name` of
            the person; `to`, the address; `at`, Unix seconds instead of the world's time.

    Raises:
        UsageError: there is no such message, button or form.
    """
    unknown = sorted(set(wish) - _WISHES)
    if unknown or wish.get("service") not in _SIGNED:
        raise UsageError(f"A press has {', '.join(sorted(_WISHES))}; services are {', '.join(_SIGNED)}.")
    service = str(wish["service"])
    asked = {"user": "U0ANA", "name": "ana", **wish}
    payload = _slack_payload(world, asked) if service == "slack" else _discord_payload(world, asked)
    at = str(int(wish.get("at") or world.now().timestamp()))
    body, headers = _SIGNED[service](payload, at)
    delivered: Document = {"headers": headers, "body": body}
    return {**delivered, **await _deliver(service, str(wish["to"]), delivered)} if wish.get("to") else delivered


def _slack_payload(world: World, wish: Document) -> Document:
    user = {"id": wish["user"], "username": wish["name"], "team_id": "T0SANDBOX"}
    common = {"user": user, "team": {"id": "T0SANDBOX"}, "api_app_id": "A0SANDBOX"}
    if wish.get("form"):
        view = world.store.get("slack_view", str(wish["form"]))
        if view is None:
            raise UsageError(f"No form {wish['form']!r} was opened.")
        state = {"values": {"caption": {"caption": {"type": "plain_text_input", "value": wish.get("caption")}}}}
        return {"type": "view_submission", **common, "view": {**view, "state": state}, "response_urls": []}
    message, button = _button(world, wish, "action_id", lambda element: element.get("elements") or [])
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


def _discord_payload(world: World, wish: Document) -> Document:
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
    message, button = _button(world, wish, "custom_id", lambda element: element.get("components") or [])
    data = {"component_type": 2, "custom_id": button["custom_id"]}
    return {"type": 3, **common, "data": data, "message": {"id": message["id"]}}


def _button(
    world: World, wish: Document, name: str, inside: Callable[[Document], list[Document]]
) -> tuple[Document, Document]:
    message = world.store.get("message", str(wish.get("message")))
    if message is None or message["service"] != wish["service"]:
        raise UsageError(f"There is no message {wish.get('message')!r}.")
    rows = message.get("blocks") or message.get("components") or []
    for button in (element for row in rows for element in inside(row)):
        if str(wish.get("button")) in str(button.get(name)).replace("_", " ").split():
            return message, button
    raise UsageError(f"Message {wish.get('message')!r} has no button {wish.get('button')!r}.")


def _signed_by_slack(payload: Document, at: str) -> tuple[str, dict[str, str]]:
    body = urlencode({"payload": json.dumps(payload)})
    mac = hmac.new(credentials.SLACK_SIGNING_SECRET.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256)
    kind = "application/x-www-form-urlencoded"
    headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={mac.hexdigest()}", "Content-Type": kind}
    return body, headers


def _signed_by_discord(payload: Document, at: str) -> tuple[str, dict[str, str]]:
    body = json.dumps(payload)
    key = SigningKey(bytes.fromhex(credentials.DISCORD_SIGNING_SEED))
    signature = key.sign(f"{at}{body}".encode()).signature.hex()
    headers = {"X-Signature-Timestamp": at, "X-Signature-Ed25519": signature, "Content-Type": "application/json"}
    return body, headers


_SIGNED: Final[Mapping[str, Callable[[Document, str], tuple[str, dict[str, str]]]]] = {
    "slack": _signed_by_slack,
    "discord": _signed_by_discord,
}


async def _deliver(service: str, address: str, request: Document) -> Document:
    if urlsplit(address).hostname not in _LOOPBACK:
        raise UsageError("The sandbox world delivers to this machine only.")
    try:
        async with httpx.AsyncClient(timeout=DEADLINE_S, trust_env=False) as client:
            answer = await client.post(address, content=request["body"].encode(), headers=request["headers"])
    except httpx.HTTPError as error:
        return {"status": 0, "answer": None, "problem": f"no answer within three seconds ({type(error).__name__})"}
    try:
        answer_body = answer.json() if answer.content else None
    except ValueError:
        answer_body = answer.text
    problem = "" if answer.status_code != httpx.codes.OK else _PROBLEMS[service](answer_body)
    return {"status": answer.status_code, "answer": answer_body, "problem": problem}


def _slack_problem(answer: Any) -> str:
    is_fine = answer is None or answer == {} or (isinstance(answer, dict) and answer.get("response_action") == "errors")
    return "" if is_fine else "Slack takes nothing, {} or a response_action"


def _discord_problem(answer: Any) -> str:
    if not isinstance(answer, dict) or answer.get("type") not in _DISCORD_TYPES:
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


_PROBLEMS: Final[Mapping[str, Callable[[Any], str]]] = {"slack": _slack_problem, "discord": _discord_problem}
