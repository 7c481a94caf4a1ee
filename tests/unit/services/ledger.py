"""A ledger over a catalog, for the tests of effects and caps."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import EffectKey, EffectKind, Permit, RecordHandle
from dayreel.services.configure import write_config
from dayreel.services.effects.intent import Done, Intent, SendCall
from dayreel.services.effects.ledger import EffectLedger
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from dayreel.stores.leases import Leases
from tests.fakes.clock import NINE, FakeClock
from tests.fakes.project import CRAFTS
from tests.fakes.rows import CONTENT_ID

DAY = date(2026, 11, 20)
HALF = Decimal("0.50")


def channel(name: str = "crafts", **changes: Any) -> Channel:
    return Channel.model_validate({**CRAFTS, "name": name, **changes})


def ledger_of(
    catalog: Catalog, clock: FakeClock | None = None, *, owner: str | None = None, **changes: Any
) -> EffectLedger:
    clock = clock or FakeClock()
    leases = Leases(catalog, owner=owner, now_s=clock.monotonic)
    return EffectLedger(catalog, clock, **{"world": "sandbox", "timezone": "UTC", "leases": leases, **changes})


def intent(
    sequence: int = 1,
    *,
    content_id: str = CONTENT_ID,
    kind: EffectKind = "segment",
    target: str = "fal",
    most_usd: Decimal = HALF,
    of: Channel | None = None,
    day: date = DAY,
    **more: Any,
) -> Intent:
    key = EffectKey(content_id, kind, target, sequence, "f" * 64)
    return Intent(key, of or channel(), day, "video", most_usd=most_usd, request={"prompt": "clay"}, **more)


def brings(cost_usd: Decimal = HALF, **result: Any) -> SendCall:
    """Return an act that works at once."""
    return lambda _permit, _handle, _record: Done(result or {"file": "x"}, cost_usd)


def raises(error: BaseException, *, after: dict[str, Any] | None = None) -> SendCall:
    """Return an act that fails, perhaps after it has recorded a handle."""

    def act(_permit: Permit, _handle: dict[str, Any], record: RecordHandle) -> Done:
        if after is not None:
            record(after)
        raise error

    return act


def row_of(catalog: Catalog, sequence: int = 1) -> dict[str, Any]:
    with catalog.read() as connection:
        query = select(effects).where(effects.c.sequence == sequence)
        return dict(connection.execute(query).mappings().one())


def configure(catalog: Catalog, **values: str) -> None:
    with catalog.write() as connection:
        for name, value in values.items():
            write_config(connection, name.replace("__", "."), value, by="test", at=NINE)
