"""A year of a factory that does everything it should, looked at every hour: no false alarm."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from tests.unit.services.upkeep.simulated_factory import BEGINS, CHANNELS, SimulatedFactory

DAYS = 366


def test_a_year_in_four_zones_has_no_false_alarm(tmp_path: Path, figure: Callable[[str], None]) -> None:
    factory = SimulatedFactory(tmp_path, date(2026, 12, 25), step=timedelta(hours=1), seed=7)
    assert date(2026, 12, 25) > BEGINS
    alarms = factory.run(timedelta(days=DAYS))
    assert alarms == []
    assert factory.pauses > 20
    assert factory.backfills > 10
    figure(
        f"{DAYS} days of {len(CHANNELS)} channels, {factory.looks:,} looks, {factory.mornings} mornings, "
        f"{factory.pauses} pauses, {factory.backfills} backfills, 0 false alarms"
    )
