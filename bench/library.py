"""A look at a library of 50,000 items in which nothing is new: `python -m bench library`.

The bar is a ratio of the same run: a look reads names and stamps, so it may cost a few times what reading the folders
costs by itself. What the catalog adds (which items are known) is shown beside it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from dayreel.clock import SystemClock
from dayreel.rules.library_paths import ItemName
from dayreel.services.library.open_library import open_library
from dayreel.services.library.tend import due_library
from dayreel.services.studio import Studio
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.items import ItemStore
from dayreel.stores.library_plan import start_library

ITEMS = 50_000
BAR = 12.0


def make_folder(root: Path) -> None:
    """Make a shared folder of filed items, each with its markers at the first and the last stage."""
    start_library(root)
    for number in range(ITEMS):
        name = ItemName("movie", f"Film_{number:05}")
        for marker in (root / name.marker_dir("rip") / "rip.done", root / name.marker_dir("file") / "file.done"):
            marker.parent.mkdir(parents=True)
            marker.touch()


def known(root: Path, studio: Studio) -> None:
    """Let the catalog know all of them."""
    now = studio.clock.now()
    rows = [
        {
            "id": item_id,
            "kind": "movie",
            "leaf": found.name.leaf,
            "title": found.name.title,
            "state": "in_library",
            "version": 1,
            "metadata": {"stamps": {stage: marker.stamp for stage, marker in found.stages.items()}},
            "created_at": now,
            "updated_at": now,
        }
        for item_id, found in ItemStore(root).scan().items.items()
    ]
    with studio.catalog.write() as connection:
        connection.execute(insert(media_items), rows)


def bare(root: Path) -> int:
    """Read the same folders and nothing more; return how many there are."""
    return sum(len(names) for _, names, _ in os.walk(root))


def best(act: object, times: int = 3) -> float:
    """Return the least seconds of a few tries."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()  # type: ignore[operator]
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "shared"
        make_folder(root)
        settings = Settings(_env_file=None, root=Path(folder), library=root)
        studio = Studio(settings, SystemClock(), open_catalog(settings.catalog), actor="bench")
        library = open_library(studio)
        known(root, studio)
        reading_s = best(lambda: bare(root))
        scan_s = best(library.items.scan)
        assert due_library(library) is None, "something is new"
        due_s = best(lambda: due_library(library))
        studio.catalog.close()
    print("| what | seconds |\n|---|---|")
    print(f"| reading the folders of {ITEMS} items | {reading_s:.2f} |")
    print(f"| a scan of their markers | {scan_s:.2f} |")
    print(f"| a whole look: scan, and what the catalog knows | {due_s:.2f} |")
    print(f"\nA scan costs {scan_s / reading_s:.1f} times the bare reading (bar {BAR}).")
    return 0 if scan_s / reading_s <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
