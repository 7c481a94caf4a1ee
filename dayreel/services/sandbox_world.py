"""Finding the sandbox world, or starting it when nothing answers. The world itself is `dayreel.sandbox`.

It runs as a process of its own, keeps its state in `var/sandbox`, and stops by itself when nobody has asked it anything
for half an hour; the next command that needs it starts it again with everything still there.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import requests

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError
from dayreel.settings import Settings

IDLE_EXIT_S = 1800
START_DEADLINE_S = 20.0
_ASK_TIMEOUT_S = 2.0


def find_sandbox(settings: Settings) -> str | None:
    """Return the URL of this project's sandbox world, or None when it is not running.

    Another project's world on the same port is not taken for ours: it names its folder.
    """
    if settings.sandbox_url:
        return settings.sandbox_url
    try:
        told = json.loads((settings.sandbox_dir / "server.json").read_text(encoding="utf-8"))
        world = requests.get(f"{told['url']}/_world", timeout=_ASK_TIMEOUT_S).json()
    except (OSError, ValueError, KeyError):  # requests' errors are OSErrors
        return None
    return str(told["url"]) if Path(world.get("root", "")) == settings.sandbox_dir.resolve() else None


def ensure_sandbox(settings: Settings, clock: Clock) -> str:
    """Return the URL of the sandbox world, starting it when nothing answers.

    Raises:
        ConfigurationError: it did not come up; names its log.
    """
    found = find_sandbox(settings)
    if found is not None:
        return found
    log = settings.var_dir / "logs" / "sandbox.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    settings.sandbox_dir.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            sandbox_command(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it outlives the command that needed it first
            cwd=settings.root,
            env=clean_environment(),
        )
    deadline = clock.monotonic() + START_DEADLINE_S
    while clock.monotonic() < deadline and process.poll() is None:
        found = find_sandbox(settings)
        if found is not None:
            return found
        clock.sleep(0.1)
    # A second command may have started it at the same moment: then ours found the folder taken and has left.
    found = find_sandbox(settings)
    if found is not None:
        return found
    raise ConfigurationError(
        f"The sandbox world did not come up within {START_DEADLINE_S:.0f} s.",
        next_step=f"Its log is {log.relative_to(settings.root)}; `dayreel sandbox` runs it in the foreground.",
    )


def sandbox_command(settings: Settings, *, idle_exit_s: int | None = IDLE_EXIT_S) -> list[str]:
    """Return the command line that runs this project's sandbox world."""
    command = [sys.executable, "-m", "dayreel.sandbox", "--root", str(settings.sandbox_dir)]
    if settings.sandbox_port is not None:
        command += ["--port", str(settings.sandbox_port)]
    return command if idle_exit_s is None else [*command, "--idle-exit-s", str(idle_exit_s)]


def clean_environment() -> dict[str, str]:
    """Return the environment of a child process that needs none of our secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}
