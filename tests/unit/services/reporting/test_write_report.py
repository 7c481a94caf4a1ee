"""A report of a first day, which no mart knows yet. Weeks with numbers are in `tests/unit/services/demo`."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from dayreel.services.making.make_idea import make_idea
from dayreel.services.project import Project
from dayreel.services.reporting import write_report
from dayreel.services.reporting.write_report import week_to_report, write_reports
from tests.fakes.clock import FakeClock
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import DAY, channel_of, reviewable

MakeProject = Callable[..., Project]
MONDAY = date(2026, 11, 16)


def test_a_first_day_is_in_its_report(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_report, "draw_all", lambda _data: {})
    monkeypatch.setattr(write_report, "refresh_marts", lambda *_days, **_more: 0)
    project = make_project()
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea())]))
    reviewable(project)
    assert week_to_report(project) == MONDAY
    (report,) = write_reports(project, week_to_report(project))
    words = "Today, not in the numbers yet: 1 video (1 review pending), $0.01 spent."
    assert words in report.text
    assert words in report.path.read_text(encoding="utf-8")
    assert "Nothing was made" not in report.text + report.path.read_text(encoding="utf-8")
    (before,) = write_reports(project, MONDAY - timedelta(days=7))
    assert "Nothing was made" in before.text


def test_a_week_that_is_over_is_reported_once_there_is_one(make_project: MakeProject) -> None:
    clock = FakeClock()
    project = make_project(clock=clock)
    reviewable(project)
    clock.move(days=7)
    assert week_to_report(project) == MONDAY
