"""What people see while a run works: one line on stderr that says how far it is. Nothing where nobody looks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from dayreel.errors import StoreError
from dayreel.queries.renders import renders_of
from dayreel.queries.rows import current_content
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import open_catalog

POLL_S = 0.5


@contextmanager
def watching(settings: Settings, channel: str, day: date) -> Iterator[None]:
    """Show a content's state and its segments' progress while the block runs."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{channel}: making {day} ...", highlight=False)
        yield
        return
    over = threading.Event()
    with console.status(f"{channel}: {day}") as line:

        def follow() -> None:
            while not over.wait(POLL_S):
                line.update(_words(settings, channel, day))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _words(settings: Settings, channel: str, day: date) -> str:
    try:
        with open_catalog(settings.catalog) as catalog, catalog.read() as connection:
            row = current_content(connection, channel, day)
            renders = renders_of(connection, [row.id]).get(row.id, ()) if row else ()
    except StoreError as error:
        return f"{channel}: {error.message}"
    if row is None:
        return f"{channel}: starting"
    if row.state == "rendering" and renders:
        progress = ", ".join(f"segment {render.sequence} {render.state} {render.progress} %" for render in renders)
        return f"{row.id}: {progress}"
    return f"{row.id}: {row.state}"
