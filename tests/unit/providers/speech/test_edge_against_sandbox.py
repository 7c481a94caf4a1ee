"""Edge in the sandbox world: a narration with words in it, and every fault with one verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.speech.contract import SpeechProvider, SpeechRequest
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.clock import FakeClock
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

PERMIT = make_permit("narration", "edge")
TEXT = "In 1712, potters & glaziers met here. They stayed for a year."
VOICE = "en-US-EmmaMultilingualNeural"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def edge(world: RunningSandbox, clock: FakeClock) -> Iterator[SpeechProvider]:
    access = Access("sandbox", world.credentials.get, world.url, clock, world.root)
    yield vendor_named("edge").connect(access)
    world.clear_faults()


@pytest.mark.slow
def test_a_narration_has_a_length_and_its_words_in_order(edge: SpeechProvider, tmp_path: Path) -> None:
    speech = edge.speak(PERMIT, SpeechRequest(TEXT, VOICE, "+0%"), dest=tmp_path / "voice.mp3")
    assert [word.text for word in speech.words][:4] == ["In", "1712", "potters", "&"]
    assert all(word.end_s <= other.start_s for word, other in zip(speech.words, speech.words[1:], strict=False))
    assert speech.words[-1].end_s <= speech.duration_s
    faster = edge.speak(PERMIT, SpeechRequest(TEXT, VOICE, "+50%"), dest=tmp_path / "faster.mp3")
    assert faster.duration_s < speech.duration_s


@pytest.mark.slow
def test_silence_that_passes_is_asked_again(
    edge: SpeechProvider, world: RunningSandbox, clock: FakeClock, tmp_path: Path
) -> None:
    world.arm("speech", "synthesize", "no_audio", times=2)
    assert edge.speak(PERMIT, SpeechRequest(TEXT, VOICE), dest=tmp_path / "voice").path == tmp_path / "voice.mp3"
    assert clock.slept == [1, 2]


def test_an_unknown_voice_is_refused(edge: SpeechProvider, clock: FakeClock, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="does not know the voice"):
        edge.speak(PERMIT, SpeechRequest(TEXT, "en-US-NobodyNeural"), dest=tmp_path / "voice")
    assert clock.slept == [1, 2, 4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"kind": "lose_answer"}, TransientError),
        ({"kind": "error_after_accept"}, TransientError),
        ({"kind": "error"}, TransientError),
        ({"kind": "quota"}, TransientError),
    ],
)
def test_a_fault_leaves_nothing_and_the_next_try_works(
    edge: SpeechProvider, world: RunningSandbox, tmp_path: Path, fault: dict[str, Any], verdict: type[ProviderError]
) -> None:
    world.arm("speech", "synthesize", times=1, **fault)
    with pytest.raises(verdict):
        edge.speak(PERMIT, SpeechRequest(TEXT, VOICE, "+0%"), dest=tmp_path / "voice.mp3")
    assert list(tmp_path.iterdir()) == []
    assert edge.speak(PERMIT, SpeechRequest(TEXT, VOICE, "+0%"), dest=tmp_path / "voice.mp3").words


def test_a_clock_that_is_refused_twice_is_reported(edge: SpeechProvider, world: RunningSandbox, tmp_path: Path) -> None:
    world.arm("speech", "synthesize", "expired_token", times=2)
    with pytest.raises(PermanentError, match="clock"):
        edge.speak(PERMIT, SpeechRequest(TEXT, VOICE, "+0%"), dest=tmp_path / "voice.mp3")
