"""Leases of real processes: killed, stopped past their lease and woken, in a PID namespace of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from dayreel.errors import BusyError
from dayreel.stores import leases as module
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import config, leases
from dayreel.stores.leases import Leases
from tests.fakes.catalogs import fresh_catalog

pytestmark = pytest.mark.slow

SCOPE = "content crafts-2026-11-20"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PROJECT = Path(__file__).parents[3]
SHORT_S = 3.0
"""A lease that tests wait for; a beat is a sixth of it, so that a busy machine loses none."""


class Holder:
    """A process that holds `SCOPE`."""

    def __init__(self, url: str, *, expiry_s: float, before: tuple[str, ...] = ()) -> None:
        command = [*before, sys.executable, "-m", "tests.fakes.lease_holder", url, SCOPE, str(expiry_s)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=PROJECT, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]
        assert self._answer() == "held"

    def write(self, value: str) -> str:
        self.process.stdin.write(f"{value}\n")
        self.process.stdin.flush()
        return self._answer()

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def _answer(self) -> str:
        return str(self.process.stdout.readline()).strip()


@contextmanager
def holding(url: str, *, expiry_s: float = SHORT_S, before: tuple[str, ...] = ()) -> Iterator[Holder]:
    holder = Holder(url, expiry_s=expiry_s, before=before)
    try:
        yield holder
    finally:
        with suppress(ProcessLookupError):
            holder.signal(signal.SIGKILL)
        holder.process.communicate()


@contextmanager
def taken(catalog: Catalog, *, within_s: float) -> Iterator[float]:
    """Take `SCOPE` as soon as it can be had, and give the seconds that took."""
    began = time.monotonic()
    while True:
        held = Leases(catalog).held(SCOPE, what="make it", at=NOW)
        try:
            held.__enter__()
            break
        except BusyError:
            assert time.monotonic() - began < within_s
            time.sleep(0.05)
    try:
        yield time.monotonic() - began
    finally:
        held.__exit__(None, None, None)


def written(catalog: Catalog) -> set[str]:
    with catalog.read() as connection:
        return set(connection.execute(select(config.c.key)).scalars())


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPIRY_S", SHORT_S)


def test_a_killed_process_holds_nothing_any_more(sqlite_catalog: Catalog) -> None:
    """With the lease of half a minute that it has: the system says that it is gone."""
    catalog = sqlite_catalog
    with holding(catalog.url, expiry_s=30) as holder:
        with pytest.raises(BusyError), Leases(catalog).held(SCOPE, what="make it", at=NOW):
            pytest.fail("two hold it")
        holder.process.kill()
        holder.process.wait()
        with taken(catalog, within_s=0):
            pass


def test_a_stopped_process_wakes_up_and_writes_no_more(catalog: Catalog, short: None) -> None:
    with holding(catalog.url) as holder:
        assert holder.write("before") == "written"
        holder.signal(signal.SIGSTOP)
        with taken(catalog, within_s=60):
            holder.signal(signal.SIGCONT)
            assert holder.write("late") == "LeaseLostError"
        assert written(catalog) >= {"before"}
        assert "late" not in written(catalog)
    with catalog.read() as connection:
        assert connection.execute(select(leases)).all() == []


@pytest.mark.postgres
def test_a_process_of_another_pid_namespace_is_believed(postgres_url: str, short: None) -> None:
    """Of the same host name; killed with its namespace, its beats end, and nothing else here can say so."""
    before = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody make a PID namespace")
    with fresh_catalog(postgres_url) as catalog, holding(postgres_url, before=before) as holder:
        time.sleep(2 * SHORT_S)
        with pytest.raises(BusyError), Leases(catalog).held(SCOPE, what="make it", at=NOW):
            pytest.fail("a living process was taken for dead")
        assert holder.write("alive") == "written"
        holder.signal(signal.SIGKILL)
        with taken(catalog, within_s=60):
            pass
