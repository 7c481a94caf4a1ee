"""The daily mart on counters made by hand; every expected number is worked out in the comment beside it."""

from datetime import date

import pandas as pd
import pytest

from dayreel.schemas.mart import NOT_ANSWERED
from tests.unit.marts.hand_made import DAY, Catalogued, at, rows_of

MART = "engagement/daily"


def test_a_days_gain_is_the_growth_of_the_total_since_yesterday(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100, "likes": 10}))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 160, "likes": 13}))
    rows = by_hand.built(MART)
    # 160 - 100 = 60; 13 - 10 = 3; 07:30 to 07:30 is 24 h; posted 18:00 two days before: 6 + 24 + 7.5 = 37.5 h
    assert rows_of(rows, "views", "views_gained", "views_taken_back", "likes_gained", "hours_covered", "age_h") == [
        (160, 60, 0, 3, 24.0, 37.5)
    ]


def test_the_first_snapshot_gains_everything_since_posting(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-09 19:30"))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 40}))
    rows = by_hand.built(MART)
    assert rows_of(rows, "views_gained", "hours_covered", "since_at") == [(40, 12.0, pd.Timestamp("2026-11-09T19:30Z"))]


def test_a_falling_counter_is_taken_back_not_a_negative_gain(by_hand: Catalogued) -> None:
    """A platform removed 30 views of robots: the total fell from 100 to 70."""
    by_hand.posts((1, "tiktok", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100, "likes": 10}))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 70, "likes": 12}))
    rows = by_hand.built(MART)
    assert rows_of(rows, "views_gained", "views_taken_back", "likes_gained", "likes_taken_back") == [(0, 30, 2, 0)]


def test_totals_are_always_gains_minus_what_was_taken_back(by_hand: Catalogued) -> None:
    """100, reset to 5, 45: gains 100 + 0 + 40, taken back 95; 140 - 95 = 45."""
    by_hand.posts((1, "tiktok", "2026-11-07 12:00"))
    totals = [100, 5, 45]
    gained = taken = 0
    for number, views in enumerate(totals):
        day = date(2026, 11, 8 + number)
        by_hand.snapshots((1, f"{day} 07:30", {"views": views}))
        ((more, less),) = rows_of(by_hand.built(MART, day), "views_gained", "views_taken_back")
        gained, taken = gained + more, taken + less
    assert (gained, taken, gained - taken) == (140, 95, 45)


def test_after_a_gap_the_gain_says_how_many_hours_it_covers(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-05 07:30"))
    by_hand.snapshots((1, "2026-11-07 07:30", {"views": 100}))  # nothing on the 8th and the 9th
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 190}))
    rows = by_hand.built(MART)
    assert rows_of(rows, "views_gained", "hours_covered") == [(90, 72.0)]


def test_duplicate_pulls_count_once_and_the_last_of_a_day_wins(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100}))
    by_hand.snapshots(
        (1, "2026-11-10 07:30", {"views": 150}),
        (1, "2026-11-10 07:30", {"views": 150}),  # the same answer, written twice
        (1, "2026-11-10 20:00", {"views": 180}),
    )
    assert rows_of(by_hand.built(MART), "views", "views_gained", "pulls") == [(180, 80, 2)]


def test_a_late_arrival_is_placed_by_when_it_was_observed(by_hand: Catalogued) -> None:
    """The 07:30 answer was written after the 20:00 one: its id is higher, and it is older all the same."""
    by_hand.posts((1, "instagram", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 20:00", {"views": 120}), (1, "2026-11-09 07:30", {"views": 100}))
    by_hand.snapshots((1, "2026-11-10 20:00", {"views": 180}), (1, "2026-11-10 07:30", {"views": 150}))
    assert rows_of(by_hand.built(MART), "views", "views_gained", "hours_covered") == [(180, 60, 24.0)]


def test_what_a_platform_omits_is_null_and_never_zero(by_hand: Catalogued) -> None:
    by_hand.posts((1, "youtube", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100}))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 130, "likes": 4}))
    rows = by_hand.built(MART)
    # saves were never reported; likes are reported now but were not before: their gain is not known
    assert rows_of(rows, "views_gained", "saves", "saves_gained", "likes", "likes_gained", "likes_taken_back") == [
        (30, None, None, 4, None, None)
    ]


def test_a_deleted_post_is_a_missing_row_with_its_reason(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-07 12:00"), (2, "instagram", "2026-11-08 12:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 900}), (2, "2026-11-09 07:30", {"views": 50}))
    by_hand.snapshots((2, "2026-11-10 07:30", {"views": 60}))
    rows = by_hand.built(MART)
    assert rows_of(rows, "post_row_id", "status", "reason", "views", "views_gained", "pulls") == [
        (1, "missing", NOT_ANSWERED, None, None, 0),
        (2, "measured", None, 60, 10, 1),
    ]


def test_an_unreachable_platform_leaves_rows_with_its_error(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-07 12:00"), (2, "tiktok", "2026-11-07 12:00"))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 5}))
    by_hand.failures(("tiktok", "HTTP 502"), ("tiktok", "HTTP 503"))
    rows = by_hand.built(MART)
    assert rows_of(rows, "platform", "status", "reason") == [
        ("instagram", "measured", None),
        ("tiktok", "missing", "HTTP 503"),
    ]


def test_a_post_that_could_not_be_read_has_its_own_reason(by_hand: Catalogued) -> None:
    by_hand.posts(*((number, "instagram", "2026-11-07 12:00") for number in (1, 2, 3)))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 5}))
    by_hand.unread("instagram", {"p2": "code 10", "p3": NOT_ANSWERED})
    by_hand.unread("instagram", {"p2": "code 2"}, when="2026-11-10 13:30")
    rows = by_hand.built(MART)
    assert rows_of(rows, "post_row_id", "reason") == [(1, None), (2, "code 2"), (3, NOT_ANSWERED)]


def test_a_day_without_a_run_has_a_row_for_every_published_post(by_hand: Catalogued) -> None:
    by_hand.posts(
        (1, "instagram", "2026-11-07 12:00"), (2, "tiktok", "2026-11-10 18:00")
    )  # the second only that evening
    rows = by_hand.built(MART)
    assert rows_of(rows, "post_row_id", "status", "reason") == [(1, "missing", "nothing was measured on this day")]


def test_a_post_published_after_the_measurement_is_not_missing(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-07 12:00"), (2, "instagram", "2026-11-10 18:00"))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 5}))
    rows = by_hand.built(MART)
    assert rows_of(rows, "post_row_id") == [(1,)]


@pytest.mark.parametrize(
    ("day", "before", "now", "hours"),
    [
        # Madrid, 07:30 local: clocks went back on 2026-10-25 (05:30 UTC the day before, 06:30 UTC that day) ...
        (date(2026, 10, 25), "2026-10-24 05:30", "2026-10-25 06:30", 25.0),
        # ... and go forward on 2026-03-29
        (date(2026, 3, 29), "2026-03-28 06:30", "2026-03-29 05:30", 23.0),
    ],
)
def test_the_day_of_a_clock_change_covers_23_or_25_hours(
    by_hand: Catalogued, day: date, before: str, now: str, hours: float
) -> None:
    by_hand.posts((1, "instagram", f"{day.replace(day=20)} 12:00"))
    by_hand.snapshots((1, before, {"views": 10}))
    by_hand.snapshots((1, now, {"views": 20}), day=day)
    rows = by_hand.built(MART, day)
    assert rows_of(rows, "day", "views_gained", "hours_covered") == [(day, 10, hours)]


def test_a_day_is_in_the_configured_timezone_and_not_in_utc(by_hand: Catalogued) -> None:
    """In Auckland the 10th begins at 11:00 UTC of the 9th: an observation then is of the 10th."""
    by_hand.posts((1, "instagram", "2026-11-08 18:00"))
    by_hand.snapshots((1, "2026-11-09 18:30", {"views": 3}), day=DAY)
    rows = by_hand.built(MART)
    assert rows_of(rows, "day", "observed_at") == [(DAY, pd.Timestamp(at("2026-11-09 18:30")))]


def test_a_day_without_posts_is_an_empty_table_of_that_schema(by_hand: Catalogued) -> None:
    assert by_hand.built(MART).empty  # `built` looks at the schema


def test_the_snapshot_before_a_long_silence_is_found(by_hand: Catalogued) -> None:
    """Instagram was away for six days; TikTok was measured yesterday, as always."""
    by_hand.posts((1, "instagram", "2026-11-01 07:30"), (2, "tiktok", "2026-11-01 07:30"))
    by_hand.snapshots((1, "2026-11-02 07:30", {"views": 5}), (1, "2026-11-03 07:30", {"views": 10}))
    by_hand.snapshots((2, "2026-11-09 07:30", {"views": 40}))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 70}), (2, "2026-11-10 07:30", {"views": 44}))
    assert rows_of(by_hand.built(MART), "views_gained", "hours_covered") == [(60, 168.0), (4, 24.0)]


def test_many_days_at_once_are_what_each_is_alone(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-01 07:30"), (2, "tiktok", "2026-11-08 12:00"))
    for day in (2, 8, 9, 10):
        by_hand.snapshots((1, f"2026-11-{day:02} 07:30", {"views": 10 * day, "saves": 9 - day}))
    by_hand.snapshots((2, "2026-11-10 07:30", {"views": 44}))
    days = [date(2026, 11, day) for day in (7, 8, 9, 10)]
    for name in (MART, "engagement/cohorts"):
        alone = pd.concat([by_hand.built(name, day) for day in days], ignore_index=True)
        assert len(alone) >= 3
        assert by_hand.built(name, *days).equals(alone), name
