"""`dayreel up`: says where everything is (once as a real process), stops all it started, and says what died."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests
from dagster._core.execution import asset_backfill

from dayreel.cli import up_command
from dayreel.cli.up_command import Program, own_footage, print_first_login, run_until_stopped, stopped_by_signals
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.footage.library.open_library import WATCH_LOCK
from dayreel.footage.stores.plan import start_library
from dayreel.services.ports import who_listens
from dayreel.settings import load_settings
from dayreel.stores.locks import hold, who_holds
from tests.fakes.ports import free_port
from tests.unit.cli.conftest import Told, finish, start
from tests.waiting import is_running, wait_until

STOP_WITHIN_S = 120.0  # a stuck stop is seen; a machine that is busy is not taken for one


@pytest.fixture
def ports(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Ports of our own for the desk and the sandbox world, and one at which nothing may answer."""
    desk, world = free_port(), free_port()
    monkeypatch.setenv("DAYREEL_DESK_PORT", str(desk))
    monkeypatch.setenv("DAYREEL_SANDBOX_PORT", str(world))
    monkeypatch.setenv("DAYREEL_WEBSERVER_PORT", str(free_port()))
    return desk, world


@dataclass
class Up:
    """`dayreel up` once it has said where everything is."""

    process: "subprocess.Popen[str]"
    output: str

    def offspring(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def shared(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder of own footage."""
    start_library(project / "shared")
    monkeypatch.setenv("DAYREEL_LIBRARY", str(project / "shared"))
    return project / "shared"


@pytest.fixture
def up(shared: Path, ports: tuple[int, int]) -> Iterator[Up]:
    """`dayreel up`, with everything answering; whatever happens in the test, nothing of it stays."""
    process = start("up")
    try:
        assert process.stdout is not None
        output = ""
        while (line := process.stdout.readline()) and not line.startswith("Ctrl-C"):
            output += line
        assert line, finish(process)
        yield Up(process, output)
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.communicate()


def test_the_daemon_keeps_backfills_of_a_broken_graph(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster reads that from this variable alone; where it is called otherwise, backfills would end again."""
    asked = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    programs = up_command._programs(load_settings(), str(tmp_path))
    (daemon,) = (program for program in programs if program.name == "daemon")
    assert daemon.environment[asked]
    assert asked in Path(asset_backfill.__file__).read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_reported_with_its_holder(
    project: Path, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("DAYREEL_DESK_PORT", str(port))
        result = dayreel("up")
        assert result.code == 1
        assert f"Port {port} is taken by {who_listens(port)}" in result.err
        assert f"process {os.getpid()}" in result.err
    assert not (project / "var" / "logs").exists(), "something was started"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_is_handled_once_and_its_handler_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_own_footage_has_one_watcher_and_needs_a_shared_folder(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings()
    (program,) = own_footage(settings)
    assert program.command_line[-3:] == ["dayreel", "library", "watch"]
    with hold(settings.var_dir / "locks", WATCH_LOCK, what="watch", at=SystemClock().now()):
        assert own_footage(settings) == []
    assert f"{shared} is watched already (process {os.getpid()}," in capsys.readouterr().out
    (shared / "library.yaml").unlink()
    with pytest.raises(ConfigurationError, match="so it is not a shared folder"):
        own_footage(settings)
    assert own_footage(settings.model_copy(update={"library": None})) == []


def test_the_first_link_is_not_printed_to_the_systemd_journal(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w") as journal:
        kept = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{kept.st_dev}:{kept.st_ino}")
        monkeypatch.setattr("sys.stdout", journal)
        print_first_login(load_settings())
    text = (tmp_path / "journal").read_text()
    assert "`dayreel users add NAME --role admin` prints a link" in text
    assert "/welcome/" not in text


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Return the addresses at which they listen."""
    connections = [connection for process in processes for connection in process.net_connections("inet")]
    waiting = (psutil.CONN_LISTEN, psutil.CONN_NONE)  # TCP and UDP
    return {(connection.laddr[0], connection.laddr[1]) for connection in connections if connection.status in waiting}


def unix_sockets(processes: list[psutil.Process]) -> set[str]:
    """Return the Unix sockets that they have made."""
    return {
        str(connection.laddr)
        for process in processes
        for connection in process.net_connections("unix")
        if str(connection.laddr)
    }


@pytest.mark.slow
def test_it_says_where_everything_is_and_stops_it_all_at_ctrl_c(
    up: Up, ports: tuple[int, int], shared: Path, project: Path, dayreel: Callable[..., Told]
) -> None:
    desk, world = (f"http://127.0.0.1:{port}" for port in ports)
    assert f"{desk}\n" in up.output
    assert f"{desk}/dagster/\n" in up.output
    assert f"{desk}/welcome/" in up.output
    assert f"{world} (preset audited)\n" in up.output
    answered = requests.get(f"{desk}/dagster/server_info", timeout=STOP_WITHIN_S)
    assert answered.status_code == 401, "Dagster is behind the desk, and there is nobody yet"
    children = up.offspring()
    assert len([child for child in children if "grpc" in child.cmdline()]) >= 1, "a code server is running"
    assert listening(children) == {("127.0.0.1", port) for port in ports}, "Dagster has no port"
    for name in unix_sockets(children):
        rights = [Path(name).stat().st_mode & 0o077, Path(name).parent.stat().st_mode & 0o077]
        assert 0 in rights, f"others can open {name}"
    # A socket's address has 108 bytes at most: under a longer path it is given from the project's folder.
    assert {str(project / "var/run/dagster.sock"), "var/run/dagster.sock"} & unix_sockets(children)
    second = dayreel("up")
    assert second.code == 1
    assert f"(process {up.process.pid}," in second.err

    wait_until((project / "var/locks" / f"{WATCH_LOCK}.holder.json").exists, within_s=STOP_WITHIN_S)
    assert len(children) >= 3
    (watching,) = (child for child in children if child.cmdline()[-2:] == ["library", "watch"])
    assert (who_holds(project / "var/locks", WATCH_LOCK) or "").startswith(f"process {watching.pid},")
    assert f"{shared} is watched\n" in up.output
    up.process.send_signal(signal.SIGINT)
    result = finish(up.process, STOP_WITHIN_S)
    assert result.code == 0, result
    assert not [child for child in children if is_running(child.pid)]
    lines = (project / "var/logs/library-watch.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["started", "stopped"], "it was not killed"


@pytest.mark.slow
def test_a_dead_child_is_named_with_its_log_and_stops_the_rest(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Small programs in the place of Dagster and the desk: one lives on with a child of its own, one is killed."""
    settings = load_settings().model_copy(update={"world": "live"})

    def desk_stands() -> str | None:
        if not (project / "standing").exists():
            return None
        (project / "announced").touch()
        return "there"

    run_on = ["sh", "-c", "sleep 1000 & echo $! > offspring; touch standing; wait"]
    die = ["sh", "-c", "until [ -e announced ]; do sleep 0.02; done; kill -9 $$"]
    programs = [Program("daemon", "daemon", die, {}, lambda: "here"), Program("desk", "desk", run_on, {}, desk_stands)]
    with stopped_by_signals(), pytest.raises(ConfigurationError) as died:
        run_until_stopped(settings, programs)
    assert "The daemon stopped unexpectedly with exit code -9" in str(died.value)
    assert "var/logs/daemon.log" in str(died.value)
    assert (project / "var" / "logs" / "daemon.log").is_file()
    assert not is_running(int((project / "offspring").read_text()))
    assert "Ctrl-C stops everything." in capsys.readouterr().out
