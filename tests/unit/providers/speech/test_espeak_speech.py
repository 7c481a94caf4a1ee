"""espeak-ng: as a separate program. Where it is not installed, a script with its command line takes its place."""

import shutil
import wave
from pathlib import Path

import pytest

from dayreel.errors import PermanentError, TransientError
from dayreel.providers.speech.contract import Speech, SpeechProvider, SpeechRequest, estimated_words
from dayreel.providers.speech.espeak import EspeakSpeech, words_per_minute
from tests.fakes.espeak import make_espeak
from tests.fakes.permits import make_permit

PERMIT = make_permit("narration", "espeak")
TEXT = "The first kiln stood, near the river"


@pytest.fixture
def program(tmp_path: Path) -> str:
    return str(make_espeak(tmp_path))


def speak(provider: SpeechProvider, dest: Path, *, text: str = TEXT, voice: str = "en-us") -> Speech:
    return provider.speak(PERMIT, SpeechRequest(text, voice, "+20%"), dest=dest)


@pytest.mark.slow
def test_a_narration_is_saved_with_length_and_estimated_words(program: str, tmp_path: Path) -> None:
    speech = speak(EspeakSpeech(program=program), tmp_path / "out" / "voice.wav")
    with wave.open(str(speech.path), "rb") as audio:
        assert audio.getframerate() == 22050
    assert [path.name for path in speech.path.parent.iterdir()] == ["voice.wav"]
    assert speech.duration_s == 2.0
    assert [word.text for word in speech.words] == TEXT.split()
    assert speech.words[0].start_s == 0
    assert speech.words[-1].end_s == 2.0


@pytest.mark.slow
def test_no_key_of_ours_reaches_the_program(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "marked-secret")
    speak(EspeakSpeech(program=program), tmp_path / "voice.wav", text="Año -v x; $(id)")
    seen = (tmp_path / "seen").read_text()
    assert "marked-secret" not in seen
    assert "'210'" in seen
    assert "Año -v x; $(id)" in seen


def test_a_missing_program_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="apt-get install espeak-ng") as caught:
        speak(EspeakSpeech(program="espeak-ng-that-is-nowhere"), tmp_path / "voice.wav")
    assert "no program 'espeak-ng-that-is-nowhere'" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voice", "text", "message"),
    [
        ("nobody", TEXT, "voice does not exist"),
        ("broken", TEXT, "not a WAV"),
        ("silent", TEXT, "without sound"),
        ("en-us", "  ", "no text to speak"),
    ],
)
def test_what_fails_is_refused_and_leaves_the_old_file(
    program: str, tmp_path: Path, voice: str, text: str, message: str
) -> None:
    dest = tmp_path / "out" / "voice.wav"
    dest.parent.mkdir()
    dest.write_bytes(b"old")
    with pytest.raises(PermanentError, match=message):
        speak(EspeakSpeech(program=program), dest, voice=voice, text=text)
    assert dest.read_bytes() == b"old"
    assert [path.name for path in dest.parent.iterdir()] == ["voice.wav"]


@pytest.mark.slow
def test_a_program_that_hangs_is_given_up(program: str, tmp_path: Path) -> None:
    with pytest.raises(TransientError, match=r"nothing within 0\.1 s"):
        speak(EspeakSpeech(program=program, timeout_s=0.1), tmp_path / "voice.wav", voice="slow")


@pytest.mark.parametrize(("rate", "wpm"), [("+0%", 175), ("+20%", 210), ("-10%", 158), ("-90%", 80), ("+900%", 450)])
def test_a_rate_becomes_a_speed_the_program_takes(rate: str, wpm: int) -> None:
    assert words_per_minute(rate) == wpm


def test_estimated_words_follow_each_other_without_gaps() -> None:
    words = estimated_words("a longer one", 3.0)
    assert [word.start_s for word in words[1:]] == [word.end_s for word in words[:-1]]
    assert words[1].end_s - words[1].start_s > words[0].end_s - words[0].start_s


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed on this machine")
def test_the_real_program_speaks_and_refuses_an_unknown_voice(tmp_path: Path) -> None:
    speech = speak(EspeakSpeech(), tmp_path / "voice.wav")
    assert 1 < speech.duration_s < 6
    with pytest.raises(PermanentError):
        speak(EspeakSpeech(), tmp_path / "other.wav", voice="nobody-speaks-like-this")
