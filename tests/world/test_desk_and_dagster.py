"""Dagster's own web server behind the desk's door, in a real browser: lineage is seen, and a viewer cannot launch."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from dayreel.clock import SystemClock
from dayreel.services.audit import recent_acts
from dayreel.services.dagster_address import DagsterAddress, is_answered
from tests.fakes.chromium import DESKTOP, Chromium, Page, chromium, find_chromium
from tests.fakes.desk import PASSWORD, Browser, desk_on, person, served
from tests.fakes.project import make_project, today
from tests.waiting import wait_until

BROWSER = find_chromium()
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine, so the door was seen by no browser"
)
REPOSITORY = Path(__file__).parents[2]
LAUNCH = """mutation Go($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId tags { key value } } } ... on PythonError { message } } }"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with one channel, and a Dagster of its own."""
    tmp_path = tmp_path_factory.mktemp("deployment")
    (tmp_path / "dagster_home").mkdir()
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", tmp_path / "dagster_home")
    workspace = {"module_name": "pipeline_assets.definitions", "working_directory": str(REPOSITORY)}
    workspace["location_name"] = "dayreel"
    make_project(tmp_path, clock=SystemClock()).catalog.close()
    (tmp_path / "workspace.yaml").write_text(
        json.dumps({"load_from": [{"python_module": workspace}]}), encoding="utf-8"
    )
    return tmp_path


@pytest.fixture(scope="module")
def dagster(deployment: Path) -> Iterator[DagsterAddress]:
    """Dagster's web server as `dayreel up` starts it."""
    address = DagsterAddress.parse(f"unix:{deployment / 'run' / 'dagster.sock'}")
    line = [sys.executable, "-m", "pipeline_assets.web_server", str(deployment / "run" / "dagster.sock")]
    line.append(str(deployment / "workspace.yaml"))
    environment = {**os.environ, "DAGSTER_HOME": str(deployment / "dagster_home"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    environment["PYTHONWARNINGS"] = "ignore"
    log = deployment / "webserver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            line, cwd=deployment, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(
            lambda: is_answered(str(address.socket)) or process.poll() is not None,
            within_s=300, every_s=0.1, otherwise=log.read_text,
        )  # fmt: skip
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield address
    finally:
        process.terminate()
        process.wait(120)


RUNS = "{ runsOrError { ... on Runs { results { runId } } } }"


def launch_params(day: str) -> dict[str, Any]:
    """What Dagster's pages send to launch the making of a day."""
    selector = {"repositoryLocationName": "dayreel", "repositoryName": "__repository__"}
    return {
        "selector": {**selector, "pipelineName": "make_day_crafts"},
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }


def ask(browser: Browser, query: str, variables: dict[str, Any]) -> Any:
    """Ask as Dagster's own pages do."""
    headers = {"origin": "http://desk.localhost", "accept": "*/*"}
    return browser.post("/dagster/graphql", json={"query": query, "variables": variables}, headers=headers)


async def come_in(page: Page, link: str) -> None:
    await page.open(link)
    await page.type("#password", PASSWORD)
    await page.type("#again", PASSWORD)
    await page.press("form .primary")


async def graphql(page: Page, query: str, variables: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask as the page itself does."""
    body = json.dumps(json.dumps({"query": query, "variables": variables}))
    sent = f"{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {body}}}"
    answer = await page.say(f"fetch('/dagster/graphql', {sent}).then(async (r) => [r.status, await r.text()])")
    return answer[0], json.loads(answer[1])


def test_a_launch_through_the_desk_is_tagged_and_repeated(deployment: Path, dagster: DagsterAddress) -> None:
    """The whole way, without a browser: desk, socket, Dagster's own web server and its schema."""
    project = make_project(deployment, clock=SystemClock())
    try:
        app = desk_on(project, dagster=dagster)
        with person(app, "Otto", "operator") as otto, person(app, "Vito", "viewer") as vito:
            params = launch_params(today(project).isoformat())
            assert ask(vito, LAUNCH, {"p": params}).status_code == 403
            run = ask(otto, LAUNCH, {"p": params}).json()["data"]["launchPipelineExecution"]["run"]
            assert {"key": "dayreel/actor", "value": "Otto"} in run["tags"]
            params["executionMetadata"] = {"parentRunId": run["runId"], "rootRunId": run["runId"], "tags": run["tags"]}
            again = ask(otto, LAUNCH, {"p": params}).json()["data"]["launchPipelineExecution"]
            assert again["__typename"] == "LaunchRunSuccess", again
            params["executionMetadata"]["tags"] = [*run["tags"], {"key": "dayreel/content", "value": "another"}]
            assert ask(otto, LAUNCH, {"p": params}).status_code == 403
            runs = ask(vito, RUNS, {}).json()["data"]["runsOrError"]["results"]
            assert {launched["runId"] for launched in runs} >= {run["runId"], again["run"]["runId"]}
            page = vito.get("/dagster/runs")
            assert '"assetPrefix":"/dagster"' in page.text
            assert vito.get(f"/dagster/download_debug/{run['runId']}").status_code == 200
        with project.catalog.read() as connection:
            outcomes = [
                act.detail.get("outcome", "")
                for act in recent_acts(connection)
                if act.actor in ("Otto", "Vito") and act.act == "dagster"
            ]
        assert [outcome.partition(":")[0] for outcome in outcomes] == [
            *("refused", "LaunchRunSuccess", "LaunchRunSuccess", "refused")
        ]
    finally:
        project.catalog.close()


LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"


def forms_of(key: str) -> dict[str, dict[str, Any]]:
    """Every form that a GraphQL mutation is sent in over HTTP, as arguments of a request; it sets a limit for `key`."""
    document = f'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'
    whole = {"query": document}
    digest = {"version": 1, "sha256Hash": hashlib.sha256(document.encode()).hexdigest()}
    persisted = {"extensions": {"persistedQuery": digest}}
    upload = {"operations": (None, json.dumps(whole)), "map": (None, "{}")}

    def typed(kind: str, content: str) -> dict[str, Any]:
        return {"headers": {"content-type": kind}, "content": content}

    return {
        "json": {"json": whole},
        "json of another kind": typed("application/json-patch+json, application/json", json.dumps(whole)),
        "batch": {"json": [whole]},
        "batch behind a query": {"json": [{"query": LIMITS}, whole]},
        "persisted": {"json": persisted},
        "persisted with its text": {"json": {**persisted, **whole}},
        "persisted in the address": {"method": "GET", "params": {"extensions": json.dumps(persisted["extensions"])}},
        "graphql": typed("application/graphql", document),
        "text": typed("text/plain", json.dumps(whole)),
        "form": {"data": whole},
        "multipart": {"files": upload},
        "multipart called json": typed("multipart/form-data; x=application/json", json.dumps(whole)),
        "get": {"method": "GET", "params": whole},
        "head": {"method": "HEAD", "params": whole},
        "post with the text in the address": {"params": whole},
    }


def messages_of(key: str) -> list[tuple[str | None, str]]:
    """Every way to send it over a websocket: the protocol that is offered, and the message."""
    document = f'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'
    behind = f'subscription S {{ pipelineRunLogs(runId: "1") {{ __typename }} }} {document.replace("{", "M {", 1)}'
    payloads: tuple[dict[str, Any], ...] = (
        {"query": document},
        {"query": behind, "operationName": "M"},
        {"extensions": {"persistedQuery": {}}},
    )
    messages = [
        json.dumps({"type": kind, "id": "1", "payload": payload})
        for kind in ("start", "subscribe", "connection_init")
        for payload in payloads
    ]
    return [(protocol, text) for protocol in ("graphql-ws", "graphql-transport-ws", None) for text in messages]


async def over_websocket(url: str, headers: dict[str, str], protocol: str | None, text: str) -> bool:
    """Send a message; return whether anything but an acknowledgement came back."""
    offered = [websockets.Subprotocol(protocol)] if protocol else None
    target = url.replace("http", "ws", 1) + "/dagster/graphql"
    try:
        async with websockets.connect(target, additional_headers=headers, subprotocols=offered, proxy=None) as socket:
            await socket.send(text)
            await socket.send(json.dumps({"type": "connection_terminate"}))
            return not all(["connection_ack" in str(answer) async for answer in socket])
    except (websockets.InvalidHandshake, websockets.ConnectionClosedError):
        return False


def test_no_form_of_a_viewers_mutation_acts(deployment: Path, dagster: DagsterAddress) -> None:
    """Each form singly; which of them Dagster itself carries out is seen on its own socket."""
    project = make_project(deployment, clock=SystemClock())
    app = desk_on(project, dagster=dagster)
    transport = httpx.HTTPTransport(uds=dagster.socket)

    def limited(client: httpx.Client) -> set[str]:
        limits = client.post("/dagster/graphql", json={"query": LIMITS}).json()["data"]["instance"]["concurrencyLimits"]
        return {limit["concurrencyKey"] for limit in limits}

    with (
        served(app) as url,
        person(app, "Vik", "viewer") as vik,
        httpx.Client(base_url="http://dagster", transport=transport, headers={"connection": "close"}) as direct,
        httpx.Client(base_url=url, trust_env=False, headers={"origin": url, "accept": "*/*"}) as desk,
    ):
        desk.cookies.set("dayreel_session", vik.cookies["dayreel_session"])
        for number, form in enumerate(forms_of("viewer")):
            sent = forms_of(f"viewer {number}")[form]
            answer = desk.request(sent.pop("method", "POST"), "/dagster/graphql", **sent)
            assert answer.status_code in (400, 403, 405), (form, answer.status_code)
            sent = forms_of(f"direct {form}")[form]
            with suppress(httpx.TransportError):  # Dagster hangs up on a body that it does not read
                direct.request(sent.pop("method", "POST"), "/dagster/graphql", **sent)
        headers = {"cookie": f"dayreel_session={vik.cookies['dayreel_session']}", "origin": url}
        for protocol, text in messages_of("websocket"):
            assert not asyncio.run(over_websocket(url, headers, protocol, text)), (protocol, text)
        acted = limited(direct)
        assert {key.removeprefix("direct ") for key in acted} == {
            *("json", "json of another kind", "persisted with its text", "graphql", "multipart called json"),
            *("get", "post with the text in the address"),
        }
        assert limited(desk) == acted, "a viewer may look"
    project.catalog.close()


@needs_browser
def test_a_viewer_sees_lineage_but_only_an_operator_can_launch(deployment: Path, dagster: DagsterAddress) -> None:
    project = make_project(deployment, clock=SystemClock())
    params = launch_params(today(project).isoformat())
    app = desk_on(project, dagster=dagster)

    async def walk(browser: Chromium, url: str) -> None:
        page = await browser.tab(await browser.context(), DESKTOP)
        await come_in(page, f"{url}/welcome/{app.state.desk.users.add('Olga', 'operator', by='test')}")
        code, answer = await graphql(page, LAUNCH, {"p": params})
        assert code == 200
        launched = answer["data"]["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        assert {"key": "dayreel/actor", "value": "Olga"} in launched["run"]["tags"]

        await come_in(page, f"{url}/welcome/{app.state.desk.users.add('Vera', 'viewer', by='test')}")
        await page.open(f"{url}/dagster/asset-groups")
        await page.wait("document.body.innerText.includes('crafts')", "no lineage", within_s=120)
        code, answer = await graphql(page, "{ runsOrError { ... on Runs { results { runId } } } }", {})
        assert launched["run"]["runId"] in [run["runId"] for run in answer["data"]["runsOrError"]["results"]]
        assert page.errors == []
        code, answer = await graphql(page, LAUNCH, {"p": params})
        assert code == 403
        assert "operator" in answer["error"]

    async def go(url: str) -> None:
        assert BROWSER is not None
        async with chromium(BROWSER) as browser:
            await walk(browser, url)

    try:
        with served(app) as url:
            asyncio.run(go(url))
    finally:
        project.catalog.close()
