"""What a program that runs for days writes down: JSON lines in a file that is rotated, and words for whoever looks on.

The one mechanism of `dayreel worker` and `dayreel library watch`; which events there are is theirs to say.
"""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from pythonjsonlogger.json import JsonFormatter

from dayreel.errors import ConfigurationError, DayreelError

_FILE_BYTES = 5_000_000
_FILES_KEPT = 5


class JsonLog:
    """One program's log."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __enter__(self) -> Self:
        """Keep it open while the block runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write down what ended the block (the command line shows it to whoever watches), and close the file."""
        if isinstance(error, DayreelError):
            self.trouble(error, is_shown=False)
        self.close()

    def note(
        self, event: str, words: str, *, level: int = logging.INFO, to_show: str | None = None, **facts: Any
    ) -> None:
        """Write one line, and print it on stderr.

        Args:
            words: the line's `message`.
            to_show: what is printed instead of `words`; an empty one prints nothing.
            facts: further fields of the line.
        """
        if shown := words if to_show is None else to_show:
            click.echo(shown, err=True)
        self._logger.log(level, words, extra={"event": event, **facts})

    def trouble(self, error: DayreelError, *, is_shown: bool = True) -> None:
        """Write down what keeps the program from its work."""
        shown = f"dayreel: {error}" if is_shown else ""
        self.note("trouble", str(error), level=logging.ERROR, to_show=shown, kind=type(error).__name__)

    def close(self) -> None:
        """Close the file."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            handler.close()


def open_log(folder: Path, name: str, *, level: str = "info", **fields: str) -> JsonLog:
    """Open `<name>.jsonl` in a folder, which is made if need be.

    Args:
        level: the least that is written, as `LOG_LEVEL` names it; what people see on the terminal stays.
        fields: in every line.

    Raises:
        ConfigurationError: it cannot be written.
    """
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / f"{safe}.jsonl", maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigurationError(
            f"The log {safe}.jsonl cannot be written in {str(folder)!r}: {error.strerror or error}.",
            next_step="Give another folder with --log-dir.",
        ) from error
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{message}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level"},
            static_fields=fields,
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger = logging.getLogger(f"dayreel.log.{safe}")
    logger.setLevel(level.upper().replace("WARN", "WARNING"))
    logger.propagate = False
    logger.addHandler(handler)
    return JsonLog(logger)
