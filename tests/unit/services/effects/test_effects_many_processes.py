"""Ten real processes that reserve against one cap: the total is never above it, not even for a moment."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from dayreel.queries.money import spent
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.fakes.rows import add_content
from tests.unit.services.buyers import PRICE, run
from tests.unit.services.ledger import configure

pytestmark = pytest.mark.slow

PROCESSES = 10
CAP = Decimal("1.00")  # six purchases fit, and a seventh would be above


def test_ten_processes_never_spend_more_than_the_cap(catalog: Catalog) -> None:
    add_content(catalog)
    configure(catalog, cap__day_usd=str(CAP))
    outcomes = run("buy", catalog.url, processes=PROCESSES, purchases=2, cap=CAP)
    assert len(outcomes) == 2 * PROCESSES
    assert outcomes.count("bought") == 6
    with catalog.read() as connection:
        assert spent(connection) == Decimal("0.90")
        states = connection.execute(select(effects.c.state, effects.c.settled_usd)).all()
    assert set(states) == {("confirmed", PRICE)}


def test_ten_processes_wanting_the_same_effect_send_it_once(sqlite_catalog: Catalog) -> None:
    """On PostgreSQL threads want the same in `test_effects`, and processes in `make soak`."""
    add_content(sqlite_catalog)
    outcomes = run("same", sqlite_catalog.url, processes=PROCESSES, purchases=1)
    assert outcomes.count("sent") == 1
    assert outcomes.count("has it") + outcomes.count("busy") == PROCESSES
    with sqlite_catalog.read() as connection:
        (row,) = connection.execute(select(effects)).mappings()
    assert (row["state"], row["attempts"], row["settled_usd"]) == ("confirmed", 1, PRICE)
