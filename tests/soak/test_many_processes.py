"""Twenty processes on one ledger for minutes, on both databases: no cap is passed, and nothing is sent twice."""

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import select

from dayreel.queries.money import spent
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.fakes.rows import add_content
from tests.unit.services.buyers import PRICE, run
from tests.unit.services.ledger import configure

PROCESSES = 20
PURCHASES = 50
FIT = 600
SAME = 50


def test_no_purchase_passes_the_cap(catalog: Catalog, figure: Callable[[str], None]) -> None:
    cap = FIT * PRICE + Decimal("0.10")
    add_content(catalog)
    configure(catalog, cap__day_usd=str(cap), cap__month_usd=str(cap), cap__content_usd=str(cap))
    outcomes = run("buy", catalog.url, processes=PROCESSES, purchases=PURCHASES, cap=cap)
    assert len(outcomes) == PROCESSES * PURCHASES
    assert outcomes.count("bought") == FIT
    with catalog.read() as connection:
        assert spent(connection) == FIT * PRICE
    figure(f"{len(outcomes):,} purchases wanted by {PROCESSES} processes, {FIT} made, never above the cap")


def test_the_same_effects_are_each_sent_once(catalog: Catalog, figure: Callable[[str], None]) -> None:
    cap = 2 * SAME * PRICE
    add_content(catalog)
    configure(catalog, cap__day_usd=str(cap), cap__month_usd=str(cap), cap__content_usd=str(cap))
    outcomes = run("same", catalog.url, processes=PROCESSES, purchases=SAME)
    assert outcomes.count("has it") + outcomes.count("busy") == SAME * PROCESSES
    with catalog.read() as connection:
        rows = connection.execute(select(effects)).mappings().all()
    assert len(rows) == SAME
    assert outcomes.count("sent") == SAME
    assert {(row["state"], row["attempts"]) for row in rows} == {("confirmed", 1)}
    figure(f"{SAME} effects, each wanted by {PROCESSES} processes at once: {outcomes.count('sent')} sent")
