"""What every notifier offers: say something, once. What a chat offers beyond that: a question with buttons under it.

A chat's client follows `ReviewNotifier`, and its record's `chat` says how presses come back (`Callbacks`). Receiving
them is `desk.callbacks`; who may decide is `services.reviewing.chat_review`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from dayreel.rules.signatures import Headers, UntrustedRequest, Verified
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


@dataclass(frozen=True)
class CallbackAnswer:
    """What a chat is answered over HTTP: a status, and a JSON document where it wants one."""

    status: int = 200
    document: Mapping[str, Any] | None = None


class Callbacks(Protocol):
    """How what a chat sends to `/callbacks/NAME` is proven, read and answered.

    Attributes:
        taken: the answer to a press that will be acted on; the message is changed later.
        pong: the answer to a request in which nobody did anything.
    """

    taken: CallbackAnswer
    pong: CallbackAnswer

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> Verified | UntrustedRequest:
        """Return whether it comes from the vendor; nothing of the body is read before."""
        ...

    def read(self, body: bytes) -> Interaction | None:
        """Return what somebody did; None where nobody did anything (a test of the address).

        Raises:
            ValueError: it is nothing that a card or a form of ours sends; the message has nothing of it.
        """
        ...

    def denied(self, why: str) -> CallbackAnswer | None:
        """Return the answer that only the person sees who may not decide; None: 403, and `reply_ephemeral` says why."""
        ...

    def form(self, client: Any, interaction: Interaction, card: Card) -> CallbackAnswer:
        """Open the form for the caption, by this answer or by a call of the vendor's `client`.

        Raises:
            TransientError, PermanentError: it did not open; pressing again may help.
        """
        ...

    def form_problem(self, text: str) -> CallbackAnswer:
        """Return the answer to a sent form whose caption cannot be used."""
        ...


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

    def reply_ephemeral(self, interaction: Interaction, text: str) -> None:
        """Reply to the person who pressed, visible to nobody else. Safe to repeat.

        Raises:
            TransientError, PermanentError: the reply could not be sent.
        """
        ...
