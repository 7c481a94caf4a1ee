"""What every generation service offers: submit once, follow by id, fetch the file, cancel.

`submit` is the only call that costs money; it makes exactly one attempt and needs a permit. Everything after it works
from the stored handle, also in another process.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from dayreel.schemas.effect import EffectKey, Permit


@dataclass(frozen=True)
class SegmentRequest:
    """One raw segment to be made.

    Attributes:
        first_frame: a picture with which it begins: an https address, or a path relative to the project root with the
            hash of its bytes, `channels/potter.png#sha256=...`. So the bytes are part of what is bought, and kept once.
        last_frame: likewise, with which it ends.
        reference: likewise, of what is to be seen in it.
        negative_prompt: what is not to be seen in it.
    """

    model: str
    prompt: str
    duration_s: int
    resolution: str
    seed: int | None = None
    aspect_ratio: str = "9:16"
    first_frame: str | None = None
    last_frame: str | None = None
    reference: str | None = None
    negative_prompt: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written down and compared.

        What came to segments later is left out where it is not set: a purchase that was begun before it came keeps its
        key, and is not made twice.
        """
        later = ("first_frame", "last_frame", "reference", "negative_prompt")
        return {name: value for name, value in vars(self).items() if value is not None or name not in later}


@dataclass(frozen=True)
class Job:
    """Where a submitted request stands.

    Attributes:
        retry_helps: whether the same request may well succeed when it is sent again.
        refuses_content: whether it failed for what it asked for, so that other words can help.
        cost_usd: what the service says it bills; None where it does not say: then what was made costs its price, and
            what failed nothing.
    """

    state: Literal["queued", "running", "done", "failed"]
    progress: str = ""
    file_url: str | None = None
    seed: int | None = None
    error: str | None = None
    error_code: str | None = None
    retry_helps: bool = False
    refuses_content: bool = False
    cost_usd: Decimal | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether the same request is sent again without asking a person: that can help, and costs nothing so far."""
        return self.retry_helps and not self.cost_usd


@dataclass(frozen=True)
class Lookup:
    """What a service shows of a submit whose answer was lost.

    Attributes:
        handles: of every request there that can be it; none where the list could not be read to its end.
        proves_absence: whether one that was accepted would be among them for certain, so that none means that none was.
        evidence: what was looked at, for people.
    """

    handles: tuple[dict[str, Any], ...]
    proves_absence: bool
    evidence: str


class VideoGenerator(Protocol):
    """A vendor of generated video."""

    name: str

    def check(self, request: SegmentRequest) -> None:
        """Refuse what the model cannot make, before any money is reserved.

        Raises:
            ConfigurationError: names the field and what is allowed.
        """
        ...

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Submit once and return the handle (JSON: ids and URLs) that every later call works from.

        Raises:
            TransientError: certainly not accepted (never connected, 429, 503).
            PermanentError: refused: bad input, bad key, no credit; as ContentRefusedError for what it asks for.
            UnknownOutcomeError: the answer was lost; the request may be running and billed.
        """
        ...

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the request stands, now. Safe to repeat.

        Raises:
            TransientError: could not be read this time.
            PermanentError: the service does not know the id, or the key is wrong.
        """
        ...

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:
        """Look up a submit whose answer was lost, by what was sent with it and when.

        Raises:
            PermanentError: the service has no way to look a request up, or does not let us; a person has to look.
            TransientError: it could not be looked up now.
        """
        ...

    def fetch(self, url: str, dest: Path) -> None:
        """Download the finished file to `dest`, streamed, whole or not at all.

        Raises:
            TransientError: broke off.
            PermanentError: the file is gone, or its address has ended; `follow` may give another one.
        """
        ...

    def cancel(self, handle: dict[str, Any]) -> bool:
        """Ask the service to stop; True when it will, False when it had already finished."""
        ...
