"""What the desk shows of money and of doubt: spend against caps, the kill switch, effects nobody knows the outcome of.

Without HTTP, and nothing is changed here: that is `turn_switch` and `reconcile`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, func, select

from dayreel.clock import local_day
from dayreel.schemas.effect import HOUSE
from dayreel.services.configure import Value, read_config
from dayreel.services.effects.caps import Cap, caps_of
from dayreel.services.effects.ledger import LEASE
from dayreel.services.effects.spending import spent
from dayreel.services.studio import Studio
from dayreel.services.turn_switch import switch_told
from dayreel.stores.catalog.tables import effects, human_approvals

# Where a person looks when no program can tell.
WHERE_TO_LOOK = {
    "instagram": "the account's profile in the Instagram app, newest reels first",
    "tiktok": "the account's profile and its drafts in the TikTok app",
    "youtube": "YouTube Studio, Content, newest first",
    "fal": "fal.ai dashboard, Requests",
    "kling": "Kling developer console, task list",
    "slack": "the Slack channel itself",
}
_SHOWN_OF_A_REQUEST = ("title", "caption", "marker", "model", "prompt", "duration_s", "text")


@dataclass(frozen=True)
class Money:
    """Spend against caps, and the kill switch."""

    day: date
    world: str
    caps: list[Cap]
    switch: Value
    switch_told: str
    by_layer: list[tuple[str, Decimal]]


@dataclass(frozen=True)
class Doubt:
    """One effect whose outcome is not known, with what is known about it."""

    effect_id: int
    content_id: str
    kind: str
    target: str
    sequence: int
    state: str
    sent_at: datetime | None
    reserved_usd: Decimal
    evidence: str
    where_to_look: str
    handle: dict[str, Any]
    request: dict[str, Any]


def money_of(studio: Studio) -> Money:
    """Return what was spent against every cap that holds today.

    Raises:
        StoreError: the catalog cannot be read.
    """
    today = local_day(studio.clock.now(), studio.settings.timezone)
    ours = effects.c.world == studio.settings.world
    month = today.replace(day=1)
    with studio.catalog.read() as connection:
        caps = caps_of(studio, connection)
        this_month = (ours, effects.c.spent_on >= month)
        layers = connection.execute(select(effects.c.layer).where(*this_month).distinct()).scalars().all()
        by_layer = [(layer, spent(connection, *this_month, effects.c.layer == layer)) for layer in sorted(layers)]
        switch = read_config(connection, "switch")
    return Money(today, studio.settings.world, caps, switch, switch_told(switch), by_layer)


@dataclass(frozen=True)
class Alarms:
    """What every page says on top: what the kill switch has stopped, and how many acts have an unknown outcome.

    Attributes:
        questions: how many questions about own footage wait for a person; None where there is no shared folder.
    """

    stopped: str | None
    unknown: int
    questions: int | None


def alarms(studio: Studio) -> Alarms:
    """Return what somebody should know whatever they are looking at.

    Raises:
        StoreError: the catalog cannot be read.
    """
    parked = select(func.count()).select_from(effects).where(effects.c.state == "unknown")
    asked = select(func.count()).select_from(human_approvals).where(human_approvals.c.status == "pending")
    with studio.catalog.read() as connection:
        switch = read_config(connection, "switch")
        stopped = switch_told(switch) if switch.value == "off" else None
        questions = None if studio.settings.library is None else int(connection.execute(asked).scalar_one())
        return Alarms(stopped, int(connection.execute(parked).scalar_one()), questions)


def doubts(studio: Studio) -> list[Doubt]:
    """Return the effects that a person may have to rule on, oldest first: unknown, or sent and abandoned."""
    long_ago = studio.clock.now() - LEASE
    query = select(effects).where(
        effects.c.world == studio.settings.world,
        (effects.c.state == "unknown") | ((effects.c.state == "sent") & (effects.c.lease_until_at < long_ago)),
    )
    with studio.catalog.read() as connection:
        rows = connection.execute(query.order_by(effects.c.id)).mappings().all()
    return [_doubt(row) for row in rows if row["state"] == "unknown" or not studio.ledger.is_at_work(row)]


def _doubt(row: RowMapping) -> Doubt:
    return Doubt(
        effect_id=row["id"],
        content_id=row["content_id"] or HOUSE,
        kind=row["kind"],
        target=row["target"],
        sequence=row["sequence"],
        state=row["state"],
        sent_at=row["sent_at"],
        reserved_usd=row["reserved_usd"],
        evidence=row["error"] or "nothing came back",
        where_to_look=WHERE_TO_LOOK.get(row["target"], f"{row['target']}'s own dashboard"),
        handle={name: value for name, value in row["handle"].items() if value is not None},
        request={name: row["request"][name] for name in _SHOWN_OF_A_REQUEST if row["request"].get(name)},
    )
