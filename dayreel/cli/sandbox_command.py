"""`dayreel sandbox`: the sandbox world in the foreground, until Ctrl-C."""

import subprocess

import click

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.process_guard import end, supervised
from dayreel.sandbox.presets import PRESETS
from dayreel.services.sandbox_world import (
    choose_preset,
    clean_environment,
    ensure_sandbox,
    preset_of,
    sandbox_command,
)
from dayreel.settings import Settings, load_settings


@click.command("sandbox")
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help="meet the vendors as a new developer does, or with audited apps; left out, as it was",
)
def command(preset: str | None) -> int:
    """Run the stand-in vendors on loopback. Their state stays in var/sandbox."""
    settings = load_settings()
    ours: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        ours.append(_run(settings))
        return ours[0]

    try:
        url = ensure_sandbox(settings, SystemClock(), start)
        if preset is not None:
            choose_preset(url, preset)
        if not ours:
            click.echo(f"The sandbox world is already running: {url} (preset {preset_of(url)})")
            return 0
        click.echo(
            f"Preset {preset_of(url)}. It runs until Ctrl-C. /_world/effects lists what was bought and posted there.",
            err=True,
        )
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
