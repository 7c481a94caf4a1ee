"""The object between `with state.transaction() as txn:` and the end of the block; the engine acts.

Works with `with` and with `async with`. In the latter the wait for the lock and the commit leave the event loop free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from dayreel.stores.state.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Committer(Protocol):
    """What a transaction asks of the engine at both ends of its block."""

    def begin(self, txn: StateTransaction) -> None:
        """Take the lock and put the document into `txn.data`."""
        ...

    async def begin_async(self, txn: StateTransaction) -> None:
        """Do so without blocking the event loop."""
        ...

    def end(self, txn: StateTransaction, error: BaseException | None) -> None:
        """Commit, or roll back because of `error`."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How one transaction differs from another.

    Attributes:
        operation: the word in the log: "transaction", "write" or "restore".
        validate: check the result against the schema.
        replaces: start from nothing instead of from the present document, which then need not be readable.
        seed: what to start from, when `replaces`.
        exact: the bytes to write instead of a rendering of the data (restore).
        expected_digest: refuse when the document is not this one.
        actor: who does it, for the log; None for the state's own.
        details: a sentence for the log.
    """

    operation: str = "transaction"
    validate: bool = True
    replaces: bool = False
    seed: dict[str, Any] | None = None
    exact: bytes | None = None
    expected_digest: str | None = None
    actor: str | None = None
    details: str = ""


class StateTransaction:
    """One change of a document: commits when the block ends, changes nothing when it raises.

    Attributes:
        data: the document, to be changed in place or replaced by another dictionary.
        transaction_id: its name in the log.
        digest: SHA-256 of the document as it was when the block began, `ABSENT` when there was none.
        committed_digest: SHA-256 of what was written; None before the commit.
        changed_paths: JSON pointers of what the commit changed; empty before it.
    """

    def __init__(self, engine: Committer, options: Options) -> None:
        """Do nothing yet; the lock is taken when the block begins."""
        self._engine = engine
        self.options = options
        self.data: dict[str, Any] = {}
        self.transaction_id = ""
        self.digest = ""
        self.committed_digest: str | None = None
        self.changed_paths: list[str] = []
        self._state: Literal["new", "open", "over"] = "new"

    def __enter__(self) -> Self:
        """Take the lock, read the document.

        Raises:
            StateLockError: somebody else is writing and did not finish in time.
            StateReadError: the document is there and cannot be read.
            StateConflictError: it is not the one that `expected_digest` names.
        """
        self._start()
        self._engine.begin(self)
        self._state = "open"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, or roll back and let the block's own exception go on.

        Raises:
            StateValidationError: the data does not fit; nothing changed.
            StateWriteError: the system refused; nothing changed.
            StateCommittedError: the change stands, something after it went wrong.
        """
        self._state = "over"
        self._engine.end(self, error)

    async def __aenter__(self) -> Self:
        """Take the lock without blocking the event loop, read the document; raises as `__enter__` does."""
        self._start()
        await self._engine.begin_async(self)
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit in a worker thread, or roll back; a cancellation waits until the disk has one or the other."""
        self._state = "over"
        await _to_the_end(lambda: self._engine.end(self, error))

    def _start(self) -> None:
        if self._state != "new":
            raise StateError(
                f"Transaction {self.transaction_id!r} is used a second time.",
                next_step="Call transaction() again for every block.",
            )
        self._state = "over"


async def _to_the_end(action: Callable[[], None]) -> None:
    """Run `action` in a worker thread and see it finish, also when this task is cancelled meanwhile."""
    import asyncio  # noqa: PLC0415  only those who await pay for it

    running = asyncio.get_running_loop().run_in_executor(None, action)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        running.result()
        raise
