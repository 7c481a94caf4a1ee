"""The state document under tens of thousands of kills, and under many writers for minutes."""

from collections.abc import Callable
from pathlib import Path

from tests.unit.stores.state.crash import judge, kill
from tests.unit.stores.state.race import race

KILLS = 20_000
SEED = 2
WRITERS, INCREMENTS = 8, 1_250


def test_seeded_kills_leave_the_old_or_the_new_document(tmp_path: Path, figure: Callable[[str], None]) -> None:
    killed = judge(kill(tmp_path, kills=KILLS, seed=SEED))
    assert killed > 0.95 * KILLS
    figure(f"{killed:,} kills, 0 documents that are neither old nor new")


def test_eight_processes_lose_no_increment(tmp_path: Path, figure: Callable[[str], None]) -> None:
    reads = race(tmp_path / "pipeline.json", processes=WRITERS, increments=INCREMENTS)
    figure(f"{WRITERS * INCREMENTS:,} increments by {WRITERS} processes, 0 lost; {sum(reads):,} reads, 0 torn")
