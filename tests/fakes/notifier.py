"""A notifier that keeps its messages."""

from collections.abc import Iterable
from typing import Any

from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit


class FakeNotifier:
    """Follows `Notifier`; `raises` come first, one per call, after the message was or was not `delivered`."""

    def __init__(self, raises: Iterable[Exception] = (), *, name: str = "log", delivered: bool = False) -> None:
        self.name = name
        self.messages: list[Message] = []
        self._raises = list(raises)
        self._delivered = delivered

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        if self._raises:
            if self._delivered:
                self.messages.append(message)
            raise self._raises.pop(0)
        self.messages.append(message)
        return {"ts": f"{len(self.messages)}"}

    def find(self, marker: str) -> dict[str, Any] | None:
        return next(({"ts": "found"} for message in self.messages if message.marker == marker), None)
