"""What was spent, and what may still be? Caps with what is used of them, spend by layer, the kill switch, real posts.

Spent is what was settled, or else what is reserved: an unknown outcome keeps its reservation. Each world counts for
itself, so that sandbox dollars never use up a real budget. That caps hold is for `services.effects.spending`, which
sums by the same function inside the transaction that reserves.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from dayreel.clock import local_day
from dayreel.queries.config import Value, read_config, switch_sentence
from dayreel.records import Records
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import effects

EVERYTHING: Final = "everything"
_COUNTED = func.coalesce(effects.c.settled_usd, effects.c.reserved_usd)


@dataclass(frozen=True)
class Cap:
    """One cap: what is used of it, settled and reserved together, in dollars.

    Attributes:
        whose: a channel's name, or `everything`.
        when: the day or month that it counts, which begins on `since`.
        setting: its name as a setting.
    """

    whose: str
    when: str
    since: date
    setting: str
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def share(self) -> float:
        """How much of it is used: 1.0 is all of it, and a cap of nothing is used up."""
        return float(self.used_usd / self.limit_usd) if self.limit_usd else 1.0


@dataclass(frozen=True)
class MoneyView:
    """Spend against caps, and what stops it.

    Attributes:
        by_layer: this month's, in dollars.
        publishing: per platform that a channel has, whether it gets real posts: `live` or `dry-run`.
    """

    world: str
    caps: tuple[Cap, ...]
    switch: Value
    by_layer: tuple[tuple[str, Decimal], ...]
    publishing: tuple[tuple[str, str], ...]

    @property
    def switch_sentence(self) -> str:
        """What the kill switch does now."""
        return switch_sentence(self.switch)


def money_of(records: Records) -> MoneyView:
    """Return what was spent in this world against every cap that holds today.

    A channel whose file is broken is left out: it buys nothing, and `dayreel channels` says what is wrong with it.

    Raises:
        StoreError: the catalog cannot be read.
        UsageError: a setting in the environment cannot be read.
    """
    channels, _broken = records.channels.load_readable()
    platforms = sorted({name for channel in channels.values() for name in channel.platforms.chosen()})
    with records.catalog.read() as connection:
        overall = overall_caps(records, connection)
        this_month = (_ours(records), effects.c.spent_on >= overall[1].since)
        query = select(effects.c.layer, func.sum(_COUNTED)).where(*this_month).group_by(effects.c.layer)
        return MoneyView(
            world=records.settings.world,
            caps=(*overall, *(_channel_day(records, connection, channel) for channel in channels.values())),
            switch=read_config(connection, "switch"),
            by_layer=tuple(sorted((row[0], Decimal(row[1])) for row in connection.execute(query))),
            publishing=tuple((name, read_config(connection, f"publish.{name}").value) for name in platforms),
        )


def overall_caps(records: Records, connection: Connection) -> tuple[Cap, Cap]:
    """Return the caps of the present day and month over all channels."""
    today = local_day(records.clock.now(), records.settings.timezone)
    # Nothing is spent in the future, so neither needs an end.
    return (
        _overall(records, connection, "cap.day_usd", today, f"{today}"),
        _overall(records, connection, "cap.month_usd", today.replace(day=1), f"{today:%Y-%m}"),
    )


def spent_since(records: Records, connection: Connection, at: datetime) -> Decimal:
    """Return what was bought in this world since a moment, in dollars."""
    return spent(connection, _ours(records), effects.c.created_at > at)


def spent(connection: Connection, *where: ColumnElement[bool]) -> Decimal:
    """Return what all effects under these conditions have cost or hold reserved, in dollars."""
    total = connection.execute(select(func.sum(_COUNTED)).where(*where)).scalar()
    return Decimal(0) if total is None else Decimal(total)


def _overall(records: Records, connection: Connection, setting: str, since: date, when: str) -> Cap:
    used = spent(connection, _ours(records), effects.c.spent_on >= since)
    return Cap(EVERYTHING, when, since, setting, used, _limit(connection, setting))


def _channel_day(records: Records, connection: Connection, channel: Channel) -> Cap:
    day = local_day(records.clock.now(), channel.timezone)
    used = spent(connection, _ours(records), effects.c.channel == channel.name, effects.c.day == day)
    own = channel.budget.per_day_usd
    limit = _limit(connection, "cap.channel_day_usd") if own is None else own
    return Cap(channel.name, f"{day}", day, "cap.channel_day_usd", used, limit)


def _ours(records: Records) -> ColumnElement[bool]:
    return effects.c.world == records.settings.world


def _limit(connection: Connection, name: str) -> Decimal:
    return Decimal(read_config(connection, name).value)
