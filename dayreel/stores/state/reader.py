"""Reading a document: the file, strict JSON, the steps to the present version, the schema. Never writes anything.

A reader needs no lock: a commit is a rename, so an open file is one whole document, the old one or the new one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from dayreel.stores.state import strict_json
from dayreel.stores.state.changes import split_members
from dayreel.stores.state.errors import (
    Position,
    StateMigrationError,
    StateReadError,
    StateValidationError,
)
from dayreel.stores.state.migration import Migrations, current_version, migrate

if TYPE_CHECKING:
    from dayreel.stores.state.backups import BackupManager
    from dayreel.stores.state.disk import Disk
    from dayreel.stores.state.log import TransactionLog

ABSENT: Final = "absent"
"""The digest of a document that does not exist."""

_SHOWN_PROBLEMS: Final = 5


@dataclass(slots=True)
class Known:
    """A document that is certainly good and in the form that is written.

    Attributes:
        members: its top-level members, for comparing.
        document: a reading of it that nobody else has, to be given away once.
        is_ours: whether this instance wrote it, and so waited for the device.
    """

    raw: bytes
    digest: str
    members: list[bytes]
    document: dict[str, Any] | None = None
    is_ours: bool = True


class Reader:
    """Reads one document.

    Args:
        path: the document, absolute and free of symbolic links.
        schema: the pydantic model that documents must fit, or None.
        migrations: the steps to the present version, by the version they start from.
        version_field: the top-level field that holds the version.
        max_size_bytes: the largest document that is read.
        backups: for the way back, in messages.
        log: to know a document that is gone from one that never was.

    Attributes:
        known: the document this instance wrote or, with the lock, read last.
    """

    def __init__(
        self,
        path: str,
        *,
        schema: type[BaseModel] | None,
        migrations: Migrations,
        version_field: str,
        max_size_bytes: int,
        disk: Disk,
        backups: BackupManager,
        log: TransactionLog,
    ) -> None:
        """Touch nothing yet."""
        self.path = path
        self.schema = schema
        self.migrations = migrations
        self.version_field = version_field
        self.max_size_bytes = max_size_bytes
        self.known: Known | None = None
        self._version = current_version(migrations)
        self._disk = disk
        self._backups = backups
        self._log = log

    def load(self) -> tuple[bytes | None, int | None]:
        """Return the document's bytes and permission bits; None and None when there is no file.

        Raises:
            StateReadError: there is something, and it cannot be read as a file.
        """
        try:
            contents = self._disk.read(self.path, limit_bytes=self.max_size_bytes)
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        return contents.raw, contents.mode

    def parse(self, raw: bytes | None) -> dict[str, Any]:
        """Return the document in `raw` at the present version; a new, empty one when there never was any.

        Raises:
            StateReadError: it is malformed, of an unknown version, or gone although it had been there.
        """
        if raw is None:
            self._refuse_loss()
            return {self.version_field: self._version} if self.migrations else {}
        return self._migrated(from_json(raw) if self.is_known(raw) else self._decode(raw)[0])

    def take(self, raw: bytes | None) -> dict[str, Any]:
        """Return what `parse` does; the holder of the lock may get the reading made after the last commit."""
        if raw is None:
            return self.parse(raw)
        known = self.known
        if known is None or known.raw != raw:
            document, is_canonical = self._decode(raw)
            members = split_members(raw) if is_canonical else []
            self.known = Known(raw, self.digest(raw), members, is_ours=False) if is_canonical else None
            return self._migrated(document)
        if known.document is None:
            return self.parse(raw)
        document, known.document = known.document, None
        return self._migrated(document)

    def as_it_was(self, raw: bytes | None) -> dict[str, Any] | None:
        """Return the document in `raw` without migration; None when it cannot be read."""
        try:
            return {} if raw is None else strict_json.decode(raw)
        except StateReadError:
            return None

    def is_known(self, raw: bytes) -> bool:
        """Return whether these are the bytes of `known`."""
        return self.known is not None and self.known.raw == raw

    def digest(self, raw: bytes | None) -> str:
        """Return the SHA-256 of `raw` in hexadecimal, as `sha256sum` prints it, or `ABSENT`."""
        if raw is None:
            return ABSENT
        known = self.known
        return known.digest if known is not None and known.raw == raw else strict_json.digest(raw)

    def check_schema(self, raw: bytes, *, doing: str) -> None:
        """Check a document against the schema, when there is one.

        Raises:
            StateValidationError: it does not fit; the message names the places, never their values.
        """
        if self.schema is None:
            return
        try:
            self.schema.model_validate_json(raw)
        except ValidationError as error:
            raise StateValidationError(
                f"Tried to {doing} {self.path!r}; it does not fit {self.schema.__name__}: {_places(error)}.",
                next_step="Correct these places; `validate=False` skips the schema and nothing else.",
            ) from error

    def way_back(self) -> str:
        """Return the sentence on how to get a readable document again."""
        quoted = shlex.quote(self.path)
        try:
            newest = next(iter(self._backups.paths()), None)
        except OSError as error:
            return f"Its backups cannot be listed either ({error}); correct the permissions of the folder first."
        if newest is None:
            return "There is no backup; correct the file by hand, or replace the whole document with write()."
        return (
            f"The newest backup is {newest.name!r}: `dayreel state restore {quoted} --backup {newest.name}` puts it "
            f"back; `dayreel state verify {quoted}` shows first what would be lost."
        )

    def _decode(self, raw: bytes) -> tuple[dict[str, Any], bool]:
        try:
            return strict_json.decode_and_report(raw)
        except StateReadError as error:
            raise self._unreadable(error.message, error.position) from error

    def _migrated(self, document: dict[str, Any]) -> dict[str, Any]:
        if not self.migrations:
            return document
        try:
            return migrate(document, self.migrations, field=self.version_field)
        except StateMigrationError as error:
            raise StateMigrationError(
                f"Tried to read {self.path!r}; {error.message}.", next_step=error.next_step
            ) from error

    def _refuse_loss(self) -> None:
        """A document that is gone must not be taken for one that is new."""
        try:
            is_lost = self._backups.has_any() or self._log.last_digest() not in (None, ABSENT)
        except OSError as error:
            raise self._unreadable(f"there is none, and whether there was one cannot be determined: {error}") from error
        if is_lost:
            raise self._unreadable("the file is gone, although its backups or its log say that it was there")

    def _unreadable(self, what: str, position: Position | None = None) -> StateReadError:
        return StateReadError(f"Tried to read {self.path!r}; {what}.", next_step=self.way_back(), position=position)


def _places(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    shown = "; ".join(
        f"/{'/'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems[:_SHOWN_PROBLEMS]
    )
    hidden = len(problems) - _SHOWN_PROBLEMS
    return f"{shown} and {hidden} more" if hidden > 0 else shown
