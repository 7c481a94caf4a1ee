"""What is used of every cap that holds today, for people to look at. That caps hold is for `spending`."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError
from dayreel.queries.config import read_config
from dayreel.schemas.channel import Channel
from dayreel.services.effects.spending import spent
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import effects

EVERYTHING = "everything"


@dataclass(frozen=True)
class Cap:
    """One cap: what is used of it, settled and reserved together, in dollars.

    Attributes:
        whose: a channel's name, or `everything`.
        when: the day or month that it counts.
    """

    whose: str
    when: str
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def share(self) -> float:
        """How much of it is used: 1.0 is all of it, and a cap of nothing is used up."""
        return float(self.used_usd / self.limit_usd) if self.limit_usd else 1.0


def caps_of(studio: Studio, connection: Connection) -> list[Cap]:
    """Return the caps of the day and the month over all channels, then of each channel's own day, in this world.

    A channel whose file is broken is left out: it buys nothing, and `dayreel channels` says what is wrong with it.

    Raises:
        UsageError: a setting in the environment cannot be read.
    """
    now = studio.clock.now()
    today = local_day(now, studio.settings.timezone)
    ours = effects.c.world == studio.settings.world
    # Nothing is spent in the future, so the month needs no end.
    this_month = effects.c.spent_on >= today.replace(day=1)
    return [
        Cap(
            EVERYTHING,
            f"{today}",
            spent(connection, ours, effects.c.spent_on == today),
            _limit(connection, "cap.day_usd"),
        ),
        Cap(EVERYTHING, f"{today:%Y-%m}", spent(connection, ours, this_month), _limit(connection, "cap.month_usd")),
        *(_channel_day(studio, connection, channel, ours) for channel in _channels(studio)),
    ]


def _channels(studio: Studio) -> list[Channel]:
    found = []
    for name in studio.channels.names():
        try:
            found.append(studio.channels.load(name))
        except ConfigurationError:
            continue
    return found


def _channel_day(studio: Studio, connection: Connection, channel: Channel, ours: ColumnElement[bool]) -> Cap:
    day = local_day(studio.clock.now(), channel.timezone)
    used = spent(connection, ours, effects.c.channel == channel.name, effects.c.day == day)
    own = channel.budget.per_day_usd
    limit = _limit(connection, "cap.channel_day_usd") if own is None else own
    return Cap(channel.name, f"{day}", used, limit)


def _limit(connection: Connection, name: str) -> Decimal:
    return Decimal(read_config(connection, name).value)
