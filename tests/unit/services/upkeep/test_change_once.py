"""What is changed once: bought again where it must be, kept for what continues, refused before it is written down."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dayreel.cli.why_command import document_of, page
from dayreel.errors import ConfigurationError, GateClosedError, UsageError
from dayreel.queries.rows import current_content
from dayreel.queries.story import story_of
from dayreel.schemas.content import Idea, PromptSet, VideoPrompt
from dayreel.schemas.manifest import Stage
from dayreel.services.audit import recent_acts
from dayreel.services.configure import write_config
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_content
from dayreel.services.making.plan_days import pause_channel
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.upkeep.change_once import Change, change_once
from dayreel.stores.catalog.tables import content
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import DAY, channel_of, ledger_rows
from tests.fakes.rows import add_content
from tests.fakes.video_generator import FakeVideoGenerator

ID = "crafts-2026-11-20"
OTHER_MODEL = "fal-ai/wan/v2.7/text-to-video"
MakeProject = Callable[..., Project]


@pytest.fixture
def fal(tiny_clip: Path) -> FakeVideoGenerator:
    return FakeVideoGenerator(tiny_clip)


@pytest.fixture
def project(make_project: MakeProject, fal: FakeVideoGenerator) -> Project:
    """One content with an idea and three prompts, money enough, and a vendor that remembers."""
    project = make_project(providers={"fal": fal}, config={"cap.content_usd": "20"})
    row = open_content(project, channel_of(project), DAY)
    first = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    clay = tuple(VideoPrompt(video_prompt=f"clay {number}", audio_prompt="rain") for number in (1, 2, 3))
    run_stage(project, row, Work("ideas", "f", "a"), lambda: Product({"idea": first}, {"idea": first.idea}))
    run_stage(project, row, Work("prompts", "f", "o"), lambda: Product({"prompts": PromptSet(prompts=clay)}))
    return project


def change(project: Project, stage: Stage, request_id: str = "run 1", **fields: Any) -> None:
    change_once(project, channel_of(project), DAY, stage, Change(request_id, **fields))


def bought(project: Project, fal: FakeVideoGenerator) -> list[tuple[int, int | None]]:
    """Make the segments; return the number and the seed of each that was bought now."""
    fal.submitted.clear()
    render_segments(project, channel_of(project), DAY, source=fal)
    return sorted((number, request.seed) for number, request in fal.submitted)


def test_another_seed_buys_every_segment_again_and_is_kept(project: Project, fal: FakeVideoGenerator) -> None:
    assert bought(project, fal) == [(1, None), (2, None), (3, None)]
    change(project, "raw_segments", seed=9)
    assert bought(project, fal) == [(1, 9), (2, 9), (3, 9)]
    assert bought(project, fal) == [], "a run that asks for nothing continues with what was asked"
    assert len(ledger_rows(project, kind="segment")) == 6, "each is a purchase of its own"


def test_a_seed_before_anything_is_made_counts_as_well(project: Project, fal: FakeVideoGenerator) -> None:
    change(project, "raw_segments", seed=9)
    assert bought(project, fal) == [(1, 9), (2, 9), (3, 9)]


def test_a_forced_segment_is_bought_once_whatever_the_retries(project: Project, fal: FakeVideoGenerator) -> None:
    bought(project, fal)
    for request_id, purchases in (("run 1", [(2, 1)]), ("run 1", []), ("run 2", [(2, 2)])):
        change(project, "raw_segments", request_id, segments=(2,))
        assert bought(project, fal) == purchases
    change(project, "raw_segments", "run 3", segments=(3,), seed=41)
    assert bought(project, fal) == [(3, 41)]


def test_another_model_makes_this_content_and_no_other(project: Project, fal: FakeVideoGenerator) -> None:
    change(project, "raw_segments", model=OTHER_MODEL)
    change(project, "raw_segments", "run 2", seed=5)
    assert bought(project, fal) == [(1, 5), (2, 5), (3, 5)]
    assert {request.model for _number, request in fal.submitted} == {OTHER_MODEL}
    assert {row["model"] for row in ledger_rows(project, kind="segment")} == {OTHER_MODEL}
    assert channel_of(project).video.model != OTHER_MODEL


def test_what_was_changed_stands_in_the_story_and_the_record(project: Project) -> None:
    change(project, "raw_segments", model=OTHER_MODEL, seed=5)
    story = document_of(story_of(project, ID))
    assert story["overrides"]["raw_segments"]["seed"] == 5
    (line,) = [line for line in page(story) if line.startswith("  raw_segments: model")]
    assert f"model {OTHER_MODEL}, seed 5 by test at 2026-11-20T09" in line
    with project.catalog.read() as connection:
        act = recent_acts(connection)[0]
    assert (act.act, act.target, act.detail["seed"]) == ("change raw_segments", ID, 5)


def test_a_template_and_a_model_of_the_idea_are_asked(project: Project) -> None:
    own = project.settings.channels_dir / "templates" / "crafts" / "loud.md.j2"
    own.parent.mkdir(parents=True)
    own.write_text("Shout about {{ topic }}.", encoding="utf-8")
    change(project, "ideas", template="loud", model="claude-haiku-5-5")
    model = FakeLanguageModel([answer(idea())])
    made = make_idea(project, channel_of(project), DAY, model=model)
    assert model.asked[0].prompt.startswith("Shout about A craft on 2026-11-20.")
    assert (model.asked[0].model, made.record.model) == ("claude-haiku-5-5", "claude-haiku-5-5")
    assert made.record.parameters["template"] == "loud"
    own.write_text("Whisper about {{ topic }}.", encoding="utf-8")
    assert make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea())])).reused is False


@pytest.mark.parametrize(
    ("stage", "fields", "refusal"),
    [
        ("raw_segments", {"model": "wan-99"}, "'wan-99' has no price"),
        ("raw_segments", {"seed": -1}, "-1 is not a seed"),
        ("raw_segments", {"segments": (4,)}, "no segment 4"),
        ("ideas", {"template": "../../secrets"}, "no template '../../secrets'.*Known are: idea, "),
        ("prompts", {"template": "loud"}, "no template 'loud'"),
        ("ideas", {"new_take": True}, "needs no new take"),
    ],
)
def test_what_cannot_be_is_refused_and_not_kept(
    project: Project, stage: Stage, fields: dict[str, Any], refusal: str
) -> None:
    with pytest.raises((UsageError, ConfigurationError), match=refusal):
        change(project, stage, **fields)
    assert project.contents.manifest(ID).overrides == {}


def test_segments_are_made_again_all_or_none(project: Project, fal: FakeVideoGenerator) -> None:
    bought(project, fal)
    with pytest.raises(UsageError, match="no segment 4"):
        change(project, "raw_segments", segments=(1, 4))
    assert bought(project, fal) == []


@pytest.mark.parametrize(("template", "why"), [("loud", "no template 'loud'"), (None, "is paused by ana")])
def test_a_refused_change_begins_no_new_take(project: Project, template: str | None, why: str) -> None:
    with project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == ID).values(state="rejected"))
    if template is None:
        pause_channel(project, "crafts", by="ana", via="cli")
    with pytest.raises(UsageError, match=why):
        change(project, "ideas", new_take=True, template=template)
    with project.catalog.read() as connection:
        newest = current_content(connection, "crafts", DAY)
    assert newest is not None
    assert newest.id == ID


def test_what_is_out_does_not_change(project: Project, make_project: MakeProject) -> None:
    add_content(project.catalog, "crafts-2026-11-20-t2", "posted", at=project.clock.now())
    with pytest.raises(UsageError, match="is posted; its raw_segments can no longer change"):
        change(project, "raw_segments", seed=3)


def test_a_change_is_held_to_the_caps(project: Project, fal: FakeVideoGenerator) -> None:
    bought(project, fal)
    with project.catalog.write() as connection:
        write_config(connection, "cap.content_usd", "2", by="ana", at=project.clock.now())
    change(project, "raw_segments", seed=9)
    with pytest.raises(GateClosedError, match="cap"):
        bought(project, fal)
    assert len(fal.submitted) <= 1


def test_a_new_take_is_begun_once_by_a_run_and_its_retries(make_project: MakeProject) -> None:
    project = make_project(run_id="run 1")
    add_content(project.catalog, ID, "rejected", at=project.clock.now())
    for _ in range(2):
        change(project, "ideas", new_take=True)
        with project.catalog.read() as connection:
            newest = current_content(connection, "crafts", DAY)
        assert newest is not None
        assert newest.id == f"{ID}-t2"
