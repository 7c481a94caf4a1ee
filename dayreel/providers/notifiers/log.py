"""Notifications as lines of the log: for a machine where nobody set up anything else."""

import logging
from typing import Any, Final

from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Vendor

_LOG = logging.getLogger("dayreel.notifications")


class LogNotifier:
    """Writes every message to the logger `dayreel.notifications`."""

    name = "log"

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Write the message; it cannot be refused and cannot be lost."""
        link = f" {message.link}" if message.link else ""
        _LOG.info("%s: %s%s", permit.key.content_id, message.text, link)
        return {"logged": message.marker}

    def find(self, marker: str) -> dict[str, Any] | None:  # noqa: ARG002  the contract's
        """Return None: a log is not read back. A repeated line there harms nobody."""
        return None


def connect(access: Access) -> LogNotifier:  # noqa: ARG001  every vendor's file has this function
    """Return the log; it is the same in every world."""
    return LogNotifier()


VENDOR: Final = Vendor(
    name="log",
    label="the log",
    family="notifiers",
    about="The log: for those who look there, or have nothing else.",
    connect=connect,
    can=("lines of the log",),
    order=1000,  # what is left where nobody has set up anything
)
