"""What the marts read from the catalog: on which day something counts."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from dayreel.services.marts.frames import decisions_on, work_on
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from tests.fakes.clock import FakeClock
from tests.fakes.project import reviewable


def test_a_day_begins_with_midnight_in_the_projects_zone(make_project: Callable[..., Project]) -> None:
    """What happens at the very moment belongs to the new day, and to no other."""
    midnight_in_tokyo = datetime(2026, 11, 20, 15, tzinfo=UTC)
    project = make_project(timezone="Asia/Tokyo", clock=FakeClock(midnight_in_tokyo))
    decide(project, reviewable(project).id, "approved", by="ana", via="cli")
    days = [date(2026, 11, day) for day in (20, 21, 22)]
    assert [len(decisions_on(project, day)) for day in days] == [0, 1, 0]
    assert [len(work_on(project, day)) for day in days] == [0, 2, 0]
