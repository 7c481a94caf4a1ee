"""Nothing that lies on a shared folder stops a look at it: every item is taken, or says in a sentence why not."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from dayreel.errors import StoreError
from dayreel.footage.library.documents import items_document
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import due_library, run_pass
from dayreel.footage.library.views import item_page, library_page
from dayreel.services.project import Project
from tests.fakes.fuzzed_library import spoil
from tests.fakes.library import item, make_library, pretend_to_work

GOOD = movie_name("Hidden Falls", 2019)


def look_everywhere(library: Library) -> None:
    """Do what every face and chore does; a sound item goes on all the while."""
    run_pass(library)
    due_library(library)
    library_page(library.project)
    for document in items_document(library.project.catalog):
        assert document["error"] or document["state"] != "quarantined", document
        item_page(library.project, document["item_id"])
    assert item(library, GOOD.item_id).error is None


def _work(library: Library) -> bool:
    try:
        return pretend_to_work(library, "remux") is not None
    except StoreError:
        return True  # a file lies where its outputs belong: the next look makes that the item's trouble


def fuzz(library: Library, clip: Path, good: Path, *, seed: int, items: int) -> int:
    """Spoil so many items and look everywhere, before a rebuild and after; return how many are in trouble."""
    rng = random.Random(seed)
    ingest(library, GOOD, [good])
    names = [spoil(library, number, rng, clip) for number in range(items)]
    look_everywhere(library)
    while _work(library):
        pass
    look_everywhere(library)
    assert item(library, GOOD.item_id).state == "remuxed"
    rebuild(library)
    look_everywhere(library)
    assert item(library, GOOD.item_id).state == "remuxed"
    for name in names:
        shutil.rmtree(library.root / name.folder("rip"), ignore_errors=True)
    return sum(1 for document in items_document(library.project.catalog) if document["error"])


def test_a_spoiled_library_stops_no_look(make_project: Callable[..., Project], make_film: Callable[..., Path]) -> None:
    library = make_library(make_project())
    assert fuzz(library, make_film(1), make_film(2), seed=2, items=12) > 3
