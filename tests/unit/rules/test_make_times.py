"""When days are made, in every zone there is: what is expected, and what is refused because it could never happen."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dayreel.clock import day_begins, local_day
from dayreel.errors import ConfigurationError
from dayreel.rules.calendar import changes_of_make_at, check_zones, make_due_at, window_state
from dayreel.schemas.channel import Channel
from tests.fakes.project import CRAFTS
from tests.zones import FIRST, ZONES, days_of_changes


def channel(zone: str, make_at: str, **changes: Any) -> Channel:
    return Channel.model_validate({**CRAFTS, "name": "crafts", "timezone": zone, "make_at": make_at, **changes})


@pytest.mark.parametrize(
    ("zone", "make_at", "day", "due"),
    [
        ("Europe/Madrid", "09:00", "2027-03-28", "2027-03-28 07:00"),
        ("Europe/Madrid", "02:30", "2027-03-28", "2027-03-28 01:30"),  # skipped: 03:30 on the new clock
        ("Europe/Madrid", "02:30", "2027-10-31", "2027-10-31 01:30"),  # shown twice: the second
        ("Australia/Lord_Howe", "02:15", "2027-10-03", "2027-10-02 15:45"),  # half an hour is skipped
        ("Africa/Cairo", "00:30", "2027-04-30", "2027-04-29 22:30"),  # midnight is skipped
        ("Pacific/Kiritimati", "00:00", "2027-01-01", "2026-12-31 10:00"),
        ("Pacific/Pago_Pago", "23:59", "2027-01-01", "2027-01-02 10:59"),
    ],
)
def test_the_moment_by_which_a_day_is_begun(zone: str, make_at: str, day: str, due: str) -> None:
    expected = datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert make_due_at(channel(zone, make_at), date.fromisoformat(day)) == expected


def test_a_day_that_the_zone_left_out_is_not_due() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = channel("Pacific/Apia", "09:00")
    assert make_due_at(apia, date(2011, 12, 30)) is None
    assert make_due_at(apia, date(2011, 12, 31)) == datetime(2011, 12, 30, 19, tzinfo=UTC)


@pytest.mark.parametrize("make_at", ["00:00", "00:30", "02:30"])
def test_days_are_due_inside_themselves_in_every_zone(make_at: str) -> None:
    """Around each change of the clocks within a year; zones that keep the same time all year are one."""
    for zone in ZONES:
        made = channel(zone, make_at)
        for day in days_of_changes(zone):
            begins, due_at = day_begins(day, zone), make_due_at(made, day)
            assert local_day(begins, zone) == day, (zone, day)
            assert local_day(begins - timedelta(microseconds=1), zone) == day - timedelta(days=1), (zone, day)
            assert due_at is not None, (zone, day)
            assert local_day(due_at, zone) == day, (zone, day)
            # A window that begins as the day is made opens no later than the day has to be begun.
            assert window_state(channel(zone, make_at, publish_windows=[f"{make_at}-24:00"]), due_at).is_open, (
                zone,
                day,
            )


def test_a_time_before_the_partition_of_its_day_is_refused() -> None:
    """London at 00:30 is a minute of the day before in UTC, all summer long."""
    with pytest.raises(ConfigurationError) as refused:
        check_zones({"crafts": channel("Europe/London", "00:30")}, "UTC", FIRST)
    error = refused.value
    assert "'crafts' makes its day at 00:30 in Europe/London" in error.message
    assert "On 217 days of the year, from 2027-03-29 on" in error.message
    assert error.next_step == "For example, set DAYREEL_TIMEZONE=Europe/London, or set its make_at to 01:00 or later."
    check_zones({"late": channel("Europe/London", "01:00")}, "UTC", FIRST)
    check_zones({"late": channel("Europe/London", "00:30")}, "Europe/London", FIRST)


def test_a_time_skipped_with_the_end_of_its_day_is_refused() -> None:
    """In Nuuk the clocks go from 23:00 on Saturday to midnight."""
    with pytest.raises(ConfigurationError, match="On 2027-03-27 the clocks of America/Nuuk skip that time"):
        check_zones({"late": channel("America/Nuuk", "23:30")}, "America/Nuuk", FIRST)
    check_zones({"late": channel("America/Nuuk", "22:59")}, "America/Nuuk", FIRST)
    with pytest.raises(ConfigurationError, match="On 2027-03-28 the clocks of Antarctica/Troll skip that time"):
        check_zones({"late": channel("Antarctica/Troll", "01:30")}, "Antarctica/Troll", FIRST)


def test_no_zone_is_proposed_that_another_channel_misses() -> None:
    """Halifax and Santiago have their summers at different times: at midnight, neither is ahead all year."""
    turns = {"south": channel("America/Santiago", "00:00"), "north": channel("America/Halifax", "00:00")}
    with pytest.raises(ConfigurationError) as refused:
        check_zones(turns, "America/Halifax", FIRST)
    assert refused.value.next_step == "For example, set its make_at to 01:00 or later."


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kathmandu", "Africa/Cairo", "Australia/Lord_Howe"])
def test_the_next_step_of_a_refusal_is_accepted(zone: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_zones({"crafts": channel(zone, "00:10")}, "Pacific/Pago_Pago", FIRST)
    assert f"DAYREEL_TIMEZONE={zone}" in refused.value.next_step
    check_zones({"crafts": channel(zone, "00:10")}, zone, FIRST)
    later = refused.value.next_step.rpartition("make_at to ")[2][:5]
    check_zones({"crafts": channel(zone, later)}, "Pacific/Pago_Pago", FIRST)


def test_clock_times_that_are_skipped_or_shown_twice_are_named() -> None:
    assert changes_of_make_at(channel("Europe/Madrid", "02:30"), FIRST) == {
        date(2027, 3, 28): "not at all",
        date(2027, 10, 31): "twice",
    }
    assert changes_of_make_at(channel("Europe/Madrid", "09:00"), FIRST) == {}
    assert changes_of_make_at(channel("America/Havana", "00:30"), FIRST) == {
        date(2027, 3, 14): "not at all",
        date(2027, 11, 7): "twice",
    }
