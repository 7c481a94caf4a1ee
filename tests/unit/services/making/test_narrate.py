"""Speaking the narration: once, again when its words or voice change, retry_transient when the voice is away."""

from collections.abc import Callable

import pytest

from dayreel.errors import PermanentError, TransientError, UsageError
from dayreel.schemas.content import Idea
from dayreel.services.making.narrate import narrate
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project
from tests.fakes.clock import FakeClock
from tests.fakes.project import DAY, channel_of, content_row, write_channel
from tests.fakes.speech import FakeSpeech

VOICE = {"provider": "edge", "voice": "en-GB-SoniaNeural"}


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    opened = make_project(channels={"crafts": {"narration": VOICE}})
    speak_of(opened, "Wet clay rises")
    return opened


def speak_of(project: Project, text: str) -> None:
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay", narration=text)
    row = open_content(project, channel_of(project), DAY)
    run_stage(project, row, Work("ideas", text, "a"), lambda: Product({"idea": idea}))


def test_the_narration_is_spoken_once_with_its_word_times(project: Project) -> None:
    speech = FakeSpeech()
    track = narrate(project, channel_of(project), DAY, speech=speech).manifest.narration
    assert track is not None
    assert [word.text for word in track.words] == ["Wet", "clay", "rises"]
    assert (track.duration_s, track.voice, track.file.path) == (3.0, "en-GB-SoniaNeural", "narration.mp3")
    assert narrate(project, channel_of(project), DAY, speech=speech).reused
    assert speech.spoken == ["Wet clay rises"]


def test_other_words_or_another_voice_are_spoken_again(project: Project) -> None:
    speech = FakeSpeech()
    narrate(project, channel_of(project), DAY, speech=speech)
    speak_of(project, "Dry clay breaks")
    narrate(project, channel_of(project), DAY, speech=speech)
    write_channel(project.settings.root, "crafts", narration={**VOICE, "rate": "+10%"})
    narrate(project, channel_of(project), DAY, speech=speech)
    assert speech.spoken == ["Wet clay rises", "Dry clay breaks", "Dry clay breaks"]


def test_an_unavailable_voice_is_retried_but_not_an_unknown_one(project: Project) -> None:
    away = TransientError(attempted="speak", answer="HTTP 503")
    narrate(project, channel_of(project), DAY, speech=FakeSpeech([away, away]))
    assert isinstance(project.clock, FakeClock)
    assert project.clock.slept == [1, 2]
    speak_of(project, "Other words")
    no_voice = PermanentError(attempted="speak", answer="no such voice")
    with pytest.raises(PermanentError, match="no such voice"):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech([no_voice]))
    assert content_row(project, "crafts-2026-11-20").last_good_state == "voicing"


def test_a_channel_that_does_not_speak_says_so(make_project: Callable[..., Project]) -> None:
    project = make_project()
    speak_of(project, "")
    with pytest.raises(UsageError, match="does not speak"):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech())
