"""What waits for somebody, and what was spent, as every face is told."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from dayreel.queries.money import money_of
from dayreel.queries.queue import dashboard
from dayreel.services.studio import Studio
from tests.fakes.rows import add_effect
from tests.fakes.studio import reviewable
from tests.unit.tui.terminals import a_busy_day

MakeStudio = Callable[..., Studio]


def test_the_day_counts_what_it_does_not_list(make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = make_studio(channels={"crafts": {}, "histories": {}})
    a_busy_day(studio)
    monkeypatch.setattr("dayreel.queries.queue._SHOWN_OVER", 0)
    groups = {group.state: (group.total, len(group.contents)) for group in dashboard(studio).groups}
    assert groups == {
        "review_pending": (1, 1),
        "failed": (1, 1),
        "rendering": (1, 1),
        "rejected": (1, 0),
        "posted": (1, 0),
    }


def test_money_of_another_world_counts_for_nothing(make_studio: MakeStudio) -> None:
    studio = make_studio()
    add_effect(studio.catalog, reviewable(studio).id)
    assert [cap.used_usd for cap in money_of(studio).caps] == [Decimal("0.25")] * 3
    assert [cap.used_usd for cap in money_of(make_studio(world="live")).caps] == [0, 0, 0]
