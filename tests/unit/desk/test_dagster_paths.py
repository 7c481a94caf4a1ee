"""The door and Dagster's own router read every path alike, or the door refuses it."""

from typing import Any, cast
from urllib.parse import unquote

import pytest
from dagster_webserver.webserver import DagsterWebserver
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, Mount, Route

from dayreel.desk.dagster_paths import DagsterPath, read_path
from dayreel.errors import UsageError

ROUTES = cast(Any, DagsterWebserver(cast(Any, None), app_path_prefix="/dagster")).build_routes()
PIECES = (
    *(
        "/",
        "//",
        ".",
        "..",
        "./",
        "../",
        "\\",
        "%2f",
        "%2F",
        "%5c",
        "%2e",
        "%252e",
        "%252f",
        "%00",
        "%0a",
        ";",
        "?",
        "#",
    ),
    *("graphql", "GraphQL", "%67raphql", "graphql.", "graphq%6C", "report_asset_check", "Report_Asset_Check"),
    *(
        "report_asset_materialization",
        "runs",
        "assets",
        "crafts",
        "final_video",
        "logs",
        "%C3%A9",
        "%ff",
        "ß",
        "dagster",
    ),
)


def endpoint_at(path: str) -> str:
    """Return the name of Dagster's endpoint for a decoded path, as its web server would choose it."""
    [mount] = [route for route in ROUTES if isinstance(route, Mount)]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "root_path": "", "headers": []}
    matched, inner = mount.matches(scope)
    if matched == Match.NONE:
        return "none"
    scope.update(inner)
    for route in mount.routes:
        if isinstance(route, Route) and route.matches(scope)[0] != Match.NONE:
            return route.endpoint.__name__
    return "none"


def kinds_of(path: DagsterPath) -> set[str]:
    """The name of an endpoint for reports without a key is judged as a report, and to Dagster a page like any other."""
    kind = "graphql" if path.is_graphql else "report" if path.is_report else "page"
    return {kind, "page"} if path.is_report and len(path.segments) == 1 else {kind}


def kind_at(path: str) -> str:
    name = endpoint_at(path)
    return "graphql" if "graphql" in name else "report" if name.startswith("report_") else "page"


@given(st.lists(st.sampled_from(PIECES), max_size=7).map(lambda pieces: "/dagster/" + "".join(pieces)))
def test_what_is_judged_is_what_dagster_does(path: str) -> None:
    raw = path.encode()
    try:
        read = read_path(raw)
    except UsageError:
        return
    assert kind_at(unquote(path)) in kinds_of(read)
    assert kind_at(unquote(read.written)) in kinds_of(read)
    assert read_path(read.written.encode()) == read, "it is written in another way than it is read"


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/x/../graphql",
        "/dagster/./graphql",
        "/dagster/x/%2e%2e/graphql",
        "/dagster//graphql",
        "/dagster/x%2f..%2fgraphql",
        "/dagster/x\\..\\graphql",
        "/dagster/%252e%252e/graphql",
        "/dagster/GRAPHQL",
        "/dagster/graphql/",
        "/dagster/graphql%00",
        "/dagster/%ff",
        "/dagsters/graphql",
        "/dagster/Report_asset_check/x",
    ],
)
def test_a_path_with_two_readings_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="not passed on"):
        read_path(path.encode())


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/dagster", "/dagster/"),
        ("/dagster/", "/dagster/"),
        ("/dagster/runs/abc", "/dagster/runs/abc"),
        ("/dagster/assets/crafts/final_video", "/dagster/assets/crafts/final_video"),
        ("/dagster/locations/__repository__@dayreel/", "/dagster/locations/__repository__@dayreel/"),
        ("/dagster/assets/caf\u00e9", "/dagster/assets/caf%C3%A9"),
        ("/dagster/%67raphql", "/dagster/graphql"),
    ],
)
def test_a_plain_path_goes_on_in_one_way_of_writing(path: str, written: str) -> None:
    assert read_path(path.encode()).written == written
