"""Every zone at every half hour around its changes, and a zone of each kind through a year: a day is begun once."""

import zoneinfo
from collections.abc import Callable
from datetime import timedelta

from tests.orchestration.ticks_and_days import check_ticks
from tests.zones import FIRST, ZONES, days_of_changes

TIMES = [f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")]


def test_every_zone_agrees_at_every_half_hour(figure: Callable[[str], None]) -> None:
    year = [FIRST + timedelta(days=number) for number in range(365)]
    whole = sum(check_ticks(zone, make_at, year) for zone in ZONES for make_at in ("00:00", "02:30", "09:00"))
    zones = sorted(zoneinfo.available_timezones())
    changes = sum(check_ticks(zone, make_at, days_of_changes(zone)) for zone in zones for make_at in TIMES)
    figure(f"{whole + changes:,} days in {len(zones)} zones at {len(TIMES)} times, each begun once, inside itself")
