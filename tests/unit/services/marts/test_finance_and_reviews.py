"""Money, decisions and the factory's own health, from frames made by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from dayreel.services.marts import factory_health, finance_spend, frames, review_outcomes, tables
from dayreel.services.marts.shapes import frame_from, frame_of, table_of
from tests.unit.services.marts.hand_made import DAY, at, rows_of


def spent(*rows: tuple[str, str, str, str, str | None], day: date = DAY, world: str = "live") -> pd.DataFrame:
    """Return effects from (provider, layer, state, reserved, settled)."""
    made: list[tuple[Any, ...]] = [
        (
            "c-1",
            day,
            "crafts",
            world,
            provider,
            layer,
            "llm",
            state,
            Decimal(held),
            None if paid is None else Decimal(paid),
        )
        for provider, layer, state, held, paid in rows
    ]
    return frame_of(frames.SPENT, made)


def test_spending_tells_paid_held_and_unknown_apart() -> None:
    told = finance_spend.build_spend(
        DAY,
        spent(
            ("fal", "video", "confirmed", "0.50", "0.50"),
            ("fal", "video", "confirmed", "0.50", "0.40"),
            ("fal", "video", "sent", "0.50", None),
            ("fal", "video", "unknown", "0.25", None),
            ("anthropic", "idea", "confirmed", "0.02", "0.003001"),
        ),
    )
    frame = frame_from(table_of(tables.FINANCE_SPEND, told))
    assert rows_of(
        frame, "provider", "purchases", "settled_usd", "reserved_usd", "unknown_usd", "spent_usd", by=("provider",)
    ) == [
        ("anthropic", 1, Decimal("0.003001"), Decimal(0), Decimal(0), Decimal("0.003001")),
        ("fal", 4, Decimal("0.90"), Decimal("0.50"), Decimal("0.25"), Decimal("1.65")),
    ]


def test_the_month_is_projected_from_the_days_so_far() -> None:
    """$6 in ten days of November: 6 x 30 / 10 = $18, above a cap of $15. The sandbox's are a row of their own."""
    month = pd.concat(
        [
            spent(("fal", "video", "confirmed", "4", "4"), day=date(2026, 11, 3)),
            spent(("fal", "video", "unknown", "2", None)),
            spent(("fal", "video", "confirmed", "99", "99"), world="sandbox"),
        ],
        ignore_index=True,
    )
    caps = {"day": Decimal(25), "month": Decimal(15)}
    made = finance_spend.build_projection(DAY, month, worlds=["live"], caps_usd=caps)
    live, sandbox = frame_from(table_of(tables.FINANCE_PROJECTION, made)).to_dict("records")
    assert (live["world"], live["spent_usd"], live["month_to_date_usd"], live["projected_month_usd"]) == (
        "live",
        2,
        6,
        18,
    )
    assert (live["cap_month_usd"], live["is_over"], live["simulated"]) == (15, True, False)
    assert (sandbox["world"], sandbox["month_to_date_usd"], sandbox["simulated"]) == ("sandbox", 99, True)


def test_a_day_without_spending_still_has_its_projection() -> None:
    made = finance_spend.build_projection(
        DAY, spent(), worlds=["live"], caps_usd={"day": Decimal(1), "month": Decimal(2)}
    )
    (row,) = frame_from(table_of(tables.FINANCE_PROJECTION, made)).to_dict("records")
    assert (row["spent_usd"], row["projected_month_usd"], row["is_over"]) == (0, 0, False)


def test_a_decision_is_timed_from_its_latest_review_request() -> None:
    decided = frame_of(
        frames.DECISIONS,
        [
            (1, "c-1", "crafts", DAY, "live", 1, "edited", "ana", "cli", None, at("2026-11-10 10:00")),
            (2, "c-1", "crafts", DAY, "live", 1, "approved", "ana", "cli", None, at("2026-11-10 10:30")),
            (None, "c-2", "crafts", DAY, "live", 1, "expired", None, None, None, at("2026-11-10 09:00")),
        ],
    )
    requests = frame_of(
        frames.REQUESTS,
        [("c-1", at("2026-11-10 08:00")), ("c-1", at("2026-11-10 10:00")), ("c-2", at("2026-11-09 09:00"))],
    )
    told = frame_from(table_of(tables.REVIEW_OUTCOMES, review_outcomes.build(DAY, decided=decided, requests=requests)))
    # the edit answers the request of 08:00; editing asks again at 10:00, which the approval answers
    assert rows_of(told, "verdict", "hours_to_decision", by=("decided_at",)) == [
        ("expired", 24.0), ("edited", 2.0), ("approved", 0.5),
    ]  # fmt: skip


def test_health_is_counted_per_channel_layer_provider_and_world() -> None:
    work = frame_of(
        frames.WORK,
        [
            ("crafts", "video", "fal", "completed", 40.0, None, at("2026-11-10 09:00"), True),
            ("crafts", "video", "fal", "completed", 60.0, None, at("2026-11-10 10:00"), True),
            ("crafts", "video", "fal", "failed", 8.0, "HTTP 500", at("2026-11-10 11:00"), True),
            ("crafts", "distribution", "tiktok", "unknown", None, "the answer was lost", at("2026-11-10 12:00"), True),
            (None, "measurement", "tiktok", "started", None, None, at("2026-11-10 13:00"), True),
            ("crafts", "video", "fal", "completed", 90.0, None, at("2026-11-10 09:00"), False),
        ],
    )
    told = frame_from(table_of(tables.FACTORY_HEALTH, factory_health.build(DAY, work)))
    columns = ("channel", "layer", "attempts", "completed", "failed", "unknown", "seconds_median", "seconds_most")
    assert rows_of(told, *columns, "last_error", by=("channel", "layer", "simulated")) == [
        ("*", "measurement", 1, 0, 0, 0, None, None, None),
        ("crafts", "distribution", 1, 0, 0, 1, None, None, "the answer was lost"),
        ("crafts", "video", 1, 1, 0, 0, 90.0, 90.0, None),  # the real one, beside three simulated ones
        ("crafts", "video", 3, 2, 1, 0, 40.0, 60.0, "HTTP 500"),
    ]
    simulated = told[told["simulated"]]
    rates = dict(zip(simulated["layer"], simulated["success_rate"], strict=True))
    assert pd.isna(rates["measurement"])
    assert (rates["distribution"], round(rates["video"], 3)) == (0.0, 0.667)


def test_days_on_which_nothing_happened_are_empty_tables() -> None:
    none = frame_of(frames.DECISIONS, [])
    requests = frame_of(frames.REQUESTS, [])
    for mart, made in (
        (tables.FINANCE_SPEND, finance_spend.build_spend(DAY, spent())),
        (tables.FACTORY_HEALTH, factory_health.build(DAY, frame_of(frames.WORK, []))),
        (tables.REVIEW_OUTCOMES, review_outcomes.build(DAY, decided=none, requests=requests)),
    ):
        assert table_of(mart, made).num_rows == 0
