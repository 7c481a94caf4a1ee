"""Finding the project's web server, and the address at which people open it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dayreel.services.dagster_server import find_server
from dayreel.settings import Settings

HOME = "/a/dagster_home"
DAEMONS = [{"daemonType": name, "healthy": True} for name in ("BACKFILL", "QUEUED_RUN_COORDINATOR")]
INSTANCE = {"info": f"local_artifact_storage:\n  base_dir: {HOME}\n", "daemonHealth": {"allDaemonStatuses": DAEMONS}}


@pytest.fixture(params=["/dagster", ""])
def started_below(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """The port of a web server that answers below one path alone, and that path."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"data": {"version": "1", "instance": INSTANCE}}).encode()
            self.send_response(200 if self.path == f"{request.param}/graphql" else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], request.param
    server.shutdown()
    server.server_close()
    thread.join()


def test_people_are_led_to_the_desk_where_dagster_is_behind_it(started_below: tuple[int, str], tmp_path: Path) -> None:
    """Its own port asks nobody who they are, so no link of ours leads there as long as there is a door."""
    port, path = started_below
    settings = Settings(root=tmp_path, webserver_port=port, desk_port=8701)
    server = find_server(settings, HOME)
    assert server is not None
    assert server.url == f"http://127.0.0.1:{port}{path}"
    assert server.door == ("http://127.0.0.1:8701/dagster" if path else server.url)
