"""What every notifier offers: say something, once. What a chat offers beyond that: a question with buttons under it.

How a vendor writes and signs what it sends back is in its own files; who may decide is
`services.reviewing.chat_review`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from dayreel.schemas.effect import Permit

PREVIEW = "/preview"
"""A message's marker and this is the marker of the preview that hangs on it."""

Button = Literal["approve", "reject", "edit"]
BUTTONS: Mapping[Button, str] = {"approve": "Approve", "reject": "Reject", "edit": "Edit caption"}
LONGEST_CAPTION = 2200
"""In characters, for the form; each platform's own limit is checked where its caption is made."""


@dataclass(frozen=True)
class Message:
    """One notification; `marker` is stored with it, so that a lost answer can be looked up."""

    text: str
    marker: str
    link: str | None = None


@dataclass(frozen=True)
class Card:
    """A question about one revision of a video, or about own footage, as people see it.

    Attributes:
        about: what `caption` is, and `warning` what a rejection means.
        marker: as of a message.
        ticket: what its buttons bring back: which content, and what was shown of it. At most 90 characters.
        facts: short lines: how long, until when.
        words: per platform, what it gets besides the caption: title, hashtags, marker, settings.
        outcome: what became of the question; with it the buttons are gone. None while it is open.
    """

    marker: str
    ticket: str
    title: str
    idea: str
    caption: str
    facts: tuple[str, ...]
    link: str
    outcome: str | None = None
    buttons: tuple[Button, ...] = ("approve", "reject", "edit")
    about: str = "Caption"
    warning: str = "This video will not be published."
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Interaction:
    """Somebody pressed a button of a card, or sent the form with a new caption.

    Attributes:
        act: the button; `caption` is the sent form.
        place: the vendor's id of the room where it happened.
        way_back: what this vendor wants in answers to this press; holds tokens, so it is never shown.
    """

    act: Button | Literal["caption"]
    ticket: str
    person_id: str
    person_name: str
    place: str
    caption: str = ""
    way_back: Mapping[str, str] = field(default_factory=dict, repr=False)


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


@runtime_checkable
class ReviewNotifier(Notifier, Protocol):
    """A chat, in which people decide with a press. Its messages can be changed afterwards."""

    preview_limit_bytes: int
    preview_rides_along: bool
    """Whether `ask` takes the preview with it; where not, `attach` adds it afterwards."""

    def ask(self, permit: Permit, card: Card, *, preview: Path | None) -> dict[str, Any]:
        """Post a card once and return its handle; raises as `send`."""
        ...

    def attach(self, permit: Permit, handle: Mapping[str, Any], preview: Path, *, marker: str) -> dict[str, Any]:
        """Add the preview to a card once; raises as `send`."""
        ...

    def redraw(self, permit: Permit, handle: Mapping[str, Any], card: Card) -> None:
        """Make a posted card look like this one. Safe to repeat, so a lost answer is a `TransientError`."""
        ...

    def reply_ephemeral(self, press: Interaction, text: str) -> None:
        """Tell the one person who pressed, and nobody else. Safe to repeat.

        Raises:
            TransientError, PermanentError: it could not be told.
        """
        ...
