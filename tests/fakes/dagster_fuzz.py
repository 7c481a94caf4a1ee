"""Dagster's own web server in this process, on which nothing happens but is written down, and hostile requests to it.

The router, the request handling, the schema and the execution are Dagster's. Only the fields at the top of a document
and the reports do nothing, so that a hundred thousand requests need no instance and change none.
"""

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
from dagster_webserver.webserver import DagsterWebserver
from graphql import OperationDefinitionNode, OperationType, parse
from starlette.applications import Starlette

from dayreel.desk.dagster_proxy import _passed_message
from dayreel.services.audit import recent_acts
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.project import Project
from tests.fakes.desk import desk_on, person

_UNSEEN = object()


class RecordingDagster(DagsterWebserver[Any, Any]):
    """Dagster's web server; `acts` are the mutations and reports that it would have carried out."""

    def __init__(self) -> None:
        self.acts: list[str] = []
        super().__init__(SimpleNamespace(), "/dagster")

    def build_graphql_middleware(self) -> list[Any]:
        def record(_resolve: Any, _root: Any, info: Any, **_arguments: Any) -> None:
            if info.parent_type.name == "Mutation":
                self.acts.append(info.field_name)

        return [record]

    def _make_request_context(self, _connection: Any) -> Any:
        @contextmanager
        def context() -> Iterator[Any]:
            report = SimpleNamespace(report_runless_asset_event=lambda _event: self.acts.append("report"))
            instance = SimpleNamespace(run_storage=None, telemetry_enabled=False, compute_log_manager=None)
            instance.report_runless_asset_event = report.report_runless_asset_event
            yield SimpleNamespace(
                instance=instance,
                has_permission_for_selector=lambda *_: True,
                get_reporting_user_tags=dict,
            )

        return context()


@dataclass
class Totals:
    """What came of a number of requests.

    Attributes:
        would_act: how many Dagster carries out when they reach it directly.
        forwarded: how many the desk passed on for the viewer, and for the operator.
        acted_by_viewer: what was carried out for the viewer; nothing, or the desk is broken.
        acted_by_operator: how many were carried out for the operator.
        unrecorded: acts of the operator without a line in the record.
        statuses: how the desk answered the viewer.
    """

    requests: int = 0
    would_act: int = 0
    forwarded: Counter[str] = field(default_factory=Counter)
    acted_by_viewer: list[str] = field(default_factory=list)
    acted_by_operator: int = 0
    unrecorded: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class HostileRequest:
    """One request as it comes over the wire."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


_PIECES = (
    *("/", "//", ".", "..", "./", "../", "/./", "/../", "\\", "%2f", "%2F", "%5c", "%2e", "%2e%2e/", "%252e", "%252f"),
    *("%00", "%0a", "%3f", "%23", ";", "+", "%20", "%c0%af", "%ff", "%C3%A9", "\u00df", "\u212a"),
    *("graphql", "GraphQL", "%67raphql", "graphql.", "graphq%6C", "graphql ", "g\u0280aphql", "graphql;x", "graphiql"),
    *("report_asset_check", "Report_Asset_Check", "report_asset_materialization", "report_asset_observation"),
    *("runs", "assets", "crafts", "logs", "_next", "vendor", "dagster", "server_info", "notebook", "download_debug"),
)
_ACTS = (
    "reloadWorkspace { __typename }",
    "setNuxSeen",
    "wipeAssets(assetPartitionRanges: []) { __typename }",
    'terminateRun(runId: "1") { __typename }',
    'deleteRun(runId: "1") { __typename }',
    'freeConcurrencySlots(runId: "1")',
    'setConcurrencyLimit(concurrencyKey: "a", limit: 1)',
    'shutdownRepositoryLocation(repositoryLocationName: "x") { __typename }',
    'cancelPartitionBackfill(backfillId: "1") { __typename }',
    'logTelemetry(action: "a", clientTime: "1", clientId: "c", metadata: "{}") { __typename }',
    "launchRun(executionParams: $p) { __typename }",
    "launchPartitionBackfill(backfillParams: $b) { __typename }",
)
_LOOKS = ("version", "__typename", "{ version }", "instance { id }", "v: version # mutation { setNuxSeen }\n")
_PARAMS = {
    "p": {
        "selector": {"repositoryName": "r", "repositoryLocationName": "l", "pipelineName": "j"},
        "executionMetadata": {"tags": []},
    },
    "b": {"partitionNames": ["2026-11-01"], "tags": []},
}
_TYPES = (
    *("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=utf-16"),
    *("text/plain; application/json", "application/graphql", "application/graphql+json", "application/jsonx", ""),
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json, text/html",
    ),
)


def hostile_request(dice: random.Random) -> HostileRequest:
    """Make one request, which may mean anything to anybody."""
    document, name = _document(dice)
    query, body = b"", b""
    method = dice.choices(("POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"), (60, 25, 3, 3, 3, 3, 3))[0]
    fields = {"query": document, "operationName": name, "variables": _PARAMS}
    if method == "GET" or dice.random() < 0.15:
        query = _query(dice, fields)
    if method != "GET" and dice.random() < 0.95:
        body = _body(dice, fields)
    kind = dice.choices(_TYPES, (90, *(3 for _ in _TYPES[1:])))[0]
    headers = [(b"host", b"desk.localhost")]
    if kind:
        headers.append((b"content-type", kind.encode()))
    origin = dice.choices((b"http://desk.localhost", b"http://evil.example", b"null", None), (85, 5, 5, 5))[0]
    if origin:
        headers.append((b"origin", origin))
    if dice.random() < 0.05:
        override = (
            (b"x-http-method-override", b"POST"),
            (b"x-forwarded-prefix", b"/dagster"),
            (b"x-original-url", b"/dagster/graphql"),
        )
        headers.append(dice.choice(override))
    return HostileRequest(method, _path(dice), query, tuple(headers), body)


def _path(dice: random.Random) -> bytes:
    if dice.random() < 0.6:
        return b"/dagster/graphql"
    if dice.random() < 0.1:
        return f"/dagster/{dice.choice(_PIECES[-15:])}/crafts".replace(" ", "%20").encode()
    pieces = "".join(dice.choice(_PIECES) for _ in range(dice.randint(1, 6)))
    end = dice.choice(("", "graphql", "/graphql", "/../graphql", "report_asset_check/x"))
    return quote(f"/dagster/{pieces}{end}", safe="/%.;+\\").encode()


def _document(dice: random.Random) -> tuple[str, str | None]:
    acts = [dice.choice(_ACTS) for _ in range(dice.choice((1, 1, 1, 2)))]
    if dice.random() < 0.5:
        acts = [f"a{number}: {act}" for number, act in enumerate(acts)]
    if dice.random() < 0.2:
        acts.insert(0, "__typename")
    chosen = " ".join(acts)
    wanted = [variable for variable in ("$p: ExecutionParams!", "$b: LaunchBackfillParams!") if variable[:2] in chosen]
    given = f"({', '.join(wanted)})" if wanted else ""
    directive = dice.choice(("", "", "", " @include(if: true)", " @skip(if: false)"))
    look = dice.choice(_LOOKS)
    forms: tuple[tuple[str, str | None], ...] = (
        (f"mutation {given} {{ {chosen} }}", None),
        (f"mutation M{given} {{ {chosen} }}", "M"),
        (f"mutation M{given} {{ {chosen} }}", None),
        (f"query Q {{ {look} }} mutation M{given} {{ {chosen} }}", "M"),
        (f"query Q {{ version }} mutation M{given} {{ {chosen} }}", "Q"),
        (f"mutation M{given} {{ {chosen} }} query Q {{ version }}", dice.choice(("M", "Q", None))),
        (f"fragment F on Mutation {{ {chosen} }} mutation M{given} {{ ...F{directive} }}", "M"),
        (f"mutation M{given} {{ ... on Mutation {{ {chosen} }} }}", "M"),
        (f"mutation M{given} {{ ...{directive} {{ {chosen} }} }}", "M"),
        (f"\ufeff,,, # query {{\nmutation M{given} {{, {chosen} ,}}", "M"),
        (f'subscription S {{ pipelineRunLogs(runId: "1") {{ __typename }} }} mutation M{given} {{ {chosen} }}', "M"),
        (f"{{ {look} }}", None),
        ("query mutation { mutation: version }", "mutation"),
        ('query Q { runOrError(runId: "mutation { setNuxSeen }") { __typename } }', "Q"),
        (f"query Q {{ ...F }} fragment F on Query {{ {chosen} }}", "Q"),
        (f"{{ {chosen} }}", None),
        ("{" * dice.randint(1, 400), None),
        (f"mutation{given}{{{chosen}}}" + "#" * dice.randint(0, 50), None),
        (f"mutation M{given} {{ {chosen} }}", dice.choice(("Q", "", "m"))),
    )
    document, name = dice.choice(forms)
    if dice.random() < 0.05:
        place = dice.randrange(len(document) + 1)
        document = (
            document[:place] + dice.choice(("\0", "\u2028", "}", "{", '"', "\\u006d", "\ufeff", "#")) + document[place:]
        )
    return document, name


def _query(dice: random.Random, fields: dict[str, Any]) -> bytes:
    pairs = [("query", fields["query"]), ("variables", json.dumps(fields["variables"]))]
    if fields["operationName"] is not None:
        pairs.append(("operationName", fields["operationName"]))
    if dice.random() < 0.3:
        pairs.insert(dice.randrange(len(pairs) + 1), ("query", "{ version }"))
    if dice.random() < 0.2:
        pairs.append(("asset_key", '["crafts"]'))
    return urlencode(pairs).encode()


def _body(dice: random.Random, fields: dict[str, Any]) -> bytes:
    whole = {key: value for key, value in fields.items() if value is not None or dice.random() < 0.5}
    forms = (
        lambda: json.dumps(whole).encode(),
        lambda: json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        lambda: json.dumps(whole).encode(dice.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7"))),
        lambda: json.dumps([whole]).encode(),
        lambda: json.dumps({**whole, "variables": json.dumps(_PARAMS)}).encode(),
        lambda: b'{"query": "{ version }", ' + json.dumps(whole).encode()[1:],
        lambda: json.dumps(whole).encode()[:-1] + b', "query": "{ version }"}',
        lambda: json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}).encode(),
        lambda: json.dumps({**whole, "query": [fields["query"]]}).encode(),
        lambda: str(fields["query"]).encode("utf-8", "replace"),
        lambda: urlencode({"query": fields["query"]}).encode(),
        lambda: (
            b'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n'
            + json.dumps(whole).encode()
            + b"\r\n--x--"
        ),
        lambda: base64.b64encode(json.dumps(whole).encode()),
        lambda: b"[" * 2000,
        lambda: json.dumps(whole).encode().replace(b"m", b"\\u006d"),
    )
    return dice.choices(forms, (70, *(3 for _ in forms[1:])))[0]()


async def call(app: Any, request: HostileRequest, *more: tuple[bytes, bytes]) -> int:
    """Send a request to an application as uvicorn would; return the status."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": request.method, "path": unquote(request.path.decode("ascii")), "raw_path": request.path,
        "query_string": request.query, "headers": [*request.headers, *more], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8700), "state": {}, "extensions": {},
    }  # fmt: skip
    messages = [{"type": "http.request", "body": request.body, "more_body": False}]
    status = 0

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def run_fuzz(project: Project, *, requests: int, seed: int) -> Totals:
    """Send each request to Dagster itself, through the desk as a viewer, and through it as an operator."""
    return asyncio.run(_run(project, requests, random.Random(seed)))


async def _run(project: Project, requests: int, dice: random.Random) -> Totals:
    dagster, totals = RecordingDagster(), Totals()
    application = dagster.create_asgi_app()
    arrived: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        arrived.append(scope["path"])
        await application(scope, receive, send)

    transport = httpx.ASGITransport(behind, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport) as client:
        desk = desk_on(project, dagster=DagsterAddress("http://dagster"), dagster_client=client)
        vera, olga = _cookie(desk, "Vera", "viewer"), _cookie(desk, "Olga", "operator")
        for _ in range(requests):
            request = hostile_request(dice)
            totals.requests += 1
            totals.acted_by_viewer += _over_websocket(dice)
            if await _acts(dagster, _forgiving(application), request):
                totals.would_act += 1
            arrived.clear()
            totals.statuses[await call(desk, request, vera)] += 1
            totals.forwarded["viewer"] += len(arrived)
            totals.acted_by_viewer += dagster.acts
            dagster.acts.clear()
            arrived.clear()
            await call(desk, request, olga)
            totals.forwarded["operator"] += len(arrived)
            if dagster.acts:
                totals.acted_by_operator += 1
                totals.unrecorded += _missing(project, dagster.acts)
                dagster.acts.clear()
    return totals


def _over_websocket(dice: random.Random) -> list[str]:
    """Return the mutations in what the desk passes on of a websocket's message."""
    document, name = _document(dice)
    payload = {"query": document, "operationName": name, "operation_name": name, "variables": _PARAMS}
    kind = dice.choice(("start", "start", "start", "START", "subscribe", "connection_init", "stop"))
    passed = _passed_message(json.dumps({"type": kind, "id": "1", "payload": payload, "query": document}))
    query = json.loads(passed).get("payload", {}).get("query") if passed else None
    operations = (
        [node for node in parse(query).definitions if isinstance(node, OperationDefinitionNode)] if query else []
    )
    return ["websocket" for node in operations if node.operation == OperationType.MUTATION]


async def _acts(dagster: RecordingDagster, application: Any, request: HostileRequest) -> bool:
    await call(application, request)
    acted = bool(dagster.acts)
    dagster.acts.clear()
    return acted


def _forgiving(application: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        except Exception:  # noqa: BLE001  Dagster answers 500 to what it does not understand; what counts is what it did
            return

    return app


def _missing(project: Project, acts: list[str]) -> list[str]:
    with project.catalog.read() as connection:
        (newest,) = recent_acts(connection, limit=1)
    is_there = newest.actor == "Olga" and newest.detail.get("outcome")
    names = newest.target.split(", ")
    return [act for act in acts if not is_there or not (act in names or newest.act.startswith(act))]


def _cookie(desk: Starlette, name: str, role: str) -> tuple[bytes, bytes]:
    browser = person(desk, name, role)
    return b"cookie", f"dayreel_session={browser.cookies['dayreel_session']}".encode()
