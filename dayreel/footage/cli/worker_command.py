"""`dayreel worker`: does jobs of the shared folder on this machine, in the foreground, until stopped."""

import logging
from functools import partial
from pathlib import Path

import click

from dayreel.cli.signals import until_notified
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.footage.cli.json_log import JsonLog, open_log
from dayreel.footage.worker.attempt import Ended
from dayreel.settings import load_settings


@click.command("worker")
@click.option("--roles", required=True, metavar="ROLE,ROLE", help="of remux, transcode and file: what this worker does")
@click.option("--name", required=True, metavar="NAME", help="of this worker, different from every other's")
@click.option("--library", type=click.Path(path_type=Path), metavar="PATH", help="default is DAYREEL_LIBRARY")
@click.option("--log-dir", type=click.Path(path_type=Path), metavar="PATH", help="default is var/logs")
@click.option("--once", is_flag=True, help="do one job, or none where none waits, and end")
def command(roles: str, name: str, library: Path | None, log_dir: Path | None, once: bool) -> int:
    """Do jobs of the shared folder until stopped; Ctrl-C gives the current one back at once.

    It needs the shared folder alone: several machines, each with its own path to it, may run several workers each.
    """
    from dayreel.footage.stores.plan import load_plan
    from dayreel.footage.worker.loop import work
    from dayreel.media.ffmpeg_binary import find_ffmpeg

    settings = load_settings()
    root = library or settings.library
    if root is None:
        raise ConfigurationError(
            "No shared folder is set.", next_step="Give --library PATH, or set DAYREEL_LIBRARY to where it is mounted."
        )
    wanted = [role.strip() for role in roles.split(",") if role.strip()]
    folder = log_dir or settings.var_dir / "logs"
    with open_log(folder, f"worker-{name}", level=settings.log_level, worker=name) as log, until_notified() as stop:
        words = f"worker {name} does {', '.join(wanted)} of {root}"
        log.note("started", words, to_show=f"{words}; Ctrl-C stops it", library=str(root), roles=wanted)
        done = work(
            root.absolute(),
            wanted,
            name,
            read_plan=load_plan,
            ffmpeg=find_ffmpeg(settings.ffmpeg),
            clock=SystemClock(),
            stop=stop,
            report=partial(note_end, log),
            notify_trouble=log.trouble,
            once=once,
        )
        log.note("stopped", f"worker {name} stopped; {done} jobs done", done=done)
    return 0


def note_end(log: JsonLog, ended: Ended) -> None:
    """Note how a job has ended."""
    log.note(
        "job",
        f"{ended.job}: {ended.outcome} after {ended.seconds:.0f} s: {ended.detail}",
        level=logging.INFO if ended.outcome in ("done", "cancelled") else logging.WARNING,
        job=ended.job,
        role=ended.role,
        outcome=ended.outcome,
        seconds=round(ended.seconds, 3),
        **({"trace": ended.trace} if ended.trace else {}),
    )
