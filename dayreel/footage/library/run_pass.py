"""One pass over the library: settle jobs, take in what is marked, ask people, send jobs, remove what may go.

The watcher does it whenever something moves, the maintenance chore whenever `due_library` says so; a lock lets one at a
time. Everything waits in the shared folder, so nothing is lost while no controller runs.
"""

from dataclasses import dataclass
from functools import partial

from dayreel.footage.library.clean_up import remove_ended_jobs, remove_sources
from dayreel.footage.library.gates import ask, is_sound_alone, newest_gate
from dayreel.footage.library.ingest_marked import has_changes, ingest_marked
from dayreel.footage.library.jobs import jobs_since_it_moved, send_job, settle_jobs
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.troubles import GO_ON, Trouble, fault_of_the_machine, is_worth_a_try, try_item
from dayreel.footage.rules.flow import GATE_ABOUT, GATE_AFTER, Ask, Rest, Step, next_step
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.items import FoundItem
from dayreel.footage.stores.reads import ItemRow, jobs_of, list_items, moved_ats, name_of, waiting_since
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import UNDER_WAY

ON_THE_WAY = ("ripped", "remuxed", "transcoded")


def run_pass(library: Library, *, everything: bool = False) -> list[str]:
    """Do everything that is due; return a sentence for each thing done or refused. Safe to repeat.

    Args:
        everything: try items in trouble too whose time has not come.

    Raises:
        BusyError: another process works on this library now.
        StoreError: the catalog or the shared folder cannot be used.
    """
    what, project = f"look through {str(library.root)!r}", library.project
    with project.leases.held("library", what=what, at=project.clock.now()):
        sentences = settle_jobs(library)
        look = _look(library)
        sentences += [f"left alone: {reason}" for reason in look.left_alone]
        for found_item in look.news:
            row = look.rows.get(found_item.name.item_id)
            if everything or row is None or is_worth_a_try(library, row, found_item.name):
                act = partial(ingest_marked, library, found_item)
                sentences += try_item(library, found_item.name, row, "take it in", act)
        untaken = {found_item.name.item_id for found_item in look.news}
        for row in on_the_way(library):
            if row.id in untaken and Trouble.of(row) is not None:
                continue  # what could not be taken in just now does not continue
            if everything or is_worth_a_try(library, row, name_of(row)):
                sentences += try_item(library, name_of(row), row, GO_ON, partial(_go_on, library, row))
        return sentences + remove_sources(library, everything=everything) + remove_ended_jobs(library)


def due_library(library: Library) -> str | None:
    """Return a key for the work that is due now, or None for nothing. Reads names, manifests and the catalog only.

    Raises:
        StoreError: the catalog cannot be read.
    """
    look = _look(library)
    marked = [
        f"{item.name.item_id} {item.newest}"
        for item in look.news
        if (row := look.rows.get(item.name.item_id)) is None or is_worth_a_try(library, row, item.name)
    ]
    with library.project.catalog.read() as connection:
        open_jobs = {row.id: row.state for row in jobs_of(connection, states=UNDER_WAY)}
    waiting = {job.job for job in library.queue.jobs("pending")} if open_jobs else set()
    moved = sorted(job for job, state in open_jobs.items() if (job in waiting) != (state == "queued"))
    steps = [row.id for row in on_the_way(library) if _goes_on(library, row)]
    return fingerprint(marked=marked, moved=moved, steps=steps)[:12] if marked or moved or steps else None


@dataclass(frozen=True)
class _Look:
    """What the folder says: the items of which the catalog does not know it, what was left alone, and all rows."""

    news: list[FoundItem]
    left_alone: list[str]
    rows: dict[str, ItemRow]


def _look(library: Library) -> _Look:
    with library.project.catalog.read() as connection:
        rows = {row.id: row for row in list_items(connection)}
    scan = library.items.scan({(row.kind, row.leaf): row.id for row in rows.values()})
    news = [item for item_id, item in sorted(scan.items.items()) if has_changes(rows.get(item_id), item)]
    return _Look(news, scan.left_alone, rows)


def on_the_way(library: Library) -> list[ItemRow]:
    """Return the items that may go on, or are in trouble; not those whose job or question is open since they moved."""
    with library.project.catalog.read() as connection:
        rows = list_items(connection, ON_THE_WAY)
        waiting = waiting_since(connection, [gate for gate in GATE_ABOUT if getattr(library.plan, gate)])
        moved = moved_ats(connection) if waiting else {}
    return [
        row
        for row in rows
        if (row.error is None or Trouble.of(row) is not None)
        and not (row.id in waiting and row.id in moved and waiting[row.id] > moved[row.id])
    ]


def step_of(library: Library, row: ItemRow) -> tuple[Step, ItemManifest | None]:
    """Return what is to be done next with an item, and its manifest.

    Raises:
        StateError, OSError: the manifest cannot be read.
    """
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
    """Return whether an item has something to do, its trouble included: that is tried by `run_pass`, and kept."""
    if Trouble.of(row) is not None:
        return is_worth_a_try(library, row, name_of(row))
    try:
        return not isinstance(step_of(library, row)[0], Rest)
    except Exception as error:
        away = fault_of_the_machine(library, error)
        if away is not None:
            raise away from error
        return True


def _go_on(library: Library, row: ItemRow) -> str:
    step, manifest = step_of(library, row)
    if isinstance(step, Rest) or manifest is None:
        return ""
    return ask(library, row, manifest, step.gate) if isinstance(step, Ask) else send_job(library, row, manifest, step)
