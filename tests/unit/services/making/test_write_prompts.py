"""One prompt per segment, of the right length, paid once."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dayreel.errors import UsageError
from dayreel.rules.segment_words import prompt_room, segment_prompt
from dayreel.schemas.content import VideoPrompt
from dayreel.schemas.manifest import Override
from dayreel.services.making.check_texts import check_idea, check_prompts
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from tests.fakes.language_model import FakeLanguageModel, answer, idea, prompts
from tests.fakes.project import DAY, channel_of

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    opened = make_project()
    make_idea(opened, channel_of(opened), DAY, model=FakeLanguageModel([answer(idea())]))
    return opened


def test_there_is_one_prompt_per_segment_in_manifest_and_folder(project: Project) -> None:
    model = FakeLanguageModel(name="openai")
    result = write_prompts(project, channel_of(project), DAY, model=model)
    assert result.manifest.prompts is not None
    assert len(result.manifest.prompts.prompts) == 3
    assert len(json.loads((project.contents.folder(ID) / "prompts.json").read_text())["prompts"]) == 3
    (asked,) = model.asked
    assert asked.schema["properties"]["prompts"]["minItems"] == 3
    assert asked.schema["properties"]["prompts"]["maxItems"] == 3
    assert result.manifest.idea is not None
    assert result.manifest.idea.idea in asked.prompt
    assert write_prompts(project, channel_of(project), DAY, model=FakeLanguageModel([ValueError()])).reused


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (prompts(2), "Write exactly 3 prompts."),
        (prompts(4), "Write exactly 3 prompts."),
        (prompts(words=99), "Each video prompt must have 100 to 200 words; number 1 had 99."),
        (prompts(words=201), "number 1 had 201."),
        ({"prompts": [{**prompt, "audio_prompt": " "} for prompt in prompts()["prompts"]]}, "needs an audio prompt"),
    ],
)
def test_what_is_not_as_asked_is_asked_for_again(project: Project, bad: object, hint: str) -> None:
    model = FakeLanguageModel([answer(bad)], name="openai")
    write_prompts(project, channel_of(project), DAY, model=model)
    assert len(model.asked) == 2
    assert hint in model.asked[1].prompt


@pytest.mark.parametrize("words", [100, 200])
def test_the_limits_themselves_are_fine(project: Project, words: int) -> None:
    model = FakeLanguageModel([answer(prompts(words=words))], name="openai")
    result = write_prompts(project, channel_of(project), DAY, model=model)
    assert len(model.asked) == 1
    assert all(check.passed for check in check_prompts(project, channel_of(project), result.manifest))


def test_a_prompt_that_passes_the_models_limit_is_asked_again(project: Project) -> None:
    """200 words and a line about sound passed WAN's 1,500 characters, which was found after paying."""
    long = {"video_prompt": " ".join(["handmade"] * 160), "audio_prompt": "r" * 60}
    model = FakeLanguageModel([answer({"prompts": [long] * 3})], name="openai")
    made = write_prompts(project, channel_of(project), DAY, model=model)
    first, second = (question.prompt for question in model.asked)
    assert "at most 1500 characters a clip. Each video prompt has at most 1191 characters" in first
    assert "Those of clip 1 had 1439 and 60." in second
    assert made.manifest.prompts is not None
    assert all(len(segment_prompt(prompt)) <= 1500 for prompt in made.manifest.prompts.prompts)


def test_a_limit_at_second_hand_is_asked_for_not_insisted_on(make_project: MakeProject) -> None:
    video = {"provider": "fal", "model": "fal-ai/veo3.1/lite"}
    project = make_project(channels={"crafts": {"video": video, "segments": {"count": 1, "duration_s": 8}}})
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea())]))
    long = {"video_prompt": " ".join(["x" * 25] * 160), "audio_prompt": "rain"}
    model = FakeLanguageModel([answer({"prompts": [long]})], name="openai")
    write_prompts(project, channel_of(project), DAY, model=model)
    (asked,) = model.asked
    assert "at most 4000 characters" in asked.prompt


@pytest.mark.parametrize(("limit", "least"), [(1500, 100), (800, 78), (500, 48)])
def test_words_and_characters_fit_together(limit: int, least: int) -> None:
    room = prompt_room(limit)
    assert room.words[0] == least
    assert len(segment_prompt(VideoPrompt(video_prompt="x" * room.video, audio_prompt="x" * room.audio))) == limit


def test_the_check_knows_the_model_of_this_content_alone(project: Project) -> None:
    model = "fal-ai/wan/v2.7/text-to-video"
    row = f"- {{provider: fal, model: {model}, prompt_limit: 800, source: we, checked_on: 2026-11-20}}"
    (project.settings.root / "models.yaml").write_text(row, encoding="utf-8")
    project.contents.update(ID, overrides={"raw_segments": Override(model=model)})
    project, writer = replace(project), FakeLanguageModel([answer(prompts(words=90))], name="openai")
    made = write_prompts(project, channel_of(project), DAY, model=writer)
    assert len(writer.asked) == 1
    assert all(check.passed for check in check_prompts(project, channel_of(project), made.manifest))


def test_without_an_idea_there_is_nothing_to_write(make_project: MakeProject) -> None:
    project = make_project()
    with pytest.raises(UsageError, match="has no idea yet"):
        write_prompts(project, channel_of(project), DAY, model=FakeLanguageModel(name="openai"))


def test_the_checks_of_the_texts_can_fail(project: Project) -> None:
    channel = channel_of(project)
    manifest = write_prompts(project, channel, DAY, model=FakeLanguageModel(name="openai")).manifest
    assert all(check.passed for check in check_idea(project, channel, manifest))
    assert manifest.prompts is not None
    assert manifest.idea is not None
    short = manifest.prompts.prompts[0].model_copy(update={"video_prompt": "too short"})
    worse = manifest.model_copy(
        update={
            "prompts": manifest.prompts.model_copy(update={"prompts": (short,)}),
            "idea": manifest.idea.model_copy(update={"caption": "#tag " * 31}),
        }
    )
    assert [check.passed for check in check_prompts(project, channel, worse)] == [False, False]
    assert {check.name: check.passed for check in check_idea(project, channel, worse)}["caption_fits"] is False
    lenient = channel.model_copy(update={"ideas": channel.ideas.model_copy(update={"max_similarity": 100})})
    make_idea(project, lenient, DAY.replace(day=19), model=FakeLanguageModel([answer(idea())]))
    assert {check.name: check.passed for check in check_idea(project, channel, manifest)}[
        "differs_from_earlier"
    ] is False
