"""A clock that stands still until somebody sleeps on it or moves it; built with the moment it shows."""

import threading
from datetime import UTC, datetime, timedelta

NINE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class FakeClock:
    """Follows `dayreel.clock.Clock`. `slept` holds every wait that was asked for, in order."""

    def __init__(self, at: datetime = NINE) -> None:
        self._start = at
        self._passed_s = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._passed_s += max(seconds, 0)

    def move(self, **by: float) -> None:
        """Let time pass that nobody waited for, given as for `timedelta`."""
        with self._lock:
            self._passed_s += timedelta(**by).total_seconds()
