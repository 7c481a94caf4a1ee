"""`dayreel up` as a real process: says where everything is, stops all it started, and says what died."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from dayreel.cli.up_command import stopped_by_signals
from dayreel.services.ports import who_listens
from tests.unit.cli.conftest import Told, finish, start

START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(is_so: Callable[[], bool], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture
def ports(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Ports of our own for the web server and the sandbox world."""
    web, world = free_port(), free_port()
    monkeypatch.setenv("DAYREEL_WEBSERVER_PORT", str(web))
    monkeypatch.setenv("DAYREEL_SANDBOX_PORT", str(world))
    return web, world


@pytest.fixture
def everything(ports: tuple[int, int]) -> Iterator[psutil.Popen]:
    """`dayreel up`, answering; whatever happens in the test, nothing of it stays."""
    process = start("up")
    try:
        wait_until(
            lambda: process.poll() is not None or answers(f"http://127.0.0.1:{ports[0]}/server_info"),
            START_WITHIN_S,
            "the web server did not answer",
        )
        assert process.poll() is None, finish(process)
        yield process
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


def offspring(process: psutil.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_port_that_is_taken_is_told_with_its_holder(
    project: Path, dayreel: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("DAYREEL_WEBSERVER_PORT", str(port))
        told = dayreel("up")
        assert told.code == 1
        assert f"Port {port} is taken by {who_listens(port)}" in told.err
        assert f"process {os.getpid()}" in told.err
    assert not (project / "var" / "logs").exists(), "something was started"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_way_to_stop_it_is_heard_once_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.slow
def test_it_says_where_everything_is_and_stops_it_all_at_ctrl_c(
    everything: psutil.Popen, ports: tuple[int, int], project: Path
) -> None:
    web, world = ports
    wait_until(lambda: answers(f"http://127.0.0.1:{world}/_world"), 20, "the sandbox world did not answer")
    second = finish(start("up"))
    assert second.code == 1
    assert f"{everything.pid}" in second.err
    children = offspring(everything)
    assert len(children) >= 3
    for port in ports:
        assert {one.laddr.ip for one in psutil.net_connections("tcp") if one.laddr.port == port} == {"127.0.0.1"}

    # The URLs are printed once they answer; give the printing a moment before it is interrupted.
    time.sleep(1)
    begun = time.monotonic()
    everything.send_signal(signal.SIGINT)
    told = finish(everything, STOP_WITHIN_S)
    assert time.monotonic() - begun < STOP_WITHIN_S
    assert told.code == 0, told
    assert f"http://127.0.0.1:{web}" in told.out
    assert f"http://127.0.0.1:{world}" in told.out
    assert not [child for child in children if child.is_running()]
    assert not [line for line in (project / "var" / "logs" / "daemon.log").read_text().splitlines() if "ERROR" in line]


@pytest.mark.slow
def test_a_child_that_dies_is_named_with_its_log_and_the_rest_is_stopped(everything: psutil.Popen) -> None:
    children = offspring(everything)
    daemon = next(child for child in children if any("dagster-daemon" in word for word in child.cmdline()))
    daemon.kill()
    told = finish(everything, STOP_WITHIN_S)
    assert told.code == 1
    assert "The daemon stopped by itself with exit code -9" in told.err
    assert "var/logs/daemon.log" in told.err
    assert not [child for child in children if child.is_running()]
