"""The desk and Dagster's own router read every path alike, or the desk refuses it."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import dagster_webserver
import pytest
from dagster_webserver.webserver import DagsterWebserver
from starlette.routing import Match, Mount, Route

from dayreel.desk.dagster_routes import read_report_query, read_route
from dayreel.errors import UsageError

SERVER = cast(Any, DagsterWebserver(cast(Any, None), app_path_prefix="/dagster"))
BUILD = Path(dagster_webserver.__file__).parent / "webapp" / "build"
RUN = "0a3e1b9c-8d53-4f0e-9d5b-2f6f2b7c1d11"


def endpoint_at(path: str) -> str:
    """Return the name of Dagster's endpoint for a decoded path, as its web server would choose it."""
    [mount] = [route for route in SERVER.build_routes() if isinstance(route, Mount)]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "root_path": "", "headers": []}
    _matched, inner = mount.matches(scope)
    scope.update(inner)
    for route in mount.routes:
        if isinstance(route, Route | Mount) and route.matches(scope)[0] != Match.NONE:
            return "file" if isinstance(route, Mount) else route.endpoint.__name__
    return "none"


@pytest.mark.parametrize(
    "path",
    [
        *("/dagster/x/../graphql", "/dagster/./graphql", "/dagster/x/%2e%2e/graphql", "/dagster//graphql"),
        *(
            "/dagster/x%2f..%2fgraphql",
            "/dagster/x\\..\\graphql",
            "/dagster/x%5cgraphql",
            "/dagster/%252e%252e/graphql",
        ),
        *("/dagster/GRAPHQL", "/dagster/graphql/", "/dagster/graphql%00", "/dagster/graphql/x", "/dagster/graphql."),
        *("/dagster/%ff", "/dagsters/graphql", "/dagster/graphql%3Fquery=x", "/dagster/graphql;x"),
        *("/dagster/Report_asset_check/x", "/dagster/report_asset_check", "/dagster/report_asset_check/x/"),
        *("/dagster/report_everything/x", "/dagster/Server_Info", "/dagster/logs/x", "/dagster/logs/x/y/metadata"),
        *("/dagster/notebook", "/dagster/dagit/notebook", "/dagster/download_debug/x/y", "/dagster/_next/../graphql"),
    ],
)
def test_a_path_with_two_readings_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="not passed on"):
        read_route(path.encode())


@pytest.mark.parametrize(
    ("path", "kind", "written"),
    [
        ("/dagster", "page", "/dagster/"),
        ("/dagster/runs/abc", "page", "/dagster/"),
        ("/dagster/assets/crafts/caf\u00e9", "page", "/dagster/"),
        ("/dagster/locations/__repository__@dayreel/", "page", "/dagster/"),
        ("/dagster/assets/graphql", "page", "/dagster/"),
        ("/dagster/%67raphql", "graphql", "/dagster/graphql"),
        ("/dagster/favicon-run-failed.svg", "file", "/dagster/favicon-run-failed.svg"),
        ("/dagster/_next/static/media/a%26b.svg", "file", "/dagster/_next/static/media/a&b.svg"),
        (f"/dagster/logs/{RUN}/compute_logs/key/err", "file", f"/dagster/logs/{RUN}/compute_logs/key/err"),
        (f"/dagster/download_debug/{RUN}", "file", f"/dagster/download_debug/{RUN}"),
        ("/dagster/report_asset_check/a/caf\u00e9", "report", "/dagster/report_asset_check/a/caf%C3%A9"),
    ],
)
def test_a_plain_path_becomes_the_one_target_of_its_route(path: str, kind: str, written: str) -> None:
    route = read_route(path.encode())
    assert (route.kind, route.path) == (kind, written)
    endpoint = endpoint_at(unquote(route.path))
    assert (kind == "graphql") == (endpoint == "graphql_http_endpoint")
    assert (kind == "report") == endpoint.startswith("report_")
    assert (kind == "page") == (endpoint == "index_html_endpoint")


def test_every_file_of_dagsters_pages_is_passed_on() -> None:
    for file in BUILD.rglob("*"):
        if file.is_file() and file.suffix != ".html":
            path = f"/dagster/{file.relative_to(BUILD).as_posix()}"
            route = read_route(path.encode())
            assert (route.kind, unquote(route.path)) == ("file", path)


def test_every_endpoint_of_dagster_is_known_here() -> None:
    """One that a new version brings is a page until somebody has looked at it, and so cannot act; this says which."""
    [mount] = [route for route in SERVER.build_routes() if isinstance(route, Mount)]
    for route in mount.routes:
        if isinstance(route, Route) and "POST" in (route.methods or ()):
            name = route.path.split("/")[1]
            assert read_route(f"/dagster/{name}{'' if name == 'graphql' else '/x'}".encode()).methods == ("POST",)


@pytest.mark.parametrize("query", [b"partition=a&partition=b", b"a", b"\xff=1", b"%ff=1", b"&".join([b"x%d=1"] * 30)])
def test_a_report_whose_query_has_two_readings_is_refused(query: bytes) -> None:
    with pytest.raises(UsageError, match="not passed on"):
        read_report_query(query)


def test_a_reports_query_is_written_again() -> None:
    assert read_report_query(b"partition=2026-11-01&description=a%20b") == "partition=2026-11-01&description=a+b"
    assert read_report_query(b"") == ""
