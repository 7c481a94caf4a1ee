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
from dayreel.services.reviewing.decide import decide
from dayreel.services.studio import Studio
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.plan_backfill import plan_backfill
from tests.fakes.clock import FakeClock
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.studio import DAY, channel_of, content_row, reviewable, write_channel

ID = "crafts-2026-11-20"
JAR = "A potter mends a cracked jar with gold"
MakeStudio = Callable[..., Studio]


def pin(studio: Studio, day: date = DAY, text: str = JAR, **more: str) -> None:
    pin_idea(studio, "crafts", day, text, by="Ana", via="desk", **more)


def test_a_pinned_idea_is_given_to_the_model_and_kept_verbatim(make_studio: MakeStudio) -> None:
    studio = make_studio()
    pin(studio)
    model = FakeLanguageModel([answer(idea())])
    made = make_idea(studio, channel_of(studio), DAY, model=model)
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, "Clay, patience 🏺")
    assert JAR in model.asked[0].prompt
    assert made.record.parameters["pinned_by"] == "Ana"
    assert content_row(studio, ID).idea == JAR


def test_a_pinned_caption_is_kept_and_a_pinned_idea_may_repeat(
    make_studio: MakeStudio,
) -> None:
    studio = make_studio()
    make_idea(studio, channel_of(studio), DAY - timedelta(days=1), model=FakeLanguageModel([answer(idea(idea=JAR))]))
    pin(studio, caption="Gold mends")
    made = make_idea(studio, channel_of(studio), DAY, model=FakeLanguageModel([answer(idea(idea=JAR))]))
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, "Gold mends")


def test_a_pinned_idea_takes_the_place_of_the_calendars_row(make_studio: MakeStudio) -> None:
    studio = make_studio(channels={"crafts": {"ideas": {"provider": "calendar", "file": "days.csv"}}})
    pin(studio)
    made = make_idea(studio, channel_of(studio), DAY, model=None)
    assert made.manifest.idea is not None
    assert (made.manifest.idea.idea, made.manifest.idea.caption) == (JAR, JAR)


def test_a_day_that_has_its_idea_already_takes_no_other_one(make_studio: MakeStudio) -> None:
    studio = make_studio()
    reviewable(studio)
    with pytest.raises(StaleState, match=f"{ID} has its idea already"):
        pin(studio)
    decide(studio, ID, "rejected", by="ana", via="cli")
    pin(studio)  # for the next take


SPEAKS = {
    "ideas": {"provider": "calendar", "file": "days.csv"},
    "narration": {"voice": "en-US-AriaNeural"},
}


def test_a_pinned_idea_spoken_verbatim_must_fit_into_the_video(make_studio: MakeStudio) -> None:
    """15 s take 34 words at ease, and 39 a little faster."""
    studio = make_studio(channels={"crafts": SPEAKS})
    pin(studio, text=" ".join(["clay"] * 39))
    said = "speaks it word for word, and its narration has 40 words and at most 34 fit into the video"
    with pytest.raises(UsageError, match=said) as refusal:
        pin(studio, text=" ".join(["clay"] * 40))
    assert "Shorten it to 34 words" in refusal.value.next_step
    with studio.catalog.read() as connection:
        kept = pinned_idea(connection, "crafts", DAY)
    assert kept is not None
    assert len(kept.idea.split()) == 39
    write_channel(studio.settings.root, "crafts", **{**SPEAKS, "narration": {"voice": "x", "rate": "+20%"}})
    pin(studio, text=" ".join(["clay"] * 40))


def test_a_pinned_idea_is_checked_again_for_a_shorter_channel(make_studio: MakeStudio) -> None:
    studio = make_studio(channels={"crafts": SPEAKS})
    pin(studio, text=" ".join(["clay"] * 39))
    write_channel(studio.settings.root, "crafts", **SPEAKS, segments={"count": 2})
    with pytest.raises(UsageError, match="39 words and at most 23 fit"):
        make_idea(studio, channel_of(studio), DAY, model=None)


def test_a_pinned_idea_may_be_long_if_a_model_writes_narration(
    make_studio: MakeStudio,
) -> None:
    studio = make_studio(channels={"crafts": {"narration": SPEAKS["narration"]}})
    pin(studio, text=" ".join(["clay"] * 100))
    model = FakeLanguageModel([answer(idea(narration="clay " * 40)), answer(idea(narration="Clay, patience."))])
    made = make_idea(studio, channel_of(studio), DAY, model=model)
    assert made.manifest.idea is not None
    assert made.manifest.idea.narration == "Clay, patience."


@pytest.mark.parametrize(("day", "text", "said"), [
    (date(2026, 10, 31), JAR, "before active_from"),
    (date(2027, 12, 1), JAR, "more than a year away"),
    (DAY, "too short", "at least 10 characters"),
    (DAY, "x" * 601, "at most 600 characters"),
    (DAY, "A gun and a beheading on the beach", "blocked terms"),
])  # fmt: skip
def test_what_cannot_be_made_cannot_be_pinned(make_studio: MakeStudio, day: date, text: str, said: str) -> None:
    studio = make_studio(channels={"crafts": {"safety": {"blocked_terms": ["beheading"]}}})
    with pytest.raises(UsageError, match=said):
        pin(studio, day, text)
    with studio.catalog.read() as connection:
        assert pinned_idea(connection, "crafts", day) is None


def test_pinning_again_replaces_and_unpinning_removes_on_record(make_studio: MakeStudio) -> None:
    studio = make_studio()
    pin(studio, text="Something else altogether")
    pin(studio)
    with studio.catalog.read() as connection:
        found = pinned_idea(connection, "crafts", DAY)
    assert found is not None
    assert (found.idea, found.pinned_by) == (JAR, "Ana")
    unpin_idea(studio, "crafts", DAY, by="Ben", via="desk")
    with pytest.raises(UsageError, match="No idea is pinned"):
        unpin_idea(studio, "crafts", DAY, by="Ben", via="desk")
    with studio.catalog.read() as connection:
        assert [(act.actor, act.act) for act in recent_acts(connection)] == [
            ("Ben", "unpin idea"),
            ("Ana", "pin idea"),
            ("Ana", "pin idea"),
        ]


def test_those_who_may_not_decide_on_a_channel_may_not_plan_it(make_studio: MakeStudio) -> None:
    studio = make_studio(channels={"crafts": {"review": {"who": ["Eva"]}}})
    with pytest.raises(GateClosedError, match="Eva"):
        pin(studio)


# -- pauses ------------------------------------------------------------------------------------------------------


def test_a_paused_channel_begins_no_day_and_buys_nothing(make_studio: MakeStudio) -> None:
    studio = make_studio()
    row = open_content(studio, channel_of(studio), DAY)
    pause_channel(studio, "crafts", note="holidays", by="Olga", via="desk")
    reason = why_not_begun(studio, channel_of(studio), DAY)
    assert reason == "channel 'crafts' is paused by Olga (holidays)"
    model = FakeLanguageModel([answer(idea())])
    with pytest.raises(UsageError, match="paused by Olga"):
        make_idea(studio, channel_of(studio), DAY, model=model)
    assert model.asked == []
    assert content_row(studio, row.id).state == "pending"


def test_a_pause_stops_work_in_progress_at_its_next_purchase(make_studio: MakeStudio) -> None:
    studio = make_studio()

    class Slow(FakeLanguageModel):
        """Somebody pauses the channel while its first answer is awaited; that answer cannot be used."""

        def ask(self, permit: Permit, question: Question) -> Answer:
            if not self.asked:
                pause_channel(studio, "crafts", by="Olga", via="desk")
            return super().ask(permit, question)

    model = Slow([answer("no document"), answer(idea())])
    with pytest.raises(GateClosedError, match="paused by Olga"):
        make_idea(studio, channel_of(studio), DAY, model=model)
    assert len(model.asked) == 1


def test_what_was_approved_waits_until_the_channel_goes_on(make_studio: MakeStudio) -> None:
    studio = make_studio()
    reviewable(studio)
    decide(studio, ID, "approved", by="ana", via="cli")
    pause_channel(studio, "crafts", by="Olga", via="desk")
    assert due_posts(studio, days={DAY.isoformat()}) == []
    resume_channel(studio, "crafts", by="Olga", via="desk")
    assert [post.platform for post in due_posts(studio, days={DAY.isoformat()})] == ["instagram"]


def test_a_pause_ends_after_its_last_day_in_the_channels_zone(make_studio: MakeStudio) -> None:
    clock = FakeClock()
    studio = make_studio(channels={"crafts": {"timezone": "Pacific/Auckland"}}, clock=clock)
    with pytest.raises(UsageError, match="is over in Pacific/Auckland"):
        pause_channel(studio, "crafts", until=DAY - timedelta(days=1), by="Olga", via="desk")
    pause_channel(studio, "crafts", until=DAY, by="Olga", via="desk")
    assert why_not_begun(studio, channel_of(studio), DAY) is not None
    clock.move(hours=3)  # midnight in Auckland
    assert why_not_begun(studio, channel_of(studio), DAY) is None


def test_only_a_paused_channel_resumes_and_it_has_one_pause(make_studio: MakeStudio, tmp_path: Path) -> None:
    studio = make_studio()
    with pytest.raises(UsageError, match="not paused"):
        resume_channel(studio, "crafts", by="Olga", via="desk")
    for note in ("one", "two"):
        pause_channel(studio, "crafts", note=note, by="Olga", via="desk")
    with studio.catalog.read() as connection:
        pause = pause_of(connection, "crafts")
    assert pause is not None
    assert pause.note == "two"
    write_channel(studio.settings.root, "other")
    assert why_not_begun(studio, channel_of(studio, "other"), DAY) is None


# -- skipped days ------------------------------------------------------------------------------------------------


def test_a_skipped_day_is_made_by_nobody_until_it_is_unskipped(make_studio: MakeStudio) -> None:
    studio = make_studio()
    channel = channel_of(studio)
    skip_day(studio, "crafts", DAY, note="a holiday", by="Olga", via="cli")
    skip_day(studio, "crafts", DAY, note="said twice", by="Ana", via="cli")
    with pytest.raises(UsageError, match=r"2026-11-20 of channel 'crafts' is skipped by Olga \(a holiday\)"):
        open_content(studio, channel, DAY)
    plan = plan_backfill(studio, [channel], DAY - timedelta(days=1), DAY)
    assert [day.day for day in plan.days] == [DAY - timedelta(days=1)]
    assert "skipped by Olga" in plan.left_out[0].reason
    unskip_day(studio, "crafts", DAY, by="Olga", via="cli")
    assert open_content(studio, channel, DAY).state == "pending"
    with pytest.raises(UsageError, match="was begun already"):
        skip_day(studio, "crafts", DAY, by="Olga", via="cli")
    with pytest.raises(UsageError, match="is not skipped"):
        unskip_day(studio, "crafts", DAY, by="Olga", via="cli")
