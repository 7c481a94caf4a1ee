"""`dayreel sandbox`: the sandbox world in the foreground, until Ctrl-C."""

import subprocess

import click

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.process_guard import end, supervised
from dayreel.services.sandbox_world import clean_environment, ensure_sandbox, sandbox_command
from dayreel.settings import Settings, load_settings


@click.command("sandbox")
def command() -> int:
    """Run the stand-in vendors on loopback. Their state stays in var/sandbox."""
    settings = load_settings()
    ours: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        ours.append(_run(settings))
        return ours[0]

    try:
        url = ensure_sandbox(settings, SystemClock(), start)
        if not ours:
            click.echo(f"The sandbox world is already running: {url}")
            return 0
        click.echo("It runs until Ctrl-C. /_world/effects lists what was bought and posted there.", err=True)
        return ours[0].wait()
    except ConfigurationError:
        if ours and (code := ours[0].poll()) is not None:
            return code  # it has said why itself
        raise
    except KeyboardInterrupt:
        return 0
    finally:
        for process in ours:
            end(process)


def _run(settings: Settings) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        supervised(sandbox_command(settings, idle_exit_s=None)),
        stdin=subprocess.PIPE,
        cwd=settings.root,
        env=clean_environment(),
    )
