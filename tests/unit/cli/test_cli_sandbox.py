"""The sandbox world as commands start it: one world for a project, whoever starts it and however many do."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from dayreel.cli.up_command import Child, keep_sandbox
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.services.sandbox_world import ensure_sandbox, find_sandbox, sandbox_command
from dayreel.settings import Settings, load_settings
from tests.fakes.ports import free_port
from tests.unit.cli.conftest import Told, finish, start
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.slow  # each starts real worlds


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose world has a port of its own: a second world could not listen there."""
    monkeypatch.setenv("DAYREEL_SANDBOX_PORT", str(free_port()))
    return load_settings()


@contextmanager
def no_world_stays(settings: Settings) -> Iterator[None]:
    """End whatever world of the project still answers."""
    try:
        yield
    finally:
        if find_sandbox(settings):
            pid = world_pid(settings)
            psutil.Process(pid).terminate()
            wait_until(lambda: not is_running(pid))


def world_pid(settings: Settings) -> int:
    """Return the process that listens where the project's world does."""
    port = settings.sandbox_port
    (pid,) = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.laddr[1:2] == (port,) and connection.status == "LISTEN"
    }
    assert pid is not None
    return pid


def test_run_up_and_sandbox_at_once_start_a_single_world(settings: Settings) -> None:
    children: list[Child] = []
    apart: list[subprocess.Popen[bytes]] = []

    def run() -> str:
        def started() -> "subprocess.Popen[bytes]":
            apart.append(subprocess.Popen(sandbox_command(settings), stdout=subprocess.DEVNULL))
            return apart[-1]

        return ensure_sandbox(settings, SystemClock(), started)

    with no_world_stays(settings), ThreadPoolExecutor(3) as threads:
        foreground = start("sandbox")
        runs = [threads.submit(run) for _ in range(2)]
        threads.submit(keep_sandbox, settings, children).result()
        assert {finished.result() for finished in runs} == {find_sandbox(settings)}
        if world_pid(settings) in {child.pid for child in psutil.Process(foreground.pid).children(recursive=True)}:
            foreground.send_signal(signal.SIGINT)
        result = finish(foreground)
        assert result.code == 0, result
        started = [*apart, *(child.process for child in children)]
        assert len(started) + ("runs until" in result.err) == 1
        for process in started:
            process.terminate()
            process.wait()


def test_a_foreground_sandbox_ends_its_world_however_it_ends(settings: Settings) -> None:
    with no_world_stays(settings):
        first = start("sandbox")
        wait_until(lambda: find_sandbox(settings))
        pid = world_pid(settings)
        second = finish(start("sandbox"))
        assert second == Told(
            0, f"The sandbox world is already running: {find_sandbox(settings)} (preset audited)\n", ""
        )
        assert requests.get(f"{find_sandbox(settings)}/_world", timeout=10).json()["stays"]
        first.kill()
        first.communicate()
        wait_until(lambda: not is_running(pid))


def test_every_command_fails_fast_if_the_world_cannot_listen(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.sandbox_port)):
        result = finish(start("sandbox"))
        assert (result.code, result.out) == (1, "")
        assert result.err.count(f"The sandbox world cannot listen on 127.0.0.1:{settings.sandbox_port}") == 1
        with pytest.raises(ConfigurationError, match="did not come up and left with exit code 1") as refused:
            ensure_sandbox(settings, SystemClock())
        assert "Its log is var/logs/sandbox.log" in str(refused.value)
    assert "cannot listen" in (settings.var_dir / "logs" / "sandbox.log").read_text()
