"""Stand-in for OpenAI's speech endpoint: MP3 for text, by the voices and models of SDK 3.52, until the day they end."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.openai import error, fault_answer
from dayreel.sandbox.speech import SsmlRequest, babble, words_of
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

MODELS: Final = {"tts-1": "15", "tts-1-hd": "30", "gpt-4o-mini-tts": "0"}
"""Price of a million characters; the last one is billed by the second, here a fortieth of a cent."""
_PER_SECOND: Final = Decimal("0.00025")
_ENDED: Final = date(2027, 1, 6)
_VOICES: Final = frozenset(
    {
        *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin"),
        "cedar",
    }
)
_LONGEST: Final = 4096
_FIELDS: Final = frozenset({"input", "model", "voice", "instructions", "response_format", "speed", "stream_format"})


def mount(world: SandboxWorld) -> list[Route]:
    """Return the one route."""
    return routes(
        world,
        "openai_speech",
        _fault_answer,
        {("POST", "/openai/v1/audio/speech", "speak"): speak},
        special_faults={"empty_audio": ("speak",)},
    )


def _fault_answer(route: str, fault: Fault) -> Response:
    return fault_answer(route, fault)


def _problem(world: SandboxWorld, asked: Document) -> Response | None:
    text, speed = asked.get("input"), asked.get("speed", 1)
    unknown = sorted(set(asked) - _FIELDS)
    model = asked.get("model")
    gone = model not in MODELS or world.now().date() >= _ENDED
    rules = (
        (bool(unknown), 400, f"Unrecognized request argument supplied: {', '.join(unknown)}", None),
        (not isinstance(text, str) or not text, 400, "[{'type': 'string_too_short', 'loc': ('body', 'input')}]", None),
        (len(str(text)) > _LONGEST, 400, f"String should have at most {_LONGEST} characters", None),
        (gone, 404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found"),
        (asked.get("voice") not in _VOICES, 400, f"Invalid value: '{asked.get('voice')}'.", "invalid_value"),
        (not 0.25 <= speed <= 4, 400, "speed must be between 0.25 and 4.0", None),  # noqa: PLR2004  the vendor's
        (asked.get("response_format", "mp3") != "mp3", 400, "only mp3 is made here", None),
    )
    return next((error(status, words, code=code) for is_so, status, words, code in rules if is_so), None)


async def speak(call: Call) -> Response:
    """Answer `POST /v1/audio/speech`."""
    if call.bearer() != credentials.OPENAI_API_KEY:
        raise Refused(error(401, "Incorrect API key provided.", code="invalid_api_key"))
    asked = await call.json() or {}
    problem = _problem(call.world, asked)
    if problem is not None:
        raise Refused(problem)
    text, model = str(asked["input"]), str(asked["model"])
    parts = words_of(SsmlRequest(text, asked["voice"], float(asked.get("speed", 1))))
    sound = await asyncio.to_thread(babble, parts, asked["voice"])
    seconds = Decimal(len(sound) * 8) / 48_000
    by_length = Decimal(MODELS[model]) * len(text) / 1_000_000
    call.world.bill(
        vendor="openai",
        kind="speech",
        id_=call.world.new_digest("openai_speech")[:24],
        model=model,
        cost_usd=by_length or _PER_SECOND * seconds,
        prompt=text,
        characters=len(text),
        input_usd="0",
    )
    return Response(b"" if call.has("empty_audio") else sound, media_type="audio/mpeg")
