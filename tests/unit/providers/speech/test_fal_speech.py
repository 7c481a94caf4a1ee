"""Voices on fal: in each model's own fields, waited for by id, and failures that let go of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, TransientError
from dayreel.providers.speech.contract import Speech, SpeechFailed, SpeechRequest
from dayreel.providers.speech.fal_speech import FalSpeech, connect
from dayreel.vendors.access import Access
from tests.fakes.clock import FakeClock
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

ELEVEN, MINIMAX, KLING = (
    "fal-ai/elevenlabs/tts/eleven-v3",
    "fal-ai/minimax/speech-02-hd",
    "fal-ai/kling-video/v1/tts",
)
PERMIT = make_permit("narration", "fal_speech")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def voices(world: RunningSandbox) -> Iterator[FalSpeech]:
    world.reset()
    world.pace(fal_queue_s=0, fal_render_s=0)
    yield connect(Access("sandbox", world.credentials.get, world.url, FakeClock(), world.root))
    world.clear_faults()


@pytest.fixture
def speak(voices: FalSpeech, tmp_path: Path) -> Callable[..., Speech]:
    def spoken(**changes: Any) -> Speech:
        request = SpeechRequest(**{"text": "Wet clay.", "voice": "Rachel", "model": ELEVEN, **changes})
        return voices.collect(voices.submit(PERMIT, request), request, dest=tmp_path / "voice")

    return spoken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rate", "cost"), [(ELEVEN, "+0%", "0.0009"), (MINIMAX, "+10%", "0.0009"), (KLING, "-10%", "0.007")]
)
def test_each_model_is_asked_in_its_own_fields(
    world: RunningSandbox, speak: Callable[..., Speech], tmp_path: Path, model: str, rate: str, cost: str
) -> None:
    spoken = speak(model=model, rate=rate)
    assert [path.name for path in tmp_path.glob("voice*")] == [spoken.path.name] == ["voice.mp3"]
    assert [word.text for word in spoken.words] == ["Wet", "clay."]
    assert [generation["cost_usd"] for generation in world.effects()["generations"]] == [cost]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"rate": "+10%"}, "no speed of its own"),
        ({"model": "fal-ai/nobody/tts"}, "'fal-ai/nobody/tts' takes"),
        ({"text": " "}, "no text to speak"),
    ],
)
def test_what_a_model_cannot_do_is_not_sent(
    world: RunningSandbox, speak: Callable[..., Speech], asked: dict[str, Any], answer: str
) -> None:
    with pytest.raises(PermanentError, match=f"{answer}; nothing was sent"):
        speak(**asked)
    assert world.effects()["generations"] == []


def test_a_request_that_fal_fails_is_let_go(world: RunningSandbox, speak: Callable[..., Speech]) -> None:
    world.arm("fal", "submit", "completed_with_error", times=1)
    with pytest.raises(SpeechFailed) as caught:
        speak()
    assert isinstance(caught.value.error, TransientError)


def test_a_request_that_is_still_running_is_kept(world: RunningSandbox, speak: Callable[..., Speech]) -> None:
    world.arm("fal", "submit", "stuck", times=1)
    with pytest.raises(TransientError, match=r"still running.* it is not bought again"):
        speak()
