"""What a worker writes down: JSON lines in a file that is rotated, and one line per job for whoever looks at it."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import click
from pythonjsonlogger.json import JsonFormatter

from dayreel.errors import ConfigurationError, DayreelError
from dayreel.services.worker.attempt import Ended

_FILE_BYTES = 5_000_000
_FILES_KEPT = 5


class WorkerLog:
    """The log of one worker."""

    def __init__(self, logger: logging.Logger, name: str) -> None:
        """Keep where to write."""
        self._logger = logger
        self._name = name

    def started(self, root: Path, roles: list[str]) -> None:
        """Note that the worker has started."""
        words = f"worker {self._name} does {', '.join(roles)} of {root}"
        click.echo(f"{words}; Ctrl-C stops it", err=True)
        self._logger.info(words, extra={"event": "started", "library": str(root), "roles": roles})

    def ended(self, ended: Ended) -> None:
        """Note how a job has ended."""
        words = f"{ended.job}: {ended.outcome} after {ended.seconds:.0f} s: {ended.said}"
        click.echo(words, err=True)
        self._logger.log(
            logging.INFO if ended.outcome in ("done", "cancelled") else logging.WARNING,
            words,
            extra={
                "event": "job",
                "job": ended.job,
                "role": ended.role,
                "outcome": ended.outcome,
                "seconds": round(ended.seconds, 3),
            },
        )

    def trouble(self, error: DayreelError, *, is_shown: bool = True) -> None:
        """Note that the worker cannot work now."""
        if is_shown:
            click.echo(f"dayreel: {error}", err=True)
        self._logger.error(str(error), extra={"event": "trouble", "kind": type(error).__name__})

    def stopped(self, done: int) -> None:
        """Note that the worker has ended as it was asked to."""
        words = f"worker {self._name} stopped; {done} jobs done"
        click.echo(words, err=True)
        self._logger.info(words, extra={"event": "stopped", "done": done})

    def close(self) -> None:
        """Close the file."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            handler.close()


def open_log(folder: Path, name: str) -> WorkerLog:
    """Open `worker-<name>.jsonl` in a folder, which is made if need be.

    Raises:
        ConfigurationError: it cannot be written.
    """
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / f"worker-{safe}.jsonl", maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigurationError(
            f"The worker's log cannot be written in {str(folder)!r}: {error.strerror or error}.",
            next_step="Give another folder with --log-dir.",
        ) from error
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{message}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level"},
            static_fields={"worker": name},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger = logging.getLogger(f"dayreel.worker.{safe}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    return WorkerLog(logger, name)
