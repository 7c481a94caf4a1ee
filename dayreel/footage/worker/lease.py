"""Keeping a claimed job while it is worked on, and learning that it is to stop: lease lost, cancelled, worker stopping,
deadline passed.

A thread beats; the work asks `pulse` again and again, which raises once there is a reason to stop. Nothing is decided
here about what becomes of the job.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from dayreel.clock import Clock
from dayreel.errors import BusyError, DayreelError, LeaseLostError, StoreError, UnfinishedError
from dayreel.footage.schemas.job import JobProgress
from dayreel.footage.stores.job_queue import JobClaim

_BEATS_PER_LEASE = 4
_LOOKS_EVERY_S = 0.5
_TELLS_EVERY_S = 1.0
_TOLD_FROM = 0.01
"""Share of the work from which on the time left can be estimated."""


class JobCancelledError(BusyError):
    """Somebody has cancelled the job while it was being worked on."""


class WorkerStoppingError(BusyError):
    """This worker was asked to stop; the job goes back for another."""


class Lease:
    """Holds a claim for as long as the block runs."""

    def __init__(self, claim: JobClaim, clock: Clock, stop: threading.Event, deadline_s: float) -> None:
        """Keep what is held; the first heartbeat was the claim itself."""
        self._deadline_s = deadline_s
        self._began_at = clock.monotonic()  # here, not in the thread, which a busy machine starts late
        self._ends_at = self._began_at + deadline_s
        self._claim = claim
        self._clock = clock
        self._stop = stop
        self._over = threading.Event()
        self._ended: DayreelError | None = None
        self._thread = threading.Thread(target=self._hold, name=f"lease {claim.spec.job}", daemon=True)

    def __enter__(self) -> Self:
        """Start to beat."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop beating; the claim is then finished or given back."""
        self._over.set()
        self._thread.join()

    def pulse(self) -> None:
        """Return while the work is to go on.

        Raises:
            LeaseLostError: somebody else has the job.
            JobCancelledError: somebody does not want it any more.
            WorkerStoppingError: this worker is to stop.
            UnfinishedError: the attempt has had its time.
        """
        if self._ended is not None:
            raise self._ended
        if self._stop.is_set():
            raise WorkerStoppingError(f"Worker {self._claim.worker!r} was asked to stop.")
        if self._clock.monotonic() >= self._ends_at:
            raise UnfinishedError(
                f"Job {self._claim.spec.job!r} was not done after {self._deadline_s:g} s and was ended.",
                next_step="If it needs longer, raise `deadline_s` of its role in library.yaml.",
            )

    def _hold(self) -> None:
        every_s = self._claim.spec.lease_s / _BEATS_PER_LEASE
        beaten_at, due_s = self._began_at, every_s
        while not self._over.wait(min(_LOOKS_EVERY_S, every_s)):
            if self._claim.is_cancelled():
                self._ended = JobCancelledError(f"Job {self._claim.spec.job!r} was cancelled.")
                return
            since_s = self._clock.monotonic() - beaten_at
            if since_s < due_s:
                continue
            try:
                self._claim.heartbeat()
                beaten_at, due_s = self._clock.monotonic(), every_s
            except LeaseLostError as error:
                self._ended = error
                return
            except StoreError as error:  # the folder is away for a moment; the lease may still hold
                due_s = since_s + _LOOKS_EVERY_S
                if since_s > self._claim.spec.lease_s:
                    self._ended = LeaseLostError(
                        f"Job {self._claim.spec.job!r}: no heartbeat came through for {since_s:.0f} s. {error}"
                    )
                    return


class ProgressReporter:
    """Reports to the shared folder how far a job is, at most once a second."""

    def __init__(self, claim: JobClaim, clock: Clock) -> None:
        """Start counting now."""
        self._claim = claim
        self._clock = clock
        self._started = clock.monotonic()
        self._reported_at = float("-inf")

    def part(self, detail: str, *, start: float, span: float, frames: float = 0.0) -> Callable[[float], None]:
        """Return the callback to which one part of the job reports its share, 0.0 to 1.0.

        Args:
            detail: what is being done, for people.
            start: share of the job that lies before it; span: its own share of the job.
            frames: how many it has, for frames per second.
        """
        began = self._clock.monotonic()

        def report(share: float) -> None:
            now = self._clock.monotonic()
            if now - self._reported_at < _TELLS_EVERY_S:
                return
            self._reported_at = now
            whole = start + span * share
            fps = share * frames / (now - began) if frames and now > began else None
            eta_s = (now - self._started) * (1 - whole) / whole if whole >= _TOLD_FROM else None
            self._report(detail, whole, fps, eta_s)

        return report

    def _report(self, detail: str, whole: float, fps: float | None, eta_s: float | None) -> None:
        progress = JobProgress(
            percent=min(99, int(whole * 100)),
            fps=None if fps is None else round(fps, 1),
            eta_s=None if eta_s is None else round(eta_s),
            detail=detail,
        )
        try:
            self._claim.progress(progress)
        except StoreError:
            return  # a help for people; the heartbeat finds out whether the folder is away
