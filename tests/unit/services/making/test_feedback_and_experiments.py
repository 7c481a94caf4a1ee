"""What measured ideas teach the next one, and what a day tries; both are on record."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import insert

from dayreel.errors import DayreelError
from dayreel.marts.build import build_mart, mart_files
from dayreel.queries.rows import ContentRow, get_content
from dayreel.rules.experiments import assign_variant, is_held_out
from dayreel.schemas.channel import Channel, Experiment
from dayreel.services.making.experiments import plan_of, trial_of
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.performance_feedback import lessons_for
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import metric_snapshots
from tests.fakes.clock import FakeClock
from tests.fakes.language_model import SUBJECTS, FakeLanguageModel, answer, idea
from tests.fakes.project import CRAFTS, channel_of, today
from tests.fakes.rows import add_post

HOOKS: dict[str, Any] = {"name": "hooks", "variants": {"A": "Begin with the hands.", "B": "Begin with a question."}}


def measured(project: Project, day: date, number: int, views: int) -> None:
    """Write down a content of a day that had so many views after 24 hours."""
    add_post(project.catalog, f"crafts-{day}", number, at=project.clock.now())
    with project.catalog.write() as connection:
        connection.execute(
            insert(metric_snapshots).values(
                post_row_id=number, content_id=f"crafts-{day}", platform="instagram", post_id=f"p{number}",
                observed_at=project.clock.now() + timedelta(hours=24), observed_on=day, age_h=24.0, views=views,
                simulated=True,
            )
        )  # fmt: skip


def with_history(make_project: Callable[..., Project], count: int, **channel: Any) -> Project:
    """A channel whose last days had 100, 200, 300 ... views, the newest day the most."""
    project = make_project(channels={"crafts": {"learn_from_results": True, **channel}})
    for number in range(1, count + 1):
        measured(project, today(project) - timedelta(days=count + 1 - number), number, 100 * number)
    return project


def test_the_best_and_worst_recent_ideas_are_shown_and_recorded(
    make_project: Callable[..., Project],
) -> None:
    project = with_history(make_project, 8)
    model = FakeLanguageModel()
    made = make_idea(project, channel_of(project), today(project), model=model)
    learned = made.record.parameters["learned_from"]
    day = today(project)
    assert learned == {
        "age": "24h",
        "best": [f"crafts-{day - timedelta(days=back)}" for back in (1, 2, 3)],
        "worst": [f"crafts-{day - timedelta(days=back)}" for back in (6, 7, 8)],
    }
    asked = model.asked[0].prompt
    assert asked.index("did best") < asked.index("Idea number 8 (800 views)") < asked.index("did worst")
    assert asked.index("did worst") < asked.index("Idea number 1 (100 views)")


def test_too_few_measured_ideas_teach_nothing_and_record_that(make_project: Callable[..., Project]) -> None:
    project = with_history(make_project, 3)
    model = FakeLanguageModel()
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert made.record.parameters["learned_from"] == {"age": "7d", "best": [], "worst": []}
    assert "did best" not in model.asked[0].prompt


def test_what_is_older_than_thirty_days_teaches_nothing(make_project: Callable[..., Project]) -> None:
    project = with_history(make_project, 8)
    later = today(project) + timedelta(days=28)
    assert lessons_for(project, channel_of(project), later).best == ()


def test_sandbox_measurements_teach_nothing_in_the_live_world(make_project: Callable[..., Project]) -> None:
    project = with_history(make_project, 8)
    live = replace(project, settings=project.settings.model_copy(update={"world": "live"}))
    assert lessons_for(project, channel_of(project), today(project)).best
    assert not lessons_for(live, channel_of(project), today(project)).best


def test_a_channel_that_does_not_learn_asks_as_before(make_project: Callable[..., Project]) -> None:
    project = with_history(make_project, 8, learn_from_results=False)
    model = FakeLanguageModel()
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert "learned_from" not in made.record.parameters
    assert "did best" not in model.asked[0].prompt


def test_new_results_do_not_make_an_idea_again(make_project: Callable[..., Project]) -> None:
    project = with_history(make_project, 8)
    model = FakeLanguageModel()
    make_idea(project, channel_of(project), today(project), model=model)
    measured(project, today(project) - timedelta(days=20), 20, 99_000)
    assert make_idea(project, channel_of(project), today(project), model=model).reused
    assert len(model.asked) == 1


def test_a_days_variant_adds_its_words_and_reaches_the_marts(
    make_project: Callable[..., Project],
) -> None:
    clock = FakeClock()
    project = make_project(channels={"crafts": {"experiment": HOOKS}}, clock=clock)
    seen = set()
    for number in range(4):
        model = FakeLanguageModel([answer(idea(SUBJECTS[number]))])
        day = today(project)
        made = make_idea(project, channel_of(project), day, model=model)
        variant = assign_variant(["A", "B"], channel="crafts", experiment="hooks", day=day)
        assert made.record.parameters["variant"] == variant
        assert model.asked[0].prompt.endswith(HOOKS["variants"][variant])
        (table,) = build_mart(project, mart_files(project), "content/performance", [day.isoformat()]).values()
        (row,) = table.to_pylist()
        assert (row["experiment"], row["variant"]) == ("hooks", variant)
        seen.add(variant)
        clock.move(days=1)
    assert seen == {"A", "B"}


def test_an_experiment_on_prompts_leaves_the_idea_unchanged(make_project: Callable[..., Project]) -> None:
    project = make_project(channels={"crafts": {"experiment": {**HOOKS, "layer": "prompt"}}})
    model = FakeLanguageModel()
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert "experiment" not in made.record.parameters
    writer = FakeLanguageModel(name="openai")
    prompts = write_prompts(project, channel_of(project), today(project), model=writer)
    assert prompts.record.parameters["experiment"] == "hooks"
    assert HOOKS["variants"][prompts.record.parameters["variant"]] in writer.asked[0].prompt


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiment": {"name": "hooks", "variants": {"A": "one"}}}, "at least 2"),
        ({"experiment": {"name": "No spaces", "variants": {"A": "", "B": ""}}}, "pattern"),
        ({"ideas": {"provider": "calendar", "file": "c.csv"}, "learn_from_results": True}, "written by people"),
        ({"ideas": {"provider": "calendar", "file": "c.csv"}, "experiment": HOOKS}, "written by people"),
    ],
)
def test_a_channel_that_cannot_be_compared_or_taught_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Channel.model_validate({**CRAFTS, "name": "crafts", **changes})


def row_of(project: Project, content_id: str) -> ContentRow:
    with project.catalog.read() as connection:
        return get_content(connection, content_id)


def made_on(project: Project, back: int, *, subject: int = 0) -> Any:
    model = FakeLanguageModel([answer(idea(SUBJECTS[subject]))] * 5)
    return make_idea(project, channel_of(project), today(project) - timedelta(days=back), model=model)


def test_changed_words_are_another_edition(make_project: Callable[..., Project]) -> None:
    """An earlier content keeps its edition, its variant and its idea's fingerprint."""
    project = make_project(channels={"crafts": {"experiment": HOOKS}})
    made = made_on(project, 1)
    first = project.contents.manifest(made.content_id).trial
    assert first is not None
    words = {"A": "Begin with the tools.", "B": HOOKS["variants"]["B"]}
    channel = channel_of(project)
    changed = channel.model_copy(update={"experiment": Experiment(name="hooks", variants=words)})
    model = FakeLanguageModel([answer(idea(SUBJECTS[1]))])
    later = make_idea(project, changed, today(project), model=model)
    second = project.contents.manifest(later.content_id).trial
    assert second is not None
    assert first.edition != second.edition
    assert project.contents.manifest(made.content_id).trial == first


def test_a_variant_that_fails_is_on_record(make_project: Callable[..., Project]) -> None:
    """What a variant made impossible counts against it; before, a content without an idea had no variant."""
    project = make_project(channels={"crafts": {"experiment": HOOKS, "safety": {"blocked_terms": ["potter"]}}})
    with pytest.raises(DayreelError):
        made_on(project, 0)
    row = row_of(project, f"crafts-{today(project)}")
    (table,) = build_mart(project, mart_files(project), "content/performance", [today(project).isoformat()]).values()
    (performance,) = table.to_pylist()
    assert row.state == "failed"
    assert performance["experiment"] == "hooks"
    assert performance["variant"] in HOOKS["variants"]


def test_an_assignment_of_before_is_kept(make_project: Callable[..., Project]) -> None:
    """Contents in flight have their variant in the stage's parameters alone; asking again must not buy them again."""
    project = make_project(channels={"crafts": {"experiment": HOOKS}})
    made = made_on(project, 0)
    variant = made.record.parameters["variant"]
    other = "B" if variant == "A" else "A"
    record = made.record.model_copy(update={"parameters": {**made.record.parameters, "variant": other}})
    project.contents.update(made.content_id, trial=None, stages={"ideas": record})
    row = row_of(project, made.content_id)
    trial = trial_of(project, channel_of(project), "idea", row, "idea")
    assert trial is not None
    assert trial.record.variant == other


def test_no_learning_touches_what_is_held_out(make_project: Callable[..., Project]) -> None:
    project = make_project(channels={"crafts": {"experiment": HOOKS, "learn_from_results": True, "holdout": 0.5}})
    for number in range(1, 9):
        measured(project, today(project) - timedelta(days=number + 1), number, 100 * number)
    day = today(project)
    while not is_held_out(0.5, channel="crafts", day=day):
        day += timedelta(days=1)
    clock = FakeClock()
    clock.move(days=(day - today(project)).days)
    held = replace(project, clock=clock)
    model = FakeLanguageModel()
    made = make_idea(held, channel_of(held), day, model=model)
    assert made.record.parameters["held_out"] is True
    assert "variant" not in made.record.parameters
    assert "did best" not in model.asked[0].prompt
    (table,) = build_mart(held, mart_files(held), "content/performance", [day.isoformat()]).values()
    (row,) = table.to_pylist()
    assert (row["is_held_out"], row["experiment"]) == (True, None)


def test_a_variant_learns_from_its_own_contents_alone(make_project: Callable[..., Project]) -> None:
    """Ideas of A that show what B did are no longer a comparison."""
    project = with_history(make_project, 8, experiment=HOOKS)
    model = FakeLanguageModel()
    made = make_idea(project, channel_of(project), today(project), model=model)
    assert made.record.parameters["learned_from"] == {"age": "7d", "best": [], "worst": []}


def test_how_long_it_takes_is_named_before_it_begins(make_project: Callable[..., Project]) -> None:
    asked = {**HOOKS, "detect_percent": 100}
    project = make_project(channels={"crafts": {"experiment": asked}})
    plan = plan_of(project, channel_of(project))
    assert plan is not None
    assert plan.days == 191
    assert plan.words.startswith("'hooks' needs about 191 days to see a difference of 100 % in 8 of 10 cases: 181 ")
    assert "assumed" in plan.words
    assert plan_of(project, channel_of(project).model_copy(update={"experiment": None})) is None
