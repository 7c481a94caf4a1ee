"""A year of Dagster's home, a day after the other with the pruning of its night: its size, and what it still knows.

That pruning keeps what was made is for `tests/orchestration/test_prune_logs.py`; ticks are purged by `retention`.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import tests.orchestration.conftest  # noqa: F401  silences what Dagster warns about itself as it is imported
from pipeline_assets.prune_logs import KEPT_FOR, prune_logs
from tests.orchestration.deployment import ROOT

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

DAYS = 365
FIRST = date(2025, 1, 1)
"""A year that is over: no day that has not come is a partition."""
PARTITIONS = dg.DailyPartitionsDefinition(FIRST.isoformat())
MOST_GROWTH_KB = 40.0
"""Per day once the first month is over: one run that made something and one that did not."""


@dg.asset(partitions_def=PARTITIONS, check_specs=[dg.AssetCheckSpec("is_there", asset="video")])
def video(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # as Dagster reads it
    for number in range(10):
        context.log.info("line %d of a step that says what it does", number)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="is_there", passed=True)])


@dg.op
def look(context: dg.OpExecutionContext) -> None:
    context.log.info("nothing was due")


@dg.job
def upkeep() -> None:
    look()


def size_kb(home: Path) -> float:
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) / 1000


def test_a_year_of_runs_stays_small_and_knows_every_day(tmp_path: Path, figure: Callable[[str], None]) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8"))
    nights: list[datetime] = []
    sizes: list[float] = []
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for number in range(DAYS):
            key = (FIRST + timedelta(days=number)).isoformat()
            assert dg.materialize([video], partition_key=key, instance=instance).success
            assert upkeep.execute_in_process(instance=instance).success
            nights.append(datetime.now(UTC))
            if number >= KEPT_FOR.days:
                prune_logs(instance, before=nights[number - KEPT_FOR.days])
            sizes.append(size_kb(tmp_path))
        known = instance.get_materialized_partitions(video.key)
    files = len(list((tmp_path / "history" / "runs").glob("*.db"))) - 1
    middle = (KEPT_FOR.days + DAYS - 1) // 2
    month, half, year = sizes[KEPT_FOR.days], sizes[middle], sizes[-1]
    first_kb, last_kb = (half - month) / (middle - KEPT_FOR.days), (year - half) / (DAYS - 1 - middle)
    a_day = (year - month) / (DAYS - 1 - KEPT_FOR.days)
    figure(
        f"{DAYS} days: {month / 1000:.1f} MB after a month, {year / 1000:.1f} MB after a year, {a_day:.1f} KB a day: "
        f"{first_kb:.1f} up to the middle of it, {last_kb:.1f} after"
    )
    assert last_kb <= first_kb * 1.25, "it grows as days do, and no faster"
    assert len(known) == DAYS
    assert files <= 2 * (KEPT_FOR.days + 1)
    assert a_day < MOST_GROWTH_KB
