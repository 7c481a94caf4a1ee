"""No day is lost to a setting: models that think for as long as they like leave room for the answer."""

from pathlib import Path

from tests.fakes.sandbox import RunningSandbox
from tests.world.thinking_days import booked_and_billed, budgets, lost_days, project_of


def test_days_are_written_however_long_models_think(tmp_path: Path) -> None:
    """Four seeds, of which some are cut at first; `tests/soak` goes through a hundred."""
    with RunningSandbox(tmp_path / "world") as sandbox:
        project = project_of(tmp_path / "project", sandbox)
        assert lost_days(project, sandbox, SEEDS) == []
        booked, billed = booked_and_billed(project, sandbox)
        asked = budgets(project)
        project.catalog.close()
    assert 0 <= booked - billed < len(asked) * 0.000002, "each answer is booked as it is billed, rounded up"
    assert len(asked) > 4 * len(SEEDS), "some answers were cut and asked for with more room"


SEEDS = (1, 2, 3, 4)
