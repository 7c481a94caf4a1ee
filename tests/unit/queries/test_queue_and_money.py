"""What waits for somebody, and what was spent, as every face is given it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from dayreel.queries.money import money_of
from dayreel.queries.queue import dashboard
from dayreel.services.project import Project
from tests.fakes.project import DAY, reviewable
from tests.fakes.rows import add_content, add_effect
from tests.unit.tui.terminals import a_busy_day

MakeProject = Callable[..., Project]


@pytest.mark.parametrize(("limit", "rejected", "posted", "more"), [(3, 0, 0, 3), (4, 1, 0, 2), (9, 1, 2, 0)])
def test_the_day_counts_what_it_does_not_list(
    make_project: MakeProject, limit: int, rejected: int, posted: int, more: int
) -> None:
    project = make_project(channels={"crafts": {}, "histories": {}})
    a_busy_day(project)
    add_content(project.catalog, f"histories-{DAY - timedelta(days=5)}", "posted")
    day = dashboard(project, limit=limit)
    assert [(group.standing, group.total, len(group.contents)) for group in day.groups] == [
        ("unknown outcome", 1, 1),
        ("failed", 1, 1),
        ("rendering", 1, 1),
        ("rejected", 1, rejected),
        ("posted", 2, posted),
    ]
    assert day.more == more


def test_what_is_in_doubt_comes_first_however_old_it_is(make_project: MakeProject) -> None:
    project = make_project()
    for back in range(5):
        add_content(project.catalog, f"crafts-{DAY - timedelta(days=back)}", "posted")
    add_effect(project.catalog, f"crafts-{DAY - timedelta(days=4)}", kind="post", target="instagram")
    day = dashboard(project, limit=2)
    assert [(group.standing, group.total) for group in day.groups] == [("unknown outcome", 1), ("posted", 4)]
    assert [status.row.day for group in day.groups for status in group.contents] == [DAY - timedelta(days=4), DAY]
    assert day.more == 3


def test_money_of_another_world_counts_for_nothing(make_project: MakeProject) -> None:
    project = make_project()
    add_effect(project.catalog, reviewable(project).id)
    assert [cap.used_usd for cap in money_of(project).caps] == [Decimal("0.25")] * 3
    assert [cap.used_usd for cap in money_of(make_project(world="live")).caps] == [0, 0, 0]
