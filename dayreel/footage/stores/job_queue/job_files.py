"""The files in a job's folder: reading them as what a stranger may have written, and writing them.

Which of them says what is docs/reference/worker-protocol.md. The folder that a job lies in is its state; the file
`state` only says it again for people.
"""
# ruff: noqa: PTH112, PTH113, PTH114  # asked often, of paths that are strings

import math
import os
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from dayreel.errors import StoreError
from dayreel.footage.rules.paths import QUEUE_ROOT
from dayreel.footage.schemas.job import JobProgress, JobResult, JobSpec
from dayreel.footage.stores.job_queue.names import JobName
from dayreel.footage.stores.job_queue.queue_disk import GONE, QueueDisk

SPEC = "spec.json"
STATE = "state"
CLAIMED_BY = "claimed_by"
CLAIMED_AT = "claimed_at"
PID = "pid"
FENCE = "fence"
HEARTBEAT = "heartbeat"
PROGRESS = "progress.json"
RESULT = "result.json"
CANCEL = "cancel"
REST = "rest"
_OWN: Final = frozenset({STATE, CLAIMED_BY, CLAIMED_AT, PID, FENCE, HEARTBEAT, PROGRESS, RESULT, CANCEL, REST})

_Kept = TypeVar("_Kept", bound=BaseModel)
MAX_JSON_BYTES: Final = 1024 * 1024
_SHOWN_PROBLEMS: Final = 3
_NAME_BYTES: Final = 200


def earlier_result(fence: int) -> str:
    """Return the file that keeps the result of an attempt after which the job was handed on."""
    return f"result.{fence}.json"


def encode(shape: BaseModel) -> bytes:
    """Return the bytes of a shape as it is kept in a job's folder."""
    return shape.model_dump_json(indent=2).encode() + b"\n"


def line(text: str) -> bytes:
    """Return the bytes of a file that says one thing."""
    return text.encode() + b"\n"


def heartbeat_line(worker: str, now: datetime) -> bytes:
    """Return what a heartbeat says to people; only the time at which the file was written counts."""
    return line(f"{now.isoformat(timespec='milliseconds')} {worker}")


def load_spec(disk: QueueDisk, folder: str, name: JobName) -> JobSpec:
    """Return the spec in a job's folder.

    Raises:
        FileNotFoundError: the folder is not there (any more).
        StoreError: it is there, and the spec is missing, unreadable, or not one for this folder, or something strange
            is in the place of a file that workers write; says what.
    """
    if os.path.islink(folder) or os.path.isfile(folder):
        raise StoreError("it is not a folder", next_step="A job is a folder with a spec.json in it.")
    raw = _read(disk, folder, SPEC)
    if strange := _what_is_no_file(folder):
        raise StoreError(f"{strange} is not a plain file", next_step="Remove it: workers write a file there.")
    if raw is None:
        raise StoreError(f"{SPEC} is missing", next_step="Write the spec before the folder gets its name.")
    spec = parse(JobSpec, SPEC, raw)
    if problem := what_does_not_fit(spec, name):
        raise StoreError(f"{SPEC}: {problem}")
    return spec


def load_result(disk: QueueDisk, folder: str, name: JobName, file: str = RESULT) -> JobResult | None:
    """Return the result in a job's folder, or None when this attempt has left none.

    Raises:
        FileNotFoundError: the folder is not there (any more).
        StoreError: it is not a result; says what is wrong.
    """
    raw = _read(disk, folder, file)
    result = None if raw is None else parse(JobResult, file, raw)
    # One that was written too late, by a worker without the lease, has come along with the folder.
    return result if result is not None and result.fence == name.fence else None


def load_progress(disk: QueueDisk, folder: str, _: JobName) -> JobProgress | None:
    """Return what the worker last said about how far it is, or None when it has said nothing.

    Raises:
        FileNotFoundError: the folder is not there (any more).
        StoreError: it is not progress; says what is wrong.
    """
    raw = _read(disk, folder, PROGRESS)
    return None if raw is None else parse(JobProgress, PROGRESS, raw)


def load_line(disk: QueueDisk, folder: str, file: str) -> str | None:
    """Return the first line of a file that says one thing, or None when it is not there or cannot be read.

    Raises:
        FileNotFoundError: the folder is not there (any more).
    """
    try:
        raw = _read(disk, folder, file)
    except StoreError:
        return None
    lines = (raw or b"")[:_NAME_BYTES].decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else None


def parse(shape: type[_Kept], file: str, raw: bytes) -> _Kept:
    """Return what a file holds.

    Raises:
        StoreError: it is not such a thing; names the fields and never repeats what is in them.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        details = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'the document'}: {problem['msg']}"
            for problem in problems
        ]
        raise StoreError(f"{file}: {'; '.join(details[:_SHOWN_PROBLEMS])}") from None


def _read(disk: QueueDisk, folder: str, file: str) -> bytes | None:
    try:
        return disk.read(f"{folder}/{file}", limit_bytes=MAX_JSON_BYTES).raw
    except OSError as error:
        if error.errno in GONE:
            if os.path.isdir(folder):
                return None
            raise FileNotFoundError(error.errno, error.strerror, folder) from error
        raise StoreError(f"{file} cannot be read: {error.strerror or error}") from error


def what_does_not_fit(spec: JobSpec, name: JobName) -> str | None:
    """Return why a spec cannot be the one of this job, or None when it can."""
    if (spec.job, spec.role, spec.item_id) != (name.job, name.role, name.item_id):
        return f"it is for job {spec.job!r}, role {spec.role!r}, item {spec.item_id!r}, and its folder says otherwise"
    for field, path in (("output_dir", spec.output_dir), ("marker_dir", spec.marker_dir)):
        if path == "." or path.startswith(".") or f"{path}/".startswith(f"{QUEUE_ROOT}/"):
            return f"{field}: {path!r} is not a folder for outputs"
    if not (math.isfinite(spec.lease_s) and math.isfinite(spec.retry_delay_s)):
        return "lease_s, retry_delay_s: a lease and a rest have an end"
    try:
        ZoneInfo(spec.timezone)
    except (KeyError, ValueError, OSError):
        return f"timezone: there is no zone {spec.timezone!r}"
    return None


def _what_is_no_file(folder: str) -> str | None:
    with os.scandir(folder) as entries:
        strange = [entry.name for entry in entries if entry.name in _OWN and not entry.is_file(follow_symlinks=False)]
    return min(strange, default=None)
