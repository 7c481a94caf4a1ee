"""Many processes on one ledger: `python -m tests.unit.services.buyers WORK CATALOG_URL PROCESSES PURCHASES CAP`.

A program of its own that imports everything once and forks, because forking pytest is neither quick nor safe. It prints
how every purchase of every process ended, as one JSON list.
"""

# ruff: noqa: T201

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from dayreel.errors import BusyError, GateClosedError
from dayreel.queries.money import spent
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.services.effects.intent import Done
from dayreel.services.effects.ledger import has_handle
from dayreel.stores.catalog.engine import Catalog
from tests.unit.services.ledger import channel, intent, ledger_of

PROJECT = Path(__file__).parents[3]
PRICE = Decimal("0.15")
PATIENCE_S = 300.0  # this many writers on a busy machine may wait longer for each other than a person would
_EVERYBODY: list[Barrier] = []
RICH = channel(budget={"per_content_usd": "500", "per_day_usd": "500"})


def buy_until_refused(catalog: Catalog, number: int, purchases: int, cap: Decimal) -> Iterator[str]:
    """Make purchases of its own; while each is under way the total is looked at."""
    ledger = ledger_of(catalog)
    for sequence in range(number * purchases, (number + 1) * purchases):

        def act(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
            with catalog.read() as connection:
                assert spent(connection) <= cap
            return Done({}, permit.reserved_usd)

        try:
            ledger.perform(intent(sequence, most_usd=PRICE, of=RICH), act)
            yield "bought"
        except GateClosedError:
            yield "refused"


def want_the_same(catalog: Catalog, number: int, purchases: int, _cap: Decimal) -> Iterator[str]:
    """Want the very same effects as all the others."""
    ledger = ledger_of(catalog)
    for sequence in range(purchases):
        sent: list[str] = []

        def act(_permit: Permit, handle: dict[str, Any], record: RecordHandle, sent: list[str] = sent) -> Done:
            if not has_handle(handle):
                record({"request_id": f"from {number}"})
                sent.append("sent")
            time.sleep(0.02)
            return Done({}, PRICE)

        try:
            ledger.perform(intent(sequence, most_usd=PRICE, of=RICH), act)
            yield "has it"
        except BusyError:
            yield "busy"
        yield from sent


WORKS: dict[str, Callable[[Catalog, int, int, Decimal], Iterator[str]]] = {
    "buy": buy_until_refused,
    "same": want_the_same,
}


def run(work: str, url: str, *, processes: int, purchases: int, cap: Decimal = Decimal(0)) -> list[str]:
    """Return how everything ended that so many processes did at the same time."""
    words = [sys.executable, "-m", "tests.unit.services.buyers", work, url, str(processes), str(purchases), str(cap)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcomes: list[str] = json.loads(done.stdout)
    return outcomes


def one_process(work: str, url: str, number: int, purchases: int, cap: Decimal) -> list[str]:
    with Catalog(url, busy_timeout_s=PATIENCE_S) as catalog:
        _EVERYBODY[0].wait(PATIENCE_S)
        return list(WORKS[work](catalog, number, purchases, cap))


def main(work: str, url: str, processes: int, purchases: int, cap: Decimal) -> None:
    context = multiprocessing.get_context("fork")
    _EVERYBODY.append(context.Barrier(processes))
    with context.Pool(processes) as pool:
        jobs = [(work, url, number, purchases, cap) for number in range(1, processes + 1)]
        outcomes = pool.starmap(one_process, jobs, chunksize=1)
    print(json.dumps([outcome for some in outcomes for outcome in some]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Decimal(sys.argv[5]))
