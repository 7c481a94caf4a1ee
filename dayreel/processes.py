"""Who a process is and whether it still runs, in words that outlive it: what an effect's owner is written down as.

A process id is given again, and the wall clock is set; neither may make a living process look dead. So a process is
known by where it runs, its id, and when it started as the system itself counts that: in ticks since a boot that has a
name. Where it runs is a machine, a boot of it and a PID namespace: two containers of one host name see different
processes under the same ids, and a buyer was once taken for dead that way. A host name is for people alone.
"""

import os
import socket
import uuid
from functools import cache
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_OWN_ID = Path("/proc/self")
_STARTED_FIELD = 19  # of /proc/PID/stat, counted behind the name in brackets, which may hold blanks


def this_process() -> str:
    """Return who we are: host and where on it, process id, and when it started."""
    try:
        return owner_of(os.getpid())
    except psutil.NoSuchProcess:  # a /proc that is not ours: its place is then like nobody else's
        return f"{socket.gethostname()}/{_place()}:{os.getpid()}:0"


def owner_of(pid: int) -> str:
    """Return who a running process of this machine and PID namespace is.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    return f"{socket.gethostname()}/{_place()}:{pid}:{_started(pid)}"


def in_words(owner: str) -> str:
    """Return for people which process wrote `owner`."""
    host, pid, _started_at = owner.rsplit(":", 2)
    return f"process {pid} on {host.partition('/')[0]}"


def is_alive(owner: str) -> bool | None:
    """Return whether the process that wrote `owner` still runs; None when it cannot be said from here.

    That is when machine, boot and PID namespace are not all our own, when the system hides it (another user's, under
    systemd's `ProtectProc=invisible`), or when it is stopped and may wake up or never; then only the end of its lease
    ends it.
    """
    host, pid, started = owner.rsplit(":", 2)
    if host.partition("/")[2] != _place():
        return None
    try:
        status = psutil.Process(int(pid)).status()
        # A killed process whose parent has not asked after it (PID 1 of many containers) stays on the list, dead.
        if status == psutil.STATUS_ZOMBIE or _started(int(pid)) != started:
            return False
    except psutil.AccessDenied:
        return None
    except psutil.NoSuchProcess:
        return None if _is_hidden(int(pid)) else False
    return None if status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP) else True


def _is_hidden(pid: int) -> bool:
    """Return whether there is a process of that id which is not shown to us."""
    if not boot_id():  # no Linux: nothing is hidden, and elsewhere signal 0 may do more than ask
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@cache
def boot_id() -> str:
    """Return the name of the machine's present boot; empty where the system names none."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""


@cache
def _place() -> str:
    """Return the machine, its boot and the PID namespace that this process runs in."""
    if not boot_id():  # no Linux: there are no namespaces, and a start time names the boot
        return f"{uuid.getnode():x}"
    machine = _MACHINE_ID.read_text(encoding="ascii").strip() if _MACHINE_ID.exists() else ""
    try:
        # After `unshare --pid` without a /proc of its own, our ids there are other processes'.
        is_our_proc = _OWN_ID.readlink().name == str(os.getpid())
        namespace = _PID_NAMESPACE.readlink().name.strip("pid:[]") if is_our_proc else ""
    except OSError:  # a sandboxed kernel without namespaces to read
        namespace = ""
    # One that is not known is like nobody else's: then only beats prove anything.
    return f"{machine[:12]}-{boot_id()[:8]}-{namespace or uuid.uuid4().hex[:8]}"


def _started(pid: int) -> str:
    """Return when a process started. psutil derives it from the wall clock, so it moves whenever that clock is set."""
    if not boot_id():  # no Linux: there the system keeps the moment itself
        return f"{psutil.Process(pid).create_time():.2f}"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return f"{boot_id()[:8]}-{stat.rpartition(')')[2].split()[_STARTED_FIELD]}"
