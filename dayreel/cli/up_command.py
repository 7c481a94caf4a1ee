"""`dayreel up`: Dagster, the desk in front of it, the sandbox world, and the controller of own footage, until Ctrl-C.

One command on loopback. It stops what it started and nothing else: a sandbox world or a controller that was there
before stays.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
import psutil
import requests

from dayreel.cli.launch import dagster_home
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.services.dagster_address import is_answered, socket_name, socket_path
from dayreel.services.desk.users import Users, require_users
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.ports import who_listens
from dayreel.services.sandbox_world import (
    clean_environment,
    ensure_sandbox,
    find_sandbox,
    preset_of,
    sandbox_command,
)
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.locks import hold

STOP_DEADLINE_S = 20.0
START_DEADLINE_S = 300.0  # a program that dies is reported at once; this is for one that hangs
_LOOK_EVERY_S = 0.2
_ASK_TIMEOUT_S = 2.0
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """One child: its command line, its environment, and how to check that it is ready (its URL, or None for not
    yet).
    """

    name: str
    label: str
    command_line: list[str]
    environment: dict[str, str]
    find: Callable[[], str | None]


@dataclass(frozen=True)
class Child:
    """A program that runs."""

    program: Program
    process: "subprocess.Popen[bytes]"
    log: Path


@click.command("up")
@click.option("--no-library", is_flag=True, help="leave own footage to a `dayreel library watch` that is started apart")
def command(no_library: bool) -> int:
    """Start everything, print where it is, and stop it all at Ctrl-C or SIGTERM."""
    settings = load_settings()
    what = "run Dagster for this project with `dayreel up`"
    with hold(settings.var_dir / "locks", "up", what=what, at=SystemClock().now()), stopped_by_signals():
        _require_port(settings)
        with open_catalog(settings.catalog) as catalog:
            require_users(Users(catalog, SystemClock()), settings.desk_host)
        _make_instance(settings)
        # Dagster's code servers listen on sockets in the folder for temporary files, with what rights the umask leaves.
        with tempfile.TemporaryDirectory(prefix="dayreel-", ignore_cleanup_errors=True) as private_tmp:
            programs = [*_programs(settings, private_tmp), *([] if no_library else own_footage(settings))]
            run_until_stopped(settings, programs)
    return 0


def run_until_stopped(settings: Settings, programs: Sequence[Program]) -> None:
    """Start the sandbox world and these programs, print where each is, and stop them all at Ctrl-C.

    Raises:
        ConfigurationError: one did not answer, or stopped unexpectedly; names it and its log. The others are stopped
            too.
    """
    children: list[Child] = []
    try:
        if settings.world == "sandbox":
            keep_sandbox(settings, children)
        for program in programs:
            children.append(_start(settings, program))  # noqa: PERF401  each is stopped even when the next fails
        _announce(settings, children)
        while True:
            _require_alive(settings, children)
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        click.echo("Stopping ...", err=True)
    finally:
        _stop(children)


def _make_instance(settings: Settings) -> None:
    """Open Dagster's instance first: two processes that make its tables at once stumble over one another."""
    from dayreel.cli.launch import instance_of

    with instance_of(settings):
        pass


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does, also where Ctrl-C was ignored (`... &`)."""
    before = {number: signal.signal(number, _interrupt) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _programs(settings: Settings, private_tmp: str) -> list[Program]:
    # Dagster has no login, so none of its programs has a port: people reach it through the desk, at /dagster.
    socket, workspace = socket_path(settings), str(settings.root / "workspace.yaml")
    desk = [sys.executable, "-m", "dayreel", "desk", "--dagster-url", f"unix:{socket}", "--no-link"]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A graph that does not load for a minute, a killed code server too, would end each backfill of assets for good.
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
        "PYTHONWARNINGS": "ignore",
        "TMPDIR": private_tmp,
    }
    server = [sys.executable, "-m", "pipeline_assets.web_server", str(socket), workspace]
    watch = [sys.executable, "-m", "dayreel", "watch"]
    daemon = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", workspace]
    return [
        Program("webserver", "Dagster", server, environment, lambda: _dagster(settings)),
        Program("daemon", "daemon", daemon, environment, lambda: "schedules and sensors run"),
        Program("desk", "desk", desk, dict(os.environ), lambda: _desk(settings)),
        Program("watch", "watch", watch, environment, lambda: "reports what should exist and does not"),
    ]


def keep_sandbox(settings: Settings, children: list[Child]) -> None:
    """Start the sandbox world as one of the children, unless it runs already; it answers before anybody needs it."""
    line = sandbox_command(settings, idle_exit_s=None)
    world = Program("sandbox", "sandbox world", line, clean_environment(), lambda: find_sandbox(settings))

    def start() -> "subprocess.Popen[bytes]":
        children.append(_start(settings, world))
        return children[-1].process

    ensure_sandbox(settings, SystemClock(), start)


def own_footage(settings: Settings) -> list[Program]:
    """Return the controller of own footage, where there is a shared folder and nobody watches it yet."""
    footage = footage_hooks(settings)
    if footage is None:
        return []
    other = footage.watcher(settings)  # what is wrong with the folder is reported before anything is started
    if other is not None:
        click.echo(f"{'library':15} {settings.library} is watched already ({other})")
        return []
    line = [sys.executable, "-m", "dayreel", "library", "watch"]
    return [Program("library", "library", line, dict(os.environ), lambda: f"{settings.library} is watched")]


def _start(settings: Settings, program: Program) -> Child:
    log = settings.var_dir / "logs" / f"{program.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            program.command_line,
            cwd=settings.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=program.environment,
            start_new_session=True,  # Ctrl-C is ours to pass on
            # Dagster turns SIGTERM into SIGINT's handler; a child that ignores SIGINT could never be stopped.
            preexec_fn=_hear_sigint,  # noqa: PLW1509
        )
    return Child(program, process, log)


def _hear_sigint() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)


def _announce(settings: Settings, children: list[Child]) -> None:
    """Print each program's place once it answers."""
    if settings.world == "sandbox" and children[0].program.name != "sandbox":
        click.echo(f"{'sandbox world':15} {find_sandbox(settings)} (was running already)")
    deadline = time.monotonic() + START_DEADLINE_S
    for child in children:
        while (place := child.program.find()) is None:
            _require_alive(settings, children)
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"The {child.program.name} did not answer within {START_DEADLINE_S:.0f} s.",
                    next_step=f"Its log is {_shown_path(settings, child.log)}.",
                )
            time.sleep(_LOOK_EVERY_S)
        preset = f" (preset {preset_of(place)})" if child.program.name == "sandbox" else ""
        click.echo(f"{child.program.label:15} {place}{preset}")
    print_first_login(settings)
    click.echo(f"{'logs':15} var/logs/\nCtrl-C stops everything.")


def print_first_login(settings: Settings) -> None:
    """Print the link that makes the first admin, as long as nobody is there; it is in no log.

    As a service, what is printed is kept in the journal: there it says how to get a link instead.
    """
    with open_catalog(settings.catalog) as catalog:
        users = Users(catalog, SystemClock())
        if not _is_kept(sys.stdout):
            token = users.first_link()
            link = None if token is None else f"{settings.desk_address}/welcome/{token}"
        else:
            link = "`dayreel users add NAME --role admin` prints a link" if users.is_empty() else None
    if link is not None:
        click.echo(f"{'first login':15} {link}")


def _is_kept(output: IO[str]) -> bool:
    """Return whether an output is systemd's journal, as systemd.exec(5) says."""
    if "JOURNAL_STREAM" not in os.environ:
        return False
    there = os.fstat(output.fileno())
    return os.environ["JOURNAL_STREAM"] == f"{there.st_dev}:{there.st_ino}"


def _require_alive(settings: Settings, children: list[Child]) -> None:
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise ConfigurationError(
                f"The {child.program.name} stopped unexpectedly with exit code {code}, so everything was stopped.",
                next_step=f"Its log is {_shown_path(settings, child.log)}; `dayreel doctor` checks what it needs.",
            )


def _shown_path(settings: Settings, path: Path) -> str:
    return str(path.relative_to(settings.root))


def _dagster(settings: Settings) -> str | None:
    return f"{settings.desk_address}/dagster/" if is_answered(socket_name(socket_path(settings))) else None


def _desk(settings: Settings) -> str | None:
    local = settings.model_copy(update={"desk_url": None}).desk_address
    return settings.desk_address if _answers(f"{local}/healthz") else None


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=_ASK_TIMEOUT_S).raise_for_status()
    except requests.RequestException:
        return False
    return True


def _stop(children: list[Child]) -> None:
    """Stop every child and whatever it started, within the deadline; a second Ctrl-C does not leave them behind."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE_S / 2
    while any(child.process.poll() is None for child in children) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S / 4)
    # Code servers and run workers that outlived their parent: they share its session, which nobody else can join.
    left = [process for child in children for process in _session(child.process.pid)]
    for last_word in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                last_word(process)
        _gone, left = psutil.wait_procs(left, timeout=STOP_DEADLINE_S / 4)
    for child in children:
        child.process.wait()


def _session(leader: int) -> list[psutil.Process]:
    """Return the processes of the session that a child leads: itself and what it started."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader:
                members.append(process)
    return members


def _require_port(settings: Settings) -> None:
    holder = who_listens(settings.desk_port)
    if holder is not None:
        raise ConfigurationError(
            f"Port {holder.port} is taken by {holder}.",
            next_step="Stop that, or choose another with DAYREEL_DESK_PORT.",
        )
