"""The daily mart on counters made by hand; every expected number is worked out in the comment beside it."""

from datetime import date

import pandas as pd
import pytest

from dayreel.services.marts import engagement_daily
from dayreel.services.marts.engagement_daily import NO_ANSWER, NOT_RUN
from dayreel.services.marts.shapes import frame_from, schema_of, table_of
from dayreel.services.marts.tables import ENGAGEMENT_DAILY as MART
from tests.unit.services.marts.hand_made import DAY, at, failures, no_failures, posts, rows_of, snapshots

NOTHING = snapshots(posts((1, "instagram", "2026-11-01 00:00")))


def daily(
    of: pd.DataFrame, today: pd.DataFrame, before: pd.DataFrame, *, day: date = DAY, failed: pd.DataFrame | None = None
) -> pd.DataFrame:
    made = engagement_daily.build(
        day, posts=of, snapshots=today, earlier=before, failures=no_failures() if failed is None else failed
    )
    return frame_from(table_of(MART, made))  # what is on disk counts, not what was in memory


def test_a_days_gain_is_the_growth_of_the_total_since_yesterday() -> None:
    of = posts((1, "instagram", "2026-11-08 18:00"))
    before = snapshots(of, (1, "2026-11-09 07:30", {"views": 100, "likes": 10}))
    today = snapshots(of, (1, "2026-11-10 07:30", {"views": 160, "likes": 13}), first_id=9)
    told = daily(of, today, before)
    # 160 - 100 = 60; 13 - 10 = 3; 07:30 to 07:30 is 24 h; posted 18:00 two days before: 6 + 24 + 7.5 = 37.5 h
    assert rows_of(told, "views", "views_gained", "views_taken_back", "likes_gained", "hours_covered", "age_h") == [
        (160, 60, 0, 3, 24.0, 37.5)
    ]


def test_the_first_snapshot_gains_everything_since_posting() -> None:
    of = posts((1, "instagram", "2026-11-09 19:30"))
    told = daily(of, snapshots(of, (1, "2026-11-10 07:30", {"views": 40})), NOTHING)
    assert rows_of(told, "views_gained", "hours_covered", "since_at") == [(40, 12.0, pd.Timestamp("2026-11-09T19:30Z"))]


def test_a_falling_counter_is_taken_back_not_a_negative_gain() -> None:
    """A platform removed 30 views of robots: the total fell from 100 to 70."""
    of = posts((1, "tiktok", "2026-11-08 18:00"))
    before = snapshots(of, (1, "2026-11-09 07:30", {"views": 100, "likes": 10}))
    told = daily(of, snapshots(of, (1, "2026-11-10 07:30", {"views": 70, "likes": 12}), first_id=5), before)
    assert rows_of(told, "views_gained", "views_taken_back", "likes_gained", "likes_taken_back") == [(0, 30, 2, 0)]


def test_totals_are_always_gains_minus_what_was_taken_back() -> None:
    """100, reset to 5, 45: gains 100 + 0 + 40, taken back 95; 140 - 95 = 45."""
    of = posts((1, "tiktok", "2026-11-07 12:00"))
    totals = [100, 5, 45]
    gained = taken = 0
    before = NOTHING
    for number, views in enumerate(totals):
        day = date(2026, 11, 8 + number)
        today = snapshots(of, (1, f"{day} 07:30", {"views": views}), first_id=number + 1)
        ((more, less),) = rows_of(daily(of, today, before, day=day), "views_gained", "views_taken_back")
        gained, taken, before = gained + more, taken + less, today
    assert (gained, taken, gained - taken) == (140, 95, 45)


def test_after_a_gap_the_gain_says_how_many_hours_it_covers() -> None:
    of = posts((1, "instagram", "2026-11-05 07:30"))
    before = snapshots(of, (1, "2026-11-07 07:30", {"views": 100}))  # nothing on the 8th and the 9th
    told = daily(of, snapshots(of, (1, "2026-11-10 07:30", {"views": 190}), first_id=4), before)
    assert rows_of(told, "views_gained", "hours_covered") == [(90, 72.0)]


def test_duplicate_pulls_count_once_and_the_last_of_a_day_wins() -> None:
    of = posts((1, "instagram", "2026-11-08 18:00"))
    before = snapshots(of, (1, "2026-11-09 07:30", {"views": 100}))
    today = snapshots(
        of,
        (1, "2026-11-10 07:30", {"views": 150}),
        (1, "2026-11-10 07:30", {"views": 150}),  # the same answer, written twice
        (1, "2026-11-10 20:00", {"views": 180}),
        first_id=7,
    )
    assert rows_of(daily(of, today, before), "views", "views_gained", "pulls") == [(180, 80, 2)]


def test_a_late_arrival_is_placed_by_when_it_was_observed() -> None:
    """The 07:30 answer was written after the 20:00 one: its id is higher, and it is older all the same."""
    of = posts((1, "instagram", "2026-11-08 18:00"))
    before = snapshots(of, (1, "2026-11-09 20:00", {"views": 120}), (1, "2026-11-09 07:30", {"views": 100}))
    today = snapshots(of, (1, "2026-11-10 20:00", {"views": 180}), (1, "2026-11-10 07:30", {"views": 150}), first_id=3)
    assert rows_of(daily(of, today, before), "views", "views_gained", "hours_covered") == [(180, 60, 24.0)]


def test_what_a_platform_does_not_tell_is_null_and_never_zero() -> None:
    of = posts((1, "youtube", "2026-11-08 18:00"))
    before = snapshots(of, (1, "2026-11-09 07:30", {"views": 100}))
    told = daily(of, snapshots(of, (1, "2026-11-10 07:30", {"views": 130, "likes": 4}), first_id=2), before)
    # saves were never told; likes are told now but were not before: their gain is not known
    assert rows_of(told, "views_gained", "saves", "saves_gained", "likes", "likes_gained", "likes_taken_back") == [
        (30, None, None, 4, None, None)
    ]


def test_a_deleted_post_is_a_missing_row_with_its_reason() -> None:
    of = posts((1, "instagram", "2026-11-07 12:00"), (2, "instagram", "2026-11-08 12:00"))
    before = snapshots(of, (1, "2026-11-09 07:30", {"views": 900}), (2, "2026-11-09 07:30", {"views": 50}))
    told = daily(of, snapshots(of, (2, "2026-11-10 07:30", {"views": 60}), first_id=3), before)
    assert rows_of(told, "post_row_id", "status", "reason", "views", "views_gained", "pulls") == [
        (1, "missing", NO_ANSWER, None, None, 0),
        (2, "measured", None, 60, 10, 1),
    ]


def test_an_unreachable_platform_leaves_rows_with_its_error() -> None:
    of = posts((1, "instagram", "2026-11-07 12:00"), (2, "tiktok", "2026-11-07 12:00"))
    today = snapshots(of, (1, "2026-11-10 07:30", {"views": 5}))
    told = daily(of, today, NOTHING, failed=failures(("tiktok", "HTTP 503")))
    assert rows_of(told, "platform", "status", "reason") == [
        ("instagram", "measured", None),
        ("tiktok", "missing", "HTTP 503"),
    ]


def test_a_day_without_a_run_has_a_row_for_every_published_post() -> None:
    of = posts((1, "instagram", "2026-11-07 12:00"), (2, "tiktok", "2026-11-10 18:00"))  # the second only that evening
    told = daily(of, NOTHING, NOTHING)
    assert rows_of(told, "post_row_id", "status", "reason") == [(1, "missing", NOT_RUN)]


def test_a_post_published_after_the_measurement_is_not_missing() -> None:
    of = posts((1, "instagram", "2026-11-07 12:00"), (2, "instagram", "2026-11-10 18:00"))
    told = daily(of, snapshots(of, (1, "2026-11-10 07:30", {"views": 5})), NOTHING)
    assert rows_of(told, "post_row_id") == [(1,)]


@pytest.mark.parametrize(
    ("day", "before", "now", "hours"),
    [
        # Madrid, 07:30 local: clocks went back on 2026-10-25 (05:30 UTC the day before, 06:30 UTC that day) ...
        (date(2026, 10, 25), "2026-10-24 05:30", "2026-10-25 06:30", 25.0),
        # ... and go forward on 2026-03-29
        (date(2026, 3, 29), "2026-03-28 06:30", "2026-03-29 05:30", 23.0),
    ],
)
def test_the_day_of_a_clock_change_covers_23_or_25_hours(day: date, before: str, now: str, hours: float) -> None:
    of = posts((1, "instagram", f"{day.replace(day=20)} 12:00"))
    earlier = snapshots(of, (1, before, {"views": 10}))
    told = daily(of, snapshots(of, (1, now, {"views": 20}), day=day, first_id=2), earlier, day=day)
    assert rows_of(told, "day", "views_gained", "hours_covered") == [(day, 10, hours)]


def test_a_day_is_in_the_configured_timezone_and_not_in_utc() -> None:
    """In Auckland the 10th begins at 11:00 UTC of the 9th: an observation then is of the 10th."""
    of = posts((1, "instagram", "2026-11-08 18:00"))
    told = daily(of, snapshots(of, (1, "2026-11-09 18:30", {"views": 3}), day=DAY), NOTHING)
    assert rows_of(told, "day", "observed_at") == [(DAY, pd.Timestamp(at("2026-11-09 18:30")))]


def test_a_day_without_posts_is_an_empty_table_of_that_schema() -> None:
    none = posts()
    told = table_of(
        MART, engagement_daily.build(DAY, posts=none, snapshots=NOTHING, earlier=NOTHING, failures=no_failures())
    )
    assert (told.num_rows, told.schema) == (0, schema_of(MART))
