"""What a reviewer said of a rejected take stands in the questions of the next one, and pays for nothing twice."""

from collections.abc import Callable

from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_new_take
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.project import DAY, channel_of, content_row, reviewable
from tests.fakes.rows import add_decision

NOTE = "the hands have six fingers"


def reject_and_begin_again(project: Project, content_id: str, note: str | None) -> None:
    decide(project, content_id, "rejected", by="mia", via="desk", note=note)
    open_new_take(project, content_row(project, content_id))


def asked_on(project: Project) -> tuple[str, str]:
    """Return the questions for the idea and for the prompts of the day's newest take."""
    model, other = FakeLanguageModel(), FakeLanguageModel(name="openai")
    make_idea(project, channel_of(project), DAY, model=model)
    write_prompts(project, channel_of(project), DAY, model=other)
    return model.asked[0].prompt, other.asked[0].prompt


def test_the_note_of_a_rejection_is_in_the_next_questions(make_project: Callable[..., Project]) -> None:
    project = make_project()
    first = reviewable(project, day=DAY)
    reject_and_begin_again(project, first.id, NOTE)
    for question in asked_on(project):
        assert NOTE in question
        assert f'"{first.idea}" was rejected' in question


def test_every_rejected_take_of_the_day_counts(make_project: Callable[..., Project]) -> None:
    project = make_project()
    reject_and_begin_again(project, reviewable(project, day=DAY).id, NOTE)
    reject_and_begin_again(project, reviewable(project, video=b"second", day=DAY).id, "too dark")
    for question in asked_on(project):
        assert question.index(NOTE) < question.index("too dark")


def test_without_a_note_nothing_is_added(make_project: Callable[..., Project]) -> None:
    project = make_project()
    reject_and_begin_again(project, reviewable(project, day=DAY).id, None)
    assert not any("rejected" in question for question in asked_on(project))


def test_a_later_note_changes_no_paid_question(make_project: Callable[..., Project]) -> None:
    project = make_project()
    first = reviewable(project, day=DAY)
    reject_and_begin_again(project, first.id, NOTE)
    project.clock.sleep(60)
    note = "and it is too loud"
    add_decision(project.catalog, first.id, at=project.clock.now(), verdict="rejected", note=note)
    for question in asked_on(project):
        assert NOTE in question
        assert "too loud" not in question
