"""What can go wrong with a state document, one class per reaction a caller can have.

    StateError                      anything below; nothing else leaves this package
    ├── StateReadError              the document cannot be read: where, what, and how to get back
    │   └── StateMigrationError     it can be read, but not brought to the version this program understands
    ├── StateValidationError        the data does not fit the schema, or could not be read back if it were written
    ├── StateLockError              somebody else is writing: who, and since when
    ├── StateConflictError          the document is not the one the caller had read (also a `StaleState`)
    ├── StateWriteError             the system refused a step before the rename; the old document stands
    ├── StateCommittedError         the commit stands, and a step after it went wrong; do not repeat the change
    └── StateBackupError            the backup that was asked for is not there or cannot be used

No logic belongs here beyond keeping the facts that a caller may branch on.
"""

from dataclasses import dataclass

from dayreel.errors import DayreelError, StaleState


class StateError(DayreelError):
    """Anything that the state manager refuses or cannot do."""


@dataclass(frozen=True)
class Position:
    """Where in a document something was found: byte or character offset from 0, line and column from 1."""

    offset: int
    line: int
    column: int

    def __str__(self) -> str:
        """Return the place the way an editor shows it."""
        return f"line {self.line}, column {self.column} (offset {self.offset})"


class StateReadError(StateError):
    """The document cannot be read; `position` says where, when there is a place to point at."""

    def __init__(self, message: str, *, next_step: str = "", position: Position | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.position = position


class StateMigrationError(StateReadError):
    """The document has a version that cannot be brought to the one this program understands."""


class StateValidationError(StateError):
    """The data does not fit the schema, or is not something that JSON can give back unchanged."""


class StateLockError(StateError):
    """Another transaction is open on the document; the message says whose, and since when."""


class StateConflictError(StateError, StaleState):
    """The document changed since the caller read it; nothing was done."""

    def __init__(self, message: str, *, next_step: str = "", expected: str, actual: str) -> None:
        """Keep both digests, so that a caller can distinguish a repeated attempt from a foreign change."""
        super().__init__(message, next_step=next_step)
        self.expected = expected
        self.actual = actual


class StateWriteError(StateError):
    """A step before the rename was refused by the system (disk full, no permission); the old document stands."""


class StateCommittedError(StateError):
    """The new document stands, and a step after the rename (log, rotation, hook) went wrong."""

    def __init__(self, message: str, *, next_step: str = "", transaction_id: str) -> None:
        super().__init__(message, next_step=next_step)
        self.transaction_id = transaction_id


class StateBackupError(StateError):
    """The backup that was asked for is not there or cannot be used."""
