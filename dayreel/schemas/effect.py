"""Shapes around acts on the outside world: what is asked for, the permit to do it, how it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

EffectKind = Literal[
    "llm", "narration", "segment", "post", "thumbnail", "playlist", "subtitles", "notification", "delete"
]
EffectState = Literal["intended", "sent", "confirmed", "refused", "unknown"]

OUT: Final[tuple[EffectState, ...]] = ("sent", "confirmed", "unknown")
"""States of an effect in which it is out, or may be."""

FOLLOW_UPS: Final[tuple[EffectKind, ...]] = ("thumbnail", "playlist", "subtitles")
"""Acts on a post that is out. The post stands, whatever becomes of them."""
MOST_FOLLOW_UP_SENDS: Final = 21
"""So often one of them is sent before a person is asked: thrice by the run that posted, and in each of six turns of a
chore.
"""

RecordHandle = Callable[[dict[str, Any]], Mapping[str, Any] | None]
"""Commits what the vendor gave us to continue from, before the next call. What it returns is the handle as it stands
now, to which the vendor's own callbacks may have added; None where nothing can have been added.
"""

DELIVERIES: Final = "deliveries"
"""In a handle: by which keys a vendor may call back, and until when (`rules.deliveries`)."""
REPORTS: Final = "reports"
"""In a handle: what a vendor has said in its callbacks, by delivery."""

NO_CONTENT: Final = "(none)"
"""Stands for the content of a message that is about none. No content can have this id; the catalog stores NULL, and
a message that was sent keeps its whole marker, so this text may change.
"""


@dataclass(frozen=True)
class EffectKey:
    """What makes an effect unique. The same key can never be sent twice.

    Attributes:
        content_id: the content it belongs to, or `NO_CONTENT`: a message about none belongs to its world alone.
        kind: what sort of act.
        target: who receives it: a provider's or platform's name.
        sequence: the segment's number, the attempt's number, or 1.
        fingerprint: hash of the request, so that another request is another effect.
    """

    content_id: str
    kind: EffectKind
    target: str
    sequence: int
    fingerprint: str


@dataclass(frozen=True)
class Permit:
    """The right to send one effect once.

    Only `dayreel.services.effects.ledger` makes one, in the transaction that claims the send and reserves the money;
    every paid or publishing call of a provider asks for it.
    """

    effect_id: int
    key: EffectKey
    reserved_usd: Decimal


@dataclass(frozen=True)
class Effect:
    """One row of the effect ledger."""

    id: int
    key: EffectKey
    channel: str | None
    layer: str
    state: EffectState
    request: dict[str, Any]
    handle: dict[str, Any]
    result: dict[str, Any]
    sent_at: datetime | None
    reserved_usd: Decimal
    settled_usd: Decimal | None
    error: str | None
