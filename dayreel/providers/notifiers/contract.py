"""What every notifier offers: say something, once."""

from dataclasses import dataclass
from typing import Any, Protocol

from dayreel.schemas.effect import Permit


@dataclass(frozen=True)
class Message:
    """One notification; `marker` is stored with it, so that a lost answer can be looked up."""

    text: str
    marker: str
    link: str | None = None


class Notifier(Protocol):
    """A channel of communication with people."""

    name: str

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once and return the handle.

        Raises:
            TransientError, PermanentError, UnknownOutcomeError: as everywhere.
        """
        ...

    def find(self, marker: str) -> dict[str, Any] | None:
        """Return the handle of a message with this marker, or None when there is none."""
        ...
