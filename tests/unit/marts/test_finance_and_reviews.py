"""Money, decisions and the factory's own health, from rows made by hand."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dayreel.services.configure import write_config
from dayreel.stores.catalog.tables import bills, processing_logs, state_transitions
from tests.unit.marts.hand_made import DAY, Catalogued, MakeProject, at, rows_of


def test_spending_distinguishes_paid_held_and_unknown(by_hand: Catalogued) -> None:
    by_hand.contents("c-1")
    by_hand.effects(
        ("fal", "video", "confirmed", "0.50", "0.50"),
        ("fal", "video", "confirmed", "0.50", "0.40"),
        ("fal", "video", "sent", "0.50", None),
        ("fal", "video", "unknown", "0.25", None),
        ("anthropic", "idea", "confirmed", "0.02", "0.003001"),
        ("anthropic", "idea", "refused", "0", None),  # cost nothing
    )
    columns = ("provider", "purchases", "settled_usd", "reserved_usd", "unknown_usd", "spent_usd")
    assert rows_of(by_hand.built("finance/spend"), *columns, by=("provider",)) == [
        ("anthropic", 1, Decimal("0.003001"), Decimal(0), Decimal(0), Decimal("0.003001")),
        ("fal", 4, Decimal("0.90"), Decimal("0.50"), Decimal("0.25"), Decimal("1.65")),
    ]


def test_bills_stand_beside_what_is_booked_by_utc_day(by_hand: Catalogued) -> None:
    by_hand.contents("c-1")
    late = {"sent_at": at("2026-11-10 23:30"), "spent_on": date(2026, 11, 11), "model": "wan"}  # a zone east of UTC
    by_hand.effects(("fal", "video", "confirmed", "0.50", "0.50"), ("fal", "video", "unknown", "0.25", None), **late)
    by_hand.effects(("kling", "video", "confirmed", "1", "1"), sent_at=at("2026-11-10 09:00"), model="v3")
    read = {"world": "live", "vendor": "fal", "read_at": at("2026-11-12 02:00")}
    by_hand.put(
        bills,
        {**read, "day": DAY, "usd_by_model": {"wan": "1.0000004", "veo": "0.10"}},
        {**read, "day": date(2026, 11, 11), "usd_by_model": {}},
    )
    columns = ("day", "provider", "model", "requests", "booked_usd", "held_usd", "billed_usd", "difference_usd")
    built = by_hand.built("finance/billed_vs_booked", date(2026, 11, 1))
    assert rows_of(built, *columns, by=("provider", "model")) == [
        (DAY, "fal", "veo", 0, Decimal(0), Decimal(0), Decimal("0.10"), Decimal("0.10")),
        (DAY, "fal", "wan", 2, Decimal("0.50"), Decimal("0.25"), Decimal(1), Decimal("0.25")),
        (DAY, "kling", "v3", 1, Decimal(1), Decimal(0), None, None),
    ]


def caps(by_hand: Catalogued, **usd: str) -> None:
    with by_hand.project.catalog.write("money") as connection:
        for name, value in usd.items():
            write_config(connection, f"cap.{name}_usd", value, by="ana", at=at("2026-11-01 00:00"))


def test_the_month_is_projected_from_the_days_so_far(by_hand: Catalogued) -> None:
    """$6 in ten days of November: 6 x 30 / 10 = $18, above a cap of $15. The sandbox's are a row of their own."""
    caps(by_hand, day="25", month="15")
    by_hand.contents("c-1", world="live")
    by_hand.effects(("fal", "video", "confirmed", "4", "4"), spent_on=date(2026, 11, 3))
    by_hand.effects(("fal", "video", "unknown", "2", None))
    by_hand.effects(("fal", "video", "confirmed", "99", "99"), world="sandbox")
    by_hand.effects(("fal", "video", "confirmed", "7", "7"), spent_on=date(2026, 10, 31))
    live, sandbox = by_hand.built("finance/projection").to_dict("records")
    assert (live["world"], live["spent_usd"], live["month_to_date_usd"], live["projected_month_usd"]) == (
        "live", 2, 6, 18,
    )  # fmt: skip
    assert (live["cap_month_usd"], live["is_over"], live["simulated"]) == (15, True, False)
    assert (sandbox["world"], sandbox["month_to_date_usd"], sandbox["simulated"]) == ("sandbox", 99, True)


def test_a_projection_to_the_sixth_decimal_is_rounded_to_even(by_hand: Catalogued) -> None:
    """$0.000001 by the 2nd of December: x 31 / 2 = 0.0000155, and 0.000003 x 31 / 2 = 0.0000465."""
    by_hand.contents("c-1", world="live")
    by_hand.effects(("fal", "video", "confirmed", "1", "0.000001"), spent_on=date(2026, 12, 1))
    (row,) = by_hand.built("finance/projection", date(2026, 12, 2)).to_dict("records")
    assert row["projected_month_usd"] == Decimal("0.000016")
    by_hand.effects(("fal", "video", "confirmed", "1", "0.000002"), spent_on=date(2026, 12, 2))
    (row,) = by_hand.built("finance/projection", date(2026, 12, 2)).to_dict("records")
    assert row["projected_month_usd"] == Decimal("0.000046")


def test_a_day_without_spending_still_has_its_projection(by_hand: Catalogued) -> None:
    caps(by_hand, day="1", month="2")
    (row,) = by_hand.built("finance/projection").to_dict("records")
    assert (row["world"], row["spent_usd"], row["projected_month_usd"], row["is_over"]) == ("sandbox", 0, 0, False)


def moved(content_id: str, event: str, to_state: str, when: str) -> dict[str, Any]:
    return {
        "entity": "content", "entity_id": content_id, "from_state": "x", "to_state": to_state, "event": event,
        "trigger": "auto", "actor": "a", "version": 1, "at": at(when),
    }  # fmt: skip


def test_a_decision_is_timed_from_its_latest_review_request(by_hand: Catalogued) -> None:
    by_hand.contents("c-1", "c-2", "c-3")
    by_hand.decisions(("c-1", "edited", "2026-11-10 10:00"), ("c-1", "approved", "2026-11-10 10:30"))
    by_hand.decisions(("c-3", "approved", "2026-11-10 11:00"))
    by_hand.put(
        state_transitions,
        moved("c-1", "request_review", "review_pending", "2026-11-10 08:00"),
        moved("c-1", "edit", "review_pending", "2026-11-10 10:00"),
        moved("c-2", "request_review", "review_pending", "2026-11-09 09:00"),
        moved("c-2", "expire", "expired", "2026-11-10 09:00"),
    )
    # the edit answers the request of 08:00; editing asks again at 10:00, which the approval answers
    columns = ("verdict", "hours_to_decision", "decision_id", "via", "content_day")
    assert rows_of(by_hand.built("review/outcomes"), *columns, by=("decided_at",)) == [
        ("expired", 24.0, None, None, DAY), ("edited", 2.0, 1, "cli", DAY), ("approved", 0.5, 2, "cli", DAY),
        ("approved", None, 3, "cli", DAY),
    ]  # fmt: skip


def log(content_id: str | None, layer: str, status: str, seconds: float | None, **columns: Any) -> dict[str, Any]:
    began: datetime = columns.pop("started_at", at("2026-11-10 09:00"))
    ended = None if seconds is None else began + timedelta(seconds=seconds)
    return {
        "content_id": content_id,
        "layer": layer,
        "status": status,
        "started_at": began,
        "completed_at": ended,
    } | columns


def test_health_is_counted_per_channel_layer_provider_and_world(by_hand: Catalogued) -> None:
    by_hand.contents("c-1")
    by_hand.contents("real-1", world="live", day=DAY + timedelta(days=1))
    fal, tiktok = {"metadata": {"provider": "fal"}}, {"metadata": {"platform": "tiktok", "world": "sandbox"}}
    by_hand.put(
        processing_logs,
        log("c-1", "video", "completed", 40.0, **fal),
        log("c-1", "video", "completed", 60.0, **fal),
        log("c-1", "video", "failed", 8.0, **fal, error_message="HTTP 500", started_at=at("2026-11-10 11:00")),
        log(None, "measurement", "started", None, **tiktok),
        log("real-1", "video", "completed", 90.0, **fal),
        log("c-1", "composition", "completed", 2.0),
    )
    sent = {"kind": "post", "world": "sandbox", "sent_at": at("2026-11-10 12:00"), "error": "the answer was lost"}
    by_hand.effects(("tiktok", "distribution", "unknown", "0", None), **sent)
    rows = by_hand.built("factory/health")
    columns = ("channel", "layer", "provider", "attempts", "completed", "failed", "unknown")
    assert rows_of(
        rows, *columns, "seconds_median", "seconds_most", "last_error", by=("channel", "layer", "simulated")
    ) == [
        ("*", "measurement", "tiktok", 1, 0, 0, 0, None, None, None),
        ("crafts", "composition", "none", 1, 1, 0, 0, 2.0, 2.0, None),
        ("crafts", "distribution", "tiktok", 1, 0, 0, 1, None, None, "the answer was lost"),
        ("crafts", "video", "fal", 1, 1, 0, 0, 90.0, 90.0, None),  # the real one, beside three simulated ones
        ("crafts", "video", "fal", 3, 2, 1, 0, 40.0, 60.0, "HTTP 500"),
    ]
    rates = rows_of(rows, "success_rate", by=("channel", "layer", "simulated"))
    assert rates == [(None,), (1.0,), (0.0,), (1.0,), (pytest.approx(2 / 3),)]


@pytest.mark.parametrize("name", ["finance/spend", "factory/health", "review/outcomes"])
def test_days_on_which_nothing_happened_are_empty_tables(by_hand: Catalogued, name: str) -> None:
    assert by_hand.built(name).empty


def test_a_day_begins_with_midnight_in_the_projects_zone(make_project: MakeProject) -> None:
    """What happens at the very moment belongs to the new day, and to no other. Midnight in Tokyo is 15:00 UTC."""
    tokyo = Catalogued(make_project(channels={}, timezone="Asia/Tokyo"))
    tokyo.contents("c-1")
    tokyo.decisions(("c-1", "approved", "2026-11-20 15:00"))
    tokyo.put(processing_logs, log("c-1", "video", "completed", 9.0, started_at=at("2026-11-20 15:00")))
    for name in ("review/outcomes", "factory/health"):
        assert [len(tokyo.built(name, date(2026, 11, day))) for day in (20, 21, 22)] == [0, 1, 0], name
