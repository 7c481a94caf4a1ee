"""Finding the sandbox world, or starting it when nothing answers. The world itself is `dayreel.sandbox`.

It runs as a process of its own and keeps its state in `var/sandbox`. `dayreel up` and `dayreel sandbox` keep it and say
how it is started; otherwise it stops by itself when nobody has asked it anything for half an hour, and the next command
that needs it starts it again with everything still there. Whoever starts it does so through `ensure_sandbox`.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from dayreel.atomic_write import PRIVATE_FOLDER
from dayreel.clock import Clock, poll
from dayreel.errors import ConfigurationError
from dayreel.sandbox.code_version import code_version
from dayreel.sandbox.presets import AUDITED
from dayreel.settings import Settings
from dayreel.stores.locks import hold

IDLE_EXIT_S = 1800
START_DEADLINE_S = 60.0
_ASK_TIMEOUT_S = 10.0  # a closed port is known at once; a world that is busy is not taken for gone
_CODE = code_version()
"""What this process runs, whatever is on disk by the time it asks."""


@dataclass(frozen=True)
class _Running:
    """A world of this project that answers; `stays` when it is a command's own, which keeps it."""

    url: str
    pid: int
    code: str
    stays: bool


def find_sandbox(settings: Settings) -> str | None:
    """Return the URL of this project's sandbox world, or None when it is not running.

    Another project's world on the same port is not taken for ours (it names its folder), nor one of other code: one
    that was started before an update.
    """
    if settings.sandbox_url:
        return settings.sandbox_url
    running = _ours(settings)
    return running.url if running is not None and running.code == _CODE else None


def ensure_sandbox(
    settings: Settings, clock: Clock, start: Callable[[], "subprocess.Popen[bytes]"] | None = None
) -> str:
    """Return the URL of the sandbox world, starting it when nothing answers.

    Of all who ask for it at the same moment, one starts it; the others wait until it answers.

    Args:
        start: starts it as the caller keeps it; left out, it runs on its own and leaves when nobody calls.

    Raises:
        ConfigurationError: it did not come up (names its log), or one of other code does not leave.
        BusyError: another command has been starting it for too long.
    """
    running = find_sandbox(settings)
    if running is not None:
        return running
    with hold(
        settings.var_dir / "locks", "sandbox", what="start the sandbox world", at=clock.now(), wait_s=START_DEADLINE_S
    ):
        running = find_sandbox(settings)
        if running is not None:
            return running
        dismiss_older(settings, clock)
        settings.var_dir.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        settings.sandbox_dir.mkdir(exist_ok=True)
        return _wait_for(settings, clock, (start or partial(_start_apart, settings))())


def dismiss_older(settings: Settings, clock: Clock) -> None:
    """Let this project's world of other code leave, if there is one; what it knows stays in its folder.

    Raises:
        ConfigurationError: it does not leave, or belongs to a command that keeps it.
    """
    older = _ours(settings)
    if settings.sandbox_url or older is None or older.code == _CODE:
        return
    attempted = f"The sandbox world at {older.url} (process {older.pid}) runs other code than this"
    if older.stays:
        raise ConfigurationError(
            f"{attempted}.", next_step="Stop the `dayreel up` or `dayreel sandbox` that runs it, and start that again."
        )
    with contextlib.suppress(requests.RequestException):  # whether it has left is looked at, not believed
        requests.post(f"{older.url}/_world/leave", timeout=_ASK_TIMEOUT_S)
    if not poll(lambda: _ours(settings) is None or None, clock=clock, interval_s=0.1, deadline_s=START_DEADLINE_S):
        raise ConfigurationError(
            f"{attempted} and did not leave within {START_DEADLINE_S:.0f} s.", next_step="Stop that process."
        )


def _ours(settings: Settings) -> _Running | None:
    """Return what runs for this project, whatever its code, as it says itself; None when nothing of ours answers."""
    try:
        recorded = json.loads((settings.sandbox_dir / "server.json").read_text(encoding="utf-8"))
        world = requests.get(f"{recorded['url']}/_world", timeout=_ASK_TIMEOUT_S).json()
        if Path(world["root"]) != settings.sandbox_dir.resolve():
            return None
        return _Running(recorded["url"], recorded["pid"], world.get("code", ""), stays=world.get("stays", True))
    except (OSError, ValueError, KeyError):  # requests' errors are OSErrors
        return None


def _start_apart(settings: Settings) -> "subprocess.Popen[bytes]":
    log = sandbox_log(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            sandbox_command(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it outlives the command that needed it first
            cwd=settings.root,
            env=clean_environment(),
        )


def _wait_for(settings: Settings, clock: Clock, process: "subprocess.Popen[bytes]") -> str:
    url = poll(
        lambda: find_sandbox(settings) if process.poll() is None else "",  # it has ended: no use in asking on
        clock=clock,
        interval_s=0.1,
        deadline_s=START_DEADLINE_S,
    )
    if url:
        return url
    how = f"within {START_DEADLINE_S:.0f} s" if url is None else f"and left with exit code {process.returncode}"
    raise ConfigurationError(
        f"The sandbox world did not come up {how}.",
        next_step=f"Its log is {sandbox_log(settings).relative_to(settings.root)}; `dayreel sandbox` runs it in the "
        "foreground and shows what it says.",
    )


def preset_of(url: str) -> str:
    """Return the name of the preset that the world at `url` has.

    Raises:
        ConfigurationError: it does not answer.
    """
    return str(_asked("GET", f"{url}/_world").get("preset"))


def running_preset(settings: Settings) -> str | None:
    """Return the preset of this project's sandbox world; None in the live world, and where none runs."""
    url = find_sandbox(settings) if settings.world == "sandbox" else None
    try:
        return None if url is None else preset_of(url)
    except ConfigurationError:  # it has left since
        return None


def choose_preset(url: str, name: str) -> None:
    """Let the world at `url` begin with another preset.

    Raises:
        ConfigurationError: it does not answer, or has none of that name.
    """
    _asked("POST", f"{url}/_world/preset", json={"name": name})


def _asked(method: str, url: str, **more: Any) -> dict[str, Any]:
    try:
        answer = requests.request(method, url, timeout=_ASK_TIMEOUT_S, **more)
        answer.raise_for_status()
        return dict(answer.json())
    except (requests.RequestException, ValueError) as error:
        raise ConfigurationError(
            f"Asked the sandbox world at {url} and got no answer to use: {error}.",
            next_step="Stop it and start it again with `dayreel sandbox`.",
        ) from error


def sandbox_log(settings: Settings) -> Path:
    """Return where a world that runs in no terminal writes what it says."""
    return settings.var_dir / "logs" / "sandbox.log"


def sandbox_command(settings: Settings, *, idle_exit_s: int | None = IDLE_EXIT_S) -> list[str]:
    """Return the command line that runs this project's sandbox world."""
    command = [sys.executable, "-m", "dayreel.sandbox", "--root", str(settings.sandbox_dir)]
    command += ["--preset", AUDITED]  # what a day is made in; `dayreel sandbox --preset` chooses another
    if settings.sandbox_port is not None:
        command += ["--port", str(settings.sandbox_port)]
    return command if idle_exit_s is None else [*command, "--idle-exit-s", str(idle_exit_s)]


def clean_environment() -> dict[str, str]:
    """Return the environment of a child process that needs none of our secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}
