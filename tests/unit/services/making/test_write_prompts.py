"""One prompt per segment, of the right length, paid once."""

import json
from collections.abc import Callable

import pytest

from dayreel.errors import UsageError
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
    assert all(check.passed for check in check_prompts(channel_of(project), result.manifest))


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
    assert [check.passed for check in check_prompts(channel, worse)] == [False, False]
    assert {check.name: check.passed for check in check_idea(project, channel, worse)}["caption_fits"] is False
    lenient = channel.model_copy(update={"ideas": channel.ideas.model_copy(update={"max_similarity": 100})})
    make_idea(project, lenient, DAY.replace(day=19), model=FakeLanguageModel([answer(idea())]))
    assert {check.name: check.passed for check in check_idea(project, channel, manifest)}[
        "differs_from_earlier"
    ] is False
