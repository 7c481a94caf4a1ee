"""Equal ages, worked out by hand."""

from dayreel.stores.catalog.tables import effects
from tests.unit.marts.hand_made import Catalogued, rows_of

MART = "engagement/cohorts"
BY = ("post_row_id", "mark_h")


def test_views_at_an_age_are_interpolated_between_snapshots(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-08 15:30"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100, "likes": 7}))  # 16 h
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 160, "likes": 10}))  # 40 h
    # 24 h is a third of the way from 16 h to 40 h: 100 + 60 / 3 = 120; 7 + 3 / 3 = 8
    assert rows_of(by_hand.built(MART), "age", "views", "likes", "method", "before_h", "after_h", by=BY) == [
        ("24h", 120, 8, "interpolated", 16.0, 40.0)
    ]


def test_a_snapshot_at_the_age_is_taken_as_it_is(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-03 07:00"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 900}))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 1000}))  # 168.5 h, within 1 % of 168 h
    assert rows_of(by_hand.built(MART), "age", "views", "method", by=BY) == [("7d", 1000, "observed")]


def test_an_age_between_too_distant_snapshots_is_a_null_gap(by_hand: Catalogued) -> None:
    by_hand.posts((1, "tiktok", "2026-11-08 15:30"))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 500}))  # first seen at 40 h: 1 h and 24 h are behind it
    assert rows_of(by_hand.built(MART), "age", "views", "method", by=BY) == [("1h", None, "gap"), ("24h", None, "gap")]


def test_the_moment_of_posting_counts_as_zero(by_hand: Catalogued) -> None:
    by_hand.posts((1, "tiktok", "2026-11-09 23:30"))
    by_hand.snapshots((1, "2026-11-10 01:00", {"views": 30}), (1, "2026-11-10 07:30", {"views": 60}))
    # 1 h lies between 0 h (0 views) and 1.5 h (30 views): 20
    assert rows_of(by_hand.built(MART), "age", "views", "method", by=BY) == [("1h", 20, "interpolated")]


def test_a_mark_is_reported_once_on_the_day_it_was_passed(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-08 05:30"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 100}))  # 26 h: passed the day before
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 160}))
    assert rows_of(by_hand.built(MART), "age", by=BY) == []


def test_a_counter_that_is_not_reported_is_null_at_every_age(by_hand: Catalogued) -> None:
    by_hand.posts((1, "youtube", "2026-11-09 07:00"))
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 49}))  # 24.5 h
    # 1 h lies 24.5 h wide: a gap; 24 h: 49 x 24 / 24.5 = 48, and saves were never reported
    assert rows_of(by_hand.built(MART), "age", "views", "saves", by=BY) == [("1h", None, None), ("24h", 48, None)]


def test_rates_are_of_what_is_reported_and_of_the_posted_length(by_hand: Catalogued) -> None:
    by_hand.posts((1, "youtube", "2026-11-03 07:00"), (2, "tiktok", "2026-11-03 07:00"))
    with by_hand.project.catalog.write() as connection:
        connection.execute(effects.update().values(request={"duration_s": 15.0}))
    late = {"follows": 3, "average_watch_s": 6.0, "watch_time_s": 900.0, "skip_rate": 0.4}
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 900}), (2, "2026-11-09 07:30", {"views": 900}))
    by_hand.snapshots((1, "2026-11-10 07:00", {"views": 1500, **late}), (2, "2026-11-10 07:30", {"views": 1000}))
    names = ("follows", "average_watch_s", "completion", "skip_rate", "follows_per_1000_views")
    assert rows_of(by_hand.built(MART), *names, by=BY) == [(3, 6.0, 0.4, 0.4, 2.0), (None,) * 5]


def test_a_rate_does_not_begin_at_zero(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-11-09 23:30"))
    by_hand.snapshots((1, "2026-11-10 01:00", {"views": 30, "reposts": 3, "average_watch_s": 6.0}))
    # 1 h lies between 0 h and 1.5 h: 3 x 1 / 1.5 = 2 reposts; what a view lasts at 0 h is not known
    assert rows_of(by_hand.built(MART), "reposts", "average_watch_s", by=BY) == [(2, None)]


def test_a_post_measured_to_its_windows_end_reaches_thirty_days(by_hand: Catalogued) -> None:
    by_hand.posts((1, "instagram", "2026-10-10 19:30"))
    by_hand.snapshots((1, "2026-11-09 07:30", {"views": 7000}))  # 29.5 d
    by_hand.snapshots((1, "2026-11-10 07:30", {"views": 7100}))  # 30.5 d
    assert rows_of(by_hand.built(MART), "age", "views", by=BY) == [("30d", 7050)]
