"""What the catalog knows, beside the contents, so that a lost catalog comes back and an older one is noticed.

    content/<content-id>/catalog.json   every row of one content, and the number of its newest change
    content/.catalog.json               the epoch, how much was sent in it, and what people set for the whole project

A copy is written after each commit that changes a row of its content (`Catalog.follow`), and before anything is sent.
It is whole or not there, and a newer one is never replaced: where a copy is ahead of the catalog, the catalog takes it
over (`adopt`). The catalog is flushed at each commit and a copy is not: a power cut takes back a copy, never the
catalog. Why it is not a part of the manifest: docs/decisions/. Deciding what may be sent is `services.effects`.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, text, update

from dayreel.atomic_write import full_disk_reported
from dayreel.clock import Clock
from dayreel.errors import DayreelError, StoreError
from dayreel.stores.catalog.changes import PROJECT_TABLES
from dayreel.stores.catalog.content_rows import (
    Rows,
    go_on_counting,
    put_content_rows,
    read_content_rows,
    row_from_json,
    rows_as_json,
)
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.epoch import PROJECT_COPY, Epoch, current_epoch, epoch_beside, is_known, read_copy
from dayreel.stores.catalog.tables import content, epochs
from dayreel.stores.contents import ContentStore
from dayreel.stores.locks import alone

COPY: Final = "catalog.json"
VERSION: Final = 1
_WAIT_S: Final = 10.0


class CatalogCopies:
    """The copies of one project's catalog."""

    def __init__(self, catalog: Catalog, contents: ContentStore, clock: Clock) -> None:
        """Remember where; nothing is read yet."""
        self._catalog = catalog
        self._contents = contents
        self._clock = clock
        self._problems: dict[str, DayreelError] = {}
        self._lock = threading.Lock()

    # -- one content ---------------------------------------------------------------------------------------------------

    def follow(self, content_ids: Iterable[str], of_project: bool) -> None:
        """Write the copies of what was committed; raises nothing.

        What cannot be written of a content is kept for `require`; the project's is written,
        or refused, by the next send.
        """
        for content_id in content_ids:
            try:
                self.write(content_id)
                problem = None
            except DayreelError as error:
                problem = error
            with self._lock:
                if problem is None:
                    self._problems.pop(content_id, None)
                else:
                    self._problems[content_id] = problem
        if of_project:
            with suppress(DayreelError):
                self.write_project()

    def require(self, content_id: str) -> None:
        """See that a content's copy is as the catalog is, before something is sent for it.

        Raises:
            StoreError: it could not be written.
        """
        with self._lock:
            problem = self._problems.get(content_id)
        if problem is not None:
            raise problem

    def write(self, content_id: str) -> None:
        """Write a content's copy, where the content has a folder and the copy is not as new already.

        Raises:
            StoreError: it cannot be written, or the catalog cannot be read.
            BusyError: another process has been writing it for ten seconds.
        """
        folder = self._contents.folder(content_id)
        if not folder.is_dir() and not self._contents.is_shared:
            return  # opened just now: nothing was made or sent
        with _reported(folder / COPY), self._alone(content_id):
            with self._catalog.read() as connection:
                if not self._catalog.is_sqlite:  # there a transaction sees one moment by itself
                    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                rows = read_content_rows(connection, content_id)
            if not rows["content"]:
                return
            known = self.read(content_id)
            is_other = known is not None and _mark(known)[0] >= _mark(rows)[0] and _mark(known) != _mark(rows)
            if known is None or _mark(known)[0] < _mark(rows)[0]:
                _write(folder / COPY, {"schema_version": VERSION, **rows})
                self._contents.keep_file(content_id, COPY)
        if is_other:
            # Somebody has changed the content in an older catalog before its copy was asked.
            self.adopt(content_id)

    def catch_up(self) -> int:
        """Write every copy that is missing or behind, as of a content from before there were copies; return how many.

        Raises:
            StoreError: one cannot be written, or the catalog cannot be read.
        """
        with self._catalog.read() as connection:
            known = connection.execute(select(content.c.id, content.c.change_number)).all()
        behind = 0
        for content_id, number in known:
            copy = self.read(content_id)
            if self._contents.folder(content_id).is_dir() and (copy is None or _mark(copy)[0] < number):
                self.write(content_id)
                behind += 1
        return behind

    def read(self, content_id: str) -> Rows | None:
        """Return a content's rows as its copy says; None where there is no copy that can be read."""
        document = read_copy(self._contents.folder(content_id) / COPY)
        return document if document and document.get("content") else None

    def adopt(self, content_id: str) -> bool:
        """Bring the catalog to what a content's copy says, where the copy is ahead of it; return whether it was.

        Raises:
            StoreError: the catalog cannot be written.
        """
        self._contents.fetch_newest(content_id, COPY)
        rows = self.read(content_id)
        if rows is None:
            return False
        with self._catalog.read() as connection:
            if not _is_ahead(connection, content_id, rows):
                return False
        with self._catalog.write("money") as connection:
            if not _is_ahead(connection, content_id, rows):
                return False
            go_on_counting(connection)
            renumbered = put_content_rows(connection, content_id, rows)
            go_on_counting(connection)
        if renumbered and self._contents.exists(content_id):
            stages = {
                name: record.model_copy(
                    update={"effect_ids": tuple(renumbered.get(number, number) for number in record.effect_ids)}
                )
                for name, record in self._contents.manifest(content_id).stages.items()
            }
            self._contents.update(content_id, stages=stages)
        return True

    # -- the whole project ---------------------------------------------------------------------------------------------

    def epoch(self) -> Epoch | None:
        """Return the epoch that stands beside the contents; None where nothing was ever sent from here."""
        return epoch_beside(self._contents.root)

    def write_project(self, *, restart: bool = False) -> None:
        """Write down the epoch and what people set, unless there is something newer.

        Args:
            restart: whatever stands there is from another time, and known to be.

        Raises:
            StoreError: it cannot be written, or the catalog cannot be read.
            BusyError: another process has been writing it for ten seconds.
        """
        busy = f"Another process has been writing {PROJECT_COPY} for {_WAIT_S:.0f} s."
        with (
            _reported(self._path),
            alone(self._path.with_name(".catalog.lock"), wait_s=_WAIT_S, busy=lambda: busy),
        ):
            outside = self.epoch()
            with self._catalog.read() as connection:
                # What is of another time is compared first, by `services.upkeep.recover`.
                may_replace = restart or outside is None or is_known(connection, outside)
                epoch, number = current_epoch(connection), _project_number(connection)
                tables = {
                    table.name: rows_as_json(table, connection.execute(select(table))) for table in PROJECT_TABLES
                }
            if epoch is None or not may_replace:
                return
            head = {"schema_version": VERSION, "token": epoch.token, "sends": epoch.sends, "change_number": number}
            _write(self._path, {**head, **tables})

    def adopt_project(self) -> bool:
        """Bring what people set, and holds, to what stands beside the contents, if that is newer.

        Raises:
            StoreError: the catalog cannot be written.
        """
        known = read_copy(self._path)
        if not known:
            return False
        with self._catalog.write("money") as connection:
            number = _project_number(connection)
            if known["change_number"] <= number:
                return False
            for table in PROJECT_TABLES:
                if table.name not in known:
                    continue  # written before this table was among them
                connection.execute(delete(table))
                for document in known[table.name]:
                    connection.execute(insert(table).values(**row_from_json(table, document)))
            go_on_counting(connection, PROJECT_TABLES)
            connection.execute(
                update(epochs)
                .where(epochs.c.id == select(func.max(epochs.c.id)).scalar_subquery())
                .values(change_number=known["change_number"])
            )
        return True

    @property
    def _path(self) -> Path:
        return self._contents.root / PROJECT_COPY

    def _alone(self, content_id: str) -> Any:
        busy = f"Another process has been writing the copy of {content_id!r} for {_WAIT_S:.0f} s."
        lock = self._contents.folder(content_id) / ".pipeline" / "catalog.lock"
        return alone(lock, wait_s=_WAIT_S, busy=lambda: busy)


def _mark(rows: Rows) -> tuple[int, str]:
    """Return the number and the name of a content's newest change."""
    return int(rows["content"][0]["change_number"]), str(rows["content"][0]["change_token"])


def _is_ahead(connection: Connection, content_id: str, rows: Rows) -> bool:
    query = select(content.c.change_number, content.c.change_token).where(content.c.id == content_id)
    known = connection.execute(query).one_or_none()
    number, token = _mark(rows)
    return known is None or known[0] < number or (known[0] == number and known[1] != token)


def _project_number(connection: Connection) -> int:
    return int(connection.execute(select(epochs.c.change_number).order_by(epochs.c.id.desc()).limit(1)).scalar() or 0)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        with full_disk_reported(path):
            yield
    except OSError as error:
        raise StoreError(
            f"Tried to write {str(path)!r}; it answered: {error.strerror}.",
            next_step="What was decided stands in the catalog; nothing is sent until the copy can be written.",
        ) from error


def _write(path: Path, document: Any) -> None:
    """Put a copy in place at once; the system decides when the device gets it, because a flush takes 8 ms each time."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
