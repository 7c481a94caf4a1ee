"""Caps: what may still be spent, asked inside the transaction that reserves it. What was spent is `queries.money`."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from dayreel.errors import GateClosedError
from dayreel.queries.config import read_configs
from dayreel.queries.money import spent
from dayreel.queries.rows import pause_of
from dayreel.rules.kill_switch import STOPPED
from dayreel.rules.pauses import why_paused
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import effects

_CAPS: Final = ("cap.content_usd", "cap.channel_day_usd", "cap.day_usd", "cap.month_usd")


@dataclass(frozen=True)
class Claim:
    """Money that is about to be reserved.

    Attributes:
        spent_on: the calendar day it counts on; the month is that day's.
    """

    content_id: str
    channel: Channel
    day: date
    spent_on: date
    world: str
    amount_usd: Decimal
    what: str


def refuse_paused(connection: Connection, channel: Channel, now: datetime, *, what: str) -> None:
    """Let something pass unless a person has paused its channel.

    Raises:
        GateClosedError: says who paused it and why.
    """
    reason = why_paused(channel, pause_of(connection, channel.name), now)
    if reason is not None:
        raise GateClosedError(
            f"It was not tried to {what}: {reason}.", next_step=f"`dayreel channels resume {channel.name}` allows it."
        )


def check_caps(connection: Connection, claim: Claim) -> None:
    """Let `claim` pass, or say which cap or switch holds it.

    Must run inside `Catalog.write("money")`: no other reservation can then slip in between the sum and the claim.

    Raises:
        GateClosedError: names the cap, what is used of it, and what was asked for.
    """
    setting = read_configs(connection, "switch", *_CAPS)
    if setting("switch").value == "off":
        raise GateClosedError(
            f"It was not tried to {claim.what}: {STOPPED}.", next_step="Who stopped it and why: `dayreel config list`."
        )
    # Posts cost nothing, and so does continuing what is paid: no cap holds them, but the switch above does.
    if claim.amount_usd == 0:
        return
    month = claim.spent_on.replace(day=1)
    next_month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    # Sandbox money is play money: it must not use up what may really be spent.
    budget, ours = claim.channel.budget, effects.c.world == claim.world
    for name, cap, where in (
        ("cap.content_usd", budget.per_content_usd, (effects.c.content_id == claim.content_id,)),
        # By the day that is made, so that each day of a backfill has its own cap; the caps below go by the day on
        # which the money leaves, so that no backfill outruns them.
        (
            "cap.channel_day_usd",
            budget.per_day_usd,
            (effects.c.channel == claim.channel.name, effects.c.day == claim.day),
        ),
        ("cap.day_usd", None, (effects.c.spent_on == claim.spent_on,)),
        ("cap.month_usd", None, (effects.c.spent_on >= month, effects.c.spent_on < next_month)),
    ):
        limit = Decimal(setting(name).value) if cap is None else cap
        used = spent(connection, ours, *where)
        if used + claim.amount_usd > limit:
            raise GateClosedError(
                f"Not tried to {claim.what}: it may cost ${claim.amount_usd:.4f}, and ${used:.4f} of "
                f"{name} = ${limit} is used.",
                next_step=f"`dayreel config set {name} AMOUNT` raises it; nothing was spent."
                if cap is None
                else f"Raise `budget` in channels/{claim.channel.name}.yaml, or let it be; nothing was spent.",
            )
