"""A factory that does what it should is never reported; `make soak PART=watch` lets it work for a year."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.unit.services.upkeep.simulated_factory import SimulatedFactory


@pytest.mark.parametrize("first", [date(2027, 3, 27), date(2027, 10, 30)], ids=["forward", "back"])
def test_nothing_is_reported_while_clocks_change(tmp_path: Path, first: date) -> None:
    factory = SimulatedFactory(tmp_path, first, step=timedelta(hours=3), seed=1)
    assert factory.run(timedelta(days=3)) == []
    assert (factory.looks, factory.mornings) == (24, 4)
