"""Finding the project's web server, and the address at which people open it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import ConfigurationError
from dayreel.services.dagster_address import DagsterAddress, listen_privately, socket_name, socket_path
from dayreel.services.dagster_server import DagsterServer, find_server
from dayreel.settings import Settings
from tests.fakes.ports import free_port

HOME = "/a/dagster_home"
DAEMONS = [{"daemonType": name, "healthy": True} for name in ("BACKFILL", "QUEUED_RUN_COORDINATOR")]
INSTANCE = {"info": f"local_artifact_storage:\n  base_dir: {HOME}\n", "daemonHealth": {"allDaemonStatuses": DAEMONS}}


def answers_below(path: str) -> type[BaseHTTPRequestHandler]:
    """Return what answers as a web server that was started below one path."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            refusal = {"__typename": "PartitionSetNotFoundError"}
            data = {"version": "1", "instance": INSTANCE, "launchPartitionBackfill": refusal}
            body = json.dumps({"data": data}).encode()
            self.send_response(200 if self.path == f"{path}/graphql" else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answers


@contextmanager
def serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("path", ["/dagster", ""])
def test_a_web_server_started_by_hand_is_found_on_its_port(tmp_path: Path, path: str) -> None:
    """Below /dagster it stands behind a desk, so no link of ours leads past that."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers_below(path))
    port = server.server_address[1]
    settings = Settings(root=tmp_path, webserver_port=port, desk_port=8701)
    with serving(server):
        located = find_server(settings, HOME)
        assert located is not None
        assert located.link == ("http://127.0.0.1:8701/dagster" if path else f"http://127.0.0.1:{port}")
        assert find_server(settings, "/another/dagster_home") is None


class _OnSocket(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True

    def __init__(self, listening: Any) -> None:
        super().__init__(("", 0), answers_below("/dagster"), bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def finish_request(self, request: Any, _address: Any) -> None:
        self.RequestHandlerClass(request, ("local", 0), self)  # type: ignore[arg-type]


def test_the_web_server_of_dayreel_up_is_found_on_its_socket(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, webserver_port=free_port(), desk_port=8701)
    assert find_server(settings, HOME) is None
    with serving(_OnSocket(listen_privately(socket_path(settings)))):
        server = find_server(settings, HOME)
    assert server is not None
    assert server.link == "http://127.0.0.1:8701/dagster"
    assert str(server.address) == f"unix:{tmp_path}/var/run/dagster.sock"
    assert find_server(settings, HOME) is None, "what a dead server left is not taken for one"


def test_a_socket_is_its_users_alone_and_a_dead_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run" / "dagster.sock"
    with listen_privately(path):
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
        with pytest.raises(ConfigurationError, match="Another program answers"):
            listen_privately(path)
    listen_privately(path).close()


def test_a_socket_of_a_long_path_is_opened_by_a_shorter_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="longer than"):
        socket_name(deep / "dagster.sock")
    monkeypatch.chdir(deep)
    listen_privately(deep / "run" / "dagster.sock").close()
    assert socket_name(deep / "run" / "dagster.sock") == "run/dagster.sock"


def test_an_address_is_a_url_or_a_socket() -> None:
    assert DagsterAddress.parse("http://10.0.0.7:3000/") == DagsterAddress("http://10.0.0.7:3000")
    assert DagsterAddress.parse("unix:/run/x.sock") == DagsterAddress("http://dagster", "/run/x.sock")
    with pytest.raises(ConfigurationError, match="neither a URL nor a socket"):
        DagsterAddress.parse("10.0.0.7:3000")


def test_a_channel_that_dagster_has_not_loaded_names_the_way() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers_below(""))
    dagster = DagsterServer(DagsterAddress(f"http://127.0.0.1:{server.server_address[1]}"), "")
    with serving(server), pytest.raises(ConfigurationError, match="before the channel was there") as refusal:
        dagster.launch("make_day_new", ["2026-11-20"], title="new", tags={})
    assert "Reload" in refusal.value.next_step
