"""The append-only record of what happened to a document: one JSON object a line, in `.pipeline/transactions.log`.

Several documents of one folder share the file; a record names its document. Every record carries the digest before and
after, so the records of a document form a chain, and a change made past the state manager shows as a break in it.
A line cut short by a crash is reported, never fatal. Nothing here decides what is written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json

from dayreel.stores.state.disk import Disk
from dayreel.stores.state.errors import StateReadError

Record = dict[str, Any]
Outcome = Literal["committed", "rolled back", "recovered", "interrupted"]
"""committed · rolled back · recovered: cut short after the rename, so the change stands · interrupted: before it."""

_BLOCK_BYTES: Final = 64 * 1024
_NEEDED: Final = ("timestamp", "operation", "success", "digest_after", "transaction_id")


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line of the log that is not a record: number from 1, and whether it is the last one (then a crash cut it)."""

    line: int
    is_last: bool


class TransactionLog:
    """The log as one document sees it.

    Args:
        path: the file; it need not exist.
        document: name of the document whose records are meant.
        disk: how lines are added.
    """

    def __init__(self, path: str, *, document: str, disk: Disk) -> None:
        """Touch nothing yet."""
        self.path = Path(path)
        self._name = path
        self._document = document
        self._disk = disk

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record."""
        self._disk.append(self._name, to_json({"document": self._document, **record}) + b"\n")

    def newest_first(self) -> Iterator[Record]:
        """Yield the document's records from the last one back, reading no more of the file than is asked for."""
        for line in self._lines_backwards():
            record = _parse(line)
            if record is not None and record.get("document") == self._document:
                yield record

    def last_digest(self) -> str | None:
        """Return the digest that the log says the document has; None when it says nothing."""
        record = next(self.newest_first(), None)
        return None if record is None else str(record["digest_after"])

    def read_all(self) -> tuple[list[Record], list[DamagedLine]]:
        """Return the document's records, oldest first, and the lines that are not records."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise self._unreadable(error) from error
        records, damaged = [], []
        for number, line in enumerate(lines, start=1):
            record = _parse(line)
            if record is None and line.strip():
                damaged.append(DamagedLine(number, is_last=not any(lines[number:])))
            elif record is not None and record.get("document") == self._document:
                records.append(record)
        return records, damaged

    def _unreadable(self, error: OSError) -> StateReadError:
        return StateReadError(
            f"Tried to read the log {self._name!r}; the system answered: {error}.",
            next_step="The document is not concerned; correct the permissions.",
        )

    def _lines_backwards(self) -> Iterator[bytes]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreadable(error) from error
        with file:
            end, carried = file.seek(0, 2), b""
            while end > 0:
                start = max(0, end - _BLOCK_BYTES)
                file.seek(start)
                carried = file.read(end - start) + carried
                first, *whole = carried.split(b"\n")
                yield from reversed(whole)
                carried, end = first, start
            yield carried


def _parse(line: bytes) -> Record | None:
    try:
        record = from_json(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and all(key in record for key in _NEEDED) else None
