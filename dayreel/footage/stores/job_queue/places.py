"""Where jobs lie: the four folders, and finding a job that may be moving from one to the next meanwhile."""
# ruff: noqa: PTH112  # asked often, of paths that are strings

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from dayreel.footage.rules.paths import QUEUE_ROOT
from dayreel.footage.schemas.job import JOB_PLACES, JobPlace
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.queue_disk import FOREIGN, GONE, QueueDisk, cannot

# A job goes through the places in this order, so that looking in the same order cannot miss it; but for one that goes
# back to the first meanwhile. A listing therefore ends where it began, and "there is none" needs two looks.
_LIST: tuple[JobPlace, ...] = (*JOB_PLACES, *JOB_PLACES[:2])
_LOOK: tuple[JobPlace, ...] = (*JOB_PLACES, *JOB_PLACES)
ASIDE = ".aside"


class Places:
    """The folders of the queue below a shared folder.

    Attributes:
        root: the shared folder, absolute.
        jobs: the folder of the four places.
    """

    def __init__(self, root: Path, disk: QueueDisk) -> None:
        """Only keep the paths; nothing is made."""
        self.root = str(root)
        self.jobs = f"{self.root}/{QUEUE_ROOT}"
        self.disk = disk

    def of(self, place: JobPlace, name: JobName | str | None = None) -> str:
        """Return the path of a place, or of a job's folder in it."""
        return f"{self.jobs}/{place}" if name is None else f"{self.jobs}/{place}/{name}"

    def entries(self, place: JobPlace) -> list[str]:
        """Return every name in a place that is not hidden, sorted.

        Raises:
            StoreError: the place cannot be read, or the whole shared folder is not there.
        """
        try:
            names = self.disk.names(self.of(place))
        except OSError as error:
            raise cannot(f"list the {place} jobs", error) from error
        if not names and not self.root_is_there():
            raise cannot(f"list the {place} jobs", FileNotFoundError(errno.ENOENT, "no such folder", self.root))
        return [name for name in names if not name.startswith(".")]

    def where(self, job: str) -> tuple[JobPlace, JobName] | None:
        """Return in which place a job is and under which fence, or None when it is in none."""
        places: list[tuple[int, int]] = []
        for place in _LOOK:
            places += [(name.fence, JOB_PLACES.index(place)) for name in self._of_job(place, job)]
        if not places:
            return None
        fence, index = max(places)
        return JOB_PLACES[index], JobName(job, fence)

    def scan(self) -> list[tuple[JobPlace, str]]:
        """Return every name in every place; a job that moves meanwhile is there once, where it was seen furthest."""
        seen: dict[str, tuple[int, int, str]] = {}
        for place in _LIST:
            index = JOB_PLACES.index(place)
            for entry in self.entries(place):
                name = JobName.parse(entry)
                key, fence = (name.job, name.fence) if name else (f"{place}/{entry}", 0)
                seen[key] = max(seen.get(key, (0, 0, entry)), (fence, index, entry))
        return [(JOB_PLACES[index], entry) for _, index, entry in sorted(seen.values(), key=lambda place: place[1:])]

    def move(self, place: JobPlace, name: JobName, to: JobPlace, new_name: JobName | None = None) -> None:
        """Move a job by one rename, and make that last.

        Raises:
            OSError: as the system says: ENOENT when somebody else was quicker.
        """
        self.disk.replace(self.of(place, name), self.of(to, new_name or name))
        self.disk.settle_directory(self.of(to))
        self.disk.settle_directory(self.of(place))

    def announce(self, at: tuple[JobPlace, JobName], files: Mapping[str, bytes], *, settled: bool = True) -> None:
        """Write what people want to know into a job's folder, if it is still there and nothing strange is in the way.

        Raises:
            OSError: as the system says: no space, above all.
        """
        for file, raw in files.items():
            try:
                self.disk.write(f"{self.of(*at)}/{file}", raw, settled=settled)
            except OSError as error:
                if error.errno not in GONE | FOREIGN:
                    raise

    def root_is_there(self) -> bool:
        """Return whether the shared folder itself can be seen."""
        return os.path.isdir(self.root)

    def has(self, place: JobPlace, name: JobName) -> bool:
        """Return whether a job's folder is in a place."""
        return os.path.isdir(self.of(place, name))

    def is_writable(self) -> bool:
        """Return whether jobs can be moved at all, so that one that cannot is to blame itself."""
        return all(os.access(self.of(place), os.W_OK | os.X_OK) for place in ("pending", "running"))

    def is_there(self) -> bool:
        """Return whether the queue itself can be seen, so that a job that cannot is really elsewhere."""
        return os.path.isdir(self.of("running"))

    def aside(self, output_dir: str, name: JobName) -> str:
        """Return the folder that an attempt writes into: on the file system of where its outputs will be."""
        return f"{self.root}/{output_dir.split('/', 1)[0]}/{ASIDE}/{name}"

    def _of_job(self, place: JobPlace, job: str) -> list[JobName]:
        parsed = (JobName.parse(entry) for entry in self.entries(place) if entry.startswith(f"{job}."))
        return [name for name in parsed if name is not None and name.job == job]
