"""Putting the outputs of a completed job into place, by its worker, or by anybody if that one has died meanwhile.

It may be done twice, by two at once, or again after a crash at any step: every step is a rename of what is still aside,
or a look that it is in place. The marker comes last, and names the attempt.
"""

import contextlib
from pathlib import Path

from dayreel.errors import StoreError
from dayreel.footage.schemas.job import JobFile, JobResult, JobSpec
from dayreel.footage.stores.job_queue.job_files import line
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.places import Places
from dayreel.footage.stores.job_queue.queue_disk import QueueDisk, cannot
from dayreel.footage.stores.job_queue.sweeping import remove_asides
from dayreel.stores.files import sha256_of


class OutputLostError(StoreError):
    """What a completed job has made is neither aside nor in place; only making it again can help."""


def install(root: Path, spec: JobSpec, result: JobResult, *, disk: QueueDisk | None = None) -> None:
    """Move a completed job's outputs into its `output_dir`, then write its markers, then remove what it left aside.

    A file that is there already is replaced. When a newer job has installed the same role meanwhile, nothing is.

    Args:
        root: the shared folder.
        spec: of the job.
        result: of the attempt that has completed it.

    Raises:
        OutputLostError: an output is neither aside nor in place.
        StoreError: the job has not completed with this attempt, or the shared folder refused. Nothing that was there
            is lost, and it can be done again.
    """
    places = Places(root.absolute(), disk or QueueDisk())
    name = JobName(spec.job, result.fence)
    if result.outcome != "done" or not places.has("completed", name):
        raise StoreError(
            f"Tried to install the outputs of job {spec.job!r} under fence {result.fence}, which has not completed.",
            next_step="Finish it first; only the attempt that completes a job may put its outputs into place.",
        )
    try:
        installed = _installed_by(places, spec)
        if installed is None or (installed != name and installed.stamp <= name.stamp):
            _put_in_place(places, spec, result, name)
        remove_asides(places, spec.output_dir, spec.job)
    except OSError as error:
        raise cannot(f"install the outputs of job {spec.job!r}", error) from error


def is_installed(root: Path, spec: JobSpec, result: JobResult) -> bool:
    """Return whether the marker in place is the one of this attempt, or of a newer job for the same role."""
    name = JobName(spec.job, result.fence)
    installed = _installed_by(Places(root.absolute(), QueueDisk()), spec)
    return installed is not None and (installed == name or installed.stamp > name.stamp)


def _put_in_place(places: Places, spec: JobSpec, result: JobResult, name: JobName) -> None:
    disk = places.disk
    aside, output_dir = places.aside(spec.output_dir, name), f"{places.root}/{spec.output_dir}"
    touched = set()
    for output in result.outputs:
        target = f"{output_dir}/{output.path}"
        folder = target.rpartition("/")[0]
        disk.make_directories(folder)
        _place_one(disk, f"{aside}/{output.path}", target, output, name)
        touched.add(folder)
    for folder in touched:
        disk.settle_directory(folder)
    markers = f"{places.root}/{spec.marker_dir}"
    disk.make_directories(markers)
    disk.write(f"{markers}/{spec.role}.timestamp", line(result.finished_at.isoformat(timespec="seconds")))
    disk.write(f"{markers}/{spec.role}.done", line(str(name)))


def _place_one(disk: QueueDisk, source: str, target: str, output: JobFile, name: JobName) -> None:
    with contextlib.suppress(FileNotFoundError):  # it is in place already, or it is lost: decided below
        if Path(source).stat().st_size == output.size_bytes:
            disk.settle_existing(source)
            disk.replace(source, target)
            return
    placed = Path(target)
    # Only after a crash, or when two do it at once: there is time to read it.
    if placed.is_file() and placed.stat().st_size == output.size_bytes and sha256_of(placed) == output.sha256:
        return
    raise OutputLostError(
        f"Output {output.path!r} of job {name.job!r} is not aside with its {output.size_bytes} bytes, and what is in "
        f"place is not it.",
        next_step=f"Somebody has changed the files; `dayreel jobs retry {name.job}` makes them again.",
    )


def _installed_by(places: Places, spec: JobSpec) -> JobName | None:
    marker = Path(places.root, spec.marker_dir, f"{spec.role}.done")
    with contextlib.suppress(OSError, ValueError):
        return JobName.parse(marker.read_text(encoding="utf-8").strip())
    return None
