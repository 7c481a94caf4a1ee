"""`dayreel up`: Dagster's web server and daemon, and the sandbox world, as one command on loopback, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.services.sandbox_world import ensure_sandbox
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog

STOP_DEADLINE_S = 20.0
START_DEADLINE_S = 60.0


@click.command("up")
def command() -> int:
    """Start everything, print where it is, and stop it all at Ctrl-C or SIGTERM."""
    settings = load_settings()
    _need_port(settings.webserver_port)
    open_catalog(settings.catalog).close()
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(settings.root / "dagster_home")))
    home.mkdir(parents=True, exist_ok=True)
    if settings.world == "sandbox":
        click.echo(f"sandbox world   {ensure_sandbox(settings, SystemClock())}")
    children = {name: _start(settings, name, line) for name, line in _command_lines(settings).items()}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _attend(settings, children)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(children)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _command_lines(settings: Settings) -> dict[str, list[str]]:
    programs = Path(sys.executable).parent
    port = str(settings.webserver_port)
    return {
        "webserver": [str(programs / "dagster-webserver"), "-h", "127.0.0.1", "-p", port, "-w", "workspace.yaml"],
        "daemon": [str(programs / "dagster-daemon"), "run", "-w", "workspace.yaml"],
    }


def _start(settings: Settings, name: str, command_line: list[str]) -> "subprocess.Popen[bytes]":
    log = settings.var_dir / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command_line,
            cwd=settings.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"},
            start_new_session=True,
            # Dagster turns SIGTERM into SIGINT's handler; a child that ignores SIGINT could never be stopped.
            preexec_fn=_hear_sigint,  # noqa: PLW1509
        )


def _hear_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _attend(settings: Settings, children: dict[str, "subprocess.Popen[bytes]"]) -> int:
    url = f"http://127.0.0.1:{settings.webserver_port}"
    told = False
    began = time.monotonic()
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                raise ConfigurationError(
                    f"The {name} stopped with exit code {child.returncode}.",
                    next_step=f"Its log is var/logs/{name}.log; `dayreel doctor` checks what it needs.",
                )
        if not told and _answers(settings.webserver_port):
            click.echo(f"Dagster         {url}\nlogs            var/logs/\nCtrl-C stops everything.")
            told = True
        if not told and time.monotonic() - began > START_DEADLINE_S:
            raise ConfigurationError(
                f"The web server did not answer at {url} within {START_DEADLINE_S:.0f} s.",
                next_step="Its log is var/logs/webserver.log.",
            )
        time.sleep(0.2)


def _stop(children: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for child in children.values():
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE_S
    for child in children.values():
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            # Only what we started: the child leads a process group of its own.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _need_port(port: int) -> None:
    if not _answers(port):
        return
    holder = next(
        (
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid
        ),
        None,
    )
    who = f" by {psutil.Process(holder).name()!r} (process {holder})" if holder else ""
    raise ConfigurationError(
        f"Port {port} is taken{who}.", next_step="Stop that, or choose another with DAYREEL_WEBSERVER_PORT."
    )
