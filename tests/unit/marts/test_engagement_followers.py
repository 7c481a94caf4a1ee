"""Followers a day, worked out by hand."""

from datetime import date
from typing import Any

from dayreel.stores.catalog.tables import account_snapshots
from tests.unit.marts.hand_made import Catalogued, at, rows_of

MART = "engagement/followers"
BY = ("platform", "account_id", "simulated")


def counted(by_hand: Catalogued, day: int, hour: str, followers: int | None, **more: Any) -> None:
    who = {"world": "sandbox", "platform": "tiktok", "account_id": "a", "observed_on": date(2026, 11, day)}
    by_hand.put(
        account_snapshots, {**who, "observed_at": at(f"2026-11-{day:02} {hour}"), "followers": followers, **more}
    )


def test_the_last_count_of_a_day_beside_the_day_before(by_hand: Catalogued) -> None:
    counted(by_hand, 9, "07:30", 130)
    counted(by_hand, 10, "07:30", None, refused="HTTP 503")
    counted(by_hand, 10, "13:30", 128)
    counted(by_hand, 10, "07:30", 7, world="live")
    names = ("followers", "followers_change", "reason", "simulated")
    assert rows_of(by_hand.built(MART), *names, by=BY) == [(7, None, None, False), (128, -2, None, True)]


def test_a_count_that_was_not_reported_is_null_with_its_reason(by_hand: Catalogued) -> None:
    counted(by_hand, 9, "07:30", 130)
    counted(by_hand, 10, "07:30", None, refused="HTTP 401, scope_not_authorized")
    counted(by_hand, 10, "07:30", None, platform="youtube")
    assert rows_of(by_hand.built(MART), "followers", "followers_change", "reason", by=BY) == [
        (None, None, "HTTP 401, scope_not_authorized"), (None, None, "the platform does not say"),
    ]  # fmt: skip
