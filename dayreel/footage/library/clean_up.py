"""Removing what the shared folder no longer needs: jobs that ended long ago, and what filed items were made from.

A job's folder goes once it ended `keep_jobs_days` ago by the catalog's own clock, and its item has moved on since: what
a person may still try again, and what was not taken in yet, stays however old it is. The catalog keeps what they were,
and what it does not know is left alone. Sources go only where the plan says so, and only once every file of the library
was hashed again from the disk, now, and is what the manifest says.
"""

from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath

from sqlalchemy import Connection, update

from dayreel.footage.library.gates import name_of
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.sidecars import is_sidecar
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import ItemManifest, StageMade
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.stores.reads import ItemRow, JobRow, ended_jobs, list_items, moved_at
from dayreel.stores.catalog.tables import media_items
from dayreel.stores.files import sha256_of
from dayreel.stores.state.errors import StateError

MOST = 200
"""So many are removed at one look, so that the first one over years of jobs holds nothing up."""
_ASKED_AT_ONCE = 500


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


def remove_sources(library: Library) -> list[str]:
    """Remove the sources of every filed item that still has some; return a sentence for each.

    One item's error (a damaged manifest, a file that cannot be removed) is reported and does not stop the next.

    Raises:
        StoreError: the catalog cannot be used.
    """
    stages = library.plan.remove_sources
    if not stages:
        return []
    with library.project.catalog.read() as connection:
        rows = [row for row in list_items(connection, ["in_library"]) if "removed" not in row.metadata]
    return [sentence for row in rows for sentence in _in_words(library, row)]


def _in_words(library: Library, row: ItemRow) -> list[str]:
    try:
        return _remove(library, row)
    except (StateError, OSError) as error:
        return [f"{row.id}: its sources stay: {error}"]


def _remove(library: Library, row: ItemRow) -> list[str]:
    manifest = library.items.manifest(name_of(row), "file")
    filed = manifest.stages.get("file") if manifest is not None else None
    if manifest is None or filed is None or not filed.files:
        return []  # filed by a script: where its files are is not known, so nothing proves that they are there
    for file in filed.files:
        path = library.root / filed.folder / file.path
        if not path.is_file() or sha256_of(path, bypasses_cache=True) != file.sha256:
            return [f"{row.id}: its sources stay: {file.path!r} in the library is not what was filed"]
    gone = _unlink(library, manifest)
    metadata = {**row.metadata, "removed": gone}
    with library.project.catalog.write("library") as connection:
        connection.execute(update(media_items).where(media_items.c.id == row.id).values(metadata=metadata))
    return [f"{row.id}: {len(gone)} source files removed, after the library's were read back"]


def _travelled(manifest: ItemManifest, made: StageMade | None, file: JobFile) -> bool:
    """Return whether subtitles beside a film came along to the library: as the same bytes, or muxed into the film."""
    filed = {each.sha256 for each in manifest.stages["file"].files}
    seen = manifest.stages["remux"].facts.get("files", []) if "remux" in manifest.stages else []
    muxed = {path for each in seen for path in each.get("muxed", ())}
    return file.sha256 in filed or f"{made.folder if made else ''}/{file.path}" in muxed


def _unlink(library: Library, manifest: ItemManifest) -> list[str]:
    gone = []
    for stage in library.plan.remove_sources:
        made = manifest.stages.get(stage)
        for file in made.files if made else ():
            if is_sidecar(PurePosixPath(file.path)) and not _travelled(manifest, made, file):
                continue  # a script has left these subtitles behind: this is the only copy
            path = library.root / made.folder / file.path if made else None
            if path is not None and path.is_file():
                path.unlink()
                gone.append(path.relative_to(library.root).as_posix())
    return gone
