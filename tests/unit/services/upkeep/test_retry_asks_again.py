"""A person's retry must always lead somewhere: an answer that could not be used is not repeated from the ledger."""

from pathlib import Path

import pytest

from dayreel.errors import PermanentError, UsageError
from dayreel.providers.llm.contract import Answer
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_new_take
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.language_model import FakeLanguageModel, answer
from tests.fakes.project import DAY, content_row, make_project, reviewable


@pytest.mark.parametrize(
    "bad",
    [[answer(finish="refused", refusal="no") for _ in range(2)], [answer({}) for _ in range(4)]],
    ids=["refused", "never on the schema"],
)
def test_only_a_retry_asks_the_model_again_not_a_repeated_run(tmp_path: Path, bad: list[Answer]) -> None:
    """A repeat by itself must not spend more on the same question; a person's word may."""
    model = FakeLanguageModel(bad)
    project = make_project(tmp_path, providers={"anthropic": model})
    channel = project.channels.load("crafts")
    for _ in range(2):
        with pytest.raises(PermanentError, match="dayreel retry crafts-2026-11-20"):
            make_idea(project, channel, DAY, model=model)
    assert len(model.asked) == len(bad)

    assert reopen_refused(project, "crafts-2026-11-20") == len(bad)
    made = make_idea(project, channel, DAY, model=model)

    assert made.manifest.idea is not None
    assert len(model.asked) == len(bad) + 1
    assert reopen_refused(project, "crafts-2026-11-20") == 0, "what a stage was made from is never set aside"


def test_only_the_newest_take_of_a_day_is_tried_again(tmp_path: Path) -> None:
    """What an older one was refused would be bought for a video that nobody is to see."""
    project = make_project(tmp_path)
    older = reviewable(project)
    decide(project, older.id, "rejected", by="ana", via="cli")
    newer = open_new_take(project, content_row(project, older.id))
    with pytest.raises(UsageError, match="not the newest take of its day") as refusal:
        reopen_refused(project, older.id)
    assert newer.id in refusal.value.next_step


def test_a_take_that_was_only_just_opened_is_tried_again(tmp_path: Path) -> None:
    """As it was: `dayreel retry ID-t2` said that there is no such content until its first step had begun."""
    project = make_project(tmp_path)
    row = reviewable(project, day=DAY)
    decide(project, row.id, "rejected", by="mia", via="desk")
    take = open_new_take(project, content_row(project, row.id))
    assert reopen_refused(project, take.id) == 0
