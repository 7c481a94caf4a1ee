"""Who a process is: not fooled by ids that are given again, by clocks that are set, or by the dead that stay listed."""

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from dayreel.processes import is_alive, owner_of, this_process
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def other() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate()


def test_a_reused_process_id_is_not_taken_for_the_old_process(other: "subprocess.Popen[bytes]") -> None:
    host, pid, started = owner_of(other.pid).rsplit(":", 2)
    assert is_alive(f"{host}:{pid}:{started}") is True
    assert is_alive(f"{host}:{pid}:{started}0") is False
    assert is_alive(this_process()) is True


def test_a_process_of_another_host_cannot_be_known() -> None:
    assert is_alive("another-host:1:1.00") is None


@pytest.mark.parametrize("part", [0, 1, 2], ids=["machine", "boot", "PID namespace"])
def test_another_place_of_the_same_host_name_cannot_be_known(part: int) -> None:
    """A container whose PIDs mean nothing here: a buyer in it was taken for dead, and its paid id was in no book."""
    where, _, started = this_process().rsplit(":", 2)
    host, _, place = where.partition("/")
    parts = place.split("-")
    parts[part] += "1"
    assert is_alive(f"{host}/{'-'.join(parts)}:4000000:{started}") is None
    assert is_alive(f"{where}:4000000:{started}") is False


def test_an_owner_without_a_place_cannot_be_known() -> None:
    where, pid, started = this_process().rsplit(":", 2)
    assert is_alive(f"{where.partition('/')[0]}:{pid}:{started}") is None


@pytest.mark.parametrize("error", [psutil.NoSuchProcess, psutil.AccessDenied])
def test_a_process_that_the_system_hides_cannot_be_known(
    other: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch, error: type[psutil.Error]
) -> None:
    """Another user's, under systemd's `ProtectProc=invisible`: a living buyer would be taken for dead at once."""
    owner = owner_of(other.pid)

    def hidden(pid: int) -> psutil.Process:
        raise error(pid)

    monkeypatch.setattr(psutil, "Process", hidden)
    assert is_alive(owner) is None


def test_a_clock_that_is_set_makes_nobody_look_dead(
    other: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """psutil counts from the boot, whose moment is worked out from the wall clock: setting that moves everybody."""
    owner = owner_of(other.pid)
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: real(process) + 3600)
    assert is_alive(owner) is True


def test_a_killed_process_that_nobody_has_collected_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(process.pid)
    assert is_alive(owner) is True
    process.kill()
    wait_until(lambda: not is_alive(owner))
    process.communicate()
    assert is_alive(owner) is False
    with pytest.raises(psutil.NoSuchProcess):
        owner_of(process.pid)
