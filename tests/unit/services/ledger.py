"""A ledger over a catalog with one content, for the tests of effects and caps."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select

from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import EffectKey, EffectKind, Permit
from dayreel.services.configure import write_config
from dayreel.services.effects.intent import Act, Done, Intent, Record
from dayreel.services.effects.ledger import EffectLedger
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, effects
from tests.fakes.clock import FakeClock
from tests.fakes.studio import CRAFTS

DAY = date(2026, 11, 20)
ID = "crafts-2026-11-20"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HALF = Decimal("0.50")


def channel(name: str = "crafts", **changes: Any) -> Channel:
    return Channel.model_validate({**CRAFTS, "name": name, **changes})


def add_content(
    catalog: Catalog, content_id: str = ID, *, name: str = "crafts", day: date = DAY, take: int = 1
) -> None:
    with catalog.write() as connection:
        connection.execute(
            insert(content).values(
                id=content_id,
                channel=name,
                day=day,
                take=take,
                world="sandbox",
                state="pending",
                version=1,
                revision=0,
                storage_path=content_id,
                created_at=NOW,
                updated_at=NOW,
            )
        )


def ledger_of(catalog: Catalog, clock: FakeClock | None = None, **changes: Any) -> EffectLedger:
    return EffectLedger(catalog, clock or FakeClock(), **{"world": "sandbox", "timezone": "UTC", **changes})


def intent(
    sequence: int = 1,
    *,
    content_id: str = ID,
    kind: EffectKind = "segment",
    target: str = "fal",
    most_usd: Decimal = HALF,
    of: Channel | None = None,
    day: date = DAY,
    **more: Any,
) -> Intent:
    key = EffectKey(content_id, kind, target, sequence, "f" * 64)
    return Intent(key, of or channel(), day, "video", most_usd=most_usd, request={"prompt": "clay"}, **more)


def brings(cost_usd: Decimal = HALF, **result: Any) -> Act:
    """Return an act that works at once."""
    return lambda _permit, _handle, _record: Done(result or {"file": "x"}, cost_usd)


def raises(error: BaseException, *, after: dict[str, Any] | None = None) -> Act:
    """Return an act that fails, perhaps after it has recorded a handle."""

    def act(_permit: Permit, _handle: dict[str, Any], record: Record) -> Done:
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
            write_config(connection, name.replace("__", "."), value, by="test", at=NOW)
