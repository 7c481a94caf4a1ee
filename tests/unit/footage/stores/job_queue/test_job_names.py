"""Ids of jobs and names of their folders: to the letter, or none."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayreel.errors import UsageError
from dayreel.footage.rules.work_hours import is_within_hours
from dayreel.footage.stores.job_queue import JobName, job_id

JOB = "p5-20261120T090000-remux-movie-one"


def test_an_id_says_urgency_time_in_utc_role_and_item() -> None:
    berlin = datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=1)))
    assert job_id(created_at=berlin, role="remux", item_id="movie-one") == JOB
    name = JobName.parse(f"{JOB}.12")
    assert name is not None
    assert (name.priority, name.stamp, name.role, name.item_id, name.fence) == (
        5,
        "20261120T090000",
        "remux",
        "movie-one",
        12,
    )
    assert str(name) == f"{JOB}.12"
    assert str(name.handed_on()) == f"{JOB}.13"


@pytest.mark.parametrize(
    "folder",
    [
        JOB,
        f"{JOB}.",
        f"{JOB}.0",
        f"{JOB}.01",
        f"{JOB}.1 ",
        f"{JOB}.1\n",
        f"{JOB}.-1",
        f"{JOB}.\u0661",
        f"{JOB}.1.1",
        f"{JOB}.1234567",
        f" {JOB}.1",
        f"x{JOB}.1",
        f"../{JOB}.1",
        f".{JOB}.1",
        "p10-20261120T090000-remux-movie-one.1",
        "p5-20261120-remux-movie-one.1",
        "p5-20261120T090000-Remux-movie-one.1",
        "p5-20261120T090000-remux-Movie.1",
        "p5-20261120T090000-remux-.1",
        "p5-20261120T090000-remux-a/b.1",
        "p5-20261120T090000-remux-movie one.1",
        f"p5-20261120T090000-remux-{'m' * 61}.1",
        "p5-20261120T090000-a_role_too_long-movie.1",
        "",
        ".1",
    ],
)
def test_any_other_name_is_none(folder: str) -> None:
    assert JobName.parse(folder) is None


@settings(max_examples=50)
@given(st.text(max_size=60) | st.from_regex(r"p\d-\d{8}T\d{6}-[a-z]{1,12}-[a-z0-9_-]{1,60}\.\d{1,7}"))
def test_a_name_that_is_read_is_written_the_same(text: str) -> None:
    name = JobName.parse(text)
    assert name is None or str(name) == text


def test_ids_sort_by_urgency_then_age() -> None:
    moments = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2)]
    ids = [job_id(priority=p, created_at=at, role="remux", item_id="m") for p in (0, 5, 9) for at in moments]
    assert ids == sorted(ids)


@pytest.mark.parametrize("wish", [{"priority": 10}, {"priority": -1}, {"role": "Remux"}, {"item_id": "a.b"}])
def test_parts_that_fit_no_id_are_refused(wish: dict[str, object]) -> None:
    parts = {"priority": 5, "created_at": datetime(2026, 11, 20, tzinfo=UTC), "role": "remux", "item_id": "movie-one"}
    with pytest.raises(UsageError, match="not a name"):
        job_id(**parts | wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hours", "at", "is_within"),
    [
        (None, "12:00", True),
        ("09:00-17:00", "09:00", True),
        ("09:00-17:00", "16:59", True),
        ("09:00-17:00", "17:00", False),
        ("09:00-17:00", "08:59", False),
        ("22:00-06:00", "23:30", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("22:00-06:00", "21:59", False),
        ("10:00-10:00", "03:00", True),
    ],
)
def test_hours_include_the_start_not_the_end_and_cross_midnight(hours: str | None, at: str, is_within: bool) -> None:
    now = datetime.fromisoformat(f"2026-11-20T{at}:00+00:00")
    assert is_within_hours(hours, "UTC", now) is is_within


def test_hours_follow_the_zone_through_a_change_of_its_clocks() -> None:
    summer, winter = datetime(2026, 7, 1, 20, 30, tzinfo=UTC), datetime(2026, 12, 1, 20, 30, tzinfo=UTC)
    assert is_within_hours("22:00-06:00", "Europe/Berlin", summer)
    assert not is_within_hours("22:00-06:00", "Europe/Berlin", winter)
