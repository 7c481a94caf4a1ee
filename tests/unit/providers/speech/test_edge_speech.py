"""Edge: whole narrations with word times, and an end to every call."""

import asyncio
from pathlib import Path

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.speech.contract import Speech, SpeechProvider, SpeechRequest
from dayreel.providers.speech.edge import EdgeSpeech
from tests.fakes.clock import FakeClock
from tests.fakes.edge_service import WORD_S, Mood, edge_service
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import unused_url
from tests.waiting import WITHIN_S

pytestmark = pytest.mark.slow

PERMIT = make_permit("narration", "edge")
TEXT = "The first kiln stood near the river"
VOICE = "en-US-EmmaMultilingualNeural"


def speak(provider: SpeechProvider, dest: Path, *, text: str = TEXT, voice: str = VOICE, rate: str = "+0%") -> Speech:
    return provider.speak(PERMIT, SpeechRequest(text, voice, rate), dest=dest)


def test_a_narration_is_on_disk_with_its_length_and_word_times(tmp_path: Path) -> None:
    with edge_service() as service:
        speech = speak(EdgeSpeech(url=service.url), tmp_path / "voice.mp3", rate="+10%")
    assert speech.path == tmp_path / "voice.mp3"
    assert [path.name for path in tmp_path.iterdir()] == ["voice.mp3"]
    assert speech.duration_s == pytest.approx(7 * WORD_S, abs=0.1)
    assert [word.text for word in speech.words] == TEXT.split()
    assert (speech.words[1].start_s, speech.words[1].end_s) == pytest.approx((0.4, 0.7))
    assert '"wordBoundaryEnabled":"true"' in service.configured[0]
    assert "rate='+10%'" in service.asked[0]
    assert service.queries[0]["TrustedClientToken"]
    assert service.queries[0]["ConnectionId"]


def test_it_works_from_inside_an_event_loop_too(tmp_path: Path) -> None:
    async def inside() -> Speech:
        return speak(EdgeSpeech(url=service.url), tmp_path / "voice.mp3")

    with edge_service() as service:
        assert asyncio.run(inside()).words


def test_the_library_is_pointed_back_at_the_service_afterwards(tmp_path: Path) -> None:
    from edge_tts import communicate

    before = vars(communicate)["WSS_URL"]
    with edge_service("no_audio") as service, pytest.raises(PermanentError):
        speak(EdgeSpeech(url=service.url, clock=FakeClock()), tmp_path / "voice.mp3")
    assert vars(communicate)["WSS_URL"] == before
    assert before.startswith("wss://speech.platform.bing.com/")


@pytest.mark.parametrize(
    ("mood", "verdict", "message"),
    [
        ("no_audio", PermanentError, "does not know the voice"),
        ("forbid", PermanentError, "clock"),
        ("nonsense", PermanentError, "update edge-tts"),
        ("busy", TransientError, "HTTP 503"),
        ("close_at_once", TransientError, "broke off"),
        ("close_in_the_middle", TransientError, "broke off"),
        ("not_mp3", TransientError, "no sound that can be read"),
        ("hang", TransientError, "TimeoutError"),
    ],
)
def test_every_failure_has_one_verdict_and_keeps_the_old_file(
    tmp_path: Path, mood: Mood, verdict: type[ProviderError], message: str
) -> None:
    dest = tmp_path / "voice.mp3"
    dest.write_bytes(b"old")
    deadline_s = 0.1 if mood == "hang" else WITHIN_S
    with edge_service(mood) as service, pytest.raises(verdict, match=message) as caught:
        speak(EdgeSpeech(url=service.url, deadline_s=deadline_s, clock=FakeClock()), dest)
    assert type(caught.value) is verdict
    assert VOICE in str(caught.value)
    assert dest.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["voice.mp3"]


def test_a_service_that_is_not_there_can_be_asked_again(tmp_path: Path) -> None:
    url = unused_url().replace("http://", "ws://") + "/edge/v1"
    with pytest.raises(TransientError, match="ClientConnectorError"):
        speak(EdgeSpeech(url=url), tmp_path / "voice.mp3")


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [(" \n", VOICE, "no text to speak"), (TEXT, "nobody", "Invalid voice"), (TEXT, "en-us", "--list-voices")],
)
def test_what_cannot_be_spoken_is_refused_without_a_connection(
    tmp_path: Path, text: str, voice: str, message: str
) -> None:
    with edge_service() as service, pytest.raises(PermanentError, match=message):
        speak(EdgeSpeech(url=service.url), tmp_path / "voice.mp3", text=text, voice=voice)
    assert service.queries == []
