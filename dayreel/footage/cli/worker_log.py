"""Which events a worker writes down, and in which words. How lines are written is `json_log`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dayreel.errors import DayreelError
from dayreel.footage.cli.json_log import JsonLog, open_log
from dayreel.footage.worker.attempt import Ended


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
