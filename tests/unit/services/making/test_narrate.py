"""Speaking the narration: once, again when its words or voice change, patiently when the voice is away."""

from collections.abc import Callable

import pytest

from dayreel.errors import PermanentError, TransientError, UsageError
from dayreel.schemas.content import Idea
from dayreel.services.making.narrate import narrate
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.studio import Studio
from tests.fakes.clock import FakeClock
from tests.fakes.speech import FakeSpeech
from tests.fakes.studio import DAY, channel_of, content_row, write_channel

VOICE = {"provider": "edge", "voice": "en-GB-SoniaNeural"}


@pytest.fixture
def studio(make_studio: Callable[..., Studio]) -> Studio:
    opened = make_studio(channels={"crafts": {"narration": VOICE}})
    speak_of(opened, "Wet clay rises")
    return opened


def speak_of(studio: Studio, text: str) -> None:
    said = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay", narration=text)
    row = open_content(studio, channel_of(studio), DAY)
    run_stage(studio, row, Work("ideas", text, "a"), lambda: Product({"idea": said}))


def test_the_narration_is_spoken_once_with_its_word_times(studio: Studio) -> None:
    speech = FakeSpeech()
    track = narrate(studio, channel_of(studio), DAY, speech=speech).manifest.narration
    assert track is not None
    assert [word.text for word in track.words] == ["Wet", "clay", "rises"]
    assert (track.duration_s, track.voice, track.file.path) == (3.0, "en-GB-SoniaNeural", "narration.mp3")
    assert narrate(studio, channel_of(studio), DAY, speech=speech).reused
    assert speech.spoken == ["Wet clay rises"]


def test_other_words_or_another_voice_are_spoken_anew(studio: Studio) -> None:
    speech = FakeSpeech()
    narrate(studio, channel_of(studio), DAY, speech=speech)
    speak_of(studio, "Dry clay breaks")
    narrate(studio, channel_of(studio), DAY, speech=speech)
    write_channel(studio.settings.root, "crafts", narration={**VOICE, "rate": "+10%"})
    narrate(studio, channel_of(studio), DAY, speech=speech)
    assert speech.spoken == ["Wet clay rises", "Dry clay breaks", "Dry clay breaks"]


def test_an_unavailable_voice_is_retried_but_not_an_unknown_one(studio: Studio) -> None:
    away = TransientError(attempted="speak", answer="HTTP 503")
    narrate(studio, channel_of(studio), DAY, speech=FakeSpeech([away, away]))
    assert isinstance(studio.clock, FakeClock)
    assert studio.clock.slept == [1, 2]
    speak_of(studio, "Other words")
    no_voice = PermanentError(attempted="speak", answer="no such voice")
    with pytest.raises(PermanentError, match="no such voice"):
        narrate(studio, channel_of(studio), DAY, speech=FakeSpeech([no_voice]))
    assert content_row(studio, "crafts-2026-11-20").last_good_state == "voicing"


def test_a_channel_that_does_not_speak_says_so(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    speak_of(studio, "")
    with pytest.raises(UsageError, match="does not speak"):
        narrate(studio, channel_of(studio), DAY, speech=FakeSpeech())
