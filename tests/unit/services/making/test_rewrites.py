"""A prompt that a video model will not make is written again on a person's word; what is good and paid stays."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from dayreel.cli.why_command import document_of, page
from dayreel.errors import ConfigurationError, ContentRefusedError, PermanentError
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.providers.video.model_input import check_request
from dayreel.queries.rows import ContentRow
from dayreel.queries.story import story_of
from dayreel.schemas.content import Idea
from dayreel.services.making.open_content import open_content
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.stages import Product, StageResult, Work, part_of_stage, run_stage
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.services.upkeep.change_once import Change, change_once
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.language_model import FakeLanguageModel, answer, prompts
from tests.fakes.project import DAY, channel_of, content_row
from tests.fakes.video_generator import FakeVideoGenerator

ID = "crafts-2026-11-20"
FLAGGED = Job("failed", error="the prompt was flagged", error_code="policy", refuses_content=True)
SHORT = """
- {provider: fal, family: video, model: fal-ai/wan-25-preview/text-to-video, prompt_limit: 800,
   source: we, checked_on: 2026-11-20}
"""
FEWER = 110


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    project = make_project(config={"cap.content_usd": "9"})
    row: ContentRow = open_content(project, channel_of(project), DAY)
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    run_stage(project, row, Work("ideas", "f", "a"), lambda: Product({"idea": idea}, {"idea": idea.idea}))
    return project


def write(project: Project, *words: int) -> tuple[StageResult, FakeLanguageModel]:
    model = FakeLanguageModel([answer(prompts(words=number)) for number in words], name="openai")
    return write_prompts(project, channel_of(project), DAY, model=model), model


def lengths(made: StageResult) -> list[int]:
    assert made.manifest.prompts is not None
    return [len(prompt.video_prompt.split()) for prompt in made.manifest.prompts.prompts]


def render(project: Project, source: FakeVideoGenerator) -> StageResult:
    with part_of_stage(project, channel_of(project), DAY, "raw_segments"):
        return render_segments(project, channel_of(project), DAY, source=source)


def test_a_refused_prompt_is_written_again_and_the_rest_stays(project: Project, tiny_clip: Path) -> None:
    write(project, 120)
    with pytest.raises(ContentRefusedError, match=f"`dayreel retry {ID}` asks for another prompt"):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FLAGGED]}))
    with pytest.raises(PermanentError, match="refused earlier"):  # no run by itself sends or asks anything
        render(project, FakeVideoGenerator(tiny_clip))
    assert write(project)[0].reused

    assert reopen_refused(project, ID) == 0
    again, model = write(project, FEWER)
    assert lengths(again) == [120, FEWER, 120]
    assert "Prompt 2 could not be made (the prompt was flagged)" in model.asked[0].prompt
    assert "  prompts: prompt 2 written again: the prompt was flagged by test at" in "\n".join(
        page(document_of(story_of(project, ID)))
    )
    assert again.record.parameters["rewritten"] == {"2": "the prompt was flagged"}
    assert write(project)[0].reused
    source = FakeVideoGenerator(tiny_clip)
    made = render(project, source)
    assert [number for number, _ in source.submitted] == [2]
    assert made.record.cost_usd == Decimal("1.5")


def test_the_next_refusal_leads_on_too(project: Project, tiny_clip: Path) -> None:
    write(project, 120)
    for segment, words in ((2, FEWER), (2, 130)):
        with pytest.raises(ContentRefusedError):
            render(project, FakeVideoGenerator(tiny_clip, jobs={segment: [FLAGGED]}))
        assert content_row(project, ID).state == "failed"
        reopen_refused(project, ID)
        last, _ = write(project, words)
    assert lengths(last) == [120, 130, 120]
    assert render(project, FakeVideoGenerator(tiny_clip)).record.cost_usd == Decimal("1.5")


def test_a_prompt_that_is_too_long_is_written_again(project: Project, tiny_clip: Path) -> None:
    """The day was stuck for ever: prompts were paid, and each run was refused before its stage began."""
    write(project, 200)
    (project.settings.root / "models.yaml").write_text(SHORT, encoding="utf-8")
    project = replace(project)

    class Checks(FakeVideoGenerator):
        def check(self, request: SegmentRequest) -> None:
            check_request(request, project.models.video("fal", request.model))

    with pytest.raises(ConfigurationError, match="the prompt has 1212 characters, allowed: 1 to 800"):
        render(project, Checks(tiny_clip))
    assert content_row(project, ID).state == "failed"
    reopen_refused(project, ID)
    again, model = write(project, FEWER)
    assert lengths(again) == [FEWER] * 3
    assert "the prompt has 1212 characters, allowed: 1 to 800" in model.asked[0].prompt
    assert render(project, Checks(tiny_clip)).reused is False


def test_what_stays_is_held_to_no_other_models_words(project: Project, tiny_clip: Path) -> None:
    """Four answers were paid at each retry, and none could change the prompt that was too short by now."""
    own = project.settings.root / "models.yaml"
    own.write_text(SHORT, encoding="utf-8")
    project = replace(project)
    write(project, 90)
    with pytest.raises(ContentRefusedError):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FLAGGED]}))
    own.unlink()
    project = replace(project)
    reopen_refused(project, ID)
    again, model = write(project, FEWER)
    assert (lengths(again), len(model.asked)) == ([90, FEWER, 90], 1)


def test_another_change_does_not_bring_the_refused_prompt_back(project: Project, tiny_clip: Path) -> None:
    write(project, 120)
    with pytest.raises(ContentRefusedError):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FLAGGED]}))
    reopen_refused(project, ID)
    write(project, FEWER)
    channel = channel_of(project)
    assert channel.prompts is not None
    change_once(project, channel, DAY, "prompts", Change("run-2", model=channel.prompts.model))
    again, _ = write(project)
    assert (again.reused, lengths(again)) == (True, [120, FEWER, 120])


def test_the_refused_words_are_not_taken_again(project: Project, tiny_clip: Path) -> None:
    write(project, 120)
    with pytest.raises(ContentRefusedError):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FLAGGED]}))
    reopen_refused(project, ID)
    again, model = write(project, 120, FEWER)
    assert (lengths(again), len(model.asked)) == ([120, FEWER, 120], 2)
    assert "Prompt 2 must be written in other words." in model.asked[1].prompt


def test_other_words_for_all_of_them_forget_the_refusal(project: Project, tiny_clip: Path) -> None:
    """The idea changed after the retry: prompts of the old one would not go with it."""
    write(project, 120)
    with pytest.raises(ContentRefusedError):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FLAGGED]}))
    reopen_refused(project, ID)
    idea = Idea(idea="A bowl is carved from one piece of birch", caption="Birch", topic="wood")
    row = content_row(project, ID)
    run_stage(project, row, Work("ideas", "g", "a"), lambda: Product({"idea": idea}, {"idea": idea.idea}))
    again, model = write(project, FEWER)
    assert (lengths(again), "could not be made" in model.asked[0].prompt) == ([FEWER] * 3, False)
