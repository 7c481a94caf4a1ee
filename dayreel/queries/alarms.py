"""What should somebody know whatever they are looking at? What the banners on top of every page and screen say."""

from dataclasses import dataclass

from sqlalchemy import Connection

from dayreel.queries.config import read_config, switch_sentence
from dayreel.queries.holds import read_holds
from dayreel.queries.silences import SilenceRow, read_silences
from dayreel.queries.unknown_outcomes import UnknownOutcomes, read_unknown_outcomes
from dayreel.records import Records
from dayreel.rules.flags import flag_notices
from dayreel.stores.catalog.epoch import epoch_beside


@dataclass(frozen=True)
class Alarms:
    """What stops buying and posting, what is silent, and every unknown outcome.

    Attributes:
        stopped: a sentence, while the kill switch is off.
        held: a sentence for each flag that stops something, for each hold, and for each channel that is left out, with
            what ends it.
        silent: what should have happened and has not, as of the last look.
    """

    stopped: str | None
    held: tuple[str, ...]
    unknown: UnknownOutcomes
    silent: tuple[SilenceRow, ...]


def alarms(records: Records) -> Alarms:
    """Return what somebody should know.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return read_alarms(records, connection)


def left_out_channels(records: Records) -> list[str]:
    """Return a sentence for each channel that waits for a vendor's package; files are read where one is unusable."""
    from dayreel.vendors.registry import unusable  # noqa: PLC0415  brings records, and most projects have no package

    return list(records.channels.left_out().values()) if unusable() else []


def read_alarms(records: Records, connection: Connection) -> Alarms:
    """Return what somebody should know, read inside the caller's transaction."""
    switch = read_config(connection, "switch")
    stopped = switch_sentence(switch) if switch.value == "off" else None
    held = read_holds(connection, epoch_beside(records.settings.content_dir)).sentences()
    silent = tuple(row for row in read_silences(connection, records.settings.world) if row.reported_at is not None)
    return Alarms(
        stopped,
        (*flag_notices(records.settings), *held, *left_out_channels(records)),
        read_unknown_outcomes(records, connection),
        silent,
    )
