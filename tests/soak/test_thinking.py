"""A hundred seeds of thinking: every day of the shipped channels is written, and booked as it is billed."""

from pathlib import Path

from tests.fakes.sandbox import RunningSandbox
from tests.world.thinking_days import booked_and_billed, budgets, lost_days, project_of

SEEDS = range(100)


def test_a_hundred_seeds_lose_no_day(tmp_path: Path) -> None:
    with RunningSandbox(tmp_path / "world") as sandbox:
        project = project_of(tmp_path / "project", sandbox)
        lost = lost_days(project, sandbox, SEEDS)
        booked, billed = booked_and_billed(project, sandbox)
        asked = budgets(project)
        project.catalog.close()
    again = len(asked) - 4 * len(SEEDS)
    print(f"{len(lost)} of {2 * len(SEEDS)} days lost, {again} of {len(asked)} answers cut; ${booked} of ${billed}")  # noqa: T201
    assert lost == []
    assert 0 <= booked - billed < len(asked) * 0.000002
