"""Twenty real processes that reserve against one cap: the total is never above it, not even for a moment."""

import multiprocessing
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dayreel.errors import BusyError, GateClosedError
from dayreel.schemas.effect import Permit
from dayreel.services.effects.intent import Done, Record
from dayreel.services.effects.ledger import has_handle
from dayreel.services.effects.spending import spent
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from tests.unit.services.ledger import add_content, channel, configure, intent, ledger_of

pytestmark = pytest.mark.slow

PROCESSES = 20
CAP = Decimal("1.00")
PATIENCE_S = 60.0  # twenty writers on a busy machine may wait longer for each other than a person would
PRICE = Decimal("0.15")  # so that six fit, and a seventh would be above


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Processes of their own that need not import everything again."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])
    return server


def buy_until_told_to_stop(url: str, number: int, go: Event, told: Any) -> None:
    """One process: three purchases of its own; it says how each ended."""
    outcomes: list[str] = []
    with Catalog(url, busy_timeout_s=PATIENCE_S) as catalog:
        ledger = ledger_of(catalog)
        go.wait(PATIENCE_S)
        for sequence in range(number * 10, number * 10 + 3):

            def act(permit: Permit, _handle: dict[str, Any], _record: Record) -> Done:
                with catalog.read() as connection:
                    assert spent(connection) <= CAP
                return Done({}, permit.reserved_usd)

            try:
                ledger.perform(intent(sequence, most_usd=PRICE, of=rich()), act)
                outcomes.append("bought")
            except GateClosedError:
                outcomes.append("refused")
    told.put(outcomes)


def want_the_same(url: str, number: int, go: Event, told: Any) -> None:
    """One process: the very same effect as all the others."""
    outcomes: list[str] = []
    with Catalog(url, busy_timeout_s=PATIENCE_S) as catalog:
        ledger = ledger_of(catalog)
        go.wait(PATIENCE_S)

        def act(_permit: Permit, handle: dict[str, Any], record: Record) -> Done:
            if not has_handle(handle):
                record({"request_id": f"from {number}"})
                outcomes.append("sent")
            time.sleep(0.05)
            return Done({}, PRICE)

        try:
            ledger.perform(intent(1, most_usd=PRICE, of=rich()), act)
            outcomes.append("has it")
        except BusyError:
            outcomes.append("busy")
    told.put(outcomes)


def rich() -> Any:
    return channel(budget={"per_content_usd": "50", "per_day_usd": "50"})


def run_all(context: ForkServerContext, url: str, work: Callable[..., None]) -> list[str]:
    go, told = context.Event(), context.Queue()
    processes = [context.Process(target=work, args=(url, number, go, told)) for number in range(1, PROCESSES + 1)]
    for process in processes:
        process.start()
    go.set()
    outcomes = [outcome for _ in processes for outcome in told.get(timeout=2 * PATIENCE_S)]
    for process in processes:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    return outcomes


def test_twenty_processes_never_spend_more_than_the_cap(
    catalog: Catalog, context: ForkServerContext, tmp_path: Path
) -> None:
    add_content(catalog)
    configure(catalog, cap__day_usd=str(CAP))
    outcomes = run_all(context, catalog.url, buy_until_told_to_stop)
    assert len(outcomes) == 3 * PROCESSES
    assert outcomes.count("bought") == 6
    with catalog.read() as connection:
        assert spent(connection) == Decimal("0.90")
        states = connection.execute(select(effects.c.state, effects.c.settled_usd)).all()
    assert set(states) == {("confirmed", PRICE)}


def test_twenty_processes_wanting_the_same_effect_send_it_once(catalog: Catalog, context: ForkServerContext) -> None:
    add_content(catalog)
    outcomes = run_all(context, catalog.url, want_the_same)
    assert outcomes.count("sent") == 1
    assert outcomes.count("has it") + outcomes.count("busy") == PROCESSES
    with catalog.read() as connection:
        (row,) = connection.execute(select(effects)).mappings()
    assert (row["state"], row["attempts"], row["settled_usd"]) == ("confirmed", 1, PRICE)
