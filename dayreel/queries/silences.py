"""What is silent that should not be, as of the last look? Reporting it is `services.upkeep.report_silences`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from dayreel.queries.rows import all_rows
from dayreel.records import Records
from dayreel.stores.catalog.tables import silences


@dataclass(frozen=True)
class SilenceRow:
    """One silence; the columns of the `silences` table that people are shown.

    Attributes:
        seen_at: when a look found it first.
        reported_at: when people were notified of it; None as long as one look alone has found it.
        resolved_at: when a look did not find it any more.
    """

    id: int
    subject: str
    text: str
    next_step: str
    seen_at: datetime
    reported_at: datetime | None
    resolved_at: datetime | None


def silences_of(records: Records) -> list[SilenceRow]:
    """Return what is silent, as of the last look; oldest first.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return read_silences(connection, records.settings.world)


def read_silences(connection: Connection, world: str) -> list[SilenceRow]:
    """Return what is silent and was reported, or will be at the next look; oldest first."""
    query = (
        select(silences)
        .where(silences.c.world == world, silences.c.closed_at.is_(None), silences.c.resolved_at.is_(None))
        .order_by(silences.c.id)
    )
    return all_rows(connection, SilenceRow, query)
