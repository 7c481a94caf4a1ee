"""Removing what the shared folder no longer needs: jobs that ended long ago, and what filed items were made from.

A job's folder goes once it ended `keep_jobs_days` ago by the catalog's own clock, and its item has moved on since: what
a person may still try again, and what was not taken in yet, stays however old it is. The catalog keeps what they were,
and what it does not know is left alone. Sources go only where the plan says so, and only once each is proved
to be in the library (see `proof`), and every file of the library and every source was hashed again from the disk, now,
and is what the manifest says. What went is written into the item's manifest first, beside the evidence.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Connection, update

from dayreel.errors import MediaError
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.proof import MissingLink, compared, kept_as
from dayreel.footage.library.record_item import removed_of
from dayreel.footage.library.troubles import is_worth_a_try, try_item
from dayreel.footage.media.same_footage import VERIFIER
from dayreel.footage.rules.paths import ItemStage
from dayreel.footage.rules.sidecars import is_sidecar
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.stores.reads import ItemRow, JobRow, ended_jobs, list_items, moved_at, name_of
from dayreel.rules.footage_files import is_footage
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.files import sha256_of

MOST = 200
"""So many are removed at one look, so that the first one over years of jobs holds nothing up."""
_ASKED_AT_ONCE = 500
_DOING = "remove anything: its sources stay"


def remove_ended_jobs(library: Library) -> list[str]:
    """Remove what may go; return a sentence where something did. Safe to repeat, and while workers look.

    Raises:
        StoreError: the catalog or the shared folder cannot be used.
    """
    days = library.plan.keep_jobs_days
    if days is None:
        return []
    before = library.project.clock.now() - timedelta(days=days)
    listed = {job.job: job for place in ("completed", "failed") for job in library.queue.jobs(place)}
    # A job ended no earlier than it was made, and its name says when that was: only old names are asked about.
    old = [job for job in listed.values() if job.made_at is not None and job.made_at < before]
    gone = sum(library.queue.remove(job) for job in _that_may_go(library, old, before))
    if not gone:
        return []
    return [f"{gone} jobs that ended before {before:%Y-%m-%d} are removed from the queue; the catalog keeps them"]


def is_over(connection: Connection, job: JobRow) -> bool:
    """Return whether an ended job's item has moved on since it was sent: nobody waits for it any more."""
    moved = moved_at(connection, job.item_id)
    return moved is not None and job.requested_at < moved


def _that_may_go(library: Library, old: list[JobInfo], before: datetime) -> list[JobInfo]:
    by_id = {job.job: job for job in old}
    ids = list(by_id)
    with library.project.catalog.read() as connection:
        over = (
            row
            for start in range(0, len(ids), _ASKED_AT_ONCE)
            for row in ended_jobs(connection, ids[start : start + _ASKED_AT_ONCE], before=before)
            if is_over(connection, row)
        )
        return [by_id[row.id] for row in islice(over, MOST)]


def remove_sources(library: Library, *, everything: bool = False) -> list[str]:
    """Remove the sources of every filed item that still has some; return a sentence for each.

    One item's error (a damaged manifest, a file that cannot be removed) is that item's state, and stops no other. At
    most one comparison that is missing is made at a look: it decodes two films.

    Args:
        everything: try items in trouble too whose time has not come.

    Raises:
        StoreError: the catalog or the shared folder cannot be used.
    """
    stages = library.plan.remove_sources
    if not stages:
        return []
    with library.project.catalog.read() as connection:
        rows = [row for row in list_items(connection, ["in_library"]) if "removed" not in row.metadata]
    look = _Look(library)
    return [
        sentence
        for row in rows
        if everything or is_worth_a_try(library, row, name_of(row))
        for sentence in try_item(library, name_of(row), row, _DOING, partial(_remove, look, row))
    ]


@dataclass
class _Look:
    """One look over all items; `may_compare` until it has made its comparison."""

    library: Library
    may_compare: bool = True


def _remove(look: _Look, row: ItemRow) -> str:
    library, name = look.library, name_of(row)
    manifest = library.items.manifest(name, "file")
    filed = manifest.stages.get("file") if manifest is not None else None
    if manifest is None or filed is None or not filed.files:
        return ""  # filed by a script: where its files are is not known, so nothing proves that they are there
    sources = _sources(library, manifest)
    removed: list[dict[str, Any]] = []
    for stage, file in sources:
        if not is_footage(Path(file.path)):
            removed.append({"stage": stage, **file.model_dump(), "kept_as": "the same subtitles"})
            continue
        while isinstance(kept := kept_as(manifest, stage, file), MissingLink):
            if not look.may_compare:
                return ""
            look.may_compare = False
            manifest = compared(library, manifest, kept)
            library.items.save(name, "file", manifest)
        removed.append({"stage": stage, **file.model_dump(), "kept_as": kept})
    if wrong := _changed(library, manifest, sources):
        raise MediaError(f"{wrong[0].upper()}{wrong[1:]}.")
    if removed:
        manifest = _with_removed(library, manifest, removed)
        library.items.save(name, "file", manifest)  # before anything goes: what was removed is known whatever happens
    gone = [library.root / manifest.stages[stage].folder / file.path for stage, file in sources]
    for path in gone:
        path.unlink()
    metadata = {**row.metadata, "removed": removed_of(manifest)}
    with library.project.catalog.write("library") as connection:
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(metadata=metadata))
    if not gone:
        return ""
    return f"{row.id}: {len(gone)} source files removed, each compared with what the library has of it, read back"


def _is_sidecar_kept(manifest: ItemManifest, file: JobFile) -> bool:
    """Return whether a file is subtitles that are beside the film in the library, byte for byte.

    What was muxed into the film is not proved to be there: styles, places and damaged lines do not come along.
    """
    return is_sidecar(PurePosixPath(file.path)) and file.sha256 in {
        each.sha256 for each in manifest.stages["file"].files
    }


def _sources(library: Library, manifest: ItemManifest) -> list[tuple[ItemStage, JobFile]]:
    """Return the films of an item, and subtitles beside them, that the plan wants removed and that are there.

    What is neither stays, and so does what lies behind a link out of the library, and subtitles that a script has left
    behind, or that were muxed into the film: they are the only copy.
    """
    return [
        (stage, file)
        for stage in library.plan.remove_sources
        if (made := manifest.stages.get(stage)) is not None
        for file in made.files
        if (path := library.root / made.folder / file.path).is_file()
        if path.parent.resolve().is_relative_to(library.root.resolve())
        if is_footage(Path(file.path)) or _is_sidecar_kept(manifest, file)
    ]


def _changed(library: Library, manifest: ItemManifest, sources: list[tuple[ItemStage, JobFile]]) -> str | None:
    """Read the library's files and the sources from the disk; say which is not what its manifest says.

    A file of the library that leads to a source goes with it: tools that look for duplicates put links in their place.
    """
    leads_to = {(library.root / manifest.stages[stage].folder / file.path).resolve() for stage, file in sources}
    for file in manifest.stages["file"].files:
        path = library.root / manifest.stages["file"].folder / file.path
        if path.resolve() in leads_to:
            return f"{file.path!r} in the library is only a link to a source: put a copy in its place"
        if not path.is_file() or sha256_of(path, bypasses_cache=True) != file.sha256:
            return f"{file.path!r} in the library is not what was filed"
    for stage, file in sources:
        if sha256_of(library.root / manifest.stages[stage].folder / file.path) != file.sha256:
            return f"{file.path!r} of {stage} has changed since it was compared: touch its marker"
    return None


def _with_removed(library: Library, manifest: ItemManifest, removed: list[dict[str, Any]]) -> ItemManifest:
    filed = manifest.stages["file"]
    before = {(entry["stage"], entry["path"]): entry for entry in filed.facts.get("removed_sources", ())}
    at = library.project.clock.now().isoformat(timespec="seconds")
    for entry in removed:
        before[entry["stage"], entry["path"]] = {**entry, "verifier": VERIFIER, "removed_at": at}
    facts = {**filed.facts, "removed_sources": list(before.values())}
    return manifest.model_copy(
        update={"stages": {**manifest.stages, "file": filed.model_copy(update={"facts": facts})}}
    )
