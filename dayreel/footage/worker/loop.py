"""The life of a worker: claim, work, claim again; wait where there is nothing to do; stop when asked."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError, DayreelError, StoreError, UsageError
from dayreel.footage.schemas.library import LibraryPlan
from dayreel.footage.stores.job_queue import JobClaim, JobQueue
from dayreel.footage.worker.attempt import Ended, WorkerContext, attempt
from dayreel.footage.worker.presence import Presence
from dayreel.footage.worker.roles import ROLES

POLL_S = 2.0
"""Polling works on every kind of share; notifications of changes do not reach other machines on most."""
_REAPS_EVERY_S = 30.0
_FULL_REST_S = 30.0

ReportEnd = Callable[[Ended], None]
TellTrouble = Callable[[DayreelError], None]


def work(
    root: Path,
    roles: Sequence[str],
    name: str,
    *,
    read_plan: Callable[[Path], LibraryPlan],
    ffmpeg: Path,
    clock: Clock,
    stop: threading.Event,
    report: ReportEnd,
    notify_trouble: TellTrouble,
    once: bool = False,
    poll_s: float = POLL_S,
) -> int:
    """Do jobs of these roles until `stop` is set, or one job with `once`; return how many were done.

    Args:
        root: the shared folder as this machine sees it.
        read_plan: reads its plan; asked again for every job, so that a change needs no restart.
        stop: set it to stop: the current job goes back at once.
        report: called after every attempt.
        notify_trouble: called once when the folder or its plan cannot be used; the worker waits for it to come back.

    Raises:
        UsageError: a role that workers do not know, or a name that cannot be one.
        ConfigurationError: at the start, the folder has no plan.
        BusyError: a live worker has that name.
        StoreError: at the start, the shared folder refused.
    """
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise UsageError(f"Workers do {', '.join(ROLES)}, not {', '.join(unknown) or 'nothing'}.")
    read_plan(root)
    queue = JobQueue(root, clock=clock)
    bench = WorkerContext(root=root, name=name, ffmpeg=ffmpeg, clock=clock, stop=stop)
    done = 0
    trouble = ""
    reaped_at = float("-inf")
    with Presence(root, name, roles, clock) as presence:
        while not stop.is_set():
            try:
                if clock.monotonic() - reaped_at >= _REAPS_EVERY_S:
                    queue.reap()
                    reaped_at = clock.monotonic()
                plan = read_plan(root)
                claim = queue.claim(roles, worker=name, now=clock.now())
                if claim is not None:
                    ended = _attempted(claim, plan, bench, presence)
                    report(ended)
                    done += ended.outcome == "done"
                    if ended.is_for_want_of_room and not once:
                        stop.wait(_FULL_REST_S)  # the job is handed on: another machine may have room
                trouble = ""
            except (StoreError, ConfigurationError) as error:
                claim = None
                if str(error) != trouble:
                    notify_trouble(error)
                trouble = str(error)
            if once:
                break
            if claim is None:
                stop.wait(poll_s)
    return done


def _attempted(claim: JobClaim, plan: LibraryPlan, bench: WorkerContext, presence: Presence) -> Ended:
    presence.working_on(claim.spec.job)
    try:
        return attempt(claim, plan, bench)
    finally:
        presence.working_on(None)
