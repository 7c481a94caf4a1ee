"""Dagster's own web server behind the desk's door, in a real browser: lineage is seen, and a viewer cannot launch."""

import asyncio
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dayreel.clock import SystemClock
from tests.fakes.chromium import DESKTOP, Chromium, Page, chromium, find_chromium
from tests.fakes.desk import PASSWORD, desk_on, served
from tests.fakes.ports import free_port
from tests.fakes.project import make_project, today
from tests.waiting import wait_until

BROWSER = find_chromium()
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine, so the door was seen by no browser"
)
REPOSITORY = Path(__file__).parents[2]
LAUNCH = """mutation Go($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId tags { key value } } } ... on PythonError { message } } }"""


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """A deployment with one channel, and a Dagster of its own."""
    (tmp_path / "dagster_home").mkdir()
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", tmp_path / "dagster_home")
    workspace = {"module_name": "pipeline_assets.definitions", "working_directory": str(REPOSITORY)}
    workspace["location_name"] = "dayreel"
    make_project(tmp_path, clock=SystemClock()).catalog.close()
    (tmp_path / "workspace.yaml").write_text(
        json.dumps({"load_from": [{"python_module": workspace}]}), encoding="utf-8"
    )
    return tmp_path


@pytest.fixture
def dagster(deployment: Path) -> Iterator[str]:
    """Dagster's web server as `dayreel up` starts it."""
    port = free_port()
    line = [str(Path(sys.executable).parent / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(port)]
    line += ["--path-prefix", "/dagster", "-w", str(deployment / "workspace.yaml")]
    environment = {**os.environ, "DAGSTER_HOME": str(deployment / "dagster_home"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    environment["PYTHONWARNINGS"] = "ignore"
    log = deployment / "webserver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            line, cwd=deployment, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            is_over = functools.partial(_answers_or_ended, client, process)
            wait_until(is_over, within_s=300, every_s=0.1, otherwise=log.read_text)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def _answers_or_ended(client: httpx.Client, process: "subprocess.Popen[bytes]") -> bool:
    try:
        return client.get("/dagster/server_info").is_success
    except httpx.TransportError:
        return process.poll() is not None


async def come_in(page: Page, link: str) -> None:
    await page.open(link)
    await page.type("#password", PASSWORD)
    await page.type("#again", PASSWORD)
    await page.press("form .primary")


async def graphql(page: Page, query: str, variables: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask as the page itself does."""
    body = json.dumps(json.dumps({"query": query, "variables": variables}))
    sent = f"{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {body}}}"
    told = await page.say(f"fetch('/dagster/graphql', {sent}).then(async (r) => [r.status, await r.text()])")
    return told[0], json.loads(told[1])


def test_a_viewer_sees_lineage_but_only_an_operator_can_launch(deployment: Path, dagster: str) -> None:
    project = make_project(deployment, clock=SystemClock())
    day = today(project).isoformat()
    selector = {"repositoryLocationName": "dayreel", "repositoryName": "__repository__"}
    tags = [{"key": "dagster/partition", "value": day}]
    params = {
        "selector": {**selector, "pipelineName": "make_day_crafts"},
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": tags},
    }
    app = desk_on(project, dagster_url=dagster)

    async def walk(browser: Chromium, url: str) -> None:
        page = await browser.tab(await browser.context(), DESKTOP)
        await come_in(page, f"{url}/welcome/{app.state.desk.users.add('Olga', 'operator', by='test')}")
        code, told = await graphql(page, LAUNCH, {"p": params})
        assert code == 200
        launched = told["data"]["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        assert {"key": "dayreel/actor", "value": "Olga"} in launched["run"]["tags"]

        await come_in(page, f"{url}/welcome/{app.state.desk.users.add('Vera', 'viewer', by='test')}")
        await page.open(f"{url}/dagster/asset-groups")
        await page.wait("document.body.innerText.includes('crafts')", "no lineage", within_s=120)
        code, told = await graphql(page, "{ runsOrError { ... on Runs { results { runId } } } }", {})
        assert [run["runId"] for run in told["data"]["runsOrError"]["results"]] == [launched["run"]["runId"]]
        assert page.errors == []
        code, told = await graphql(page, LAUNCH, {"p": params})
        assert code == 403
        assert "operator" in told["error"]

    async def go(url: str) -> None:
        assert BROWSER is not None
        async with chromium(BROWSER) as browser:
            await walk(browser, url)

    try:
        with served(app) as url:
            asyncio.run(go(url))
    finally:
        project.catalog.close()
