"""ElevenLabs: what it says is judged by its own words, and nothing that may be billed is called undone."""

import base64
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, Reply
from dayreel.providers.speech.contract import Speech, SpeechRequest
from dayreel.providers.speech.elevenlabs import ElevenLabsSpeech, prove
from dayreel.sandbox.speech import SsmlRequest, babble, words_of
from dayreel.sandbox.world import SandboxWorld
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

GEORGE, LIBRARY, MODEL = "JBFqnCBsd6RMkjVDRZzb", "21m00Tcm4TlvDq8ikWAM", "eleven_multilingual_v2"
TEXT = "Wet clay, and a wheel."
PERMIT = make_permit("narration", "elevenlabs")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def world(shared: RunningSandbox) -> RunningSandbox:
    shared.reset()
    return shared


@pytest.fixture
def access(world: RunningSandbox) -> Access:
    return Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root)


@pytest.fixture
def speak(access: Access, tmp_path: Path) -> Callable[..., Speech]:
    def spoken(**changes: Any) -> Speech:
        request = SpeechRequest(**{"text": TEXT, "voice": GEORGE, "model": MODEL, **changes})
        speech: Speech = vendor_named("elevenlabs").connect(access).speak(PERMIT, request, dest=tmp_path / "voice")
        return speech

    return spoken


def paid(world: RunningSandbox) -> int:
    return len(world.effects()["generations"])


@pytest.mark.slow
def test_words_come_with_the_vendors_times(speak: Callable[..., Speech]) -> None:
    spoken = speak(rate="+20%")
    assert spoken.path.name == "voice.mp3"
    assert [word.text for word in spoken.words] == TEXT.split()
    assert all(word.end_s <= after.start_s for word, after in zip(spoken.words, spoken.words[1:], strict=False))
    assert 0 < spoken.words[0].start_s < spoken.words[-1].end_s <= spoken.duration_s


@pytest.mark.parametrize(
    ("asked", "answer", "step"),
    [
        ({"voice": "nobody"}, "voice_not_found", "My Voices"),
        ({"model": "eleven_v9"}, "model_not_found", "narration.model"),
        ({"model": None}, "no model is chosen; nothing was sent", "narration.model"),
        ({"rate": "+50%"}, "nothing was sent", "narration.rate"),
        ({"text": "a " * 6000}, "max_character_limit_exceeded", "Shorten"),
        ({"text": "  "}, "there is no text", ""),
    ],
)
def test_what_cannot_be_spoken_names_the_next_step(
    world: RunningSandbox, speak: Callable[..., Speech], asked: dict[str, Any], answer: str, step: str
) -> None:
    with pytest.raises(PermanentError, match=answer) as caught:
        speak(**asked)
    assert step in caught.value.next_step
    assert paid(world) == 0


def test_a_free_account_meets_its_limits(world: RunningSandbox, access: Access, speak: Callable[..., Speech]) -> None:
    world.pace(elevenlabs_tier="free")
    assert prove(access, ()).found == "plan free, 10000 credits left this month"
    with pytest.raises(PermanentError, match="paid_plan_required") as caught:
        speak(voice=LIBRARY)
    assert "Starter" in caught.value.next_step
    world.ask(lambda stand_in: spend(stand_in, 10_000))
    with pytest.raises(PermanentError, match="quota_exceeded"):
        speak()
    assert prove(access, ()).problem == "no credits are left"


def spend(world: SandboxWorld, characters: int) -> None:
    what = {"vendor": "elevenlabs", "kind": "speech", "id_": "before", "model": MODEL, "prompt": "x"}
    world.bill(**what, cost_usd=Decimal(0), characters=characters)


OWN = {"detail": {"type": "x", "message": "no"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, {"detail": {"status": "quota_exceeded", "message": "You have 0 credits"}}, PermanentError),
        (402, {"detail": {"code": "paid_plan_required", "status": "payment_required"}}, PermanentError),
        (429, {"detail": {"status": "too_many_concurrent_requests"}}, TransientError),
        (429, {"detail": {"status": "system_busy"}}, TransientError),
        (422, {"detail": [{"loc": ["body", "text"], "msg": "Field required"}]}, PermanentError),
        (422, {"detail": [{"loc": [], "msg": "no"}, {"loc": None}]}, UnknownOutcomeError),
        (429, OWN, UnknownOutcomeError),
        (401, "<html>sign in</html>", UnknownOutcomeError),
        (404, {"detail": "Not Found"}, UnknownOutcomeError),
        (503, {"detail": {"status": "system_busy"}}, UnknownOutcomeError),
        (200, {"audio_base64": "", "alignment": None}, UnknownOutcomeError),
        (200, {"audio_base64": "bm90IGFuIG1wMw==", "alignment": None}, UnknownOutcomeError),
        (200, {"audio_base64": 7, "alignment": []}, UnknownOutcomeError),
    ],
)
def test_an_odd_answer_has_one_verdict(
    world: RunningSandbox,
    speak: Callable[..., Speech],
    tmp_path: Path,
    status: int,
    body: Any,
    verdict: type[ProviderError],
) -> None:
    world.arm("elevenlabs", "speak", "answer_after_accept", times=1, status=status, body=body)
    with pytest.raises(verdict) as caught:
        speak()
    assert type(caught.value) is verdict
    assert list(tmp_path.glob("voice*")) == []


SOUND = babble(words_of(SsmlRequest(TEXT, GEORGE, 1.0)), GEORGE)
REQUEST = SpeechRequest(TEXT, GEORGE, model=MODEL)
LATIN_TAG = b"TAG" + "Café".encode("latin-1").ljust(125, b"\0")


def answering(*bodies: bytes) -> Any:
    left = list(bodies)

    def send(_http: Http, *_what: Any, attempted: str, has_side_effects: bool, **_more: Any) -> Reply:
        return Reply(200, {}, left.pop(0), attempted, has_side_effects)

    return patch.object(Http, "send", send)


@pytest.mark.parametrize("times", [[None], ["soon"], [float("nan")], [0, None]])
def test_times_that_are_none_lose_no_paid_sound(tmp_path: Path, times: list[Any]) -> None:
    """Neither of an answer nor of the history, where the same one comes again."""
    signs = {"characters": list(TEXT), "character_start_times_seconds": times, "character_end_times_seconds": times}
    client, dest = ElevenLabsSpeech(key="k"), tmp_path / "voice"
    answer = json.dumps({"audio_base64": base64.b64encode(SOUND).decode(), "alignment": signs}).encode()
    with answering(answer):
        spoken = client.speak(PERMIT, REQUEST, dest=dest)
    for alignments in ({"alignment": signs}, [signs]):
        with answering(json.dumps({"alignments": alignments}).encode(), SOUND):
            assert client.collect({"history_item_id": "h"}, REQUEST, dest=dest).words == spoken.words
    assert [word.text for word in spoken.words] == TEXT.split()


def test_a_tag_that_nobody_can_read_leaves_the_outcome_open(tmp_path: Path) -> None:
    body = {"audio_base64": base64.b64encode(SOUND + LATIN_TAG).decode()}
    with answering(json.dumps(body).encode()), pytest.raises(UnknownOutcomeError, match="UnicodeDecodeError"):
        ElevenLabsSpeech(key="k").speak(PERMIT, REQUEST, dest=tmp_path / "voice")


@pytest.mark.parametrize("odd", ["x", {}, {"history_item_id": None}, {"date_unix": 1}])
def test_an_odd_item_of_the_history_is_passed_over(odd: Any) -> None:
    item = {"history_item_id": "h-1", "text": TEXT, "date_unix": None}
    with answering(json.dumps({"history": [odd, item]}).encode()):
        lookup = ElevenLabsSpeech(key="k").find(PERMIT.key, REQUEST, sent_at=SystemClock().now())
    assert [dict(handle) for handle in lookup.handles] == [{"history_item_id": "h-1"}]
