"""Days and windows in a channel's own zone: edges, midnight, and both changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dayreel.rules.calendar import why_not_made, window_state
from dayreel.schemas.channel import Channel
from tests.fakes.project import CRAFTS

MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"


def channel(zone: str = "UTC", *windows: str, **changes: Any) -> Channel:
    return Channel.model_validate(
        {**CRAFTS, "name": "crafts", "timezone": zone, "publish_windows": windows or ("00:00-24:00",), **changes}
    )


def at(text: str, zone: str = "UTC") -> datetime:
    """A local clock reading; `text` ends in `*` for the second time a repeated one is shown."""
    moment = datetime.fromisoformat(text.removesuffix("*"))
    return moment.replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith("*"))).astimezone(UTC)


@pytest.mark.parametrize(
    ("windows", "moment", "is_open"),
    [
        (("18:00-21:30",), "2026-11-20 17:59:59.999999", False),
        (("18:00-21:30",), "2026-11-20 18:00", True),
        (("18:00-21:30",), "2026-11-20 21:29:59.999999", True),
        (("18:00-21:30",), "2026-11-20 21:30", False),
        (("22:00-02:00",), "2026-11-20 21:59", False),
        (("22:00-02:00",), "2026-11-20 22:00", True),
        (("22:00-02:00",), "2026-11-20 23:59:59", True),
        (("22:00-02:00",), "2026-11-21 00:00", True),
        (("22:00-02:00",), "2026-11-21 01:59", True),
        (("22:00-02:00",), "2026-11-21 02:00", False),
        (("00:00-24:00",), "2026-11-20 00:00", True),
        (("00:00-24:00",), "2026-11-20 23:59:59.999999", True),
        (("20:00-24:00",), "2026-11-20 23:59", True),
        (("20:00-24:00",), "2026-11-21 00:00", False),
        (("07:00-08:00", "18:00-19:00"), "2026-11-20 07:30", True),
        (("07:00-08:00", "18:00-19:00"), "2026-11-20 08:00", False),
        (("07:00-08:00", "18:00-19:00"), "2026-11-20 18:30", True),
        (("07:00-08:00", "08:00-09:00"), "2026-11-20 08:00", True),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", MADRID, NEW_YORK, "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_a_window_opens_on_its_minute_and_closes_on_its_minute(
    zone: str, windows: tuple[str, ...], moment: str, is_open: bool
) -> None:
    assert window_state(channel(zone, *windows), at(moment, zone)).is_open is is_open


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        (("18:00-21:30",), "2026-11-20 10:00", "2026-11-20 18:00"),
        (("18:00-21:30",), "2026-11-20 21:30", "2026-11-21 18:00"),
        (("07:00-08:00", "18:00-19:00"), "2026-11-20 08:00", "2026-11-20 18:00"),
        (("18:00-19:00", "07:00-08:00"), "2026-11-20 19:00", "2026-11-21 07:00"),
        (("22:00-02:00",), "2026-11-20 02:00", "2026-11-20 22:00"),
    ],
)
@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
def test_a_closed_window_says_when_the_next_one_opens(
    zone: str, windows: tuple[str, ...], now: str, opens: str
) -> None:
    state = window_state(channel(zone, *windows), at(now, zone))
    assert not state.is_open
    assert state.opens_at == at(opens, zone)


def test_an_open_window_names_no_opening() -> None:
    assert window_state(channel(), at("2026-11-20 12:00")).opens_at is None


# Madrid: on 29 March 2026 the clocks go from 02:00 to 03:00, on 25 October 2026 from 03:00 back to 02:00.
# New York: on 8 March 2026 from 02:00 to 03:00, on 1 November 2026 from 02:00 back to 01:00.
SPRING = [(MADRID, "2026-03-29", 2), (NEW_YORK, "2026-03-08", 2)]
AUTUMN = [(MADRID, "2026-10-25", 2), (NEW_YORK, "2026-11-01", 1)]


@pytest.mark.parametrize(("zone", "day", "gap"), SPRING)
def test_a_window_that_begins_in_the_gap_begins_right_after_it(zone: str, day: str, gap: int) -> None:
    hours = channel(zone, f"0{gap}:30-0{gap + 3}:00")
    after = at(f"{day} 0{gap + 1}:00", zone)  # the first minute that the clocks show again
    assert not window_state(hours, after - timedelta(minutes=1)).is_open
    assert window_state(hours, after - timedelta(minutes=1)).opens_at == after
    assert window_state(hours, after).is_open
    assert window_state(hours, after + timedelta(minutes=29)).is_open
    assert window_state(hours, at(f"{day} 0{gap + 2}:59", zone)).is_open
    assert not window_state(hours, at(f"{day} 0{gap + 3}:00", zone)).is_open


@pytest.mark.parametrize(("zone", "day", "gap"), SPRING)
def test_a_window_that_ends_in_the_gap_closes_as_the_gap_begins(zone: str, day: str, gap: int) -> None:
    hours = channel(zone, f"0{gap - 1}:00-0{gap}:30")
    last = at(f"{day} 0{gap - 1}:59", zone)
    assert window_state(hours, last).is_open
    assert not window_state(hours, last + timedelta(minutes=1)).is_open


@pytest.mark.parametrize(("zone", "day", "gap"), SPRING)
def test_a_window_inside_the_gap_stays_closed_that_day(zone: str, day: str, gap: int) -> None:
    hours = channel(zone, f"0{gap}:15-0{gap}:45")
    start = at(f"{day} 00:00", zone)
    assert not any(window_state(hours, start + timedelta(minutes=minute)).is_open for minute in range(0, 6 * 60, 5))
    opens = window_state(hours, start).opens_at
    assert opens == at(f"{date.fromisoformat(day) + timedelta(days=1)} 0{gap}:15", zone)


@pytest.mark.parametrize(("zone", "day", "gap"), SPRING)
def test_a_window_over_the_gap_is_an_hour_shorter(zone: str, day: str, gap: int) -> None:
    assert minutes_open(channel(zone, f"0{gap - 1}:00-0{gap + 2}:00"), day, zone) == 120


@pytest.mark.parametrize(("zone", "day", "hour"), AUTUMN)
def test_a_window_over_the_repeated_hour_is_an_hour_longer(zone: str, day: str, hour: int) -> None:
    hours = channel(zone, f"0{hour - 1}:00-0{hour + 2}:00")
    assert window_state(hours, at(f"{day} 0{hour}:30", zone)).is_open
    assert window_state(hours, at(f"{day} 0{hour}:30*", zone)).is_open
    assert minutes_open(hours, day, zone) == 240


@pytest.mark.parametrize(("zone", "day", "hour"), AUTUMN)
def test_a_start_in_the_repeated_hour_is_its_first_occurrence(zone: str, day: str, hour: int) -> None:
    hours = channel(zone, f"0{hour}:30-0{hour + 2}:00")
    first = at(f"{day} 0{hour}:30", zone)
    assert not window_state(hours, first - timedelta(minutes=1)).is_open
    assert window_state(hours, first).is_open
    assert window_state(hours, at(f"{day} 0{hour}:00*", zone)).is_open


@pytest.mark.parametrize(("zone", "day", "hour"), AUTUMN)
def test_an_end_in_the_repeated_hour_is_its_first_occurrence(zone: str, day: str, hour: int) -> None:
    hours = channel(zone, f"0{hour - 1}:00-0{hour}:30")
    assert window_state(hours, at(f"{day} 0{hour}:29", zone)).is_open
    assert not window_state(hours, at(f"{day} 0{hour}:30", zone)).is_open
    assert not window_state(hours, at(f"{day} 0{hour}:15*", zone)).is_open


@pytest.mark.parametrize(("zone", "day"), [(zone, day) for zone, day, _ in (*SPRING, *AUTUMN)])
def test_the_whole_day_is_open_on_every_day_there_is(zone: str, day: str) -> None:
    length = 25 * 60 if (zone, day) in [(zone, day) for zone, day, _ in AUTUMN] else 23 * 60
    assert minutes_open(channel(zone, "00:00-24:00"), day, zone) == length


def test_an_overnight_window_keeps_its_local_end_on_change_days() -> None:
    hours = channel(MADRID, "23:00-04:00")
    assert window_state(hours, at("2026-03-29 03:59", MADRID)).is_open
    assert not window_state(hours, at("2026-03-29 04:00", MADRID)).is_open
    assert window_state(hours, at("2026-10-25 03:59", MADRID)).is_open
    assert not window_state(hours, at("2026-10-25 04:00", MADRID)).is_open


def minutes_open(hours: Channel, day: str, zone: str) -> int:
    start = at(f"{day} 00:00", zone)
    end = at(f"{date.fromisoformat(day) + timedelta(days=1)} 00:00", zone)
    steps = int((end - start).total_seconds() // 300)
    return 5 * sum(window_state(hours, start + timedelta(minutes=5 * step)).is_open for step in range(steps))


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-21", "2026-11-21 is in the future for channel 'crafts' (today is 2026-11-20 in UTC)"),
        ("2026-10-31", "before active_from (2026-11-01)"),
        ("2026-11-19", "2026-11-19 is after active_until (2026-11-18)"),
        ("2026-11-14", "2026-11-14 is a sat; channel 'crafts' is made on mon, fri"),
    ],
)
def test_a_day_that_is_not_made_says_why(day: str, words: str) -> None:
    hours = channel(active_until=date(2026, 11, 18), weekdays=("mon", "fri"))
    reason = why_not_made(hours, date.fromisoformat(day), at("2026-11-20 12:00"))
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize("until", [None, date(2026, 11, 20)])
@pytest.mark.parametrize("day", ["2026-11-01", "2026-11-20"])
def test_the_first_and_last_day_and_today_are_made(day: str, until: date | None) -> None:
    assert why_not_made(channel(active_until=until), date.fromisoformat(day), at("2026-11-20 12:00")) is None


def test_today_is_the_channels_own() -> None:
    eleven = at("2026-11-20 23:30", "UTC")
    assert why_not_made(channel("Asia/Tokyo"), date(2026, 11, 21), eleven) is None
    refusal = why_not_made(channel(NEW_YORK), date(2026, 11, 21), eleven)
    assert refusal is not None
    assert "future" in refusal
