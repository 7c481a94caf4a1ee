"""Who works on what, in the catalog: leases, with an owner that is heard of and a fence that only grows.

An owner is a process (`dayreel.processes`): it beats every 10 s while any of its threads works on anything, and who was
not heard of for 30 s has lost what it holds to whoever asks. So one row a process says who lives, and one a scope says
who holds it; an effect's own row (`services.effects`) takes the place of the second. A fence is the number of a lease's
row, which is never given again, and goes with every write that the lease guards (`guard`): a process that was paused
past its lease has its writes refused.

No wall clock is read. On PostgreSQL time is the server's, and counts from its start where that is later: while it was
away nobody could beat. On SQLite every process is on one machine and reads the clock that it has counted since its
boot. What a process of this machine, boot and PID namespace is doing is asked of the system first: who is dead has lost
its leases at once, and who runs keeps them however long another writer kept it from beating.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from dayreel.clock import SystemClock
from dayreel.errors import BusyError, LeaseLostError, StoreError
from dayreel.stores.catalog.engine import QUIET, Catalog
from dayreel.stores.catalog.tables import holders, leases

BEAT_S: Final = 10.0
EXPIRY_S: Final = 30.0
CONTINUED_WITHIN: Final = timedelta(minutes=20)
"""So long an act that was given back with its vendor's id waits for a run that continues it."""
_FORGOTTEN_AFTER_S: Final = 86_400.0
_MACHINE: Final = SystemClock()
_LOG: Final = logging.getLogger(__name__)

_Key = tuple[str, str]  # a catalog's address, and a scope or an owner
_HELD: dict[_Key, int] = {}
"""What threads of this process work on, with its fence; a second thread must not take it for an orphan."""
_HEARTS: dict[_Key, "_Heart"] = {}
_LOCK = threading.Lock()


def _forget_parent() -> None:
    """In a forked child: its parent's work is not its own, and its parent's threads do not exist here."""
    global _LOCK  # noqa: PLW0603  a thread that does not exist here may hold the parent's
    _LOCK = threading.Lock()
    _HELD.clear()
    _HEARTS.clear()
    _own_name.cache_clear()


@cache
def _own_name() -> str:
    from dayreel.processes import this_process  # noqa: PLC0415  psutil, for those who hold something

    return this_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


class Leases:
    """The leases of one catalog, for one process."""

    def __init__(self, catalog: Catalog, *, owner: str | None = None, now_s: Callable[[], float] | None = None) -> None:
        """Touch nothing yet.

        Args:
            owner: who we are, where it is not `processes.this_process()`.
            now_s: seconds on the clock that all owners share, instead of the catalog's own.
        """
        self._catalog = catalog
        self._given_owner = owner
        self._now_s = now_s or (_MACHINE.monotonic if catalog.is_sqlite else None)

    @property
    def owner(self) -> str:
        """Who we are; asked each time, for a forked process is another one."""
        return self._given_owner or _own_name()

    @contextmanager
    def held(self, scope: str, *, what: str, at: datetime) -> Iterator[int]:
        """Hold `scope` while the block runs, and give its fence.

        Args:
            what: the work, as a clause for whoever is turned away meanwhile: "make asmr_crafts for 2026-11-20".
            at: now, for the same purpose alone.

        Raises:
            BusyError: another process holds it, or another thread of this one; says which, for what and since when.
        """
        with self.beating():
            fence = self._take(scope, what, at)
            try:
                yield fence
            finally:
                self._give_back(scope, fence)

    def guard(self, connection: Connection, scope: str) -> None:
        """Refuse the caller's transaction when what this process holds was taken over; it holds none: do nothing.

        Raises:
            LeaseLostError: it was; nothing of the transaction may be committed.
        """
        fence = _HELD.get(self._key(scope))
        # Whoever takes it over waits for this transaction: it deletes the row that is shared here.
        ours = select(leases.c.fence).where(leases.c.fence == fence).with_for_update(read=True)
        if fence is None or connection.execute(ours).first() is not None:
            return
        row = connection.execute(select(leases).where(leases.c.scope == scope)).mappings().first()
        raise LeaseLostError(
            f"Tried to write for {scope!r} under fence {fence}; this process was not heard of for {EXPIRY_S:g} s, and "
            f"{'somebody' if row is None else _words(row)} has taken it over meanwhile.",
            next_step="Nothing was written from here, and what was bought is kept; whoever has it continues it.",
        )

    def is_at_work(self, connection: Connection, effect: RowMapping, *, at: datetime) -> bool:
        """Return whether a living process, or a thread of this one, is at a sent effect; `at` is now, for old rows."""
        if self._key(f"effect {effect['id']}") in _HELD:
            return True
        # Ours, and no thread of ours is at it: the thread that was has ended without a word.
        if effect["owner"] in (None, self.owner):
            return False
        return self._lives(connection, effect["owner"], until=effect["lease_until_at"], at=at)

    def is_abandoned(self, connection: Connection, effect: RowMapping, *, at: datetime) -> bool:
        """Return whether nobody continues a sent effect.

        A process that is gone has abandoned it. One that was given back with its vendor's id is for the next run to
        continue, and is abandoned only when none did for `CONTINUED_WITHIN`.
        """
        if effect["owner"] is None:
            return bool((effect["lease_until_at"] or effect["sent_at"]) + CONTINUED_WITHIN < at)
        return not self.is_at_work(connection, effect, at=at)

    # -- for those whose own row says who holds it -------------------------------------------------------------------

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Let this process be heard of while the block runs."""
        key = self._key(self.owner)
        with _LOCK:
            heart = _HEARTS.get(key)
            if heart is None:
                heart = _Heart(self)
                heart.start()  # noted only then: one that could not be started would never beat for anybody
                _HEARTS[key] = heart
            heart.uses += 1
        try:
            yield
        finally:
            with _LOCK:
                heart.uses -= 1
                if not heart.uses:
                    del _HEARTS[key]
                    heart.stopped.set()

    def begin(self, connection: Connection, scope: str, fence: int) -> None:
        """Note in the transaction that takes it, and inside `beating`, that a thread of this process works on it."""
        heart = _HEARTS[self._key(self.owner)]
        if (
            _MACHINE.monotonic() - heart.beaten_at > 2 * BEAT_S
        ):  # else it has been heard of, in a transaction of its own
            self._beat(connection)
        # Noted before the commit: from then on the row names us, and another thread would take it for our orphan.
        _HELD[self._key(scope)] = fence

    def fence(self, scope: str) -> int | None:
        """Return the fence under which a thread of this process works on something; None when none does."""
        return _HELD.get(self._key(scope))

    def end(self, scope: str) -> None:
        """Note that no thread of this process works on it any more."""
        _HELD.pop(self._key(scope), None)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _key(self, name: str) -> _Key:
        return self._catalog.url, name

    def _take(self, scope: str, what: str, at: datetime) -> int:
        values, fence = {"scope": scope, "owner": self.owner, "what": what, "since_at": at}, None
        try:
            with self._catalog.write(f"{QUIET} {scope}") as connection:
                row = connection.execute(select(leases).where(leases.c.scope == scope)).mappings().first()
                is_theirs = row is not None and row["owner"] != self.owner and self._lives(connection, row["owner"])
                if is_theirs or self._key(scope) in _HELD:
                    raise BusyError(
                        f"Another process is already at it: to {what if row is None else _words(row)}.",
                        next_step="Wait for it; nothing was done here.",
                    )
                connection.execute(delete(leases).where(leases.c.scope == scope))
                fence = int(connection.execute(insert(leases).values(**values).returning(leases.c.fence)).scalar_one())
                self.begin(connection, scope, fence)
        except BaseException:
            if fence is not None:
                self.end(scope)
                # Not committed, unless the answer to the commit was lost.
                _HEARTS[self._key(self.owner)].owed.add((scope, fence))
            raise
        return fence

    def _give_back(self, scope: str, fence: int) -> None:
        # A catalog that is away keeps the row, and who lives keeps what it holds: then it is given back later.
        owed = _HEARTS[self._key(self.owner)].owed
        owed.add((scope, fence))
        try:
            with suppress(StoreError):
                with self._catalog.write(f"{QUIET} {scope}") as connection:
                    self._delete(connection, fence)
                owed.discard((scope, fence))
        finally:
            self.end(scope)

    def give_back_owed(self, owed: set[tuple[str, int]]) -> None:
        """Give back what could not be given back when its work was done, and take it off the list.

        Raises:
            StoreError: it still cannot.
        """
        for scope, fence in list(owed):
            with self._catalog.write(f"{QUIET} {scope}") as connection:
                # SQLite gives the number of a lease that was not committed again, perhaps to a thread of ours.
                is_held = self.fence(scope) == fence
                if not is_held:
                    self._delete(connection, fence)
            if not is_held:
                owed.discard((scope, fence))

    def _delete(self, connection: Connection, fence: int) -> None:
        connection.execute(delete(leases).where(leases.c.fence == fence, leases.c.owner == self.owner))

    def _lives(
        self, connection: Connection, owner: str, *, until: datetime | None = None, at: datetime | None = None
    ) -> bool:
        from dayreel.processes import is_alive  # noqa: PLC0415

        alive = is_alive(owner)
        if alive is not None:
            return alive
        if until is not None and at is not None:
            return at < until  # written down before there were beats
        beat_s = connection.execute(
            select(holders.c.beat_s).where(holders.c.owner == owner, holders.c.boot == self._boot)
        ).scalar()
        if beat_s is None:
            return False
        now_s, since_s = self._time(connection)
        # Both ways: a beat far ahead was written before the server's clock was set back.
        return abs(now_s - max(float(beat_s), since_s)) < EXPIRY_S

    def _beat(self, connection: Connection) -> None:
        upsert = upsert_sqlite if self._catalog.is_sqlite else upsert_postgresql
        values = {"boot": self._boot, "beat_s": self._time(connection)[0]}
        row: Any = upsert(holders).values(owner=self.owner, **values)
        connection.execute(row.on_conflict_do_update(index_elements=["owner"], set_=values))

    def _time(self, connection: Connection) -> tuple[float, float]:
        """Return the seconds of the clock that all owners share, and since when it has been there to be beaten to."""
        if self._now_s is not None:
            return self._now_s(), 0.0
        started = func.extract("epoch", func.pg_postmaster_start_time())
        now_s, since_s = connection.execute(select(func.extract("epoch", func.clock_timestamp()), started)).one()
        return float(now_s), float(since_s)

    @cached_property
    def _boot(self) -> str:
        # The machine's clock begins again with each boot.
        from dayreel.processes import boot_id  # noqa: PLC0415

        return boot_id() if self._catalog.is_sqlite else ""

    def beat(self) -> bool:
        """Let this process be heard of, and forget who has long been silent; return whether it was written down."""
        with suppress(StoreError), self._catalog.write(f"{QUIET} {self.owner}") as connection:
            self._beat(connection)
            forgotten_s = self._time(connection)[0] - _FORGOTTEN_AFTER_S
            # The clock of a boot that is over is nobody's.
            connection.execute(delete(holders).where((holders.c.boot != self._boot) | (holders.c.beat_s < forgotten_s)))
            return True
        return False


class _Heart(threading.Thread):
    """Beats for a process while its threads work on something; daemonic, so that it keeps no process from ending."""

    def __init__(self, of: Leases) -> None:
        super().__init__(name="lease", daemon=True)
        self._leases = of
        self.uses = 0
        self.owed: set[tuple[str, int]] = set()
        """Scopes and fences that nobody works on any more, and that are still in the catalog."""
        self.beaten_at = float("-inf")
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(BEAT_S):
            self._try(self._beat)
        while self.owed:
            self._try(self._give_back_owed)
            if self.owed:
                _MACHINE.sleep(BEAT_S)

    def _beat(self) -> None:
        started = _MACHINE.monotonic()
        if self._leases.beat():
            self.beaten_at = started
        self._give_back_owed()

    def _give_back_owed(self) -> None:
        self._leases.give_back_owed(self.owed)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StoreError:
            pass  # away, or held by another writer: it is asked again at the next beat, and three fit in
        except Exception:  # noqa: BLE001  a heart that stands still loses the work of a process that is well
            _LOG.exception("This process could not be heard of; it tries again in %g s.", BEAT_S)


def _words(row: RowMapping) -> str:
    from dayreel.processes import in_words  # noqa: PLC0415

    return f"{row['what']} ({in_words(row['owner'])}, since {row['since_at'].isoformat(timespec='seconds')})"
