"""What the desk shows of money: spend against caps, the kill switch. Without HTTP.

Nothing is changed here: that is `turn_switch`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.queries.config import Value, read_config, switch_sentence
from dayreel.services.effects.caps import Cap, caps_of
from dayreel.services.effects.spending import spent
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import effects


@dataclass(frozen=True)
class Money:
    """Spend against caps, and the kill switch."""

    day: date
    world: str
    caps: list[Cap]
    switch: Value
    switch_told: str
    by_layer: list[tuple[str, Decimal]]


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
    return Money(today, studio.settings.world, caps, switch, switch_sentence(switch), by_layer)
