"""One pass over the library: settle jobs, take in what is marked, ask people, send jobs, remove what may go.

The watcher does it whenever something moves, the maintenance chore whenever `due_library` says so; a lock lets one at a
time. Everything waits in the shared folder, so nothing is lost while no controller runs.
"""

from collections.abc import Callable
from functools import partial

from dayreel.errors import DayreelError
from dayreel.footage.library.clean_up import remove_ended_jobs, remove_sources
from dayreel.footage.library.gates import ask, is_sound_alone, name_of, newest_gate
from dayreel.footage.library.ingest_marked import has_changes, ingest_marked
from dayreel.footage.library.jobs import jobs_since_it_moved, send_job, settle_jobs
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import GATE_AFTER, Ask, Rest, Step, next_step
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.items import FoundItem
from dayreel.footage.stores.reads import ItemRow, jobs_of, list_items
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.stores.locks import hold
from dayreel.stores.state.errors import StateError

ON_THE_WAY = ("ripped", "remuxed", "transcoded")


def run_pass(library: Library) -> list[str]:
    """Do everything that is due; return a sentence for each thing done or refused. Safe to repeat.

    Raises:
        BusyError: another process works on this library now.
        StoreError: the catalog or the shared folder cannot be used.
    """
    folder = library.project.settings.var_dir / "locks"
    with hold(folder, "library", what=f"look through {str(library.root)!r}", at=library.project.clock.now()):
        sentences = settle_jobs(library)
        scan = library.items.scan()
        sentences += [f"left alone: {reason}" for reason in scan.left_alone]
        for found_item in _news(library, scan.items):
            sentences += _in_words(found_item.name.item_id, partial(ingest_marked, library, found_item))
        for row in _on_the_way(library):
            sentences += _in_words(row.id, partial(_go_on, library, row))
        return sentences + remove_sources(library) + remove_ended_jobs(library)


def due_library(library: Library) -> str | None:
    """Return a key for the work that is due now, or None for nothing. Reads names, manifests and the catalog only.

    Raises:
        StoreError: the catalog cannot be read.
    """
    marked = [f"{item.name.item_id} {item.newest}" for item in _news(library, library.items.scan().items)]
    with library.project.catalog.read() as connection:
        open_jobs = {row.id: row.state for row in jobs_of(connection, states=UNDER_WAY)}
    waiting = {job.job for job in library.queue.jobs("pending")} if open_jobs else set()
    moved = sorted(job for job, state in open_jobs.items() if (job in waiting) != (state == "queued"))
    steps = [row.id for row in _on_the_way(library) if _goes_on(library, row)]
    return fingerprint(marked=marked, moved=moved, steps=steps)[:12] if marked or moved or steps else None


def _news(library: Library, items: dict[str, FoundItem]) -> list[FoundItem]:
    """Return the items of which the folder says something that the catalog does not know."""
    with library.project.catalog.read() as connection:
        known = {row.id: row for row in list_items(connection)}
    return [item for item_id, item in sorted(items.items()) if has_changes(known.get(item_id), item)]


def _on_the_way(library: Library) -> list[ItemRow]:
    with library.project.catalog.read() as connection:
        return [row for row in list_items(connection, ON_THE_WAY) if row.error is None]


def _step(library: Library, row: ItemRow) -> tuple[Step, ItemManifest | None]:
    manifest = library.items.newest_manifest(name_of(row))
    if manifest is None:
        return Rest("its manifest is gone"), None
    gate_type = GATE_AFTER.get(row.state)
    with library.project.catalog.read() as connection:
        gate = newest_gate(connection, row, manifest, gate_type) if gate_type is not None else None
        jobs = {job.role: job.state for job in reversed(jobs_since_it_moved(connection, row.id))}
    asks = gate_type is not None and bool(getattr(library.plan, gate_type))
    if gate_type == "remux_review" and is_sound_alone(manifest.stages["remux"]):
        asks = False  # there are no streams to choose from
    return next_step(row.state, gate=gate, asks=asks, jobs=jobs), manifest


def _goes_on(library: Library, row: ItemRow) -> bool:
    try:
        return not isinstance(_step(library, row)[0], Rest)
    except StateError:
        return False  # its manifest is damaged: `run_pass` reports that, and it holds nothing else up


def _go_on(library: Library, row: ItemRow) -> str:
    step, manifest = _step(library, row)
    if isinstance(step, Rest) or manifest is None:
        return ""
    return ask(library, row, manifest, step.gate) if isinstance(step, Ask) else send_job(library, row, manifest, step)


def _in_words(about: str, act: Callable[[], str]) -> list[str]:
    """Do one thing; one item's error is reported and does not stop the next."""
    try:
        sentences = act()
    except (DayreelError, OSError) as error:
        return [f"{about}: {error}"]
    return [sentences] if sentences else []
