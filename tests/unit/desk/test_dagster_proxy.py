"""The front proxied to Dagster: what passes, what does not, what the other side gets to see. That side is real
HTTP and websockets on loopback, and writes down all it was asked."""

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import websockets
from dagster_graphql.schema import create_schema
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dayreel.desk.graphql_rules import CLOSED_MUTATIONS, OPERATOR_MUTATIONS, read_operation
from dayreel.errors import UsageError
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import acts
from tests.fakes.desk import Browser, desk_on, person, post_slowly, served, token_of
from tests.fakes.scripted_server import unused_url
from tests.waiting import WITHIN_S

OURS = {"origin": "http://desk.localhost", "accept": "*/*"}
LAUNCH = "mutation Go($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }"
QUERY = "query Runs { runsOrError { __typename } }"


@dataclass
class Dagster:
    """Stands where Dagster's web server is, and remembers what reached it.

    Attributes:
        answer: what GraphQL is answered.
        tags: the tags of the runs that exist.
    """

    answer: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        async def http(request: Request) -> Response:
            body = await request.body()
            self.asked.append((request.method, str(request.url.path), dict(request.headers), body))
            headers = {"content-security-policy": "script-src 'self'", "set-cookie": "theirs=1", "x-dagster": "yes"}
            if b"runOrError" in body:
                tags = self.tags.get(json.loads(body)["variables"]["id"])
                return JSONResponse({"data": {"runOrError": {} if tags is None else {"tags": tags}}})
            if request.url.path.endswith("/graphql"):
                return JSONResponse(self.answer)
            if "/moved/" in request.url.path:
                return RedirectResponse(f"{request.base_url}dagster/moved/")
            return PlainTextResponse(f"dagster {request.url.query}", headers=headers)

        async def socket(connection: WebSocket) -> None:
            await connection.accept(subprotocol="graphql-ws")
            async for text in connection.iter_text():
                self.received.append(text)
                await connection.send_text(f"heard {len(self.received)}")

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
    dagster.answer, dagster.tags = {}, {}
    dagster.received.clear()
    return dagster


@pytest.fixture
def proxied(project: Project, dagster: Dagster, upstream: tuple[Dagster, str]) -> Starlette:
    return desk_on(project, dagster=DagsterAddress(upstream[1]))


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
def people(proxied: Starlette) -> People:
    return People(proxied)


def ask(browser: Browser, query: Any, headers: dict[str, str] = OURS, **more: Any) -> Any:
    return browser.post("/dagster/graphql", json={"query": query, **more}, headers=headers)


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
def test_everybody_may_look(people: People, dagster: Dagster, role: str) -> None:
    with people[role] as browser:
        assert browser.get("/dagster/runs/abc?query=mutation%7BwipeAssets%7D").text == "dagster "
        assert ask(browser, QUERY).status_code == 200
    assert [(method, path) for method, path, *_rest in dagster.asked] == [
        ("GET", "/dagster/"),
        ("POST", "/dagster/graphql"),
    ]


def test_dagster_learns_no_cookies_or_tokens_and_sets_none(people: People, dagster: Dagster) -> None:
    with people["viewer"] as browser:
        answer = browser.get(
            "/dagster/runs",
            headers={"referer": "http://desk.localhost/welcome/secret", "x-http-method-override": "POST", "x-any": "1"},
        )
    assert dagster.asked[0][2].keys() <= {"host", "connection", "accept", "accept-encoding", "user-agent"}
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-dagster"] == "yes"
    assert answer.headers["content-security-policy"] == "script-src 'self'; frame-ancestors 'self'"


def test_a_redirect_does_not_lead_past_the_door(people: People) -> None:
    with people["viewer"] as browser:
        assert "location" not in browser.get("/dagster/logs/moved/err").headers


def test_strangers_reach_nothing(proxied: Starlette, dagster: Dagster) -> None:
    stranger = Browser(proxied)
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


def test_a_path_that_leads_elsewhere_reaches_nothing(proxied: Starlette, people: People, dagster: Dagster) -> None:
    """As it was: a viewer's GET of `/dagster/x/../graphql?query=mutation...` ran the mutation in the admin's name."""
    cookie = f"dayreel_session={people['viewer'].cookies['dayreel_session']}"
    with served(proxied) as url:
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


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
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


TOO_DEEP, TOO_OFTEN, TOO_LONG = "{a" * 4000 + "}" * 4000, "{" + "a " * 1001 + "}", "{ a } #" + "x" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        [{"query": QUERY}],
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0"}}},
        {"query": QUERY, "variables": "{}"},
        {"query": QUERY, "operationName": "Other"},
        {"query": QUERY, "operationName": ["Runs"]},
    ],
    ids=["batch", "persisted", "variables as text", "another operation", "a list of operations"],
)
def test_only_one_operation_of_one_document_is_passed_on(people: People, dagster: Dagster, body: Any) -> None:
    with people["operator"] as browser:
        assert browser.post("/dagster/graphql", json=body, headers=OURS).status_code == 400
    assert dagster.asked == []


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "{",
            "mutation",
            "fragment F on X { y }",
            None,
            7,
            ["query { x }"],
            "{" * 5000,
            TOO_DEEP,
            TOO_OFTEN,
            TOO_LONG,
        ),
        *("query A { a } query B { b }", "{ a } mutation B { reloadWorkspace { __typename } }"),
    ],
)
def test_what_cannot_be_understood_is_refused(people: People, dagster: Dagster, query: Any) -> None:
    with people["operator"] as browser:
        assert ask(browser, query).status_code == 400
    assert dagster.asked == []


def recorded(project: Project) -> list[dict[str, Any]]:
    """The record of what was done in Dagster, oldest first."""
    with project.catalog.read() as connection:
        rows = connection.execute(select(acts).where(acts.c.act.not_in(["log in", "add user"])).order_by(acts.c.id))
        lines = [dict(row) for row in rows.mappings()]
    return [line for line in lines if line["act"] == "dagster" or line["act"].startswith("report_")]


def test_a_launched_run_is_tagged_with_the_person_and_recorded(
    people: People, dagster: Dagster, project: Project
) -> None:
    config = json.dumps({"ops": {"x": {"config": {"api_key": "sk-1", "size": 3}}}})
    tags = [{"key": "mine", "value": "kept"}, {"key": "api_token", "value": "sk-2"}]
    variables = {"p": {"mode": "default", "runConfigData": config, "executionMetadata": {"tags": tags}}}
    dagster.answer = {"data": {"launchPipelineExecution": {"__typename": "PythonError", "message": "it broke"}}}
    with people["operator"] as browser:
        assert ask(browser, LAUNCH, variables=variables, operationName="Go").status_code == 200
    body = json.loads(dagster.asked[0][3])
    assert body["variables"]["p"]["executionMetadata"]["tags"] == [*tags, {"key": "dayreel/actor", "value": "Operator"}]
    (line,) = recorded(project)
    assert (line["actor"], line["target"]) == ("Operator", "launchPipelineExecution")
    assert line["detail"]["operation"] == "Go"
    assert line["detail"]["outcome"] == "PythonError: it broke"
    assert "sk-" not in line["detail"]["variables"]
    assert all(word in line["detail"]["variables"] for word in ("api_key", "api_token", "kept", '"size": 3'))


def test_an_act_that_was_refused_or_not_answered_is_recorded(
    people: People, dagster: Dagster, project: Project, proxied: Starlette
) -> None:
    ask(people["viewer"], MUTATIONS[3])
    report = "/dagster/report_asset_check/x"
    people["viewer"].post(report, headers=OURS)
    assert [line["detail"]["outcome"].partition(":")[0] for line in recorded(project)] == ["refused", "refused"]
    with person(desk_on(project, dagster=DagsterAddress(unused_url())), "Olga", "operator") as olga:
        assert ask(olga, MUTATIONS[3]).status_code == 503
    assert "it may have happened" in recorded(project)[-1]["detail"]["outcome"]
    assert dagster.asked == []


OWN = [{"key": "dayreel/trigger", "value": "decision 7 by ana"}]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (LAUNCH, {"p": {"executionMetadata": {"tags": OWN}}}),
        (LAUNCH, {"p": {"executionMetadata": {"tags": [{"key": " Dayreel/Actor", "value": "Ana"}]}}}),
        (LAUNCH, {"p": {"executionMetadata": {"tags": [{"key": "day\u200breel/decision", "value": "7"}]}}}),
        (LAUNCH, {"p": {"executionMetadata": {"tags": [{"key": "\uff44ayreel/actor", "value": "Ana"}]}}}),
        (LAUNCH, {"p": {"executionMetadata": {"tags": OWN, "parentRunId": "unknown"}}}),
        (LAUNCH, {"p": {"executionMetadata": {"parentRunId": "known", "tags": [*OWN, {**OWN[0], "value": "x"}]}}}),
        (LAUNCH, {"p": {"newTags": OWN}}),
        ("mutation($p: X) { launchPartitionBackfill(backfillParams: $p) { x } }", {"p": {"tags": OWN}}),
        ("mutation($p: X) { launchRunReexecution(reexecutionParams: $p) { x } }", {"p": {"extraTags": OWN}}),
        (
            "mutation($p: X) { launchMultipleRuns(executionParamsList: $p) { x } }",
            {"p": [{}, {"executionMetadata": {"tags": OWN}}]},
        ),
    ],
)
def test_nobody_brings_tags_of_dayreels_own(
    people: People, dagster: Dagster, project: Project, query: str, variables: dict[str, Any]
) -> None:
    dagster.tags = {"known": OWN}
    with people["operator"] as browser:
        answer = ask(browser, query, variables=variables)
    assert answer.status_code == 403
    assert "are set by dayreel alone" in answer.json()["error"]
    assert not any(b"launch" in body for _method, _path, _headers, body in dagster.asked)
    assert recorded(project)[0]["detail"]["outcome"].startswith("refused")


def test_a_run_that_is_executed_again_keeps_the_tags_it_has(people: People, dagster: Dagster) -> None:
    """Dagster's pages send every tag of the run with its re-execution, the last one's name among them."""
    dagster.tags = {"known": [*OWN, {"key": "dayreel/actor", "value": "Ana"}]}
    brought = {"parentRunId": "known", "tags": [*dagster.tags["known"], {"key": "mine", "value": "x"}]}
    with people["operator"] as browser:
        assert ask(browser, LAUNCH, variables={"p": {"executionMetadata": brought}}).status_code == 200
    sent = json.loads(dagster.asked[-1][3])["variables"]["p"]["executionMetadata"]["tags"]
    assert sent == [*OWN, {"key": "mine", "value": "x"}, {"key": "dayreel/actor", "value": "Operator"}]


def test_every_mutation_of_dagster_is_passed_or_closed() -> None:
    names = set(create_schema().graphql_schema.mutation_type.fields)
    assert names == OPERATOR_MUTATIONS | CLOSED_MUTATIONS
    for name in sorted(CLOSED_MUTATIONS):
        with pytest.raises(UsageError, match="not on the list"):
            read_operation(json.dumps({"query": f"mutation {{ {name} {{ __typename }} }}"}))


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
    body: Any = read_operation(json.dumps({"query": query, "variables": variables})).signed("Olga")
    launch_variables = body["variables"]
    for step in where:
        launch_variables = launch_variables[step]
    assert launch_variables == [{"key": "dayreel/actor", "value": "Olga"}]


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
        read_operation(json.dumps(body)).signed("Olga")


def test_reports_from_outside_need_an_operator(people: People, dagster: Dagster, proxied: Starlette) -> None:
    path = "/dagster/report_asset_materialization/crafts/ideas"
    for role in ("viewer", "reviewer"):
        with people[role] as browser:
            assert browser.post(path, headers=OURS).status_code == 403
    with people["operator"] as browser:
        assert browser.get(f"{path}?partition=x").status_code == 405
        assert browser.post(path, headers={"origin": "https://evil.test", "accept": "*/*"}).status_code == 403
        assert dagster.asked == []
        assert browser.post(path, json={"metadata": {}}, headers=OURS).status_code == 200
    bearer = {"authorization": f"Bearer {token_of(proxied, 'Producer', 'operator')}", "accept": "*/*"}
    with Browser(proxied) as script:
        assert script.post(path, json={}, headers=bearer).status_code == 200
    assert [path_ for _method, path_, *_rest in dagster.asked] == [path, path]


def test_no_other_method_passes(people: People, dagster: Dagster) -> None:
    with people["operator"] as browser:
        for method in ("PUT", "DELETE", "PATCH"):
            assert browser.request(method, "/dagster/runs", headers=OURS).status_code == 405
        assert browser.post("/dagster/anything", headers=OURS).status_code == 405
    assert dagster.asked == []


def test_without_dagster_it_says_how_to_start_it(project: Project) -> None:
    with person(desk_on(project, dagster=DagsterAddress(unused_url())), "Vera", "viewer") as browser:
        answer = browser.get("/dagster/runs")
    assert answer.status_code == 503
    assert "dayreel up" in answer.text


def test_who_may_is_asked_again_after_a_slow_document(proxied: Starlette, people: People, dagster: Dagster) -> None:
    browser = people["operator"]
    document = json.dumps({"query": LAUNCH, "variables": {"p": {}}}).encode()
    headers = {**cookie_of(browser), "content-type": "application/json"}
    users = proxied.state.desk.users
    with served(proxied) as url:
        status = post_slowly(
            url, "/dagster/graphql", document, headers, meanwhile=lambda: users.disable("Operator", by="test")
        )
    assert (status, dagster.asked) == (401, [])


def talk(proxied: Starlette, *messages: str, headers: dict[str, str]) -> tuple[list[str], bool]:
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

    with served(proxied) as url:
        given = {**headers}
        if given.get("origin") == "own":
            given["origin"] = url
        headers = given
        return asyncio.run(go(url))


def start(query: str) -> str:
    return json.dumps({"type": "start", "id": "1", "payload": {"query": query, "variables": {}}})


def cookie_of(browser: Browser) -> dict[str, str]:
    return {"cookie": f"dayreel_session={browser.cookies['dayreel_session']}"}


def test_websockets_pass_subscriptions_and_refuse_mutations(
    proxied: Starlette, people: People, dagster: Dagster
) -> None:
    ours = {**cookie_of(people["operator"]), "origin": "own"}
    hello, follow = json.dumps({"type": "connection_init"}), start("subscription { pipelineRunLogs { __typename } }")
    assert talk(proxied, hello, follow, headers=ours) == (["heard 1", "heard 2"], True)
    nested = json.dumps({"type": "start", "id": {"a": 1}, "payload": json.loads(follow)["payload"]})
    newer = follow.replace("start", "subscribe")  # graphql-transport-ws, which Dagster does not speak
    odd = (start("{"), "no json", json.dumps({"type": "surprise"}), "[]", f"[{follow}]")
    for bad in (start(LAUNCH), start(QUERY), *odd, nested, newer, newer.replace("subscription", "mutation")):
        assert talk(proxied, bad, headers=ours) == ([], False)
    passed = [json.loads(text) for text in dagster.received]
    assert passed[0] == {"type": "connection_init"}
    assert passed[1]["payload"]["query"].split() == [
        "subscription",
        "{",
        "pipelineRunLogs",
        "{",
        "__typename",
        "}",
        "}",
    ]
    assert len(passed) == 2


def test_a_websocket_from_another_site_or_a_stranger_is_refused(
    proxied: Starlette, people: People, dagster: Dagster
) -> None:
    hello = json.dumps({"type": "connection_init"})
    viewer = cookie_of(people["viewer"])
    for headers in ({**viewer, "origin": "https://evil.test"}, viewer, {"origin": "own"}):
        assert talk(proxied, hello, headers=headers) == ([], False)
    assert dagster.received == []


@pytest.mark.parametrize("says", [True, False])
def test_a_disabled_persons_websocket_ends(
    proxied: Starlette, people: People, dagster: Dagster, monkeypatch: pytest.MonkeyPatch, says: bool
) -> None:
    """At their next message at once, and else at the next look."""
    monkeypatch.setattr("dayreel.desk.dagster_proxy.ASK_AGAIN_S", 3600 if says else 0.02)
    headers, follow = cookie_of(people["viewer"]), start("subscription { pipelineRunLogs { __typename } }")

    async def go(url: str) -> None:
        given = {**headers, "origin": url}
        target = url.replace("http", "ws") + "/dagster/graphql"
        async with websockets.connect(
            target, additional_headers=given, subprotocols=[websockets.Subprotocol("graphql-ws")], proxy=None
        ) as socket:
            await socket.send(follow)
            await asyncio.wait_for(socket.recv(), WITHIN_S)
            await asyncio.to_thread(proxied.state.desk.users.disable, "Viewer", by="test")
            if says:
                await socket.send(follow)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), WITHIN_S)

    with served(proxied) as url:
        asyncio.run(go(url))
    assert len(dagster.received) == 1
