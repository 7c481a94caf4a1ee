"""One writer at a time: a registry between threads and tasks, the system's file lock between processes.

The lock is the kernel's (through filelock) on `X.json.lock`, so it ends with the process that holds it, however that
ends: there are no stale locks, only a stale signature in the file, which the next holder reads to learn that a
transaction was cut short. Whoever times out reads the signature to say who is in the way.

Nothing here knows what a document is.
"""
# ruff: noqa: PTH116, PTH119
# Descriptors and raw names: this runs on every transaction.

import contextlib
import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from filelock import lock_descriptor, unlock_descriptor
from pydantic_core import from_json, to_json

from dayreel.clock import Clock
from dayreel.stores.state.disk import OPEN_LOCK, Disk, read_at
from dayreel.stores.state.errors import StateLockError

_RECORD_BYTES: Final = 768
_PREFIX: Final = b'{"state":"'
_AFTER: Final = b'","digest_after":"'
_DIGEST_BYTES: Final = 64
_HELD: Final = b"held"
_FREE: Final = b"free"
_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.005
_HOST: Final = socket.gethostname()


@dataclass(frozen=True, slots=True)
class Signature:
    """Who holds the lock, or held it last; the digests show, if it is cut short, on which side of the rename."""

    transaction_id: str
    pid: int
    host: str
    thread: str
    actor: str
    since: str
    digest_before: str
    digest_after: str = ""
    is_held: bool = True

    def describe(self) -> str:
        """Return the holder as a clause."""
        return (
            f"process {self.pid} on {self.host!r} (thread {self.thread!r}, actor {self.actor!r}) "
            f"since {self.since}, transaction {self.transaction_id!r}"
        )

    def is_gone(self) -> bool:
        """Return whether the process certainly ended; False also when that cannot be known from here."""
        # A process of another host cannot be asked about, and `os.kill(pid, 0)` ends the process on Windows.
        if self.host != _HOST or sys.platform == "win32":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def sign_as(*, transaction_id: str, actor: str, since: str, digest_before: str) -> Signature:
    """Return a signature for the calling thread."""
    thread = threading.current_thread().name
    return Signature(transaction_id, os.getpid(), _HOST, thread, actor, since, digest_before)


@dataclass(slots=True)
class Hold:
    """The lock while it is held.

    Attributes:
        previous: the signature that was in the file, or None when there was none that could be read.
        was_interrupted: whether the holder before ended without letting go (or left no record).
        pid: the process that took the lock; a forked child does not hold it.
        is_signed: whether the file names the present holder yet.
    """

    fd: int
    previous: Signature | None
    was_interrupted: bool
    pid: int
    is_signed: bool = False


@dataclass(slots=True)
class _Owner:
    thread_id: int
    task: Any
    fd: int | None = None


_owners: dict[str, _Owner] = {}
_owners_guard = threading.Lock()


def _forget_parent() -> None:
    """In a forked child: its holds are not ours, and our copies of its descriptors must not keep them."""
    global _owners_guard  # noqa: PLW0603  the parent's guard may have been taken by a thread that does not exist here
    _owners_guard = threading.Lock()
    for owner in _owners.values():
        if owner.fd is not None:
            with contextlib.suppress(OSError):
                os.close(owner.fd)
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


class DocumentLock:
    """The lock of one document.

    Args:
        path: the lock file; it is created when missing, and never removed.
        document: the document's name, for messages.
        disk: how the signature is written.
        clock: for the timeout.
    """

    def __init__(self, path: str, *, document: str, disk: Disk, clock: Clock) -> None:
        """Touch nothing yet."""
        self._path = path
        self._document = document
        self._disk = disk
        self._clock = clock

    @contextlib.contextmanager
    def hold(self, *, timeout_s: float) -> Iterator[None]:
        """Hold the lock without signing, or join in when this thread holds it already; for looking, not for writing."""
        if self._is_mine():
            yield
            return
        hold = self._acquire_to_look(timeout_s)
        try:
            yield
        finally:
            if hold is not None:
                self._let_go(hold.fd)

    def _acquire_to_look(self, timeout_s: float) -> Hold | None:
        try:
            return self.acquire(timeout_s=timeout_s)
        except FileNotFoundError:
            return None  # without a folder there is no document, and nobody writing it
        except OSError as error:
            raise StateLockError(
                f"Tried to lock {self._document!r}; the system answered: {error}.",
                next_step="Correct the permissions of the folder; the lock file is made there.",
            ) from error

    def acquire(self, *, timeout_s: float) -> Hold:
        """Take the lock, waiting up to `timeout_s`.

        Raises:
            StateLockError: this thread holds it already, or somebody else did not let go in time.
            OSError: the lock file cannot be created.
        """
        waiting = _Waiting(self._clock, timeout_s)
        while (hold := self._try(is_async=False)) is None:
            pause_s = waiting.pause_s()
            if pause_s is None:
                raise self._timed_out(timeout_s)
            self._clock.sleep(pause_s)
        return hold

    async def acquire_async(self, *, timeout_s: float) -> Hold:
        """Take the lock as `acquire` does, without ever blocking the event loop."""
        import asyncio  # noqa: PLC0415  only those who await pay for it

        waiting = _Waiting(self._clock, timeout_s)
        while (hold := self._try(is_async=True)) is None:
            pause_s = waiting.pause_s()
            if pause_s is None:
                raise self._timed_out(timeout_s)
            await asyncio.sleep(pause_s)
        return hold

    def sign(self, hold: Hold, signature: Signature) -> None:
        """Say in the lock file who holds it, and how far it has come."""
        self._disk.sign(hold.fd, _render(signature), 0)
        hold.is_signed = True

    def announce(self, hold: Hold, digest_after: str) -> None:
        """Say in the lock file what the document is about to become."""
        # Written in place, behind the rest: the file never changes its length, so a crash leaves either no digest or
        # part of one, and the rename decides.
        self._disk.sign(hold.fd, digest_after.encode(), len(_PREFIX + _HELD + _AFTER))

    def release(self, hold: Hold, *, clean: bool = True) -> None:
        """Let go. With `clean=False` the signature stays, so that the next holder tidies up after this one."""
        if hold.pid != os.getpid():
            return  # a forked child: the parent lets go
        try:
            if clean and hold.is_signed:
                with contextlib.suppress(
                    OSError
                ):  # the next holder then looks for something to tidy up, and finds nothing
                    self._disk.sign(hold.fd, _FREE, len(_PREFIX))
        finally:
            self._let_go(hold.fd)

    def read_signature(self) -> Signature | None:
        """Return what the lock file says, without the lock; None when it says nothing readable."""
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except OSError:
            return None
        try:
            # Windows locks the first byte, which is always the same, against all other readers.
            return _parse(_PREFIX[:1] + read_at(fd, _RECORD_BYTES - 1, 1))
        finally:
            os.close(fd)

    def _is_mine(self) -> bool:
        owner = _owners.get(self._path)
        return owner is not None and owner.thread_id == threading.get_ident() and owner.task is _current_task()

    def _try(self, *, is_async: bool) -> Hold | None:
        me = _Owner(threading.get_ident(), _current_task())
        with _owners_guard:
            # Within one process the descriptor's lock does not exclude other threads on every system, so threads
            # queue here first.
            owner = _owners.setdefault(self._path, me)
        if owner is not me:
            self._refuse_nesting(owner, me, is_async=is_async)
            return None
        try:
            hold = self._try_file()
            me.fd = hold.fd if hold else None
        except BaseException:
            _owners.pop(self._path, None)
            raise
        if hold is None:
            _owners.pop(self._path, None)
        return hold

    def _refuse_nesting(self, owner: _Owner, me: _Owner, *, is_async: bool) -> None:
        """Refuse at once where waiting could never end."""
        same_thread = owner.thread_id == me.thread_id
        if not same_thread or (is_async and owner.task is not me.task):
            return
        raise StateLockError(
            f"Tried to open a transaction on {self._document!r} inside another one of the same "
            f"{'task' if is_async else 'thread'}; it would wait for itself for ever.",
            next_step="Use the transaction that is open, or end it first"
            + ("." if is_async or owner.task is None else "; between tasks use `async with`."),
        )

    def _try_file(self) -> Hold | None:
        fd = os.open(self._path, OPEN_LOCK, 0o666)
        try:
            if lock_descriptor(fd, blocking=False):
                # Somebody may have removed the file between opening and locking it; a lock on an unnamed file
                # excludes nobody.
                if self._is_current(fd):
                    previous = _parse(read_at(fd, _RECORD_BYTES, 0))
                    return Hold(fd, previous, previous is None or previous.is_held, os.getpid())
                unlock_descriptor(fd)
        except BaseException:
            os.close(fd)  # closing also lets go
            raise
        os.close(fd)
        return None

    def _is_current(self, fd: int) -> bool:
        """Return whether the locked file is still the one under the name: a removed lock file guards nothing."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _let_go(self, fd: int) -> None:
        try:
            unlock_descriptor(fd)
        finally:
            os.close(fd)
            _owners.pop(self._path, None)

    def _timed_out(self, timeout_s: float) -> StateLockError:
        signature = self.read_signature()
        if signature is None or not signature.is_held or signature.is_gone():
            who, advice = "a holder that has not signed yet", "Try again"
        else:
            who, advice = signature.describe(), f"Wait for process {signature.pid} or end it"
        return StateLockError(
            f"Tried for {timeout_s:g} s to lock {self._document!r}; it is held by {who}.",
            next_step=f"{advice}, or allow more time with lock_timeout_s. The system frees the lock when its holder "
            f"ends, so it is never stale; removing {os.path.basename(self._path)!r} would let two writers in.",
        )


class _Waiting:
    """Pauses that grow, with a little chance in them so that waiters do not march in step."""

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + timeout_s
        self._next_s = _FIRST_PAUSE_S

    def pause_s(self) -> float | None:
        """Return how long to wait before the next try, or None when the time is up."""
        left_s = self._deadline - self._clock.monotonic()
        if left_s <= 0:
            return None
        pause_s = self._next_s * random.uniform(0.5, 1.5)
        self._next_s = min(self._next_s * 2, _LONGEST_PAUSE_S)
        return min(pause_s, left_s)


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None  # no loop runs in this thread


def _render(signature: Signature) -> bytes:
    facts = to_json(
        {
            "transaction_id": signature.transaction_id,
            "pid": signature.pid,
            "host": signature.host[:64],
            "thread": signature.thread[:40],
            "actor": signature.actor[:80],
            "since": signature.since,
            "digest_before": signature.digest_before,
        }
    )
    start = _PREFIX + _HELD + _AFTER + b" " * _DIGEST_BYTES + b'",'
    return (start + facts[1:])[: _RECORD_BYTES - 1].ljust(_RECORD_BYTES - 1) + b"\n"


def _parse(raw: bytes) -> Signature | None:
    try:
        facts = from_json(raw)
        return Signature(
            transaction_id=str(facts["transaction_id"]),
            pid=int(facts["pid"]),
            host=str(facts["host"]),
            thread=str(facts["thread"]),
            actor=str(facts["actor"]),
            since=str(facts["since"]),
            digest_before=str(facts["digest_before"]),
            digest_after=str(facts["digest_after"]).strip(),
            is_held=facts["state"] != _FREE.decode(),
        )
    except (ValueError, KeyError, TypeError):
        return None
