"""What is expected of a channel, what is not, and what is said when a silence ends only because its day is over."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from dayreel.errors import TransientError
from dayreel.services.making.plan_days import pause_channel, resume_channel, skip_day
from dayreel.services.project import Project
from dayreel.services.upkeep.report_silences import SchedulerHealth, find_silences, is_news, report_silences
from dayreel.stores.catalog.tables import processing_logs
from tests.fakes.clock import NINE, FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.rows import add_content, add_post

BEFORE = NINE - timedelta(days=3)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """A channel that has begun three days ago, at 09:11 on a day that nobody has made."""
    project = make_project(clock=FakeClock(NINE + timedelta(minutes=11)), channels={"crafts": {"make_at": "09:00"}})
    for number in (1, 2, 3):
        add_content(project.catalog, f"crafts-{(NINE - timedelta(days=number)).date()}", "posted", at=BEFORE)
    return project


def subjects(project: Project, health: SchedulerHealth | None = None) -> list[str]:
    return [silence.subject for silence in find_silences(project, health)]


def test_a_day_that_is_due_and_not_begun_is_silent(project: Project) -> None:
    assert subjects(project) == ["video crafts 2026-11-20"]


def test_a_day_within_its_grace_is_not(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(NINE + timedelta(minutes=9)), channels={"crafts": {"make_at": "09:00"}})
    add_content(project.catalog, "crafts-2026-11-18", "posted", at=BEFORE)
    add_content(project.catalog, "crafts-2026-11-19", "posted", at=BEFORE)
    assert subjects(project) == []


def test_a_day_whose_run_waits_is_not(project: Project) -> None:
    health = SchedulerHealth(under_way={("crafts", date(2026, 11, 20))})
    assert subjects(project, health) == []


def test_a_model_that_ends_within_30_days_is_reported(project: Project) -> None:
    row = """
- {provider: openai, model: gpt-6-luna, ends_on: 2026-12-20, replaced_by: [gpt-6.1-terra], source: its page,
   checked_on: 2026-11-01}
"""
    (project.settings.root / "models.yaml").write_text(row)
    (silence,) = (silence for silence in find_silences(project, None) if silence.subject == "model gpt-6-luna")
    assert silence.text == "openai model 'gpt-6-luna' ends on 2026-12-20; use gpt-6.1-terra."
    (project.settings.root / "models.yaml").write_text(row.replace("12-20", "12-21"))
    vars(project).pop("models")
    assert "model gpt-6-luna" not in subjects(project)


def _pause(project: Project) -> None:
    pause_channel(project, "crafts", by="ana", via="cli")


def _skip(project: Project) -> None:
    skip_day(project, "crafts", date(2026, 11, 20), by="ana", via="cli")


def _make(project: Project) -> None:
    add_content(project.catalog, "crafts-2026-11-20", "failed", at=NINE)


@pytest.mark.parametrize("act", [_pause, _skip, _make], ids=["paused", "skipped", "begun"])
def test_what_somebody_chose_or_began_is_no_silence(project: Project, act: Callable[[Project], Any]) -> None:
    act(project)
    assert subjects(project) == []


def test_nobody_expects_the_days_of_a_pause_afterwards(make_project: Callable[..., Project]) -> None:
    clock = FakeClock(NINE - timedelta(days=2, hours=1))
    project = make_project(clock=clock, channels={"crafts": {"make_at": "09:00"}})
    add_content(project.catalog, "crafts-2026-11-17", "posted", at=BEFORE)
    pause_channel(project, "crafts", by="ana", via="cli")
    clock.move(days=2, minutes=-30)  # the hours of two days pass
    resume_channel(project, "crafts", by="ana", via="cli")
    clock.move(hours=1, minutes=45)
    assert subjects(project) == ["video crafts 2026-11-20"]


def test_a_new_channel_is_expected_from_its_file_on(make_project: Callable[..., Project]) -> None:
    project = make_project(clock=FakeClock(datetime.now().astimezone()), channels={"crafts": {"make_at": "00:00"}})
    assert subjects(project) == []


def test_a_missed_measurement_is_reported_and_not_resolved(project: Project) -> None:
    add_content(project.catalog, "crafts-2026-11-20", "posted", at=NINE)
    add_post(project.catalog, "crafts-2026-11-18-t2", 1, at=BEFORE)
    notifier, clock = FakeNotifier(), project.clock
    assert isinstance(clock, FakeClock)
    for _ in range(2):
        report_silences(project, None, notifiers=[notifier])
        clock.move(minutes=5)
    (message,) = notifier.messages
    assert "were due to be measured at 07:30 (UTC) on 2026-11-20, and were not." in message.text
    clock.move(hours=15)
    assert report_silences(project, None, notifiers=[notifier]).silent == ()
    assert len(notifier.messages) == 1


def test_an_end_that_could_not_be_sent_is_still_news(project: Project) -> None:
    notifier, clock = FakeNotifier(), project.clock
    assert isinstance(clock, FakeClock)
    for _ in range(2):
        report_silences(project, None, notifiers=[notifier])
        clock.move(minutes=5)
    _make(project)
    away = FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 9)
    report_silences(project, None, notifiers=[away])
    assert (away.messages, is_news(project, None)) == ([], True)
    report_silences(project, None, notifiers=[notifier])
    assert notifier.messages[-1].text.startswith("Resolved: ")
    assert not is_news(project, None)


def test_a_silence_is_open_until_everybody_has_it(project: Project) -> None:
    clock = project.clock
    assert isinstance(clock, FakeClock)
    away = FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 9, name="ntfy")
    there, back = FakeNotifier(name="email"), FakeNotifier(name="ntfy")
    for notifiers in ([away, there], [away, there], [back, there], [back, there]):
        report_silences(project, None, notifiers=notifiers)
        clock.move(minutes=5)
    assert [len(notifier.messages) for notifier in (there, back)] == [1, 1]
    assert not is_news(project, None)


def test_who_heard_of_a_silence_hears_of_its_end(project: Project) -> None:
    """Also where another notifier was away all the time."""
    clock = project.clock
    assert isinstance(clock, FakeClock)
    away = FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 99, name="ntfy")
    there = FakeNotifier(name="email")
    for _ in range(2):
        report_silences(project, None, notifiers=[away, there])
        clock.move(minutes=5)
    _make(project)
    report_silences(project, None, notifiers=[away, there])
    assert [message.text.startswith("Resolved: ") for message in there.messages] == [False, True]


def test_what_is_silent_in_an_unreadable_channel_is_not_over(project: Project) -> None:
    notifier, clock = FakeNotifier(), project.clock
    assert isinstance(clock, FakeClock)
    for _ in range(2):
        report_silences(project, None, notifiers=[notifier])
        clock.move(minutes=5)
    (project.settings.channels_dir / "crafts.yaml").write_text("title: [", encoding="utf-8")
    report = report_silences(project, None, notifiers=[notifier])
    assert [row.subject for row in report.silent] == ["video crafts 2026-11-20", "channel crafts"]
    assert len(notifier.messages) == 1


def test_an_unreadable_channel_keeps_no_other_silent(make_project: Callable[..., Project]) -> None:
    """`craft` is a part of `crafts`, and of `post crafts-2026-11-20 instagram` too."""
    clock, notifier = FakeClock(NINE + timedelta(minutes=11)), FakeNotifier()
    project = make_project(clock=clock, channels={name: {"make_at": "09:00"} for name in ("craft", "crafts")})
    add_content(project.catalog, "craft-2026-11-20", "posted", at=NINE - timedelta(hours=1))
    add_content(project.catalog, "crafts-2026-11-19", "posted", at=NINE - timedelta(hours=1))
    for _ in range(2):
        report_silences(project, None, notifiers=[notifier])
        clock.move(minutes=5)
    (project.settings.channels_dir / "craft.yaml").write_text("title: [", encoding="utf-8")
    _make(project)
    report = report_silences(project, None, notifiers=[notifier])
    assert [row.subject for row in report.silent] == ["channel craft"]
    assert [row.subject for row in report.resolved] == ["video crafts 2026-11-20"]


def test_a_measurement_of_the_other_world_counts_for_nothing(project: Project) -> None:
    _make(project)
    add_post(project.catalog, "crafts-2026-11-18-t2", 1, at=BEFORE)
    for world, silent in (("live", ["measurement 2026-11-20"]), ("sandbox", [])):
        log = {"layer": "measurement", "status": "completed", "started_at": NINE, "metadata": {"world": world}}
        with project.catalog.write() as connection:
            connection.execute(insert(processing_logs).values(log))
        assert subjects(project) == silent
