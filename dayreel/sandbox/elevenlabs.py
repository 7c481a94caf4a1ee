"""Stand-in for ElevenLabs: speech with the times of characters, the history of what was spoken, the plan.

It begins as for a free account: library voices are refused, and credits are few. Errors: its docs and public reports of
2026, see the vendor's file.
"""

import asyncio
import base64
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.speech import SsmlRequest, babble, words_of
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

FREE: Final = "free"
CREDITS: Final = {FREE: 10_000, "starter": 30_000}
DEFAULT_VOICES: Final = frozenset({"JBFqnCBsd6RMkjVDRZzb", "EXAVITQu4vr4xnSDxMaL"})
LIBRARY_VOICES: Final = frozenset({"21m00Tcm4TlvDq8ikWAM"})
DEFAULTS_END: Final = date(2026, 12, 31)
MODELS: Final[dict[str, tuple[int, str]]] = {
    "eleven_v3": (5_000, "0.10"),
    "eleven_multilingual_v2": (10_000, "0.10"),
    "eleven_flash_v2_5": (40_000, "0.05"),
}
"""The longest text of each model in characters, and its price for a thousand of them."""
_SPEEDS: Final = (0.7, 1.2)
_FIELDS: Final = frozenset(
    {
        *("text", "model_id", "language_code", "voice_settings", "pronunciation_dictionary_locators", "seed"),
        *("previous_text", "next_text", "previous_request_ids", "next_request_ids", "use_pvc_as_ivc"),
        *("apply_text_normalization", "apply_language_text_normalization", "audio_effects"),
    }
)


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/elevenlabs`."""
    base = "/elevenlabs/v1"
    return routes(
        world,
        "elevenlabs",
        _fault_answer,
        {
            ("POST", f"{base}/text-to-speech/{{voice_id}}/with-timestamps", "speak"): speak,
            ("GET", f"{base}/history", "history"): history,
            ("GET", f"{base}/history/{{item_id}}", "item"): read_item,
            ("GET", f"{base}/history/{{item_id}}/audio", "audio"): read_audio,
            ("GET", f"{base}/user/subscription", "subscription"): subscription,
        },
        special_faults={"empty_audio": ("speak",)},
        pace={"elevenlabs_tier": "starter"},
    )


def error(status: int, kind: str, code: str, message: str) -> JSONResponse:
    """Return an error in the vendor's shape; `status` in it is what older clients read."""
    detail = {"type": kind, "code": code, "message": message, "status": code, "request_id": "sandbox"}
    return JSONResponse({"detail": detail}, status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return error(401, "authentication_error", "invalid_api_key", "Invalid API key")
    if fault.kind == "quota":
        return error(401, "authentication_error", "quota_exceeded", "This request exceeds your quota.")
    status = fault.status or 500
    typical = {429: "too_many_concurrent_requests", 402: "paid_plan_required"}
    code = str(fault.code or typical.get(status, "internal_server_error"))
    return error(status, "api_error", code, "Armed in the sandbox world.")


def _authorized(call: Call) -> None:
    if call.request.headers.get("xi-api-key") != credentials.ELEVENLABS_API_KEY:
        raise Refused(error(401, "authentication_error", "invalid_api_key", "Invalid API key"))


def _used(world: SandboxWorld) -> int:
    return sum(item["characters"] for item in world.store.all("generation") if item["vendor"] == "elevenlabs")


def _credits(world: SandboxWorld) -> int:
    return CREDITS[str(world.pace("elevenlabs_tier"))]


async def speak(call: Call) -> Response:
    """Answer `POST /v1/text-to-speech/{voice_id}/with-timestamps`."""
    _authorized(call)
    voice_id, asked = call.request.path_params["voice_id"], await call.json() or {}
    for problem in _problems(call.world, voice_id, asked):
        raise Refused(problem)
    text, model = str(asked["text"]), str(asked["model_id"])
    speed = float((asked.get("voice_settings") or {}).get("speed", 1))
    parts = words_of(SsmlRequest(text, voice_id, speed))
    sound = await asyncio.to_thread(babble, parts, voice_id)
    item_id = call.world.new_digest("elevenlabs")[:20]
    times = _times(text, [(part.start_s, part.duration_s) for part in parts])
    call.world.store.put(
        "elevenlabs_item",
        item_id,
        {
            "history_item_id": item_id,
            "request_id": f"req-{item_id}",
            "voice_id": voice_id,
            "model_id": model,
            "text": text,
            "date_unix": int(call.world.now().timestamp()),
            "character_count_change_from": _used(call.world),
            "character_count_change_to": _used(call.world) + len(text),
            "content_type": "audio/mpeg",
            "state": "created",
            "source": "TTS",
            "alignments": {"alignment": times, "normalized_alignment": times},
            "audio": base64.b64encode(sound).decode(),
        },
    )
    call.world.bill(
        vendor="elevenlabs",
        kind="speech",
        id_=item_id,
        model=model,
        cost_usd=Decimal(MODELS[model][1]) * len(text) / 1000,
        prompt=text,
        characters=len(text),
    )
    audio = "" if call.has("empty_audio") else base64.b64encode(sound).decode()
    return JSONResponse({"audio_base64": audio, "alignment": times, "normalized_alignment": times})


def _invalid(field: str, message: str) -> JSONResponse:
    return JSONResponse({"detail": [{"loc": ["body", field], "msg": message, "type": "value_error"}]}, 422)


def _problems(world: SandboxWorld, voice_id: str, asked: Document) -> Iterator[JSONResponse]:
    """Yield the refusals that a request earns, in the order in which the vendor looks."""
    text, model = asked.get("text"), asked.get("model_id", "eleven_multilingual_v2")
    if not isinstance(text, str) or not text.strip():
        yield _invalid("text", "Field required")
    text = str(text)
    yield from (_invalid(field, "Extra inputs are not permitted") for field in sorted(set(asked) - _FIELDS))
    if not _SPEEDS[0] <= (asked.get("voice_settings") or {}).get("speed", 1) <= _SPEEDS[1]:
        yield _invalid("voice_settings", f"speed must be between {_SPEEDS[0]} and {_SPEEDS[1]}")
    if model not in MODELS:
        yield error(400, "invalid_request", "model_not_found", f"A model with ID {model} does not exist.")
    elif len(text) > MODELS[model][0]:
        message = f"This request's text has {len(text)} characters and exceeds the limit of {MODELS[model][0]}."
        yield error(400, "invalid_request", "max_character_limit_exceeded", message)
    is_default = voice_id in DEFAULT_VOICES and world.now().date() <= DEFAULTS_END
    if not is_default and voice_id not in LIBRARY_VOICES:
        yield error(404, "not_found", "voice_not_found", f"A voice with the voice_id {voice_id} was not found.")
    if not is_default and world.pace("elevenlabs_tier") == FREE:
        message = "Free users cannot use library voices via the API. Please upgrade your subscription."
        yield error(402, "payment_required", "paid_plan_required", message)
    left = _credits(world) - _used(world)
    if len(text) > left:
        message = f"This request exceeds your quota of {_credits(world)}. You have {left} credits remaining."
        yield error(401, "authentication_error", "quota_exceeded", message)


def _times(text: str, spoken: list[tuple[float, float]]) -> Document:
    """Return the time of each character: those of a word share its time, a space lasts from one word to the next."""
    signs: list[tuple[str, float, float]] = []
    at_s = 0.0
    for number, word in enumerate(text.split()):
        start_s, length_s = spoken[number] if number < len(spoken) else (at_s, 0.1)
        if number:
            signs.append((" ", at_s, start_s))
        each_s = length_s / len(word)
        signs += [(sign, start_s + each_s * index, start_s + each_s * (index + 1)) for index, sign in enumerate(word)]
        at_s = start_s + length_s
    return {
        "characters": [sign for sign, _, _ in signs],
        "character_start_times_seconds": [round(start_s, 3) for _, start_s, _ in signs],
        "character_end_times_seconds": [round(end_s, 3) for _, _, end_s in signs],
    }


# -- what was spoken --------------------------------------------------------------------------------------


def _shown(item: Document, *, whole: bool = False) -> Document:
    hidden = {"audio"} if whole else {"audio", "alignments"}
    return {name: value for name, value in item.items() if name not in hidden}


def _item(call: Call) -> Document:
    _authorized(call)
    item = call.world.store.get("elevenlabs_item", call.request.path_params["item_id"])
    if item is None:
        raise Refused(error(404, "not_found", "history_item_not_found", "There is no such history item."))
    return item


async def history(call: Call) -> Response:
    """Answer `GET /v1/history`, newest first, in pages."""
    _authorized(call)
    query = call.request.query_params
    since, size = int(query.get("date_after_unix", "0")), min(1000, int(query.get("page_size", "100")))
    items = [
        item
        for item in reversed(call.world.store.all("elevenlabs_item"))
        if item["date_unix"] >= since and query.get("voice_id", item["voice_id"]) == item["voice_id"]
    ]
    ids = [item["history_item_id"] for item in items]
    after = query.get("start_after_history_item_id")
    start = ids.index(after) + 1 if after in ids else 0
    page: list[Any] = [_shown(item) for item in items[start : start + size]]
    last = page[-1]["history_item_id"] if page else None
    more = start + size < len(items)
    return JSONResponse({"history": page, "last_history_item_id": last, "has_more": more, "scanned_until": None})


async def read_item(call: Call) -> Response:
    """Answer `GET /v1/history/{item_id}`."""
    return JSONResponse(_shown(_item(call), whole=True))


async def read_audio(call: Call) -> Response:
    """Answer `GET /v1/history/{item_id}/audio`."""
    return Response(base64.b64decode(_item(call)["audio"]), media_type="audio/mpeg")


async def subscription(call: Call) -> Response:
    """Answer `GET /v1/user/subscription`."""
    _authorized(call)
    tier = str(call.world.pace("elevenlabs_tier"))
    used, limit = _used(call.world), _credits(call.world)
    return JSONResponse({"tier": tier, "character_count": used, "character_limit": limit, "status": "active"})
