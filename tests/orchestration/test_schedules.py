"""When days are made by themselves: each channel at its own local time, for its own local day."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from resources.project import ProjectResource
from tests.orchestration.deployment import NOTES, Deployment
from tests.orchestration.ticks_and_days import check_ticks
from tests.zones import ZONES, days_of_changes


@pytest.fixture(autouse=True)
def _partitions_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests have moments of their own, in zones of their own."""
    monkeypatch.setenv("DAYREEL_TIMEZONE", "UTC")


def _tick(deployment: Deployment, schedule: str, moment: datetime) -> Any:
    repository = deployment.defs.get_repository_def()
    resources = {"project": ProjectResource(root=str(deployment.root))}
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository, resources=resources)
    return repository.get_schedule_def(schedule).evaluate_tick(context)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", datetime(2027, 3, 10, 9, tzinfo=UTC), "2027-03-10"),
        ("America/Los_Angeles", datetime(2027, 3, 11, 6, tzinfo=UTC), "2027-03-10"),
        ("Europe/Madrid", datetime(2027, 3, 10, 8, tzinfo=UTC), "2027-03-10"),
        # Both sides of the day on which clocks go forward: nine o'clock there is another hour here.
        ("Europe/Madrid", datetime(2027, 3, 27, 8, tzinfo=UTC), "2027-03-27"),
        ("Europe/Madrid", datetime(2027, 3, 28, 7, tzinfo=UTC), "2027-03-28"),
    ],
)
def test_a_tick_asks_for_the_local_day_of_the_channel(
    make_deployment: Any, zone: str, moment: datetime, day: str
) -> None:
    deployment: Deployment = make_deployment(notes={**NOTES, "timezone": zone})
    (request,) = _tick(deployment, "make_day_notes_schedule", moment).run_requests
    assert (request.partition_key, request.run_key) == (day, f"make:notes:{day}")
    assert request.tags["dayreel/trigger"] == "schedule make_day_notes_schedule"


def test_the_schedule_runs_at_the_local_time_of_the_file(make_deployment: Any) -> None:
    deployment: Deployment = make_deployment(notes={**NOTES, "timezone": "America/Los_Angeles", "make_at": "05:45"})
    schedule = deployment.defs.get_repository_def().get_schedule_def("make_day_notes_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("45 5 * * *", "America/Los_Angeles")


def test_a_day_off_for_the_channel_is_skipped_with_the_reason(make_deployment: Any) -> None:
    deployment: Deployment = make_deployment(notes={**NOTES, "timezone": "UTC", "weekdays": ["mon", "wed"]})
    tick = _tick(deployment, "make_day_notes_schedule", datetime(2027, 3, 11, 9, tzinfo=UTC))
    assert tick.run_requests == []
    assert "2027-03-11 is a thu; channel 'notes' is made on mon, wed" in str(tick.skip_message)


def test_the_older_system_keeps_the_schedule_from_making(make_deployment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment: Deployment = make_deployment(notes={**NOTES, "timezone": "UTC"})
    monkeypatch.setenv("PIPELINE_ENGINE", "v1")
    tick = _tick(deployment, "make_day_notes_schedule", datetime(2027, 3, 10, 9, tzinfo=UTC))
    assert tick.run_requests == []
    assert "PIPELINE_ENGINE=v1 leaves everything to the older system" in str(tick.skip_message)


def test_posts_are_measured_for_the_day_of_the_installation(make_deployment: Any) -> None:
    deployment: Deployment = make_deployment(notes={**NOTES, "timezone": "UTC"})
    (request,) = _tick(deployment, "measure_schedule", datetime(2027, 3, 10, 7, 30, tzinfo=UTC)).run_requests
    assert request.partition_key == "2027-03-10"


@pytest.mark.parametrize("make_at", ["00:00", "01:30", "02:15"])
def test_ticks_partitions_and_days_agree_in_every_zone(make_at: str) -> None:
    """Around each change of the clocks; `make soak PART=time` does every zone, at every half hour."""
    assert sum(check_ticks(zone, make_at, days_of_changes(zone)) for zone in ZONES) > 300
