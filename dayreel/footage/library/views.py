"""What people see of own footage, without HTTP: questions, items by state, work on the folder. Changes nothing.

For the desk's pages and the terminal's screens. The catalog says where things stand; how far a running job is, and who
is there to work, is read from the shared folder. While that is away, what the catalog remembers is shown, and why there
is no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dayreel.errors import ConfigurationError, StoreError, UsageError
from dayreel.footage.library.documents import (
    gate_document,
    gates_document,
    item_document,
    items_document,
    jobs_document,
    remembered_item,
)
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.stores.reads import count_items, get_gate, get_item
from dayreel.footage.worker.presence import WorkerStatus, list_workers
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.project import Project
from dayreel.stores.state.errors import StateError

STATES: Mapping[str, str] = {
    "quarantined": "Quarantined",
    "ripped": "Ripped",
    "remuxed": "Remuxed",
    "transcoded": "Transcoded",
    "in_library": "In the library",
}
"""The groups of the page, in its order: what needs somebody, then the way to the library."""
_FEW, _MOST = 20, 500
_ENDED = 15


@dataclass(frozen=True)
class Layout:
    """Files whose streams are alike, each stream with what becomes of it and why."""

    files: tuple[str, ...]
    streams: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class GateView:
    """One question that waits: its document, and for a remux review the files by their streams.

    Attributes:
        streams: every stream that there is to keep, by its index, as the first file has it.
    """

    gate: Mapping[str, Any]
    layouts: tuple[Layout, ...]
    streams: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class ItemGroup:
    """The items of one state; `total` counts those that are not shown too."""

    state: str
    title: str
    total: int
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class WorkView:
    """What workers do: open jobs (with `fps` and `eta_s`), jobs that ended, and who is there.

    Attributes:
        trouble: why the shared folder cannot be read; empty when it can.
        marker: changes with every question and every step of an item.
    """

    open_jobs: tuple[Mapping[str, Any], ...]
    ended: tuple[Mapping[str, Any], ...]
    workers: tuple[WorkerStatus, ...]
    trouble: str
    marker: str


@dataclass(frozen=True)
class LibraryPage:
    """The page of own footage."""

    questions: tuple[GateView, ...]
    groups: tuple[ItemGroup, ...]
    work: WorkView


@dataclass(frozen=True)
class ItemPage:
    """One item; `trouble` is why its files are not shown, or empty."""

    item: Mapping[str, Any]
    questions: tuple[GateView, ...]
    work: WorkView
    trouble: str


def library_page(project: Project, *, state: str | None = None) -> LibraryPage:
    """Return the whole page, or with a state the items of that alone.

    Raises:
        UsageError: there is no such state.
        StoreError: the catalog cannot be read.
    """
    if state is not None and state not in STATES:
        raise UsageError(f"{state!r} is not a valid state of items.", next_step=f"They are {', '.join(STATES)}.")
    catalog = project.catalog
    with catalog.read() as connection:
        counts = count_items(connection)
    shown = [shown_state for shown_state in STATES if shown_state in counts and state in (None, shown_state)]
    most = _FEW if state is None else _MOST
    groups = (
        ItemGroup(
            shown_state,
            STATES[shown_state],
            counts[shown_state],
            tuple(items_document(catalog, state=shown_state, most=most)),
        )
        for shown_state in shown
    )
    questions = tuple(_question(gate) for gate in gates_document(catalog)) if state is None else ()
    return LibraryPage(questions, tuple(groups), work_of(project))


def item_page(project: Project, item_id: str) -> ItemPage:
    """Return one item's page.

    Raises:
        UsageError: there is no such item.
        StoreError: the catalog cannot be read.
    """
    remembered, trouble = remembered_item(project.catalog, item_id), ""
    try:
        remembered = item_document(_library(project), item_id)
    except (ConfigurationError, StateError, StoreError, OSError) as error:
        remembered, trouble = {**remembered, "origin": [], "priority": None, "stages": {}}, str(error)
    waiting = tuple(_question(gate) for gate in remembered["gates"] if gate["status"] == "pending")
    work = work_of(project, item_id=item_id)
    return ItemPage(remembered, waiting, work, "" if work.trouble else trouble)


def question_of(project: Project, gate_id: int) -> GateView:
    """Return one question, answered or not.

    Raises:
        UsageError: there is none of that number.
        StoreError: the catalog cannot be read.
    """
    with project.catalog.read() as connection:
        gate = get_gate(connection, gate_id)
        return _question(gate_document(gate, title=get_item(connection, gate.item_id).title))


def work_of(project: Project, *, item_id: str | None = None) -> WorkView:
    """Return what is done and by whom: for everything, or for one item.

    Raises:
        UsageError: there is no such item.
        StoreError: the catalog cannot be read.
    """
    catalog = project.catalog
    if item_id is None:
        with catalog.read() as connection:
            stands: Any = count_items(connection)
        jobs, asked = jobs_document(catalog), [gate["id"] for gate in gates_document(catalog)]
    else:
        item = remembered_item(catalog, item_id)
        jobs, stands, asked = item["jobs"], [item["state"], item["error"]], [gate["id"] for gate in item["gates"]]
    progress, workers, trouble = _on_the_folder(project)
    return WorkView(
        open_jobs=tuple({**job, **progress.get(job["job"], {})} for job in jobs if job["state"] in UNDER_WAY),
        ended=tuple(job for job in jobs if job["state"] not in UNDER_WAY)[:_ENDED],
        workers=workers,
        trouble=trouble,
        marker=fingerprint(stands=stands, asked=asked)[:12],
    )


def _on_the_folder(project: Project) -> tuple[dict[str, dict[str, Any]], tuple[WorkerStatus, ...], str]:
    """Return how far each running job is, who works, and why that is not known."""
    try:
        library = _library(project)
        running = {job.job: job.progress for job in library.queue.jobs("running")}
        workers = tuple(list_workers(library.root))
    except (ConfigurationError, StoreError) as error:
        return {}, (), str(error)
    details = {
        job: {"progress": progress.percent, "detail": progress.detail, "fps": progress.fps, "eta_s": progress.eta_s}
        for job, progress in running.items()
        if progress is not None
    }
    return details, workers, ""


def _library(project: Project) -> Library:
    """Open the library.

    Raises:
        ConfigurationError, StoreError: the shared folder cannot be used.
    """
    try:
        return open_library(project)
    except OSError as error:  # a share that hangs on its last breath
        raise StoreError(f"The shared folder cannot be read: {error.strerror or error}.") from error


def _question(gate: Mapping[str, Any]) -> GateView:
    layouts: dict[str, Layout] = {}
    streams: dict[int, Mapping[str, Any]] = {}
    for file in gate["prompt"].get("files", []):
        alike = fingerprint(streams=file["streams"])
        known = layouts[alike].files if alike in layouts else ()
        layouts[alike] = Layout((*known, file["path"]), tuple(file["streams"]))
        for stream in file["streams"]:
            streams.setdefault(stream["index"], stream)
    return GateView(gate, tuple(layouts.values()), tuple(streams[index] for index in sorted(streams)))
