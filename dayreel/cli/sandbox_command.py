"""`dayreel sandbox`: the sandbox world in the foreground, until Ctrl-C."""

import subprocess

import click

from dayreel.clock import SystemClock
from dayreel.services.sandbox_world import clean_environment, dismiss_older, find_sandbox, sandbox_command
from dayreel.settings import load_settings


@click.command("sandbox")
def command() -> int:
    """Run the stand-in vendors on loopback. Their state stays in var/sandbox."""
    settings = load_settings()
    running = find_sandbox(settings)
    if running is not None:
        click.echo(f"The sandbox world is already running: {running}")
        return 0
    dismiss_older(settings, SystemClock())
    settings.sandbox_dir.mkdir(parents=True, exist_ok=True)
    click.echo("The sandbox world runs until Ctrl-C. /_world/effects lists what was bought and posted there.", err=True)
    try:
        return subprocess.run(
            sandbox_command(settings, idle_exit_s=None), cwd=settings.root, env=clean_environment(), check=False
        ).returncode
    except KeyboardInterrupt:
        return 0
