"""Removing what died or was put to sleep half-way has left: holds on names, clock files, outputs of lost attempts."""

import contextlib
import os
import secrets
from pathlib import Path

from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import ASIDE, Places
from dayreel.footage.stores.job_queue.queue_disk import CLOCK, FolderClock, cannot

NEW = ".new-"
_SWEPT = ".swept-"
OLD_S = 3600.0


def sweep(places: Places, folder_clock: FolderClock) -> None:
    """Remove what nobody can be using any more; what cannot be removed is left for the next time.

    Raises:
        StoreError: the shared folder refused to be listed.
    """
    try:
        litter = [f"{places.of('pending')}/{name}" for name in places.disk.names(places.of("pending"))]
        litter = [path for path in litter if path.rpartition("/")[2].startswith((NEW, _SWEPT))]
        litter += [f"{places.jobs}/{name}" for name in places.disk.names(places.jobs) if name.startswith(CLOCK)]
        attempts = [f"{folder}/{name}" for folder in _asides(places) for name in places.disk.names(folder)]
        if litter or attempts:
            present = folder_clock.now()
            _remove_old(places, litter, present)
            _remove_lost_attempts(places, attempts, present)
    except OSError as error:
        raise cannot("sweep the shared folder", error) from error


def put_away(places: Places, path: str) -> None:
    """Remove a folder of the queue, in one step for whoever may still be looking at it or writing into it.

    Raises:
        OSError: as the system says: ENOENT when somebody else was quicker.
    """
    away = places.of("pending", f"{_SWEPT}{secrets.token_hex(6)}")
    places.disk.replace(path, away)
    places.disk.remove_tree(away)


def remove_asides(places: Places, output_dir: str, job: str) -> None:
    """Remove what every attempt of a job has left aside; for one whose outputs are in place."""
    folder = os.path.dirname(places.aside(output_dir, JobName(job, 1)))  # noqa: PTH120
    for entry in places.disk.names(folder):
        name = JobName.parse(entry)
        if name is not None and name.job == job:
            places.disk.remove_tree(f"{folder}/{entry}")


def _remove_old(places: Places, litter: list[str], present: float) -> None:
    for path in litter:
        with contextlib.suppress(FileNotFoundError):
            if present - places.disk.changed_at(path) <= OLD_S:
                continue
            folder, _, name = path.rpartition("/")
            if name.startswith(NEW) and folder == places.of("pending"):
                put_away(places, path)
            elif name.startswith(CLOCK):
                places.disk.remove(path)
            else:
                places.disk.remove_tree(path)


def _asides(places: Places) -> list[str]:
    return [str(path) for path in Path(places.root).glob(f"*/{ASIDE}") if path.is_dir()]


def _remove_lost_attempts(places: Places, attempts: list[str], present: float) -> None:
    """Remove outputs that will never be installed: no lease stands behind them, and no completed job does.

    In this order: an attempt that completes between the two looks is seen by the second. And only old ones: what a host
    believes about a folder's names may be as old as its NFS client lets it be.
    """
    for path in attempts:
        name = JobName.parse(path.rpartition("/")[2])
        with contextlib.suppress(FileNotFoundError):
            if name is None or present - places.disk.changed_at(path) <= OLD_S:
                continue
            if not places.has("running", name) and not places.has("completed", name):
                places.disk.remove_tree(path)
