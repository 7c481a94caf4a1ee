"""The week's message: when it is due, that it is sent once, what it says of all, and whose approvals are low."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dayreel.errors import TransientError
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.reporting import write_report
from dayreel.services.reporting.send_weekly import (
    ChannelWeek,
    LookedAtWeek,
    is_weekly_late,
    send_weekly,
    text_of,
    why_not_sent,
)
from dayreel.services.reporting.write_report import WeeklyReport
from dayreel.services.upkeep.chores import WEEKLY, do_chore, due_chores
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.rows import add_content, add_decision

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday."""
MONDAY = date(2026, 11, 16)


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Monday at nine: of the week before, two videos were made; one was approved and one rejected."""
    project = make_project(clock=FakeClock(NINE), weekly_at="mon 09:00")
    for day, state, verdict in (("17", "approved", "approved"), ("18", "rejected", "rejected")):
        at = datetime(2026, 11, int(day), 10, tzinfo=UTC)
        add_content(project.catalog, f"crafts-2026-11-{day}", state, at=at)
        add_decision(project.catalog, f"crafts-2026-11-{day}", verdict=verdict, at=at + timedelta(hours=1))
    return project


def move(project: Project, **by: float) -> None:
    assert isinstance(project.clock, FakeClock)
    project.clock.move(**by)


def week(channel: str, approved: int, rejected: int, views: int | None = 1000) -> ChannelWeek:
    return ChannelWeek(channel, approved + rejected, approved, rejected, 3 * approved, views, Decimal("1.50"))


def message_about(*weeks: ChannelWeek, floor_percent: int = 80) -> list[str]:
    reports = [WeeklyReport(week.channel, "2026-W47", Path(week.channel), f"About {week.channel}.") for week in weeks]
    return text_of(MONDAY, LookedAtWeek(weeks, reports), floor_percent=floor_percent).split("\n\n")


def nothing_looked_at(_project: Project, _monday: date) -> LookedAtWeek:
    return LookedAtWeek([], [])


def test_the_week_is_sent_once_with_the_low_approvals_first(project: Project) -> None:
    notifier = FakeNotifier()
    (sentence,) = do_chore(project, WEEKLY, notifiers=everything_to(notifier))
    assert "was notified" in sentence
    assert send_weekly(project, notifiers=[notifier]) == []
    (message,) = notifier.messages
    assert message.marker == "project/weekly/2026-11-16"
    first, low, crafts, *_, last = message.text.split("\n\n")
    assert first == (
        "Week 2026-W47 (2026-11-16 to 2026-11-22): 2 videos made, 1 of 2 approved (50%), 0 posts, "
        "views were not measured, $0.00 spent."
    )
    assert low == "Approvals below 80 %: crafts, 1 of 2 approved (50%)."
    assert "week 2026-W47" in crafts
    assert last == "Charts: `dayreel report --week 2026-W47`."
    assert (project.settings.var_dir / "reports" / "crafts-2026-W47.html").exists()


def test_the_next_week_has_its_own_message(project: Project) -> None:
    notifier = FakeNotifier()
    for _ in range(3):
        send_weekly(project, notifiers=[notifier], look=nothing_looked_at)
        move(project, days=7)
    markers = [message.marker for message in notifier.messages]
    assert markers == [f"project/weekly/2026-11-{day}" for day in ("16", "23", "30")]


def test_before_its_time_or_switched_off_nothing_is_sent(
    project: Project, make_project: Callable[..., Project]
) -> None:
    move(project, minutes=-1)
    assert why_not_sent(project, targets=["log"]) == "it is not mon 09:00 yet"
    assert send_weekly(project, notifiers=[FakeNotifier()]) == []
    off = make_project(clock=FakeClock(NINE))
    assert why_not_sent(off, targets=["log"]) == "DAYREEL_WEEKLY_AT is off"
    assert not is_weekly_late(off, targets=["log"])


def test_a_project_that_began_this_week_has_no_report(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(NINE), weekly_at="mon 09:00")
    add_content(project.catalog, "crafts-2026-11-23", "review_pending", at=NINE)
    assert why_not_sent(project, targets=["log"]) == "nothing was made up to the end of 2026-W47"


def test_a_message_that_nobody_sent_is_a_chore_all_week(project: Project) -> None:
    def due() -> list[str]:
        return [chore.name for chore in due_chores(project, targets=everything_to("log")) if chore.name == WEEKLY]

    move(project, minutes=9)
    assert due() == []
    move(project, days=5)
    assert due() == [WEEKLY]
    notifier = FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 9)
    send_weekly(project, notifiers=[notifier], look=nothing_looked_at)
    assert (due(), notifier.messages) == ([WEEKLY], [])
    send_weekly(project, notifiers=[FakeNotifier()], look=nothing_looked_at)
    assert due() == []


def test_channels_below_the_floor_are_named_and_come_first() -> None:
    weeks = [week("almanac", 8, 2), week("birds", 7, 3), week("crafts", 0, 0), week("dawn", 0, 1)]
    _, *rest = message_about(*weeks)
    assert rest[:6] == [
        "Approvals below 80 %: birds, 7 of 10 approved (70%).",
        "Approvals below 80 %: dawn, 0 of 1 approved (0%).",
        "About birds.",
        "About dawn.",
        "About almanac.",
        "About crafts.",
    ]
    assert [line for line in message_about(*weeks, floor_percent=0) if line.startswith("Approvals")] == []


def test_all_channels_are_summed_and_unmeasured_ones_named() -> None:
    first, *_, last = message_about(*(week(f"c{n}", 3, 1, None if n == 0 else 500) for n in range(7)))
    assert first.endswith(
        "28 videos made, 21 of 28 approved (75%), 63 posts, +3,000 views (of 6 of 7 channels), $10.50 spent."
    )
    assert last.endswith(" 2 more channels are there.")


def test_a_share_just_below_the_floor_reads_as_below() -> None:
    assert "Approvals below 80 %: dawn, 39 of 49 approved (79%)." in message_about(week("dawn", 39, 10))


def test_a_channel_whose_file_is_broken_holds_no_report_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_report, "draw_all", lambda _data: {})
    monkeypatch.setattr(write_report, "refresh_marts", lambda *_days, **_more: 0)
    (project.settings.channels_dir / "birds.yaml").write_text("title: [", encoding="utf-8")
    notifier = FakeNotifier()
    send_weekly(project, notifiers=[notifier])
    (message,) = notifier.messages
    assert "No report of birds: its file cannot be read" in message.text
    assert "Crafts, week 2026-W47" in message.text
