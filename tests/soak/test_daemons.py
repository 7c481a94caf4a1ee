"""Dagster's real daemons on each database: a worker killed while it buys is retried, and all else that a walk shows.

The suite proves the parts: what retries and frees slots is in `dagster.yaml`; a day that is made again buys nothing.
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from dayreel.services.dagster_server import find_server
from tests.days import days_ago
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK
from tests.orchestration.daemons import (
    DAY,
    TOO_EARLY,
    Daemons,
    daemons_on,
    leave_work,
    see_that_the_decision_was_honoured_once,
    see_that_the_failure_was_notified_once,
    see_that_the_marker_was_found_once,
    see_that_why_names_the_runs,
)
from tests.orchestration.deployment import CRAFTS, NOTES, Deployment, failures, make_footage

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

RENDER_S = 8.0
KILLED = days_ago(2)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the catalog and Dagster's instance are, as environment; nothing for the embedded default."""
    if request.param == "sqlite":
        return {}
    server = request.getfixturevalue("postgres_server")
    return {name: server.new_schema() for name in ("DAYREEL_CATALOG_URL", "DAYREEL_DAGSTER_POSTGRES_URL")}


def quickened(shipped: str, databases: dict[str, str]) -> str:
    """Return `dagster.yaml` with the looks for dead workers that would take minutes, and with its database."""
    edited = shipped.replace("poll_interval_seconds: 30", "poll_interval_seconds: 2")
    assert edited.count("_seconds: 2\n") == 1
    storage = "\nstorage: {postgres: {postgres_url: {env: DAYREEL_DAGSTER_POSTGRES_URL}}}\n"
    return edited + storage if databases else edited


def pid_of(daemons: Daemons, run_id: str) -> int:
    """Return the process that executes a run, as it says in the run's log."""
    events = [entry.dagster_event for entry in daemons.instance.all_logs(run_id) if entry.dagster_event]
    engine_events = [event.engine_event_data.metadata for event in events if event.is_engine_event]
    return int(str([metadata["pid"].value for metadata in engine_events if "pid" in metadata][-1]))


def test_a_killed_worker_is_retried_and_buys_nothing_again(
    tmp_path: Path, databases: dict[str, str], figure: Callable[[str], None]
) -> None:
    """Started by `dayreel backfill` through the running web server, together with a day that is refused."""
    footage = make_footage(tmp_path / "walk.mp4")
    with RunningSandbox(tmp_path / "world", pace={**QUICK, "fal_render_s": RENDER_S}) as world:
        deployment = Deployment.new(
            tmp_path / "project",
            {"notes": {**NOTES, "make_at": "23:59"}, "crafts": {**CRAFTS, "make_at": "23:59"}},
            footage=footage,
            sandbox_url=world.url,
            variables=databases,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            made = deployment.run(instance, "make_day_notes", DAY)
            assert made.success, failures(made)
        leave_work(deployment)
        with daemons_on(deployment, databases, edit=lambda shipped: quickened(shipped, databases)) as daemons:
            daemons.start_webserver()
            daemons.start_daemon()
            figure(f"retried {kill_a_worker(daemons, world):.0f} s after the kill, 2 segments bought")
            see_that_the_decision_was_honoured_once(daemons)
            see_that_the_marker_was_found_once(daemons)
            see_that_the_failure_was_notified_once(daemons, world)
            see_that_why_names_the_runs(daemons, f"crafts-{KILLED}")


def kill_a_worker(daemons: Daemons, world: RunningSandbox) -> float:
    """Kill the worker of a backfilled day as soon as it has bought; return how long the retry took to make the day."""
    server = daemons.until("the daemon is healthy", lambda: find_server(daemons.deployment.settings, str(daemons.home)))
    server.launch("make_day_crafts", [TOO_EARLY.isoformat()], title="before active_from", tags={})
    backfill = ("backfill", "--channel", "crafts", "--from", str(KILLED), "--to", str(KILLED), "--yes")
    command = daemons.start("backfill", sys.executable, "-m", "dayreel", *backfill)

    def bought() -> list[Any]:
        return [generation for generation in world.effects()["generations"] if generation["kind"] == "segment"]

    def attempts() -> list[dg.DagsterRun]:
        runs = daemons.runs(dagster__partition=KILLED.isoformat())
        return [run for run in runs if run.job_name == "make_day_crafts"]

    daemons.until("both segments are bought", lambda: len(bought()) == 2)
    (run,) = attempts()
    assert run.tags["dayreel/actor"] == "backfill by ana"
    psutil.Process(pid_of(daemons, run.run_id)).send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    content_id = f"crafts-{KILLED}"
    daemons.until("the retry has made the day", lambda: daemons.states().get(content_id) == "review_pending")
    took_s = time.monotonic() - killed_at
    assert len(bought()) == 2
    assert len(attempts()) == 2
    assert {attempt.tags.get("dagster/parent_run_id") for attempt in attempts()} == {None, run.run_id}
    assert command.wait(300) == 0
    return took_s
