"""What the voices on fal take, make and cost, for the stand-in of its queue: by fal's own types of 2026-08-02."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from dayreel.sandbox.speech import SsmlRequest, babble, words_of
from dayreel.sandbox.world import Document, SandboxWorld


@dataclass(frozen=True, slots=True)
class SpeakingModel:
    """One model: its fields, those with fields of their own with theirs, and its price."""

    fields: Mapping[str, frozenset[str]]
    price: Decimal
    per_characters: int = 0


def _plain(*names: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(("text", *names), frozenset())


MODELS: Final = {
    "fal-ai/elevenlabs/tts/eleven-v3": SpeakingModel(
        _plain("apply_text_normalization", "language_code", "stability", "timestamps", "voice"), Decimal("0.1"), 1000
    ),
    "fal-ai/minimax/speech-02-hd": SpeakingModel(
        {
            **_plain("audio_setting", "language_boost", "output_format", "pronunciation_dict"),
            "voice_setting": frozenset({"voice_id", "custom_voice_id", "speed", "vol", "pitch", "emotion"}),
        },
        Decimal("0.1"),
        1000,
    ),
    "fal-ai/kling-video/v1/tts": SpeakingModel(_plain("voice_id", "voice_speed"), Decimal("0.007")),
}


def check(model_id: str, arguments: Document) -> list[Document]:
    """Return what is wrong with a model's input, in the shape of fal's first error."""
    fields = MODELS[model_id].fields
    text = arguments.get("text")
    unknown: list[tuple[str, ...]] = [(name,) for name in sorted(set(arguments) - set(fields))]
    for name, inner in fields.items():
        given = arguments.get(name)
        unknown += [(name, part) for part in sorted(set(given) - inner)] if inner and isinstance(given, dict) else []
    problems = [_problem(where, "Extra inputs are not permitted", "extra_forbidden") for where in unknown]
    if not isinstance(text, str) or not text.strip():
        problems.append(_problem(("text",), "Field required", "missing"))
    return problems


def _problem(where: tuple[str, ...], message: str, kind: str) -> Document:
    return {"loc": ["body", *where], "msg": message, "type": kind, "url": f"https://docs.fal.ai/errors#{kind}"}


def bill(world: SandboxWorld, request: Document) -> None:
    """Write a narration down, free where its input was refused."""
    model, text = MODELS[request["model"]], str(request["arguments"].get("text"))
    cost = model.price * len(text) / model.per_characters if model.per_characters else model.price
    world.bill(
        vendor="fal",
        kind="speech",
        id_=request["id"],
        model=request["model"],
        cost_usd=Decimal(0) if request["problems"] else cost,
        prompt=text,
        characters=len(text),
        duration_s=1,
    )


async def sound(request: Document) -> bytes:
    """Return what is heard of a request."""
    arguments: dict[str, Any] = request["arguments"]
    voice = str(arguments.get("voice") or arguments.get("voice_id") or arguments.get("voice_setting") or "Rachel")
    return await asyncio.to_thread(babble, words_of(SsmlRequest(arguments["text"], voice, 1.0)), voice)
