"""A generation service that follows a script, and remembers what was bought, asked, fetched and cancelled."""

import itertools
import shutil
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dayreel.errors import PermanentError
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.schemas.effect import EffectKey, Permit

_NUMBERS = itertools.count(1)  # a service gives no id twice, whoever asks
DONE = Job("done", file_url="file://done", seed=7)
CANCELLED = Job("failed", error="Request was cancelled by the client", error_code="client_cancelled")


class FakeVideoGenerator:
    """Follows `VideoGenerator`.

    Args:
        clip: the file that every download brings.
        submits: what each submit does, in order: an exception is raised, None accepts; after them all are accepted.
        jobs: per segment number, what each `follow` of it says, in order; the last is said again and again.
        downloads: what each fetch does, in order: an exception is raised, bytes are delivered, None is the clip.
        finds: what `find` answers: a handle, None for a proof that there is none, or all of it; exceptions are raised.
        together: so many submits must be under way at once before any of them returns; more than it means a deadlock
            that the barrier's deadline turns into a failure.
    """

    def __init__(
        self,
        clip: Path,
        *,
        name: str = "fal",
        submits: Iterable[Exception | None] = (),
        jobs: Mapping[int, list[Job | BaseException]] | None = None,
        downloads: Iterable[Exception | bytes | None] = (),
        finds: Lookup | dict[str, Any] | Exception | None = None,
        cancels: bool = True,
        together: int = 0,
    ) -> None:
        self.name = name
        self.submitted: list[tuple[int, SegmentRequest]] = []
        self.followed: list[str] = []
        self.fetched: list[str] = []
        self.cancelled: list[str] = []
        self.looked_for: list[EffectKey] = []
        self.after_cancel = CANCELLED
        self._clip = clip
        self._submits = list(submits)
        self._jobs = {number: list(states) for number, states in (jobs or {}).items()}
        self._downloads = list(downloads)
        self._finds = finds
        self._cancels = cancels
        self._barrier = threading.Barrier(together) if together else None
        self._lock = threading.Lock()

    def check(self, request: SegmentRequest) -> None:
        """Take everything."""

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        if self._barrier is not None:
            self._barrier.wait(10)
        with self._lock:
            self.submitted.append((permit.key.sequence, request))
            outcome = self._submits.pop(0) if self._submits else None
            number = next(_NUMBERS)
        if outcome is not None:
            raise outcome
        return {"request_id": f"r{number}-s{permit.key.sequence}", "model": request.model}

    def follow(self, handle: dict[str, Any]) -> Job:
        request_id = str(handle["request_id"])
        with self._lock:
            self.followed.append(request_id)
            if request_id in self.cancelled and self._cancels:
                return self.after_cancel
            script = self._jobs.get(int(request_id.rsplit("s", 1)[-1]), [DONE])
            state = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(state, BaseException):
            raise state
        return state

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:
        self.looked_for.append(key)
        if isinstance(self._finds, Exception):
            raise self._finds
        if isinstance(self._finds, Lookup):
            return self._finds
        handles = () if self._finds is None else (self._finds,)
        return Lookup(handles, proves_absence=True, evidence=f"{self.name} shows {len(handles)}")

    def fetch(self, url: str, dest: Path) -> None:
        with self._lock:
            self.fetched.append(dest.name)
            outcome = self._downloads.pop(0) if self._downloads else None
        if isinstance(outcome, Exception):
            raise outcome
        dest.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(outcome, bytes):
            dest.write_bytes(outcome)
        else:
            shutil.copyfile(self._clip, dest)

    def cancel(self, handle: dict[str, Any]) -> bool:
        self.cancelled.append(str(handle["request_id"]))
        return self._cancels


def cannot_look_up() -> PermanentError:
    """Return what a service says that cannot find a request whose id was lost."""
    return PermanentError(attempted="find the request", answer="fal lists no requests")
