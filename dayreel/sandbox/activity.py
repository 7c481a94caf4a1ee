"""How busy a world is, and when it leaves. Counting is `app`, leaving is `server`."""

import time


class Activity:
    """When the last request was answered, and how many are being answered: what leaving goes by.

    Args:
        stays_s: how long the world stays when nobody calls; None for ever.
    """

    def __init__(self, stays_s: float | None = None) -> None:
        """Start the idle time now."""
        self.stays_s = stays_s
        self.in_flight = 0
        self.last_at = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last request, 0 while one is being answered."""
        return 0.0 if self.in_flight else time.monotonic() - self.last_at

    @property
    def is_over(self) -> bool:
        """Whether nobody has called for long enough."""
        return self.stays_s is not None and self.idle_s > self.stays_s
