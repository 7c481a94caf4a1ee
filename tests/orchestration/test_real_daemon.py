"""Dagster's real web server and daemon: what was decided, marked or killed while nobody looked comes to its end, once.

One instance for the module, because starting it takes longer than all the work.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import requests

from dayreel.cli import run as dayreel
from dayreel.services.status import status_of
from tests.fakes.ports import free_port
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK
from tests.orchestration.project import CRAFTS, NOTES, ROOT, Project, days_ago, make_footage, today
from tests.orchestration.test_marker_sensor import mark

pytestmark = pytest.mark.slow

DAY = today()
DEADLINE_S = 240
RENDER_S = 8.0


class Factory:
    """A project with Dagster's web server and daemon on it."""

    def __init__(self, project: Project, port: int, databases: dict[str, str]) -> None:
        self.project = project
        self._databases = databases
        self.url = f"http://127.0.0.1:{port}"
        self.home = project.root / "dagster_home"
        self._port = port
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command_line: str) -> "subprocess.Popen[bytes]":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.project.root),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **self._databases,
        }
        with (self.project.root / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command_line, cwd=self.project.root, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return self._processes[name]

    def start_webserver(self) -> None:
        programs = Path(sys.executable).parent
        address = ("-h", "127.0.0.1", "-p", str(self._port))
        self.start("webserver", str(programs / "dagster-webserver"), *address, "-w", "workspace.yaml")

    def start_daemon(self) -> None:
        self.start("daemon", str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", "workspace.yaml")

    def stop(self) -> None:
        for process in self._processes.values():
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def words(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self.project.root.glob("*.log"))

    def until(self, what: str, is_so: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while not (found := is_so()):
            assert time.monotonic() < deadline, f"{what}\n{self.states()}\n{self.words()}"
            time.sleep(0.5)
        return found

    def states(self) -> dict[str, str]:
        with self.project.studio() as room:
            return {one["content_id"]: one["state"] for one in status_of(room.catalog)}

    @contextlib.contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with pytest.MonkeyPatch.context() as environment:
            for name, url in self._databases.items():
                environment.setenv(name, url)
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield instance

    def runs(self, **tags: str) -> list[dg.DagsterRun]:
        with self.instance() as instance:
            return list(instance.get_runs(dg.RunsFilter(tags={name.replace("__", "/"): v for name, v in tags.items()})))

    def pid_of(self, run_id: str) -> int:
        """Return the process that executes a run, as it has told in the run's log."""
        with self.instance() as instance:
            told = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]
        pids = [
            value.value
            for event in told
            if event.is_engine_event
            for name, value in event.engine_event_data.metadata.items()
            if name == "pid"
        ]
        return int(str(pids[-1]))

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/server_info", timeout=2).ok
        except OSError:
            return False


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the catalog and Dagster's instance are, as environment; nothing for the embedded default."""
    if request.param == "sqlite":
        return {}
    server = request.getfixturevalue("postgres_server")
    return {name: server.new_schema() for name in ("DAYREEL_CATALOG_URL", "DAYREEL_DAGSTER_POSTGRES_URL")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: dict[str, str]) -> Iterator[RunningSandbox]:
    """The vendors, anew for each database."""
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace={**QUICK, "fal_render_s": RENDER_S}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def factory(
    tmp_path_factory: pytest.TempPathFactory, databases: dict[str, str], footage: Path, world: RunningSandbox
) -> Iterator[Factory]:
    """Before the daemon starts: a day is approved, and another one's segments are marked by a shell script."""
    root = tmp_path_factory.mktemp("factory") / "project"
    project = Project.new(root, {"notes": NOTES}, footage=footage, sandbox_url=world.url)
    where = [f"{name}={url}" for name, url in databases.items()]
    with (project.root / ".env").open("a", encoding="utf-8") as settings:
        settings.write("\n" + "\n".join(where))
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        assert project.run(instance, "make_day_notes", DAY).success
    port = free_port()
    lines = [f"DAYREEL_FIRST_DAY={days_ago(40)}", "DAYREEL_REVIEWER=ana", f"DAYREEL_WEBSERVER_PORT={port}"]
    lines += [f"DAYREEL_SANDBOX_URL={world.url}", *where]
    (project.root / ".env").write_text("\n".join(lines), encoding="utf-8")
    project.write_channel("notes", {**NOTES, "make_at": "23:59"})
    project.write_channel("crafts", {**CRAFTS, "make_at": "23:59"})
    project = Project(root)  # with the settings that were written just now
    home = project.root / "dagster_home"
    home.mkdir()
    quick = (ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    quick = quick.replace("poll_interval_seconds: 30", "poll_interval_seconds: 2")
    quick = quick.replace("free_slots_after_run_end_seconds: 60", "free_slots_after_run_end_seconds: 1")
    if databases:
        quick += "\nstorage: {postgres: {postgres_url: {env: DAYREEL_DAGSTER_POSTGRES_URL}}}\n"
    (home / "dagster.yaml").write_text(quick, encoding="utf-8")
    project.decide(f"notes-{DAY}", "approved")
    segment = make_footage(tmp_path_factory.mktemp("elsewhere") / "segment.mp4", duration_s=1)
    for number in (1, 2):
        copy = shutil.copy(segment, segment.with_name(f"segment_{number}.mp4"))
        mark(project, f"notes-{days_ago(1)}", f"raw_segment_{number}", Path(copy))
    factory = Factory(project, port, databases)
    with factory.instance():
        pass  # two processes that make a new instance's tables at once stumble over one another
    factory.start_webserver()
    factory.start_daemon()
    try:
        factory.until("the web server answers", factory.answers)
        yield factory
    finally:
        factory.stop()


def test_a_killed_worker_is_retried_and_buys_nothing_again(factory: Factory, world: RunningSandbox) -> None:
    """Started by `dayreel backfill` through the running web server, together with a day that is refused."""
    from dayreel.services.dagster_server import find_server

    settings = factory.project.settings
    server = factory.until("the daemons are healthy", lambda: find_server(settings, str(factory.home)))
    too_early = days_ago(35).isoformat()
    server.launch("make_day_crafts", [too_early], title="before active_from", tags={})
    day = days_ago(2).isoformat()
    backfill = ("backfill", "--channel", "crafts", "--from", day, "--to", day, "--yes")
    command = factory.start("backfill", sys.executable, "-m", "dayreel.cli", *backfill)

    def bought() -> list[Any]:
        return [one for one in world.effects()["generations"] if one["kind"] == "segment"]

    factory.until("both segments are bought", lambda: len(bought()) == 2)
    (run,) = [run for run in factory.runs(dagster__partition=day) if run.job_name == "make_day_crafts"]
    assert run.tags["dayreel/actor"] == "backfill by ana"
    worker = psutil.Process(factory.pid_of(run.run_id))
    worker.send_signal(signal.SIGKILL)
    factory.until("the retry has made the day", lambda: factory.states().get(f"crafts-{day}") == "review_pending")
    assert len(bought()) == 2
    attempts = [run for run in factory.runs(dagster__partition=day) if run.job_name == "make_day_crafts"]
    assert len(attempts) == 2
    assert {attempt.tags.get("dagster/parent_run_id") for attempt in attempts} == {None, run.run_id}
    assert command.wait(60) == 0, factory.words()
    refused = factory.runs(dagster__partition=too_early)
    assert [one.status for one in refused] == [dg.DagsterRunStatus.FAILURE]
    assert f"crafts-{too_early}" not in factory.states()


def test_a_decision_during_daemon_downtime_is_honoured_once(factory: Factory) -> None:
    factory.until("the approved day is posted", lambda: factory.states()[f"notes-{DAY}"] == "posted")
    runs = [run for run in factory.runs(dayreel__content=f"notes-{DAY}") if run.job_name == "publish"]
    assert len(runs) == 2, [dict(run.tags) for run in runs]
    assert {run.tags["dagster/sensor_name"] for run in runs} == {"decision_recorded_sensor", "post_due_sensor"}
    assert all(run.tags["dayreel/trigger"].endswith("by ana via cli") for run in runs)


def test_a_marker_of_a_shell_script_continues_the_chain(factory: Factory) -> None:
    content_id = f"notes-{days_ago(1)}"
    factory.until("the marked day waits for review", lambda: factory.states().get(content_id) == "review_pending")
    with factory.project.studio() as room:
        manifest = room.contents.manifest(content_id)
    assert [one.origin for one in manifest.segments] == ["render-farm-2"] * 2
    assert len([run for run in factory.runs(dayreel__content=content_id) if run.job_name == "make_day"]) == 1


def test_the_failed_run_was_told_once(factory: Factory, world: RunningSandbox) -> None:
    """The refused day's run; the killed one was retried, and told as well."""

    def told() -> list[str]:
        return [str(one["text"]) for one in world.effects()["messages"] if "before active_from" in str(one["text"])]

    factory.until("people are told", told)
    assert len(told()) == 1


def test_why_names_the_runs_that_the_web_server_shows(
    factory: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    monkeypatch.chdir(factory.project.root)
    capsys.readouterr()
    assert dayreel(["why", f"crafts-{days_ago(2)}", "--json"]) == 0
    told = [run["run_id"] for run in json.loads(capsys.readouterr().out)["runs"]]
    of_day = factory.runs(dagster__partition=days_ago(2).isoformat())
    attempts = {run.run_id for run in of_day if run.job_name.startswith("make_day")}
    assert attempts
    assert attempts <= set(told)  # the marts of the day are rebuilt by runs of their own
    assert [run_id for run_id in told if not requests.get(f"{factory.url}/runs/{run_id}", timeout=5).ok] == []
