"""Hostile requests against the desk and Dagster's own router and schema; `make soak PART=dagster_fuzz` sends more."""

import pytest

from dayreel.services.project import Project
from tests.fakes.dagster_fuzz import run_fuzz


@pytest.mark.slow
def test_no_hostile_request_of_a_viewer_acts_in_dagster(project: Project) -> None:
    """Those requests that Dagster carries out when it is asked directly are what gives this its meaning."""
    totals = run_fuzz(project, requests=300, seed=20261130)
    assert totals.acted_by_viewer == []
    assert totals.unrecorded == []
    assert totals.would_act > 30, totals
    assert totals.acted_by_operator > 6, totals
    assert totals.forwarded["viewer"] > 8, totals
