"""Dagster's real web server and daemon on a deployment, as processes of their own, and what tests ask them for."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import psutil
import pytest
import requests
from sqlalchemy import select

from dayreel.cli import run as dayreel
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import content
from tests.days import days_ago, today
from tests.fakes.ports import free_port
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import ROOT, Deployment, make_footage, mark
from tests.waiting import wait_until

HANGS_S = 600.0
"""So long takes only what hangs."""
PROGRAMS = Path(sys.executable).parent
RUNS = "query Runs($ids: [String!]!) { runsOrError(filter: {runIds: $ids}) { ... on Runs { results { runId } } } }"
DAY = today()
MARKED = days_ago(1)
TOO_EARLY = days_ago(35)

Thing = TypeVar("Thing")


class Daemons:
    """A deployment with a Dagster instance, on which a web server, a daemon and commands can be started."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance, variables: Mapping[str, str]) -> None:
        self.deployment = deployment
        self.instance = instance
        self.home = Path(instance.root_directory)
        self.port = deployment.settings.webserver_port
        self._variables = variables
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *command_line: str) -> "subprocess.Popen[bytes]":
        """Start a program in the deployment's folder; what it says is in `<name>.log`."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.deployment.root),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **self._variables,
        }
        with (self.deployment.root / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command_line, cwd=self.deployment.root, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def start_webserver(self) -> None:
        """Start the web server on the workspace as it is shipped, and wait until it answers."""
        address = ("-h", "127.0.0.1", "-p", str(self.port))
        self.start("webserver", str(PROGRAMS / "dagster-webserver"), *address, "-w", "workspace.yaml")
        self.until("the web server answers", self._answers)

    def start_daemon(self, workspace: str = "workspace.yaml") -> None:
        """Start the daemon, which begins with a look of every sensor."""
        self.start("daemon", str(PROGRAMS / "dagster-daemon"), "run", "-w", workspace)

    def stop(self) -> None:
        """Kill every process with all that it has started."""
        for process in self._processes:
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the web server, as its own pages do."""
        body = {"query": query, "variables": variables}
        answer = requests.post(f"http://127.0.0.1:{self.port}/graphql", json=body, timeout=60)
        document: dict[str, Any] = answer.json()
        assert "errors" not in document, document
        return dict(document["data"])

    def until(self, what: str, look: Callable[[], Thing | None]) -> Thing:
        """Return what `look` finds as soon as it finds something."""
        return wait_until(look, within_s=HANGS_S, every_s=0.25, otherwise=partial(self._words, what))

    def states(self) -> dict[str, str]:
        """Return the state of every content; asked some hundred times, so nothing else is read."""
        with open_catalog(self.deployment.settings.catalog) as catalog, catalog.read() as connection:
            return {row.id: row.state for row in connection.execute(select(content.c.id, content.c.state))}

    def runs(self, **tags: str) -> list[dg.DagsterRun]:
        """Return the runs that have these tags, whose slash is a double underscore here."""
        wanted = dg.RunsFilter(tags={name.replace("__", "/"): value for name, value in tags.items()})
        return list(self.instance.get_runs(wanted))

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/server_info", timeout=2).ok
        except OSError:
            return False

    def _words(self, what: str) -> str:
        logs = [path.read_text(errors="replace")[-3000:] for path in self.deployment.root.glob("*.log")]
        return "\n".join([what, str(self.states()), *logs])


@contextlib.contextmanager
def daemons_on(
    deployment: Deployment, variables: Mapping[str, str] | None = None, *, edit: Callable[[str], str] = str
) -> Iterator[Daemons]:
    """Give a deployment an instance and let programs run on it until the block ends.

    Args:
        variables: further environment of the instance and the programs; in `.env` too, which Dagster lets win over it.
        edit: changes the shipped `dagster.yaml`.
    """
    variables = {**(variables or {}), "DAYREEL_WEBSERVER_PORT": str(free_port())}
    with (deployment.root / ".env").open("a", encoding="utf-8") as settings:
        settings.writelines(f"\n{name}={value}" for name, value in variables.items())
    deployment = Deployment(deployment.root)  # with the settings that were written just now
    home = deployment.root / "dagster_home"
    home.mkdir()
    shipped = (ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    (home / "dagster.yaml").write_text(edit(shipped), encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        # Opened before anything else is: processes that make its tables at once stumble over one another.
        opened = dg.DagsterInstance.from_config(str(home))
    with opened as instance:
        daemons = Daemons(deployment, instance, variables)
        try:
            yield daemons
        finally:
            daemons.stop()


def leave_work(deployment: Deployment) -> None:
    """Approve the day that is made, and let a script mark the segments of the day before it."""
    deployment.decide(f"notes-{DAY}", "approved")
    segment = make_footage(deployment.root / "elsewhere" / "segment_1.mp4", duration_s=1)
    for number, file in enumerate([segment, Path(shutil.copy(segment, segment.with_name("segment_2.mp4")))], start=1):
        mark(deployment, f"notes-{MARKED}", f"raw_segment_{number}", file)


def see_that_the_decision_was_honoured_once(daemons: Daemons) -> None:
    """The approved day is posted by a run of its own, beside one that records the decision."""

    def publishing() -> list[dg.DagsterRun]:
        return [run for run in daemons.runs(dayreel__content=f"notes-{DAY}") if run.job_name == "publish"]

    daemons.until("the decision is recorded", lambda: len(publishing()) > 1)
    daemons.until("the approved day is posted", lambda: daemons.states()[f"notes-{DAY}"] == "posted")
    assert len(publishing()) == 2, [dict(run.tags) for run in publishing()]
    assert {run.tags["dagster/sensor_name"] for run in publishing()} == {"decision_recorded_sensor", "post_due_sensor"}
    assert all(run.tags["dayreel/trigger"].endswith("by ana via cli") for run in publishing())
    assert len(list((daemons.deployment.root / "outbox").rglob("*.mp4"))) == 1


def see_that_the_marker_was_found_once(daemons: Daemons) -> None:
    """The chain continues from the segments that were made elsewhere, in one run."""
    content_id = f"notes-{MARKED}"
    daemons.until("the marked day waits for review", lambda: daemons.states().get(content_id) == "review_pending")
    with daemons.deployment.project() as project:
        manifest = project.contents.manifest(content_id)
    assert [segment.origin for segment in manifest.segments] == ["render-farm-2"] * 2
    assert len([run for run in daemons.runs(dayreel__content=content_id) if run.job_name == "make_day"]) == 1


def see_that_the_failure_was_notified_once(daemons: Daemons, world: RunningSandbox) -> None:
    """The run of the day that was too early failed, was not tried again, and people know it."""

    def failure_messages() -> list[str]:
        return [
            str(message["text"])
            for message in world.effects()["messages"]
            if "before active_from" in str(message["text"])
        ]

    daemons.until("people are notified", failure_messages)
    assert len(failure_messages()) == 1
    (refused,) = daemons.runs(dagster__partition=TOO_EARLY.isoformat())
    assert refused.status == dg.DagsterRunStatus.FAILURE
    assert not any(content_id.endswith(str(TOO_EARLY)) for content_id in daemons.states())


def see_that_why_names_the_runs(daemons: Daemons, content_id: str) -> None:
    """`dayreel why` names the runs of the day's making, and the web server knows each it names."""
    with contextlib.chdir(daemons.deployment.root), contextlib.redirect_stdout(io.StringIO()) as printed:
        assert dayreel(["why", content_id, "--json"]) == 0
    run_ids = {run["run_id"] for run in json.loads(printed.getvalue())["runs"]}
    of_day = daemons.runs(dagster__partition=content_id.partition("-")[2])
    making = {run.run_id for run in of_day if run.job_name.startswith("make_day")}
    assert making
    assert making <= run_ids  # the marts of the day are rebuilt by runs of their own
    shown = daemons.ask(RUNS, ids=sorted(run_ids))["runsOrError"]["results"]
    assert {run["runId"] for run in shown} == run_ids
