"""What people plan: a pinned idea is what the day is about, and a paused channel makes, buys and posts nothing."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.providers.llm.contract import Answer, Question
from dayreel.queries.rows import pause_of, pinned_idea
from dayreel.schemas.effect import Permit
from dayreel.services.audit import recent_acts
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_content, why_not_begun
from dayreel.services.making.plan_days import (
    pause_channel,
    pin_idea,
    resume_channel,
    skip_day,
    unpin_idea,
    unskip_day,
)
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.plan_backfill import plan_backfill
from tests.fakes.clock import FakeClock
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import DAY, channel_of, content_row, reviewable, write_channel

ID = "crafts-2026-11-20"
JAR = "A potter mends a cracked jar with gold"
MakeProject = Callable[..., Project]


def pin(project: Project, day: date = DAY, text: str = JAR, **more: str) -> None:
    pin_idea(project, "crafts", day, text, by="Ana", via="desk", **more)


def test_a_pinned_idea_is_given_to_the_model_and_kept_verbatim(make_project: MakeProject) -> None:
    project = make_project()
    pin(project)
    model = FakeLanguageModel([answer(idea())])
    made = make_idea(project, channel_of(project), DAY, model=model)
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, "Clay, patience 🏺")
    assert JAR in model.asked[0].prompt
    assert made.record.parameters["pinned_by"] == "Ana"
    assert content_row(project, ID).idea == JAR


def test_a_pinned_caption_is_kept_and_a_pinned_idea_may_repeat(
    make_project: MakeProject,
) -> None:
    project = make_project()
    make_idea(project, channel_of(project), DAY - timedelta(days=1), model=FakeLanguageModel([answer(idea(idea=JAR))]))
    pin(project, caption="Gold mends")
    made = make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea(idea=JAR))]))
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, "Gold mends")


def test_a_pinned_idea_takes_the_place_of_the_calendars_row(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"ideas": {"provider": "calendar", "file": "days.csv"}}})
    pin(project)
    made = make_idea(project, channel_of(project), DAY, model=None)
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, JAR)


def test_a_day_that_has_its_idea_already_takes_no_other_one(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)
    with pytest.raises(StaleState, match=f"{ID} has its idea already"):
        pin(project)
    decide(project, ID, "rejected", by="ana", via="cli")
    pin(project)  # for the next take


SPEAKS = {
    "ideas": {"provider": "calendar", "file": "days.csv"},
    "narration": {"voice": "en-US-AriaNeural"},
}


def test_a_pinned_idea_spoken_verbatim_must_fit_into_the_video(make_project: MakeProject) -> None:
    """15 s take 34 words at ease, and 39 a little faster."""
    project = make_project(channels={"crafts": SPEAKS})
    pin(project, text=" ".join(["clay"] * 39))
    message = "speaks it word for word, and its narration has 40 words and at most 34 fit into the video"
    with pytest.raises(UsageError, match=message) as refusal:
        pin(project, text=" ".join(["clay"] * 40))
    assert "Shorten it to 34 words" in refusal.value.next_step
    with project.catalog.read() as connection:
        kept = pinned_idea(connection, "crafts", DAY)
    assert kept is not None
    assert len(kept.idea.split()) == 39
    write_channel(project.settings.root, "crafts", **{**SPEAKS, "narration": {"voice": "x", "rate": "+20%"}})
    pin(project, text=" ".join(["clay"] * 40))


def test_a_pinned_idea_is_checked_again_for_a_shorter_channel(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": SPEAKS})
    pin(project, text=" ".join(["clay"] * 39))
    write_channel(project.settings.root, "crafts", **SPEAKS, segments={"count": 2})
    with pytest.raises(UsageError, match="39 words and at most 23 fit"):
        make_idea(project, channel_of(project), DAY, model=None)


def test_a_pinned_idea_may_be_long_if_a_model_writes_narration(
    make_project: MakeProject,
) -> None:
    project = make_project(channels={"crafts": {"narration": SPEAKS["narration"]}})
    pin(project, text=" ".join(["clay"] * 100))
    model = FakeLanguageModel([answer(idea(narration="clay " * 40)), answer(idea(narration="Clay, patience."))])
    made = make_idea(project, channel_of(project), DAY, model=model)
    assert made.manifest.idea is not None
    assert made.manifest.idea.narration == "Clay, patience."


@pytest.mark.parametrize(("day", "text", "reason"), [
    (date(2026, 10, 31), JAR, "before active_from"),
    (date(2027, 12, 1), JAR, "more than a year away"),
    (DAY, "too short", "at least 10 characters"),
    (DAY, "x" * 601, "at most 600 characters"),
    (DAY, "A gun and a beheading on the beach", "blocked terms"),
])  # fmt: skip
def test_what_cannot_be_made_cannot_be_pinned(make_project: MakeProject, day: date, text: str, reason: str) -> None:
    project = make_project(channels={"crafts": {"safety": {"blocked_terms": ["beheading"]}}})
    with pytest.raises(UsageError, match=reason):
        pin(project, day, text)
    with project.catalog.read() as connection:
        assert pinned_idea(connection, "crafts", day) is None


def test_pinning_again_replaces_and_unpinning_removes_on_record(make_project: MakeProject) -> None:
    project = make_project()
    pin(project, text="Something else altogether")
    pin(project)
    with project.catalog.read() as connection:
        pinned = pinned_idea(connection, "crafts", DAY)
    assert pinned is not None
    assert (pinned.idea, pinned.pinned_by) == (JAR, "Ana")
    unpin_idea(project, "crafts", DAY, by="Ben", via="desk")
    with pytest.raises(UsageError, match="No idea is pinned"):
        unpin_idea(project, "crafts", DAY, by="Ben", via="desk")
    with project.catalog.read() as connection:
        assert [(act.actor, act.act) for act in recent_acts(connection)] == [
            ("Ben", "unpin idea"),
            ("Ana", "pin idea"),
            ("Ana", "pin idea"),
        ]


def test_those_who_may_not_decide_on_a_channel_may_not_plan_it(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"review": {"who": ["Eva"]}}})
    with pytest.raises(GateClosedError, match="Eva"):
        pin(project)


# -- pauses ------------------------------------------------------------------------------------------------------


def test_a_paused_channel_begins_no_day_and_buys_nothing(make_project: MakeProject) -> None:
    project = make_project()
    row = open_content(project, channel_of(project), DAY)
    pause_channel(project, "crafts", note="holidays", by="Olga", via="desk")
    reason = why_not_begun(project, channel_of(project), DAY)
    assert reason == "channel 'crafts' is paused by Olga (holidays)"
    model = FakeLanguageModel([answer(idea())])
    with pytest.raises(UsageError, match="paused by Olga"):
        make_idea(project, channel_of(project), DAY, model=model)
    assert model.asked == []
    assert content_row(project, row.id).state == "pending"


def test_a_pause_stops_work_in_progress_at_its_next_purchase(make_project: MakeProject) -> None:
    project = make_project()

    class Slow(FakeLanguageModel):
        """Somebody pauses the channel while its first answer is awaited; that answer cannot be used."""

        def ask(self, permit: Permit, question: Question) -> Answer:
            if not self.asked:
                pause_channel(project, "crafts", by="Olga", via="desk")
            return super().ask(permit, question)

    model = Slow([answer("no document"), answer(idea())])
    with pytest.raises(GateClosedError, match="paused by Olga"):
        make_idea(project, channel_of(project), DAY, model=model)
    assert len(model.asked) == 1


def test_what_was_approved_waits_until_the_channel_goes_on(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)
    decide(project, ID, "approved", by="ana", via="cli")
    pause_channel(project, "crafts", by="Olga", via="desk")
    assert due_posts(project, days={DAY.isoformat()}) == []
    resume_channel(project, "crafts", by="Olga", via="desk")
    assert [post.platform for post in due_posts(project, days={DAY.isoformat()})] == ["instagram"]


def test_a_pause_ends_after_its_last_day_in_the_channels_zone(make_project: MakeProject) -> None:
    clock = FakeClock()
    project = make_project(channels={"crafts": {"timezone": "Pacific/Auckland"}}, clock=clock)
    with pytest.raises(UsageError, match="is over in Pacific/Auckland"):
        pause_channel(project, "crafts", until=DAY - timedelta(days=1), by="Olga", via="desk")
    pause_channel(project, "crafts", until=DAY, by="Olga", via="desk")
    assert why_not_begun(project, channel_of(project), DAY) is not None
    clock.move(hours=3)  # midnight in Auckland
    assert why_not_begun(project, channel_of(project), DAY) is None


def test_only_a_paused_channel_resumes_and_it_has_one_pause(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    with pytest.raises(UsageError, match="not paused"):
        resume_channel(project, "crafts", by="Olga", via="desk")
    for note in ("one", "two"):
        pause_channel(project, "crafts", note=note, by="Olga", via="desk")
    with project.catalog.read() as connection:
        pause = pause_of(connection, "crafts")
    assert pause is not None
    assert pause.note == "two"
    write_channel(project.settings.root, "other")
    assert why_not_begun(project, channel_of(project, "other"), DAY) is None


# -- skipped days ------------------------------------------------------------------------------------------------


def test_a_skipped_day_is_made_by_nobody_until_it_is_unskipped(make_project: MakeProject) -> None:
    project = make_project()
    channel = channel_of(project)
    skip_day(project, "crafts", DAY, note="a holiday", by="Olga", via="cli")
    skip_day(project, "crafts", DAY, note="said twice", by="Ana", via="cli")
    with pytest.raises(UsageError, match=r"2026-11-20 of channel 'crafts' is skipped by Olga \(a holiday\)"):
        open_content(project, channel, DAY)
    plan = plan_backfill(project, [channel], DAY - timedelta(days=1), DAY)
    assert [day.day for day in plan.days] == [DAY - timedelta(days=1)]
    assert "skipped by Olga" in plan.left_out[0].reason
    unskip_day(project, "crafts", DAY, by="Olga", via="cli")
    assert open_content(project, channel, DAY).state == "pending"
    with pytest.raises(UsageError, match="was begun already"):
        skip_day(project, "crafts", DAY, by="Olga", via="cli")
    with pytest.raises(UsageError, match="is not skipped"):
        unskip_day(project, "crafts", DAY, by="Olga", via="cli")
