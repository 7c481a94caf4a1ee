"""`dayreel worker`: does jobs of the shared folder on this machine, in the foreground, until stopped.

And which events it writes down, in which words; how lines are written is `json_log`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dayreel.cli.signals import until_told
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, DayreelError
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
    with worker_log(log_dir or settings.var_dir / "logs", name) as log, until_told() as stop:
        log.started(root, wanted)
        done = work(
            root.absolute(),
            wanted,
            name,
            read_plan=load_plan,
            ffmpeg=find_ffmpeg(settings.ffmpeg),
            clock=SystemClock(),
            stop=stop,
            tell=log.ended,
            tell_trouble=log.trouble,
            once=once,
        )
        log.stopped(done)
    return 0


class WorkerLog:
    """The log of one worker."""

    def __init__(self, log: JsonLog, name: str) -> None:
        """Keep where to write."""
        self._log = log
        self._name = name

    def started(self, root: Path, roles: list[str]) -> None:
        """Note that the worker has started."""
        words = f"worker {self._name} does {', '.join(roles)} of {root}"
        self._log.note("started", words, said=f"{words}; Ctrl-C stops it", library=str(root), roles=roles)

    def ended(self, ended: Ended) -> None:
        """Note how a job has ended."""
        self._log.note(
            "job",
            f"{ended.job}: {ended.outcome} after {ended.seconds:.0f} s: {ended.said}",
            level=logging.INFO if ended.outcome in ("done", "cancelled") else logging.WARNING,
            job=ended.job,
            role=ended.role,
            outcome=ended.outcome,
            seconds=round(ended.seconds, 3),
        )

    def trouble(self, error: DayreelError) -> None:
        """Note that the worker cannot work now."""
        self._log.trouble(error)

    def stopped(self, done: int) -> None:
        """Note that the worker has ended as it was asked to."""
        self._log.note("stopped", f"worker {self._name} stopped; {done} jobs done", done=done)


@contextmanager
def worker_log(folder: Path, name: str) -> Iterator[WorkerLog]:
    """Give `worker-<name>.jsonl` in a folder, which is made if need be.

    Raises:
        ConfigurationError: it cannot be written.
    """
    with open_log(folder, f"worker-{name}", worker=name) as log:
        yield WorkerLog(log, name)
