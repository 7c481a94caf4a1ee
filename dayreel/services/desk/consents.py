"""Consents that people at the desk were asked for, or have given and nobody has kept yet.

They hold secrets, so they are in this process's memory alone, belong to one person, are good once, and end with the
time that a consent may take.
"""

import secrets
import threading
from typing import TypeVar

from dayreel.clock import Clock
from dayreel.errors import UsageError
from dayreel.services.setting_up.connect_account import WAIT, Attempt, ConsentedAccount

_MOST = 50
Waiting = TypeVar("Waiting", Attempt, ConsentedAccount)


class OpenConsents:
    """What waits for somebody's browser, or for their last word."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[int, float, Attempt | ConsentedAccount]] = {}

    def put(self, waiting: Attempt | ConsentedAccount, *, user_id: int) -> str:
        """Keep something for somebody and return its key: of an attempt the state that comes back."""
        key = waiting.pending.state if isinstance(waiting, Attempt) else secrets.token_urlsafe(24)
        now = self._clock.monotonic()
        with self._lock:
            known = {name: entry for name, entry in self._waiting.items() if entry[1] > now}
            self._waiting = dict(list(known.items())[1 - _MOST :])
            self._waiting[key] = (user_id, now + WAIT.total_seconds(), waiting)
        return key

    def take(self, key: str, kind: type[Waiting], *, user_id: int) -> Waiting:
        """Return what waits under a key and forget it.

        Raises:
            UsageError: nothing of this person does, any more or at all.
        """
        with self._lock:
            owner, until, waiting = self._waiting.get(key, (None, 0.0, None))
            if isinstance(waiting, kind) and owner == user_id and until > self._clock.monotonic():
                del self._waiting[key]
                return waiting
        raise UsageError(
            "No consent waits here for this answer: it was used, took too long, or somebody else was asked for it.",
            next_step="Nothing was changed; connect the account again at /connect.",
        )
