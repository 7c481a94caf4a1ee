"""Caps: each holds to the millionth, says which it is, and how to raise it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from dayreel.errors import GateClosedError, TransientError, UnknownOutcomeError
from dayreel.queries.money import spent
from dayreel.services.effects.ledger import EffectLedger
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.fakes.clock import FakeClock
from tests.fakes.rows import add_content
from tests.unit.services.ledger import brings, channel, configure, intent, ledger_of, raises, row_of

TENTH = Decimal("0.10")
HIGH = {"cap__content_usd": "99", "cap__channel_day_usd": "99", "cap__day_usd": "99", "cap__month_usd": "99"}


def with_contents(catalog: Catalog) -> Catalog:
    for content_id in ("crafts-2026-11-20", "crafts-2026-11-20-t2", "crafts-2026-11-19", "glass-2026-11-20"):
        add_content(catalog, content_id)
    configure(catalog, **HIGH)
    return catalog


@pytest.fixture
def ready(sqlite_catalog: Catalog) -> Catalog:
    return with_contents(sqlite_catalog)


@pytest.fixture
def either(catalog: Catalog) -> Catalog:
    """The same on each database, for what hangs on sums and days."""
    return with_contents(catalog)


def buy(ledger: EffectLedger, content_id: str = "crafts-2026-11-20", price: Decimal = TENTH, **more: Any) -> None:
    name, _, day = content_id.partition("-")
    of = more.pop("of", channel(name))
    kind = more.pop("kind", "segment")
    sequence = more.pop("sequence", next(NUMBERS))
    wanted = intent(
        sequence, content_id=content_id, kind=kind, most_usd=price, of=of, day=date.fromisoformat(day[:10]), **more
    )
    ledger.perform(wanted, brings(price))


NUMBERS = iter(range(1, 100_000))

CAPS = [
    # which cap, a purchase that does not count, and one that does
    ("cap.content_usd", "crafts-2026-11-20-t2", "crafts-2026-11-20"),
    ("cap.channel_day_usd", "crafts-2026-11-19", "crafts-2026-11-20-t2"),
    ("cap.channel_day_usd", "glass-2026-11-20", "crafts-2026-11-20-t2"),
    ("cap.day_usd", None, "glass-2026-11-20"),
    ("cap.month_usd", None, "crafts-2026-11-19"),
]


@pytest.mark.parametrize(("name", "other", "same"), CAPS)
def test_a_cap_counts_what_it_is_for_and_holds_to_the_millionth(
    either: Catalog, name: str, other: str | None, same: str
) -> None:
    configure(either, **{name.replace(".", "__"): "0.30"})
    ledger = ledger_of(either)
    buy(ledger, price=Decimal("0.20"))
    if other is not None:
        buy(ledger, other, Decimal("0.30"))
    with pytest.raises(GateClosedError) as refusal:
        buy(ledger, same, Decimal("0.100001"))
    assert f"it may cost $0.1000, and $0.2000 of {name} = $0.30 is used" in refusal.value.message
    assert f"`dayreel config set {name} AMOUNT` raises it" in refusal.value.next_step
    buy(ledger, same, Decimal("0.10"))
    with pytest.raises(GateClosedError, match=r"\$0.3000 of"):
        buy(ledger, same, Decimal("0.000001"))


def test_a_spending_day_is_a_calendar_day_in_the_settings_zone(either: Catalog) -> None:
    configure(either, cap__day_usd="0.10")
    clock = FakeClock(datetime(2026, 11, 20, 22, 59, tzinfo=UTC))
    ledger = ledger_of(either, clock, timezone="Europe/Madrid")
    buy(ledger)
    with pytest.raises(GateClosedError, match=r"cap\.day_usd"):
        buy(ledger)
    clock.move(minutes=1)  # midnight in Madrid
    buy(ledger)


def test_a_month_is_its_first_day_to_its_last_also_in_december(ready: Catalog) -> None:
    configure(ready, cap__month_usd="0.10")
    clock = FakeClock(datetime(2026, 12, 1, tzinfo=UTC))
    ledger = ledger_of(ready, clock)
    buy(ledger)
    clock.move(days=30, hours=23, minutes=59)
    with pytest.raises(GateClosedError, match=r"cap\.month_usd"):
        buy(ledger)
    clock.move(minutes=1)
    buy(ledger)


def test_a_channels_own_budget_takes_the_place_of_the_settings(ready: Catalog) -> None:
    configure(ready, cap__content_usd="0.10", cap__channel_day_usd="0.10")
    rich = channel("crafts", budget={"per_content_usd": "0.30", "per_day_usd": "0.50"})
    ledger = ledger_of(ready)
    buy(ledger, price=Decimal("0.30"), of=rich)
    with pytest.raises(GateClosedError, match=r"cap.content_usd = \$0.30") as refusal:
        buy(ledger, of=rich)
    assert "Raise `budget` in channels/crafts.yaml" in refusal.value.next_step
    buy(ledger, "crafts-2026-11-20-t2", Decimal("0.20"), of=rich)
    with pytest.raises(GateClosedError, match=r"cap.channel_day_usd = \$0.50"):
        buy(ledger, "crafts-2026-11-20-t2", of=rich)
    poor = channel("glass", budget={"per_content_usd": "0.05"})
    with pytest.raises(GateClosedError, match=r"cap.content_usd = \$0.05"):
        buy(ledger, "glass-2026-11-20", of=poor)


def test_a_channels_budget_never_raises_the_global_caps(ready: Catalog) -> None:
    configure(ready, cap__day_usd="0.10")
    with pytest.raises(GateClosedError, match=r"cap.day_usd = \$0.10"):
        buy(ledger_of(ready), price=Decimal("0.20"), of=channel("crafts", budget={"per_content_usd": "50"}))


def test_sandbox_money_does_not_use_up_a_real_budget(ready: Catalog) -> None:
    configure(ready, **dict.fromkeys(HIGH, "0.10"))
    buy(ledger_of(ready))
    live = ledger_of(ready, world="live")
    buy(live)
    with pytest.raises(GateClosedError):
        buy(live)


def test_possible_spending_counts_and_released_money_does_not(either: Catalog) -> None:
    configure(either, cap__content_usd="0.20")
    ledger = ledger_of(either)
    lost = UnknownOutcomeError(attempted="buy", answer="lost")
    with pytest.raises(UnknownOutcomeError):
        ledger.perform(intent(9001, most_usd=TENTH), raises(lost))
    with pytest.raises(TransientError):
        ledger.perform(intent(9002, most_usd=TENTH), raises(TransientError(attempted="buy", answer="down")))
    buy(ledger)
    with pytest.raises(GateClosedError, match=r"\$0.2000 of cap.content_usd"):
        buy(ledger)
    ledger.record_outcome(row_of(either, 9001)["id"], "intended", "it is not there")
    buy(ledger)


def test_settling_for_less_than_was_reserved_frees_the_rest(ready: Catalog) -> None:
    configure(ready, cap__content_usd="0.20")
    ledger = ledger_of(ready)
    ledger.perform(intent(9003, most_usd=Decimal("0.20")), brings(Decimal("0.05")))
    buy(ledger, price=Decimal("0.15"))
    with ready.read() as connection:
        assert spent(connection, effects.c.content_id == "crafts-2026-11-20") == Decimal("0.20")
        assert spent(connection, effects.c.content_id == "glass-2026-11-20") == 0


def test_what_costs_nothing_passes_a_cap_that_is_used_up(ready: Catalog) -> None:
    configure(ready, cap__day_usd="0")
    buy(ledger_of(ready), price=Decimal(0), kind="post")


def test_a_cap_of_zero_buys_nothing(ready: Catalog) -> None:
    configure(ready, cap__month_usd="0")
    with pytest.raises(GateClosedError, match=r"cap.month_usd = \$0 "):
        buy(ledger_of(ready))
