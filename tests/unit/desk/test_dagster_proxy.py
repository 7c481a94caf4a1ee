"""The front door to Dagster: what passes, what does not, what the other side gets to see. That side is real
HTTP and websockets on loopback, and writes down all it was asked."""

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import websockets
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dayreel.desk.graphql_rules import read_operation, signed_launch
from dayreel.errors import UsageError
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import acts
from tests.fakes.desk import Browser, desk_on, person, served, token_of
from tests.fakes.scripted_server import unused_url
from tests.waiting import WITHIN_S

OURS = {"origin": "http://desk.test", "accept": "*/*"}
LAUNCH = "mutation Go($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }"
QUERY = "query Runs { runsOrError { __typename } }"


@dataclass
class Dagster:
    """Stands where Dagster's web server is, and remembers what reached it."""

    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        async def http(request: Request) -> Response:
            body = await request.body()
            self.asked.append((request.method, str(request.url.path), dict(request.headers), body))
            headers = {"content-security-policy": "script-src 'self'", "set-cookie": "theirs=1", "x-dagster": "yes"}
            if request.url.path.endswith("/moved"):
                return RedirectResponse(f"{request.base_url}dagster/moved/")
            return PlainTextResponse(f"dagster {request.url.query}", headers=headers)

        async def socket(connection: WebSocket) -> None:
            await connection.accept(subprotocol="graphql-ws")
            async for text in connection.iter_text():
                self.said.append(text)
                await connection.send_text(f"heard {len(self.said)}")

        methods = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(routes=[WebSocketRoute("/{path:path}", socket), Route("/{path:path}", http, methods=methods)])


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[Dagster, str]]:
    dagster = Dagster()
    with served(dagster.app()) as url:
        yield dagster, url


@pytest.fixture
def dagster(upstream: tuple[Dagster, str]) -> Dagster:
    """Dagster's web server, which nobody has asked anything yet."""
    dagster, _url = upstream
    dagster.asked.clear()
    dagster.said.clear()
    return dagster


@pytest.fixture
def door(project: Project, dagster: Dagster, upstream: tuple[Dagster, str]) -> Starlette:
    return desk_on(project, dagster_url=upstream[1])


class People(dict[str, Browser]):
    """One browser per role, made when it is asked for."""

    def __init__(self, app: Starlette) -> None:
        super().__init__()
        self._app = app

    def __missing__(self, role: str) -> Browser:
        browser = self[role] = person(self._app, role.title(), role)
        browser.headers["accept"] = "*/*"
        return browser


@pytest.fixture
def people(door: Starlette) -> People:
    return People(door)


def ask(browser: Browser, query: Any, headers: dict[str, str] = OURS, **more: Any) -> Any:
    return browser.post("/dagster/graphql", json={"query": query, **more}, headers=headers)


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
def test_everybody_may_look(people: People, dagster: Dagster, role: str) -> None:
    with people[role] as browser:
        page = browser.get("/dagster/runs/abc?tab=1")
        assert page.text == "dagster tab=1"
        assert ask(browser, QUERY).status_code == 200
    assert [(method, path) for method, path, *_rest in dagster.asked] == [
        ("GET", "/dagster/runs/abc"),
        ("POST", "/dagster/graphql"),
    ]


def test_dagster_learns_no_cookies_or_tokens_and_sets_none(people: People, dagster: Dagster) -> None:
    with people["viewer"] as browser:
        answer = browser.get("/dagster/runs", headers={"referer": "http://desk.test/welcome/secret"})
    assert not {"cookie", "authorization", "referer", "origin"} & dagster.asked[0][2].keys()
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-dagster"] == "yes"
    assert answer.headers["content-security-policy"] == "script-src 'self'; frame-ancestors 'self'"


def test_a_redirect_does_not_lead_past_the_door(people: People) -> None:
    with people["viewer"] as browser:
        assert browser.get("/dagster/moved").headers["location"] == "/dagster/moved/"


def test_strangers_reach_nothing(door: Starlette, dagster: Dagster) -> None:
    stranger = Browser(door)
    assert stranger.get("/dagster/runs", headers={"accept": "*/*"}).status_code == 401
    assert ask(stranger, QUERY).status_code == 401
    assert stranger.post("/dagster/report_asset_materialization/x", headers=OURS).status_code == 401
    assert dagster.asked == []


@pytest.mark.parametrize("path", ["graphql", "graphql/", "GraphQL", "%67raphql", "/graphql", "x%2f..%2fgraphql"])
@pytest.mark.parametrize("accept", ["image/avif,image/webp,*/*;q=0.8", "text/html"])
def test_graphql_by_get_is_refused_also_when_an_image_asks(
    people: People, dagster: Dagster, path: str, accept: str
) -> None:
    with people["operator"] as browser:
        url = f"/dagster/{path}?query=mutation%7BwipeAssets%7D"
        assert browser.get(url, headers={"accept": accept}).status_code in (404, 405)
        assert browser.head(url).status_code in (404, 405)
    assert dagster.asked == []


def raw_request(url: str, target: str, cookie: str) -> int:
    """Send a request whose path no client tidies up; return the status."""
    host = url.removeprefix("http://")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=WITHIN_S) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_a_path_that_leads_elsewhere_reaches_nothing(door: Starlette, people: People, dagster: Dagster) -> None:
    """As it was: a viewer's GET of `/dagster/x/../graphql?query=mutation...` ran the mutation in the admin's name."""
    cookie = f"dayreel_session={people['viewer'].cookies['dayreel_session']}"
    with served(door) as url:
        for path in ("x/../graphql", "./graphql", "x/%2e%2e/graphql", "/graphql", "x/../report_asset_check/y"):
            assert raw_request(url, f"/dagster/{path}?query=mutation%7BwipeAssets%7D", cookie) == 404
        assert dagster.asked == []
        assert raw_request(url, "/dagster/runs/x", cookie) == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.test"}, {"origin": "null"}, {}, {"sec-fetch-site": "cross-site"}],
)
def test_graphql_from_a_foreign_or_missing_origin_is_refused(
    people: People, dagster: Dagster, headers: dict[str, str]
) -> None:
    with people["operator"] as browser:
        assert ask(browser, QUERY, headers={"accept": "*/*", **headers}).status_code == 403
    assert dagster.asked == []


@pytest.mark.parametrize("kind", ["text/plain", "application/graphql", "application/x-www-form-urlencoded", ""])
def test_graphql_in_a_form_that_any_site_could_send_is_refused(people: People, dagster: Dagster, kind: str) -> None:
    with people["operator"] as browser:
        body = json.dumps({"query": QUERY}).encode()
        answer = browser.post("/dagster/graphql", content=body, headers={**OURS, "content-type": kind})
    assert answer.status_code == 400
    assert dagster.asked == []


MUTATIONS = (
    LAUNCH,
    "mutation { wipeAssets(assetPartitionRanges: []) { __typename } }",
    "query A { version } mutation B { shutdownRepositoryLocation(repositoryLocationName: \"x\") { __typename } }",
    "mutation { x: terminateRun(runId: \"1\") { __typename } }",
    "fragment F on Mutation { terminateRun(runId: \"1\") { __typename } } mutation { ...F }",
    "mutation { ... on Mutation { terminateRun(runId: \"1\") { __typename } } }",
)  # fmt: skip


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
@pytest.mark.parametrize("query", MUTATIONS)
def test_whoever_is_no_operator_cannot_launch_or_change(
    people: People, dagster: Dagster, role: str, query: str
) -> None:
    with people[role] as browser:
        answer = ask(browser, query, variables={"p": {}}, operationName="A")
    assert answer.status_code in (400, 403)
    assert dagster.asked == []


@pytest.mark.parametrize("query", ["", "{", "mutation", "fragment F on X { y }", None, 7, ["query { x }"], "{" * 5000])
def test_what_cannot_be_understood_is_refused(people: People, dagster: Dagster, query: Any) -> None:
    with people["operator"] as browser:
        assert ask(browser, query).status_code == 400
        assert browser.post("/dagster/graphql", json=[{"query": QUERY}], headers=OURS).status_code == 400
    assert dagster.asked == []


def test_a_launched_run_is_tagged_with_the_person_and_recorded(
    people: People, dagster: Dagster, project: Project
) -> None:
    forged = [{"key": "dayreel/actor", "value": "Somebody else"}, {"key": "mine", "value": "kept"}]
    variables = {"p": {"mode": "default", "executionMetadata": {"tags": forged}}}
    with people["operator"] as browser:
        assert ask(browser, LAUNCH, variables=variables, operationName="Go").status_code == 200
    body = json.loads(dagster.asked[0][3])
    assert body["variables"]["p"]["executionMetadata"]["tags"] == [
        {"key": "mine", "value": "kept"},
        {"key": "dayreel/actor", "value": "Operator"},
    ]
    with project.catalog.read() as connection:
        row = connection.execute(select(acts).where(acts.c.act == "dagster")).mappings().one()
    assert (row["actor"], row["target"]) == ("Operator", "launchPipelineExecution")


@pytest.mark.parametrize(
    ("query", "variables", "where"),
    [
        ("mutation($p: X) { launchPartitionBackfill(backfillParams: $p) { x } }", {"p": {}}, ("p", "tags")),
        ("mutation($p: X) { launchRunReexecution(reexecutionParams: $p) { x } }", {"p": {}}, ("p", "extraTags")),
        (
            "mutation($p: X) { launchMultipleRuns(executionParamsList: $p) { x } }",
            {"p": [{}]},
            ("p", 0, "executionMetadata", "tags"),
        ),
    ],
)
def test_every_way_to_launch_is_signed(query: str, variables: dict[str, Any], where: tuple[Any, ...]) -> None:
    body: Any = signed_launch(read_operation(json.dumps({"query": query, "variables": variables})), actor="Olga")
    found = body["variables"]
    for step in where:
        found = found[step]
    assert found == [{"key": "dayreel/actor", "value": "Olga"}]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "mutation { launchRun(executionParams: {mode: \"x\"}) { x } }"},
        {"query": LAUNCH},
        {"query": LAUNCH, "variables": {"p": "text"}},
        {"query": LAUNCH, "variables": {"p": []}},
        {"query": "mutation($p: X) { launchSomethingNew(params: $p) { x } }", "variables": {"p": {}}},
    ],
)  # fmt: skip
def test_a_launch_on_which_no_name_can_be_written_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not passed on"):
        signed_launch(read_operation(json.dumps(body)), actor="Olga")


def test_reports_from_outside_need_an_operator(people: People, dagster: Dagster, door: Starlette) -> None:
    path = "/dagster/report_asset_materialization/crafts/ideas"
    for role in ("viewer", "reviewer"):
        with people[role] as browser:
            assert browser.post(path, headers=OURS).status_code == 403
    with people["operator"] as browser:
        assert browser.get(f"{path}?partition=x").status_code == 405
        assert browser.post(path, headers={"origin": "https://evil.test", "accept": "*/*"}).status_code == 403
        assert dagster.asked == []
        assert browser.post(path, json={"metadata": {}}, headers=OURS).status_code == 200
    bearer = {"authorization": f"Bearer {token_of(door, 'Producer', 'operator')}", "accept": "*/*"}
    with Browser(door) as script:
        assert script.post(path, json={}, headers=bearer).status_code == 200
    assert [path_ for _method, path_, *_rest in dagster.asked] == [path, path]


def test_no_other_method_passes(people: People, dagster: Dagster) -> None:
    with people["operator"] as browser:
        for method in ("PUT", "DELETE", "PATCH"):
            assert browser.request(method, "/dagster/runs", headers=OURS).status_code == 405
        assert browser.post("/dagster/anything", headers=OURS).status_code == 405
    assert dagster.asked == []


def test_without_dagster_it_says_how_to_start_it(project: Project) -> None:
    with person(desk_on(project, dagster_url=unused_url()), "Vera", "viewer") as browser:
        answer = browser.get("/dagster/runs")
    assert answer.status_code == 503
    assert "dayreel up" in answer.text


def talk(door: Starlette, *messages: str, headers: dict[str, str]) -> tuple[list[str], bool]:
    """Send messages over a real websocket; return the answers and whether it was still open at the end."""

    async def go(url: str) -> tuple[list[str], bool]:
        answers: list[str] = []
        try:
            target = url.replace("http", "ws") + "/dagster/graphql"
            protocol = websockets.Subprotocol("graphql-ws")
            async with websockets.connect(
                target, additional_headers=headers, subprotocols=[protocol], proxy=None
            ) as socket:
                assert socket.subprotocol == "graphql-ws"
                for message in messages:
                    await socket.send(message)
                    answers.append(str(await asyncio.wait_for(socket.recv(), WITHIN_S)))
                return answers, True
        except (websockets.InvalidStatus, websockets.ConnectionClosed):
            return answers, False

    with served(door) as url:
        given = {**headers}
        if given.get("origin") == "own":
            given["origin"] = url
        headers = given
        return asyncio.run(go(url))


def start(query: str) -> str:
    return json.dumps({"type": "start", "id": "1", "payload": {"query": query, "variables": {}}})


def cookie_of(browser: Browser) -> dict[str, str]:
    return {"cookie": f"dayreel_session={browser.cookies['dayreel_session']}"}


def test_websockets_pass_subscriptions_and_refuse_mutations(door: Starlette, people: People, dagster: Dagster) -> None:
    ours = {**cookie_of(people["operator"]), "origin": "own"}
    hello, follow = json.dumps({"type": "connection_init"}), start("subscription { pipelineRunLogs { __typename } }")
    assert talk(door, hello, follow, headers=ours) == (["heard 1", "heard 2"], True)
    for bad in (start(LAUNCH), start("{"), "no json", json.dumps({"type": "surprise"}), "[]"):
        assert talk(door, bad, headers=ours) == ([], False)
    assert dagster.said == [hello, follow]


def test_a_websocket_from_another_site_or_a_stranger_is_refused(
    door: Starlette, people: People, dagster: Dagster
) -> None:
    hello = json.dumps({"type": "connection_init"})
    viewer = cookie_of(people["viewer"])
    for headers in ({**viewer, "origin": "https://evil.test"}, viewer, {"origin": "own"}):
        assert talk(door, hello, headers=headers) == ([], False)
    assert dagster.said == []
