"""Dagster's queue for half an hour: a code server that is killed every two minutes, a post behind a full backfill.

The suite kills one code server once, and asks the queue what it would start (`tests/orchestration/test_run_queue.py`).
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from dayreel.services.dagster_server import DagsterServer, find_server
from tests.days import days_ago
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK
from tests.orchestration.daemons import DAY, Daemons, daemons_on
from tests.orchestration.deployment import CRAFTS, NOTES, Deployment, failures, make_footage

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

RUNS = 30
KILL_EVERY_S = 120.0
MOST_S = 3600.0
RENDER_S = 30.0
OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@pytest.fixture
def backfilled(tmp_path: Path) -> Iterator[tuple[Daemons, RunningSandbox]]:
    """A month of `crafts`, whose vendor takes its time, in the queue of real daemons; today of `notes` for review."""
    footage = make_footage(tmp_path / "walk.mp4")
    with RunningSandbox(tmp_path / "world", pace={**QUICK, "fal_render_s": RENDER_S}) as world:
        deployment = Deployment.new(
            tmp_path / "project",
            {
                "notes": {**NOTES, "make_at": "23:59"},
                "crafts": {**CRAFTS, "make_at": "23:59", "active_from": days_ago(35).isoformat()},
            },
            footage=footage,
            sandbox_url=world.url,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            made = deployment.run(instance, "make_day_notes", DAY)
            assert made.success, failures(made)
        with daemons_on(deployment) as daemons:
            daemons.start_webserver()
            daemons.start_daemon()
            server = daemons.until("the daemon is healthy", lambda: running_server(daemons))
            days = [days_ago(number).isoformat() for number in range(1, RUNS + 1)]
            server.launch("make_day_crafts", days, title="month", tags={})
            daemons.until("the month is queued", lambda: len(month(daemons)) == RUNS)
            yield daemons, world


def running_server(daemons: Daemons) -> DagsterServer | None:
    return find_server(daemons.deployment.settings, str(daemons.home))


def month(daemons: Daemons) -> list[dg.DagsterRun]:
    return [run for run in daemons.instance.get_runs() if run.job_name == "make_day_crafts"]


def kill_code_servers() -> int:
    """Kill the servers that hold the graph, as an out-of-memory killer would; run workers live on."""
    killed = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = process.cmdline()
            if "grpc" in command and "api" in command:
                process.kill()
                killed += 1
    return killed


def test_a_code_server_killed_every_two_minutes_loses_no_run(
    backfilled: tuple[Daemons, RunningSandbox], figure: Callable[[str], None]
) -> None:
    daemons, world = backfilled
    kills, started = 0, time.monotonic()
    while not all(run.status in OVER for run in month(daemons)):
        assert time.monotonic() - started < MOST_S, Counter(run.status for run in month(daemons))
        time.sleep(KILL_EVERY_S)
        kills += bool(kill_code_servers())
    states = Counter(state for content_id, state in daemons.states().items() if content_id.startswith("crafts"))
    segments = [made for made in world.effects()["generations"] if made["kind"] == "segment"]
    attempts = Counter(run.status.value for run in month(daemons))
    minutes = (time.monotonic() - started) / 60
    figure(f"{RUNS} runs, {kills} kills in {minutes:.0f} min: {dict(states)}, {dict(attempts)}")
    assert not [log.name for log in daemons.deployment.root.glob("*.log") if "database is locked" in log.read_text()]
    assert states == {"review_pending": RUNS}
    assert len(segments) == 2 * RUNS


def test_an_approved_post_starts_behind_a_full_backfill(
    backfilled: tuple[Daemons, RunningSandbox], figure: Callable[[str], None]
) -> None:
    daemons, _world = backfilled
    daemons.until("the month is being made", lambda: any(run.status.value == "STARTED" for run in month(daemons)))
    daemons.deployment.decide(f"notes-{DAY}", "approved")
    approved_at = time.time()

    def posting() -> float | None:
        records = daemons.instance.get_run_records(dg.RunsFilter(tags={"platform": "outbox"}))
        return next((record.start_time for record in records if record.start_time), None)

    waited_s = daemons.until("the post starts", posting) - approved_at
    figure(f"started {waited_s:.0f} s after the approval, behind {len(month(daemons))} queued makes")
    assert waited_s < 60
