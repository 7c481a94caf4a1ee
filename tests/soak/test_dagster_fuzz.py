"""A hundred thousand hostile requests against the desk, with Dagster's own router and schema behind it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.dagster_fuzz import run_fuzz
from tests.fakes.project import make_project


@pytest.mark.parametrize("seed", range(10))
def test_no_request_of_a_viewer_acts_in_dagster(tmp_path: Path, seed: int, figure: Callable[[str], None]) -> None:
    project = make_project(tmp_path)
    totals = run_fuzz(project, requests=10_000, seed=seed)
    project.catalog.close()
    assert totals.acted_by_viewer == []
    assert totals.unrecorded == []
    assert totals.would_act > 1_000, totals
    assert totals.acted_by_operator > 200, totals
    direct, operator = f"{totals.would_act:,} act in Dagster itself", f"{totals.acted_by_operator:,} for an operator"
    figure(
        f"{totals.requests:,} requests: {direct}, {operator} (0 unrecorded), {len(totals.acted_by_viewer)} for a viewer"
    )
