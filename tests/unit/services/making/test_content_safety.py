"""Nothing that a brand would not publish gets as far as being bought."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from dayreel.errors import PermanentError, UsageError
from dayreel.schemas.content import Idea, VideoPrompt
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from tests.fakes.language_model import SUBJECTS, FakeLanguageModel, answer, idea, prompts
from tests.fakes.project import channel_of, ledger_rows, today

MakeProject = Callable[..., Project]
SAFE = answer({"safe": True, "reasons": []})


def unsafe(*reasons: str) -> Any:
    return answer({"safe": False, "reasons": list(reasons)})


def test_an_idea_with_a_blocked_term_is_retried_with_the_reason(
    make_project: MakeProject,
) -> None:
    project = make_project()
    model = FakeLanguageModel([answer(idea("A painter draws a nude model by candle light"))])
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert made.manifest.idea is not None
    assert "nude" not in made.manifest.idea.idea
    assert "Keep well away from: nude" in model.asked[1].prompt
    assert len(made.record.effect_ids) == 2, "the refused answer is paid and on the record"


@pytest.mark.parametrize("field", Idea.model_fields)
def test_every_field_of_an_idea_is_searched(make_project: MakeProject, field: str) -> None:
    project = make_project(channels={"crafts": {"safety": {"blocked_terms": ["Acme Corp"], "default_terms": False}}})
    text: Any = ["#craft", "#acme_corp"] if field == "hashtags" else "Made by ACME corp, retry_transient"
    model = FakeLanguageModel([answer({**idea(), field: text})])
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert "acme" not in str(made.manifest.idea).lower()
    assert len(model.asked) == 2


def test_a_model_writing_only_blocked_terms_buys_no_segment(make_project: MakeProject) -> None:
    project = make_project()
    model = FakeLanguageModel([answer(idea(f"Nudity, number {n}, in a quiet room")) for n in range(4)])
    with pytest.raises(PermanentError, match="holds blocked terms"):
        make_idea(project, channel_of(project), today(project), model=model)
    assert {row["kind"] for row in ledger_rows(project)} == {"llm"}


def test_without_a_wish_there_is_no_second_look(make_project: MakeProject) -> None:
    project = make_project()
    model = FakeLanguageModel()
    make_idea(project, channel_of(project), today(project), model=model)
    assert [asked.schema_name for asked in model.asked] == ["idea"]


def test_a_second_look_refuses_and_its_cost_is_the_stages(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"safety": {"second_look": True}}})
    first, second = (answer(idea(text)) for text in SUBJECTS[:2])
    model = FakeLanguageModel([first, unsafe("a real person", "a brand name"), second, SAFE])
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert made.manifest.idea is not None
    assert made.manifest.idea.idea == SUBJECTS[1]
    assert [asked.schema_name for asked in model.asked] == ["idea", "safety", "idea", "safety"]
    assert "a real person; a brand name" in model.asked[2].prompt
    assert SUBJECTS[0] in model.asked[1].prompt
    rows = ledger_rows(project)
    assert len(made.record.effect_ids) == len(rows) == 4
    assert made.record.cost_usd == sum((row["settled_usd"] for row in rows), Decimal(0))


@pytest.mark.parametrize("field", VideoPrompt.model_fields)
def test_every_field_of_a_prompt_is_searched(make_project: MakeProject, field: str) -> None:
    project = make_project(channels={"crafts": {"safety": {"blocked_terms": ["Acme Corp"], "default_terms": False}}})
    channel, day = channel_of(project), today(project)
    make_idea(project, channel, day, model=FakeLanguageModel())
    texts = prompts()
    texts["prompts"][-1][field] += ", made by ACME corp"
    model = FakeLanguageModel([answer(texts)], name="openai")
    made = write_prompts(project, channel, day, model=model)
    assert "acme" not in str(made.manifest.prompts).lower()
    assert len(model.asked) == 2


def test_prompts_are_looked_at_as_well(make_project: MakeProject) -> None:
    wish = {"safety": {"second_look": True, "blocked_terms": ["clay0"]}}
    project = make_project(channels={"crafts": wish})
    channel, day = channel_of(project), today(project)
    make_idea(project, channel, day, model=FakeLanguageModel([answer(idea(SUBJECTS[1])), SAFE]))
    good = prompts()
    good["prompts"][0]["video_prompt"] = " ".join(["wood"] * 120)
    model = FakeLanguageModel([answer(prompts()), answer(good), SAFE], name="openai")
    made = write_prompts(project, channel, day, model=model)
    assert [asked.schema_name for asked in model.asked] == ["prompts", "prompts", "safety"]
    assert "clay0" not in str(made.manifest.prompts)


def test_the_second_look_is_not_paid_again_when_a_day_is_rerun(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"safety": {"second_look": True}}})
    model = FakeLanguageModel([answer(idea()), SAFE])
    make_idea(project, channel_of(project), today(project), model=model)
    assert make_idea(project, channel_of(project), today(project), model=model).reused
    assert len(model.asked) == 2


def test_a_calendar_row_with_a_blocked_term_is_refused_by_name(make_project: MakeProject) -> None:
    project = make_project(
        channels={"crafts": {"ideas": {"provider": "calendar", "file": "calendar.csv"}, "safety": {}}}
    )
    path = project.settings.channels_dir / "calendar.csv"
    row = f"{today(project)},A nude painter in the attic room,Look,,art"
    path.write_text(f"day,idea,caption,hashtags,topic\n{row}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="blocked terms: nude"):
        make_idea(project, channel_of(project), today(project), model=None)
