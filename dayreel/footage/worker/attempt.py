"""One attempt at a job, from claim to its end: check the inputs, do the role, compare, finish, put into place.

Whatever happens, the job is finished, given back with a sentence, or, once its lease is lost, dropped, and the worker
takes the next. What is wrong with the input fails it for good; what another try can fix puts it back into the
queue. A fault of dayreel's own is such a try, with its trace kept beside the job; a full disk is not counted as one.
"""

import socket
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from dayreel.atomic_write import NO_ROOM
from dayreel.clock import Clock
from dayreel.errors import (
    ConfigurationError,
    DiskFullError,
    LeaseLostError,
    MediaError,
    StoreError,
    UnfinishedError,
    UsageError,
)
from dayreel.footage.schemas.job import JobFile, JobResult
from dayreel.footage.schemas.library import LibraryPlan, RolePlan
from dayreel.footage.stores.job_queue import JobClaim, install
from dayreel.footage.worker.lease import JobCancelledError, Lease, ProgressReporter, WorkerStoppingError
from dayreel.footage.worker.roles import ROLES, JobTask, MadeFile
from dayreel.footage.worker.script import run_script
from dayreel.stores.files import sha256_of

AttemptOutcome = Literal["done", "failed", "returned", "cancelled"]
_ENDING_TRIES = 5
_ENDING_REST_S = 2.0
_TRACE_CHARACTERS = 6000


@dataclass(frozen=True)
class WorkerContext:
    """What a worker works with.

    Attributes:
        root: the shared folder as this machine sees it.
        stop: set when the worker is to stop.
    """

    root: Path
    name: str
    ffmpeg: Path
    clock: Clock
    stop: threading.Event


@dataclass(frozen=True)
class Ended:
    """How an attempt ended; `outcome` "lost" when somebody else has the job.

    Attributes:
        is_for_want_of_room: this machine's disk is full: no job can be done here before that changes.
        trace: where dayreel itself failed, or empty.
    """

    job: str
    role: str
    outcome: AttemptOutcome | Literal["lost"]
    detail: str
    seconds: float
    is_for_want_of_room: bool = False
    trace: str = ""


def attempt(claim: JobClaim, plan: LibraryPlan, bench: WorkerContext) -> Ended:
    """Do a claimed job, whose role is one of `ROLES`, to its end.

    Raises:
        StoreError: the shared folder refused to take the end of it, again and again; the job is handed on when its
            lease runs out.
    """
    started = bench.clock.monotonic()
    role: RolePlan = getattr(plan, claim.spec.role)
    try:
        with Lease(claim, bench.clock, bench.stop, role.deadline_s) as lease:
            result, has_room = _tried(claim, role, bench, lease)
            _end(claim, result, bench, is_fault=has_room and not bench.stop.is_set())
    except LeaseLostError as error:
        claim.discard()
        return Ended(claim.spec.job, claim.spec.role, "lost", str(error), bench.clock.monotonic() - started)
    summary = result.error or ", ".join(file.path for file in result.outputs)
    return Ended(
        claim.spec.job,
        claim.spec.role,
        result.outcome,
        summary,
        bench.clock.monotonic() - started,
        is_for_want_of_room=not has_room,
        trace=str(result.facts.get("trace", "")),
    )


def _tried(claim: JobClaim, role: RolePlan, bench: WorkerContext, lease: Lease) -> tuple[JobResult, bool]:
    """Do the work and return the result to report, and False where the disk was full.

    Raises:
        LeaseLostError: there is nothing to report.
    """
    at = bench.clock.now()
    try:
        outputs, facts = _made(claim, role, bench, lease)
    except LeaseLostError:
        raise
    except JobCancelledError as error:
        return _result(claim, bench, at, "cancelled", error=str(error)), True
    except (WorkerStoppingError, UnfinishedError, StoreError, ConfigurationError, OSError) as error:
        return _result(claim, bench, at, "returned", error=str(error)), not _is_full(error)
    except (MediaError, UsageError, ValidationError) as error:
        return _result(claim, bench, at, "failed", error=str(error)), True
    except Exception as error:  # noqa: BLE001  a fault of ours: this job's, not the worker's; its trace is kept
        trace = "".join(traceback.format_exception(error))[-_TRACE_CHARACTERS:]
        words = f"The worker itself failed: {error!r}. The trace is in the job's result and in this worker's log."
        return _result(claim, bench, at, "returned", facts={"trace": trace}, error=words), True
    except BaseException as error:  # the second Ctrl-C: the job must not wait for its lease
        _end(claim, _result(claim, bench, at, "returned", error=f"The worker was ended: {error!r}"), bench)
        raise
    return _result(claim, bench, at, "done", outputs=outputs, facts=facts), True


def _is_full(error: Exception) -> bool:
    if isinstance(error, UnfinishedError):
        return error.is_for_want_of_room
    return isinstance(error, DiskFullError) or any(
        isinstance(cause, OSError) and cause.errno in NO_ROOM for cause in (error, error.__cause__)
    )


def _made(
    claim: JobClaim, role: RolePlan, bench: WorkerContext, lease: Lease
) -> tuple[tuple[JobFile, ...], dict[str, Any]]:
    """Check the inputs, do the role and describe the outputs."""
    spec = claim.spec
    reporter = ProgressReporter(claim, bench.clock)
    reporter.part("check the inputs", start=0.0, span=0.0)(0.0)  # an earlier attempt's progress is over
    task = JobTask(
        spec=spec,
        root=bench.root,
        aside=claim.aside,
        inputs=tuple(_checked(file, bench.root, lease.pulse) for file in spec.inputs),
        ffmpeg=bench.ffmpeg,
        deadline_s=role.deadline_s,
        pulse=lease.pulse,
        reporter=reporter,
    )
    if not task.inputs:
        raise UsageError(f"Job {spec.job!r} has no inputs.")
    made = ROLES[spec.role](task) if role.script is None else run_script(role.script, task)
    outputs = tuple(_described(output, claim.aside, lease.pulse) for output in made)
    facts = {
        "host": socket.gethostname(),
        "script": list(role.script) if role.script else None,
        "input_bytes": sum(file.size_bytes for file in spec.inputs),
        "output_bytes": sum(file.size_bytes for file in outputs),
        "files": [
            {**output.facts, **({"sha256": file.sha256, "size_bytes": file.size_bytes} if output.source else {})}
            for output, file in zip(made, outputs, strict=True)
        ],
    }
    return outputs, facts


def _checked(file: JobFile, root: Path, pulse: Callable[[], None]) -> Path:
    """Return an input as a file of this machine; it is read whole, so that no work is done on other bytes.

    Raises:
        MediaError: it is not there, or not what the job says.
    """
    path = root / file.path
    if not path.is_file():
        raise MediaError(f"The input {file.path!r} is not on the shared folder.", next_step="Submit the job again.")
    size = path.stat().st_size
    if size != file.size_bytes:
        raise MediaError(
            f"The input {file.path!r} has {size} bytes, and the job was made for one of {file.size_bytes}.",
            next_step="It has changed since: scan the library and submit the job again.",
        )
    sha256 = sha256_of(path, pulse=pulse)
    if sha256 != file.sha256:
        raise MediaError(
            f"The input {file.path!r} has SHA-256 {sha256}, and the job was made for {file.sha256}.",
            next_step="It has changed since: scan the library and submit the job again.",
        )
    return path


def _described(made: MadeFile, aside: Path, pulse: Callable[[], None]) -> JobFile:
    path = aside / made.path
    return JobFile(path=made.path, size_bytes=path.stat().st_size, sha256=sha256_of(path, pulse=pulse))


def _result(
    claim: JobClaim,
    bench: WorkerContext,
    at: datetime,
    outcome: AttemptOutcome,
    *,
    outputs: tuple[JobFile, ...] = (),
    facts: dict[str, Any] | None = None,
    error: str | None = None,
) -> JobResult:
    return JobResult(
        outcome=outcome,
        outputs=outputs,
        facts=facts or {},
        error=error,
        worker=bench.name,
        fence=claim.fence,
        started_at=at,
        finished_at=bench.clock.now(),
    )


def _end(claim: JobClaim, result: JobResult, bench: WorkerContext, *, is_fault: bool = True) -> None:
    """Report to the queue, and put the outputs of a job that is done into place; the folder may be away for a moment.

    Raises:
        LeaseLostError: somebody else has the job.
        StoreError: the shared folder refused every time.
    """
    if result.outcome == "returned":
        _again(lambda: claim.give_back(result, is_fault=is_fault), bench)
        return
    _again(lambda: claim.finish(result), bench)
    if result.outcome == "done":
        _again(lambda: install(bench.root, claim.spec, result), bench)


def _again(act: Callable[[], object], bench: WorkerContext) -> None:
    for tries_left in reversed(range(_ENDING_TRIES)):
        try:
            act()
        except StoreError:
            if not tries_left:
                raise
            bench.clock.sleep(_ENDING_REST_S)
        else:
            return
