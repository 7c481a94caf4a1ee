"""Leases: one holder at a time, whoever is paused writes nothing more, and no wall clock has a say."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import insert, select, update

from dayreel.errors import BusyError, LeaseLostError, StoreError
from dayreel.processes import this_process
from dayreel.stores import leases as module
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import config, holders, leases
from dayreel.stores.leases import BEAT_S, EXPIRY_S, Leases
from tests.fakes.catalogs import fresh_catalog
from tests.waiting import wait_until

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SCOPE = "content crafts-2026-11-20"
WHICH = st.integers(0, 2)


class Host:
    """One process of one machine, as the catalog sees it: its own memory of what it works on, and the shared time."""

    def __init__(self, catalog: Catalog, name: str, now_s: Callable[[], float]) -> None:
        self.owner = f"{name}:1:1"
        self.leases = Leases(catalog, owner=self.owner, now_s=now_s)
        self.fence: int | None = None
        self._catalog = catalog
        self._memory: dict[Any, int] = {}

    @contextmanager
    def here(self) -> Iterator[None]:
        """Be this process: what others work on is not in its memory, and its thread for beats sleeps."""
        before = dict(module._HELD)
        module._HELD.clear()
        module._HELD.update(self._memory)
        try:
            with self.leases.beating():
                yield
        finally:
            self._memory = dict(module._HELD)
            module._HELD.clear()
            module._HELD.update(before)

    def take(self, *, at: datetime = NOW) -> int:
        with self.here():
            self.fence = self.leases._take(SCOPE, "make it", at)
        return self.fence

    def write(self, value: str) -> None:
        with self.here(), self._catalog.write() as connection:
            self.leases.guard(connection, SCOPE)
            if connection.execute(update(config).where(config.c.key == SCOPE).values(value=value)).rowcount == 0:
                connection.execute(insert(config).values(key=SCOPE, value=value, updated_by="test", updated_at=NOW))

    def end(self) -> None:
        if self.fence is not None:
            with self.here():
                self.leases._give_back(SCOPE, self.fence)
            self.fence = None


class SharedTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def value_of(catalog: Catalog) -> str | None:
    with catalog.read() as connection:
        value = connection.execute(select(config.c.value).where(config.c.key == SCOPE)).scalar()
    return None if value is None else str(value)


def _held_in(catalog: Catalog) -> list[int]:
    with catalog.read() as connection:
        return list(connection.execute(select(leases.c.fence)).scalars())


@pytest.fixture
def time_s() -> SharedTime:
    return SharedTime()


@pytest.fixture
def host(catalog: Catalog, time_s: SharedTime) -> Callable[[str], Host]:
    """Make processes."""
    return lambda name: Host(catalog, name, time_s)


def test_one_holds_and_the_other_learns_who_does(host: Callable[[str], Host]) -> None:
    first, second = host("attic"), host("cellar")
    fence = first.take()
    with pytest.raises(BusyError, match=r"to make it \(process 1 on attic, since 2026-11-20T09:00:00\+00:00\)"):
        second.take()
    first.end()
    second.take()
    assert second.fence is not None
    assert second.fence > fence


def test_who_beats_keeps_it_and_who_is_silent_loses_it(host: Callable[[str], Host], time_s: SharedTime) -> None:
    first, second = host("attic"), host("cellar")
    first.take()
    for _ in range(6):
        time_s.seconds += BEAT_S
        first.leases.beat()
    time_s.seconds += EXPIRY_S - 1
    with pytest.raises(BusyError):
        second.take()
    time_s.seconds += 1
    second.take()


def test_a_paused_holder_writes_nothing_more(host: Callable[[str], Host], time_s: SharedTime, catalog: Catalog) -> None:
    first, second = host("attic"), host("cellar")
    first.take()
    first.write("first")
    time_s.seconds += EXPIRY_S
    first.write("woken up, and nobody has asked for it")
    second.take()
    second.write("second")
    with pytest.raises(LeaseLostError, match=r"fence \d+.*make it \(process 1 on cellar.*what was bought is kept"):
        first.write("late")
    first.end()
    assert value_of(catalog) == "second"
    second.write("second again")


@pytest.mark.parametrize("wrong_by", [-DAY, DAY], ids=["a day behind", "a day ahead"])
def test_a_wrong_wall_clock_steals_and_keeps_nothing(
    host: Callable[[str], Host], time_s: SharedTime, wrong_by: timedelta
) -> None:
    right, wrong = host("right"), host("wrong")
    right.take()
    with pytest.raises(BusyError):
        wrong.take(at=NOW + wrong_by)
    right.end()
    wrong.take(at=NOW + wrong_by)
    with pytest.raises(BusyError):
        right.take()
    time_s.seconds += EXPIRY_S
    right.take()


@pytest.mark.parametrize("wrong_by", [-DAY, DAY], ids=["a day behind", "a day ahead"])
def test_an_act_is_kept_and_lost_by_beats_alone(
    catalog: Catalog, time_s: SharedTime, host: Callable[[str], Host], wrong_by: timedelta
) -> None:
    other = host("attic")
    other.leases.beat()
    row: Any = {"id": 7, "owner": "attic:1:1", "lease_until_at": None, "sent_at": NOW}
    mine = Leases(catalog, now_s=time_s)
    with catalog.read() as connection:
        assert mine.is_at_work(connection, row, at=NOW + wrong_by)
        time_s.seconds += EXPIRY_S
        assert not mine.is_at_work(connection, row, at=NOW + wrong_by)


def test_a_clock_of_the_server_that_is_set_back_keeps_nothing(host: Callable[[str], Host], time_s: SharedTime) -> None:
    host("attic").take()
    time_s.seconds -= DAY.total_seconds()
    host("cellar").take()


def test_nobody_loses_what_a_server_away_kept_from_beating(
    host: Callable[[str], Host], time_s: SharedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL was away for minutes: whoever asked first took everything that others were working on."""
    first, second = host("attic"), host("cellar")
    first.take()
    began_s = time_s.seconds + 300
    monkeypatch.setattr(Leases, "_time", lambda _self, _connection: (time_s.seconds, began_s))
    time_s.seconds = began_s + EXPIRY_S - 1
    with pytest.raises(BusyError):
        second.take()
    time_s.seconds += 1
    second.take()


def test_an_act_from_before_there_were_beats_is_believed(catalog: Catalog) -> None:
    row: Any = {"id": 7, "owner": "attic:1:1", "lease_until_at": NOW, "sent_at": NOW}
    with catalog.read() as connection:
        assert Leases(catalog).is_at_work(connection, row, at=NOW - timedelta(seconds=1))
        assert not Leases(catalog).is_at_work(connection, row, at=NOW)


def test_a_beat_of_another_boot_counts_for_nothing(sqlite_catalog: Catalog) -> None:
    """The machine was restarted: the clock has begun again, and ids of processes are given again."""
    with sqlite_catalog.write() as connection:
        connection.execute(insert(holders).values(owner="attic:1:1", boot="another", beat_s=time.monotonic()))
        connection.execute(insert(leases).values(scope=SCOPE, owner="attic:1:1", what="make it", since_at=NOW))
    with Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
        pass


def test_a_second_thread_of_the_same_process_is_refused(sqlite_catalog: Catalog) -> None:
    mine = Leases(sqlite_catalog)
    with mine.held(SCOPE, what="make it", at=NOW):
        with pytest.raises(BusyError), Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
            pytest.fail("two threads hold it")
        with mine.held("something else", what="make that", at=NOW):
            pass
    with pytest.raises(KeyError), mine.held(SCOPE, what="make it", at=NOW):
        raise KeyError
    with mine.held(SCOPE, what="make it", at=NOW):
        pass  # it is free again after an error


def test_a_lease_that_was_not_given_back_is_taken_again(
    sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise StoreError("The database is away.")

    mine = Leases(sqlite_catalog)
    with monkeypatch.context() as catalog, mine.held(SCOPE, what="make it", at=NOW):
        catalog.setattr(sqlite_catalog, "write", away)
    with mine.held(SCOPE, what="make it", at=NOW):
        pass


def test_what_could_not_be_given_back_is_given_back_later(
    sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that lives on and does nothing more, as the desk's: it kept the content until it was restarted."""

    def away(*_: object) -> Any:
        raise StoreError("The database is away.")

    monkeypatch.setattr(module, "BEAT_S", 0.01)
    write = sqlite_catalog.write
    with monkeypatch.context() as catalog, Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
        catalog.setattr(sqlite_catalog, "write", away)
    assert sqlite_catalog.write == write
    wait_until(lambda: _held_in(sqlite_catalog) == [])


def test_a_lease_whose_commit_was_not_answered_is_given_back(
    sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite_catalog.write

    @contextmanager
    def unanswered(subject: str) -> Iterator[Any]:
        with real(subject) as connection:
            yield connection
        raise StoreError("The connection is lost.")

    monkeypatch.setattr(module, "BEAT_S", 0.01)
    with monkeypatch.context() as catalog:
        catalog.setattr(sqlite_catalog, "write", unanswered)
        with pytest.raises(StoreError), Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
            pytest.fail("held")
    wait_until(lambda: _held_in(sqlite_catalog) == [])


def test_what_is_given_back_later_is_not_what_is_held_now(sqlite_catalog: Catalog) -> None:
    """SQLite gives the number of a lease that was not committed to the next one."""
    mine = Leases(sqlite_catalog)
    with mine.held(SCOPE, what="make it", at=NOW) as fence:
        owed = {(SCOPE, fence)}
        mine.give_back_owed(owed)
        assert _held_in(sqlite_catalog) == [fence]
    mine.give_back_owed(owed)
    assert owed == set()


def test_a_beat_that_fails_oddly_is_not_the_last(sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection of the pool was taken, which is no `StoreError`: the thread ended, and others took the work."""
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    beats, enough = [], threading.Event()

    def beat(_self: Leases) -> bool:
        beats.append(1)
        if len(beats) > 1:
            enough.set()
        raise OSError("odd")

    monkeypatch.setattr(Leases, "beat", beat)
    with Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
        assert enough.wait(60)


def test_a_beat_that_cannot_begin_is_begun_next_time(sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system was out of threads for a moment; the process was not heard of ever after, and lost all it held."""

    def full(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    mine = Leases(sqlite_catalog)
    with monkeypatch.context() as system:
        system.setattr(module._Heart, "start", full)
        with pytest.raises(RuntimeError), mine.beating():
            pytest.fail("nobody hears of it")
    with mine.beating():
        assert all(heart.is_alive() for heart in module._HEARTS.values())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_not_its_parent(sqlite_catalog: Catalog) -> None:
    """What its parent is sending would be its own orphan."""
    mine = Leases(sqlite_catalog)
    reading, writing = os.pipe()
    parent = mine.owner
    pid = os.fork()
    if pid == 0:
        os.write(writing, mine.owner.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    child = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)
    assert mine.owner == parent == this_process()
    assert child != parent


def test_what_is_held_is_no_news_and_leaves_no_rows(sqlite_catalog: Catalog) -> None:
    followed: list[object] = []
    sqlite_catalog.follow = lambda *what: followed.append(what)
    with Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
        pass
    with sqlite_catalog.read() as connection:
        assert connection.execute(select(leases)).all() == []
    assert followed == []


def test_who_works_beats_and_who_is_done_does_not(sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    beats = []
    real = Leases._beat

    def counted(self: Leases, connection: Any) -> None:
        real(self, connection)
        beats.append(threading.current_thread().name)
        if beats.count("lease") == 3:
            enough.set()

    monkeypatch.setattr(Leases, "_beat", counted)
    enough = threading.Event()
    with sqlite_catalog.write() as connection:
        connection.execute(insert(holders).values(owner="long gone", boot="another", beat_s=0))
    with Leases(sqlite_catalog).held(SCOPE, what="make it", at=NOW):
        assert enough.wait(60)
    with sqlite_catalog.read() as connection:
        assert connection.execute(select(holders.c.owner)).scalars().all() == [this_process()]
    assert not module._HEARTS


# -- against a plain model ---------------------------------------------------------------------------------------------


class LeaseMachine(RuleBasedStateMachine):
    """Three processes, pauses, crashes and clocks that jump; the model knows only who may write."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = SharedTime()
        self.catalog = fresh_catalog(f"sqlite:///{self.folder.name}/catalog.db")
        self.hosts = [Host(self.catalog, f"host{number}", self.time) for number in range(3)]
        self.heard: dict[str, float] = {}
        self.holder: str | None = None
        self.newest = 0
        self.written: str | None = None

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(which=WHICH, wrong_by=st.sampled_from([-DAY, timedelta(), DAY]))
    def take(self, which: int, wrong_by: timedelta) -> None:
        host = self.hosts[which]
        is_free = self.holder is None or self.time.seconds - self.heard[self.holder] >= EXPIRY_S
        may = host.fence is None and is_free
        try:
            fence = host.take(at=NOW + wrong_by)
        except BusyError:
            assert not may
            return
        assert may
        assert fence > self.newest
        self.newest, self.holder, self.heard[host.owner] = fence, host.owner, self.time.seconds

    @rule(which=WHICH, value=st.sampled_from("abc"))
    def write(self, which: int, value: str) -> None:
        host = self.hosts[which]
        if host.fence is None:
            return
        try:
            host.write(value)
        except LeaseLostError:
            assert self.holder != host.owner
            return
        assert self.holder == host.owner, "two write, and only one of them holds it"
        self.written = value

    @rule(which=WHICH)
    def end(self, which: int) -> None:
        host = self.hosts[which]
        if self.holder == host.owner:
            self.holder = None
        host.end()

    @rule(which=WHICH)
    def beat(self, which: int) -> None:
        """A process that is paused is one for which this is not drawn."""
        host = self.hosts[which]
        if host.fence is not None:
            host.leases.beat()
            self.heard[host.owner] = self.time.seconds

    @rule(which=WHICH)
    def crash(self, which: int) -> None:
        """Whoever is started instead is another process."""
        self.hosts[which] = Host(self.catalog, f"{self.hosts[which].owner.partition(':')[0]}'", self.time)

    @rule(seconds=st.sampled_from([1.0, 9.0, 15.0, 29.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.time.seconds += seconds

    @invariant()
    def only_a_holder_has_written(self) -> None:
        assert value_of(self.catalog) == self.written


TestLeases = LeaseMachine.TestCase
TestLeases.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLeases.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]
