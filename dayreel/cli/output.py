"""What commands print with: JSON documents and tables. Colours and boxes only where a person is looking."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import Any, TextIO

import click

_answers: ContextVar[TextIO | None] = ContextVar("answers", default=None)


@contextmanager
def stdout_for_the_answer() -> Iterator[None]:
    """Send to stderr what anybody prints but `print_json`: a vendor's package may print whenever it is called."""
    token = _answers.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _answers.reset(token)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str), file=_answers.get())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout; a narrow terminal folds long cells instead of cutting them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, header_style="bold", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    # Where nobody looks (a pipe, a log), nothing is folded at the usual 80 columns.
    Console(width=None if sys.stdout.isatty() else 220).print(table)


def print_paged(lines: Sequence[str]) -> None:
    """Print lines on stdout; what does not fit on the screen of somebody who is looking goes through their pager."""
    text = "\n".join(lines)
    fits = text.count("\n") + 1 < shutil.get_terminal_size().lines
    if fits or not sys.stdout.isatty():
        click.echo(text)
    else:
        click.echo_via_pager(f"{text}\n")
