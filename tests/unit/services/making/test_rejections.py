"""What a reviewer said of a rejected take stands in the questions of the next one, and pays for nothing twice."""

from collections.abc import Callable

from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_new_take
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.reviewing.decide import decide
from dayreel.services.studio import Studio
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.studio import DAY, channel_of, content_row, reviewable

NOTE = "the hands have six fingers"


def reject_and_begin_again(studio: Studio, content_id: str, note: str | None) -> None:
    decide(studio, content_id, "rejected", by="mia", via="desk", note=note)
    open_new_take(studio, content_row(studio, content_id))


def asked_on(studio: Studio) -> tuple[str, str]:
    """Return the questions for the idea and for the prompts of the day's newest take."""
    model, other = FakeLanguageModel(), FakeLanguageModel(name="openai")
    make_idea(studio, channel_of(studio), DAY, model=model)
    write_prompts(studio, channel_of(studio), DAY, model=other)
    return model.asked[0].prompt, other.asked[0].prompt


def test_the_note_of_a_rejection_is_in_the_next_questions(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    first = reviewable(studio, day=DAY)
    reject_and_begin_again(studio, first.id, NOTE)
    for question in asked_on(studio):
        assert NOTE in question
        assert f'"{first.idea}" was rejected' in question


def test_every_rejected_take_of_the_day_counts(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    reject_and_begin_again(studio, reviewable(studio, day=DAY).id, NOTE)
    reject_and_begin_again(studio, reviewable(studio, video=b"second", day=DAY).id, "too dark")
    for question in asked_on(studio):
        assert question.index(NOTE) < question.index("too dark")


def test_without_a_note_nothing_is_added(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    reject_and_begin_again(studio, reviewable(studio, day=DAY).id, None)
    assert not any("rejected" in question for question in asked_on(studio))


def test_a_word_said_later_changes_no_paid_question(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    first = reviewable(studio, day=DAY)
    reject_and_begin_again(studio, first.id, NOTE)
    studio.clock.sleep(60)
    decide(studio, first.id, "approved", by="ben", via="desk")
    decide(studio, first.id, "rejected", by="ben", via="desk", note="and it is too loud")
    for question in asked_on(studio):
        assert NOTE in question
        assert "too loud" not in question
