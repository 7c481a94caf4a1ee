"""OpenAI's voices: a refusal is read in its own words, and what may be billed is never called undone."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.speech.contract import Speech, SpeechRequest
from dayreel.providers.speech.openai_speech import connect, prove
from dayreel.rules.pricing import narration_price
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

TEXT = "Wet clay, and a wheel."
PERMIT = make_permit("narration", "openai_speech")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def speak(world: RunningSandbox, tmp_path: Path) -> Callable[..., Speech]:
    client = connect(Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root))

    def spoken(**changes: Any) -> Speech:
        request = SpeechRequest(**{"text": TEXT, "voice": "coral", "model": "tts-1", **changes})
        return client.speak(PERMIT, request, dest=tmp_path / "voice")

    return spoken


@pytest.mark.slow
def test_sound_is_kept_with_estimated_words(speak: Callable[..., Speech]) -> None:
    slow, fast = speak(), speak(rate="+100%")
    assert (slow.path.name, [word.text for word in slow.words]) == ("voice.mp3", TEXT.split())
    assert fast.duration_s < slow.duration_s == pytest.approx(slow.words[-1].end_s, abs=0.01)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"voice": "nobody"}, "invalid_value"),
        ({"model": "gpt-9-tts"}, "model_not_found"),
        ({"model": None}, "nothing was sent"),
        ({"rate": "+400%"}, "nothing was sent"),
        ({"text": "a" * 4097}, "at most 4096"),
    ],
)
def test_what_cannot_be_spoken_is_refused(speak: Callable[..., Speech], asked: dict[str, Any], answer: str) -> None:
    with pytest.raises(PermanentError, match=answer) as caught:
        speak(**asked)
    assert caught.value.next_step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, {"error": {"code": "invalid_api_key", "message": "no"}}, PermanentError),
        (429, {"error": {"code": "rate_limit_exceeded", "message": "no"}}, TransientError),
        (429, {"error": {"code": "insufficient_quota", "message": "no"}}, PermanentError),
        (429, "slow down", UnknownOutcomeError),
        (500, {"error": {"type": "server_error", "message": "no"}}, UnknownOutcomeError),
        (200, "", UnknownOutcomeError),
        (200, "<html>hello</html>", UnknownOutcomeError),
    ],
)
def test_an_odd_answer_has_one_verdict(
    world: RunningSandbox, speak: Callable[..., Speech], status: int, body: Any, verdict: type[ProviderError]
) -> None:
    world.arm("openai_speech", "speak", "answer_after_accept", times=1, status=status, body=body)
    with pytest.raises(verdict) as caught:
        speak()
    assert type(caught.value) is verdict


def test_a_server_of_ones_own_never_sees_openais_key(world: RunningSandbox, tmp_path: Path) -> None:
    own = {"OPENAI_API_KEY": "sk-marked", "OPENAI_SPEECH_URL": f"{world.url}/openai/v1"}
    access = Access("live", own.get, None, SystemClock(), world.root)
    with pytest.raises(PermanentError, match="401") as caught:
        prove(access, ["kokoro"])
    assert "sk-marked" not in repr(vars(connect(access).http))
    assert caught.value.next_step == "Check OPENAI_SPEECH_KEY, the key of your own server."
    assert "Authorization" not in repr(vars(connect(access).http)), "no key is made up"


def test_seconds_are_reserved_slowly_and_booked_as_they_were(tmp_path: Path) -> None:
    model = ModelList(tmp_path).priced("openai_speech", "gpt-4o-mini-tts")
    assert narration_price(model, "x" * 40) == Decimal("0.0025")
    assert narration_price(model, "x" * 40, 3.0) == Decimal("0.00075")
    assert narration_price(model, "x" * 40, rate="-75%") == 4 * narration_price(model, "x" * 40, rate="+50%")
    assert narration_price(model, "湿った粘土") == narration_price(model, "x" * 15), (
        "a sign of such a script is a syllable"
    )
