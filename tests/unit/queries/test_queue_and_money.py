"""What waits for somebody, and what was spent, as every face is told."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from dayreel.queries.money import money_of
from dayreel.queries.queue import dashboard
from dayreel.services.project import Project
from tests.fakes.project import reviewable
from tests.fakes.rows import add_effect
from tests.unit.tui.terminals import a_busy_day

MakeProject = Callable[..., Project]


def test_the_day_counts_what_it_does_not_list(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(channels={"crafts": {}, "histories": {}})
    a_busy_day(project)
    monkeypatch.setattr("dayreel.queries.queue._SHOWN_OVER", 0)
    groups = {group.state: (group.total, len(group.contents)) for group in dashboard(project).groups}
    assert groups == {
        "review_pending": (1, 1),
        "failed": (1, 1),
        "rendering": (1, 1),
        "rejected": (1, 0),
        "posted": (1, 0),
    }


def test_money_of_another_world_counts_for_nothing(make_project: MakeProject) -> None:
    project = make_project()
    add_effect(project.catalog, reviewable(project).id)
    assert [cap.used_usd for cap in money_of(project).caps] == [Decimal("0.25")] * 3
    assert [cap.used_usd for cap in money_of(make_project(world="live")).caps] == [0, 0, 0]
