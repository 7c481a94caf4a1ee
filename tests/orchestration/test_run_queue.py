"""Dagster's own queue with the shipped `dagster.yaml`: what goes first, what shares its places, a killed code server.

Half an hour of kills is for `tests/soak/test_run_queue.py`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import ConcurrencyConfig
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from dayreel.services.dagster_address import is_answered
from pipeline_assets.mart_assets import mart_key
from pipeline_assets.run_queue import SHARED_POOLS
from tests.days import days_ago
from tests.orchestration.daemons import PROGRAMS
from tests.orchestration.deployment import ROOT, Deployment
from tests.waiting import wait_until

SHIPPED = ROOT / "dagster_home" / "dagster.yaml"
LATER_S = 20.0
"""By then the queue asks the code server again."""
ONE_JOB = """
import dagster as dg

@dg.op
def look() -> None: ...

@dg.job
def look_once() -> None:
    look()

defs = dg.Definitions(jobs=[look_once], executor=dg.in_process_executor)
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance of the shipped file, with the daemon's queue."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def queue(instance: dg.DagsterInstance, job: dg.JobDefinition, number: int, **tags: str) -> None:
    day = {"dagster/partition": days_ago(number).isoformat()}
    instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.QUEUED,
        tags={**job.tags, **day, **tags},
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("dayreel"), "__repository__"), job.name
        ),
    )


def next_in_line(instance: dg.DagsterInstance) -> list[str]:
    """Return the jobs of the runs that the queue would start now, first to last."""
    config: ConcurrencyConfig = instance.get_concurrency_config()
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    daemon._get_runs_to_dequeue(instance, config, None)  # the first look of all writes the pools down
    runs = daemon._get_runs_to_dequeue(instance, config, None)
    return [run.job_name for run in runs]


def test_posts_start_before_makes_and_makes_before_marts(deployment: Deployment, shipped: dg.DagsterInstance) -> None:
    """Behind a backfill and the marts' rebuilding, which came first, and which leave places for posts."""
    marts, make, post = (deployment.defs.resolve_job_def(name) for name in ("marts", "make_day_notes", "publish"))
    mart = marts.get_subset(asset_selection={mart_key("engagement/daily")})  # all of them are slow to plan
    for number in range(3):
        queue(shipped, mart, number)
    for number in range(2):
        queue(shipped, make, number, **{"dagster/backfill": "month"})
    queue(shipped, make, 0)
    queue(shipped, post, 0)
    assert next_in_line(shipped) == ["publish", "make_day_notes", "make_day_notes", "marts", "marts"]


def test_a_backfill_leaves_a_place_to_the_make_of_today(deployment: Deployment, shipped: dg.DagsterInstance) -> None:
    make = deployment.defs.resolve_job_def("make_day_notes")
    for number in range(3):
        queue(shipped, make, number, **{"dagster/backfill": "month"})
    assert next_in_line(shipped) == ["make_day_notes"]


def test_all_other_work_together_leaves_places_for_posts() -> None:
    concurrency = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["concurrency"]
    assert concurrency["pools"]["granularity"] == "run"
    assert len(SHARED_POOLS) * concurrency["pools"]["default_limit"] < concurrency["runs"]["max_concurrent_runs"]


class CodeServer:
    """A code server of one small job, which can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = str(folder / "code.sock")
        (folder / "one_job.py").write_text(ONE_JOB, encoding="utf-8")
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def start(self) -> None:
        options = ("-f", "one_job.py", "-s", self.socket, "--location-name", "small")
        with (self._folder / "code.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAMS / "dagster"), "api", "grpc", *options], cwd=self._folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )  # fmt: skip
        wait_until(lambda: is_answered(self.socket))

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        Path(self.socket).unlink(missing_ok=True)


@pytest.mark.slow
def test_a_killed_code_server_loses_no_queued_run(
    tmp_path: Path, shipped: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = CodeServer(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import one_job  # type: ignore[import-not-found]  # written just now

    daemon, target = QueuedRunCoordinatorDaemon(interval_seconds=5), GrpcServerTarget("", None, server.socket, "small")
    with server, WorkspaceProcessContext(shipped, target) as context:
        repository = context.create_request_context().get_code_location("small").get_repository("__repository__")
        job = repository.get_full_job("look_once")
        run_id = shipped.create_run_for_job(
            one_job.look_once, remote_job_origin=job.get_remote_origin(), job_code_origin=job.get_python_origin()
        ).run_id
        shipped.submit_run(run_id, context.create_request_context())
        server.kill()
        list(daemon.run_iteration(context))
        assert status(shipped, run_id) == dg.DagsterRunStatus.QUEUED
        server.start()
        list(daemon.run_iteration(context, fixed_iteration_time=time.time() + LATER_S))
        wait_until(lambda: status(shipped, run_id) == dg.DagsterRunStatus.SUCCESS)


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status
