"""Dagster's real web server and daemon: what was decided, marked or launched while none ran comes to its end, once.

One pair of them for the module, because starting them takes longer than all the work. How they recover a killed worker,
and all of this on PostgreSQL, is for `tests/soak/test_daemons.py`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.dagster_server import DagsterServer, find_server
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK, Made
from tests.orchestration.daemons import (
    MARKED,
    TOO_EARLY,
    Daemons,
    daemons_on,
    leave_work,
    see_that_the_decision_was_honoured_once,
    see_that_the_failure_was_notified_once,
    see_that_the_marker_was_found_once,
    see_that_why_names_the_runs,
)

QUICK_SENSORS = """
load_from: [{python_module: {module_name: tests.orchestration.quick_definitions, location_name: dayreel}}]
"""
SET_CURSOR = """mutation SetCursor($sensor: SensorSelector!, $cursor: String!) {
  setSensorCursor(sensorSelector: $sensor, cursor: $cursor) { __typename } }"""
RUN_FAILED = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "dayreel",
    "sensorName": "run_failed_sensor",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """Vendors of their own, as work goes on between the tests."""
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace=QUICK) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def daemons(made_once: Made, world: RunningSandbox, place: Path) -> Iterator[Daemons]:
    """Before the daemon starts there is something to post, something to continue, and a run to launch.

    The launch shows as well that plain Dagster loads the graph from its root, by the shipped workspace.yaml.
    """
    deployment = made_once.deployment.copy(place / "daemons")
    leave_work(deployment)
    (deployment.root / "quick.yaml").write_text(QUICK_SENSORS, encoding="utf-8")
    with daemons_on(deployment, {"DAYREEL_SANDBOX_URL": world.url}) as started:
        started.start_webserver()
        # As after an earlier life of the daemon: the sensor's first look would pass over whatever has failed by then.
        seen = json.dumps({"__class__": "RunStatusSensorCursor", "record_id": 0})
        ticked = started.ask(SET_CURSOR, sensor=RUN_FAILED, cursor=seen)
        assert ticked["setSensorCursor"]["__typename"] == "Sensor"
        server = DagsterServer(DagsterAddress(f"http://127.0.0.1:{started.port}"), "")
        launched = server.launch("make_day_notes", [TOO_EARLY.isoformat()], title="too early", tags={})
        assert not server.status(launched).is_over
        started.start_daemon("quick.yaml")
        yield started


def test_a_decision_during_daemon_downtime_is_honoured_once(daemons: Daemons) -> None:
    see_that_the_decision_was_honoured_once(daemons)


def test_a_marker_of_a_shell_script_continues_the_chain(daemons: Daemons) -> None:
    see_that_the_marker_was_found_once(daemons)


def test_a_run_that_fails_is_notified_once(daemons: Daemons, world: RunningSandbox) -> None:
    see_that_the_failure_was_notified_once(daemons, world)


def test_why_names_the_runs_that_the_web_server_shows(daemons: Daemons) -> None:
    see_that_the_marker_was_found_once(daemons)
    see_that_why_names_the_runs(daemons, f"notes-{MARKED}")


def test_the_web_server_of_a_healthy_daemon_is_found(daemons: Daemons) -> None:
    server = daemons.until("the daemon is healthy", lambda: find_server(daemons.deployment.settings, str(daemons.home)))
    assert server.link == f"http://127.0.0.1:{daemons.port}"
