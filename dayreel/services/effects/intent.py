"""The words between the ledger and those who act through it: what is wanted, how it is done, what it brought.

Nothing is written down here; that, and the only `Permit`, is `services.effects.ledger`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from dayreel.errors import PermanentError, TransientError
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Layer
from dayreel.schemas.effect import EffectKey, Permit, RecordHandle

Guard = Callable[[Connection], None]
"""A condition that is checked inside the transaction that claims the send; raises when it is closed."""


@dataclass(frozen=True)
class Done:
    """What an act brought: facts worth keeping, and what it really cost."""

    result: dict[str, Any]
    cost_usd: Decimal = Decimal(0)


class VendorFailed(Exception):  # noqa: N818  never leaves the ledger: `error` is raised instead
    """An act's word that the service itself has failed the request it took: nothing was made.

    Only this lets go of a handle. An error while asking how a request stands says nothing about the request.
    """

    def __init__(self, error: TransientError | PermanentError, *, cost_usd: Decimal = Decimal(0)) -> None:
        """Keep what to raise: a `TransientError` where the same request may succeed when it is sent again.

        Args:
            cost_usd: what the service bills all the same; such a request is never repeated by itself.
        """
        super().__init__(str(error))
        self.error = error
        self.cost_usd = cost_usd


SendCall = Callable[[Permit, dict[str, Any], RecordHandle], Done]
"""Makes the calls: `act(permit, handle, record)`, where `handle` is what an earlier try recorded."""


@dataclass(frozen=True)
class Intent:
    """One act that is wanted.

    Attributes:
        channel: None of a message about no content, and of nothing else.
        most_usd: the most it can cost; reserved before it is sent.
        request: what is asked for, as JSON: for the audit trail and for looking it up later.
        guards: further conditions, see `Guard`.
        records_first: the act records a handle before every call that cannot be taken back, so that an empty handle
            proves that nothing happened. Where this is not so, a lost process means an unknown outcome.
    """

    key: EffectKey
    channel: Channel | None
    day: date
    layer: Layer
    most_usd: Decimal = Decimal(0)
    model: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    guards: tuple[Guard, ...] = field(default=())
    records_first: bool = False

    def __post_init__(self) -> None:
        """Refuse what no channel's caps and pauses would hold.

        Raises:
            ValueError: it is more than a message, and belongs to no channel.
        """
        if self.channel is None and (self.key.kind != "notification" or self.most_usd):
            raise ValueError(f"a {self.key.kind} of {self.most_usd} dollars belongs to a channel")
