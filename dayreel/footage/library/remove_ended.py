"""Removing the folders of jobs that ended long ago from the shared folder. The catalog keeps what they were.

A job goes once it ended `keep_jobs_days` ago by the catalog's own clock, and its item has moved on since: what a person
may still try again, and what was not taken in yet, stays however old it is. What the catalog does not know is left
alone.
"""

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from dayreel.footage.library.open_library import Library
from dayreel.footage.stores.job_queue import JobInfo
from dayreel.footage.stores.reads import JobRow, ended_jobs, moved_at

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
    before = library.studio.clock.now() - timedelta(days=days)
    listed = {one.job: one for place in ("completed", "failed") for one in library.queue.jobs(place)}
    # A job ended no earlier than it was made, and its name says when that was: only old names are asked about.
    old = [one for one in listed.values() if one.made_at is not None and one.made_at < before]
    gone = sum(library.queue.remove(one) for one in _that_may_go(library, old, before))
    if not gone:
        return []
    return [f"{gone} jobs that ended before {before:%Y-%m-%d} are removed from the queue; the catalog keeps them"]


def is_over(connection: Connection, job: JobRow) -> bool:
    """Tell whether an ended job's item has moved on since it was sent: nobody waits for it any more."""
    moved = moved_at(connection, job.item_id)
    return moved is not None and job.requested_at < moved


def _that_may_go(library: Library, old: list[JobInfo], before: datetime) -> list[JobInfo]:
    by_id = {one.job: one for one in old}
    ids = list(by_id)
    with library.studio.catalog.read() as connection:
        found = (
            row
            for start in range(0, len(ids), _ASKED_AT_ONCE)
            for row in ended_jobs(connection, ids[start : start + _ASKED_AT_ONCE], before=before)
            if is_over(connection, row)
        )
        return [by_id[row.id] for row in islice(found, MOST)]
