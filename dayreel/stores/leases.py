"""Who is at a sent effect: a thread of this process, another living process, or nobody any more.

The ledger writes a lease into an effect's row when it claims it; here is what a lease proves. Reading it takes no
ledger, so that whoever shows what nobody is at any more asks the same question as whoever takes it over.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

# Decides only where nobody can be asked whether the owner lives: on another machine, or in another container. Long
# enough for a database that is away for minutes; a handle that is recorded renews it.
LEASE = timedelta(minutes=10)

# Effects that a thread of this process is working on; a second thread must not take them for orphans.
_AT_WORK: set[tuple[str, int]] = set()
_AT_WORK_LOCK = threading.Lock()


def begin(work: Iterable[tuple[str, int]]) -> None:
    """Note that a thread of this process is at these effects: each a catalog's address and a number."""
    with _AT_WORK_LOCK:
        _AT_WORK.update(work)


def end(work: Iterable[tuple[str, int]]) -> None:
    """Note that no thread of this process is at these effects any more."""
    with _AT_WORK_LOCK:
        _AT_WORK.difference_update(work)


def is_at_work(row: RowMapping, *, catalog_url: str, now: datetime, us: str | None = None) -> bool:
    """Return whether a living process, or a thread of this one, is at a sent effect.

    Args:
        us: who this process is, where it is not `processes.this_process()`.
    """
    from dayreel.processes import is_alive, this_process  # noqa: PLC0415  psutil, for the few rows that are sent

    with _AT_WORK_LOCK:
        if (catalog_url, row["id"]) in _AT_WORK:
            return True
    # Ours, and no thread of ours is at it: the thread that was has ended without a word.
    if row["owner"] in (None, us or this_process()):
        return False
    alive = is_alive(row["owner"])
    return alive if alive is not None else bool(now < row["lease_until_at"])


def is_abandoned(row: RowMapping, *, catalog_url: str, now: datetime) -> bool:
    """Return whether nobody continues a sent effect.

    A process that is gone has abandoned it at once. One that was given back with its vendor's id is for the next run to
    continue, and is abandoned only when none did until long after its lease.
    """
    if row["owner"] is None:
        return bool((row["lease_until_at"] or row["sent_at"]) + LEASE < now)
    return not is_at_work(row, catalog_url=catalog_url, now=now)
