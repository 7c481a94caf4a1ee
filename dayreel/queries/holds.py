"""What is held because the catalog does not know all that was sent? One definition, for the ledger and the faces.

A catalog of another time holds everything until `services.upkeep.recover` has searched; what nobody can know after that
holds each vendor that may have got it, until its own list was searched (`services.upkeep.search_accounts`) or a person
has looked there.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, select

from dayreel.records import Records
from dayreel.stores.catalog.epoch import Epoch, epoch_beside, is_known
from dayreel.stores.catalog.tables import epoch_holds

OTHER_TIME = "the catalog does not know everything that was sent from here: it is an older one, or a new one"


@dataclass(frozen=True)
class VendorHold:
    """One vendor that nothing is sent to until its list was searched, or a person has looked there.

    Attributes:
        missing: how many sends were counted that neither catalog nor copies know; they may be this vendor's or not.
        since_at: when it began; nothing was sent there since.
    """

    target: str
    reason: str
    missing: int
    since_at: datetime


@dataclass(frozen=True)
class Holds:
    """What is held now.

    Attributes:
        is_of_other_time: everything is: the catalog is older than what stands beside the contents, or new.
        vendors: each is held until it is released, by a search of its own list or by a person.
    """

    is_of_other_time: bool
    vendors: tuple[VendorHold, ...]

    def reason(self, target: str) -> str | None:
        """Return why nothing is bought from or posted to `target`, or None."""
        if self.is_of_other_time:
            return OTHER_TIME
        return next((hold.reason for hold in self.vendors if hold.target == target), None)

    def notices(self) -> list[tuple[str, str]]:
        """Return what is held and why, and what ends it, for people."""
        notices = []
        if self.is_of_other_time:
            notices.append(
                (f"Buying and posting are held: {OTHER_TIME}.", "`dayreel reconcile` takes over what is on disk.")
            )
        for reason, group in groupby(self.vendors, lambda hold: hold.reason):
            names = [hold.target for hold in group]
            release = f"`dayreel reconcile --release {names[0] if len(names) == 1 else 'VENDOR'} --note TEXT`"
            end = f"Look there, enter what you find (`dayreel reconcile` lists what is unknown), then {release}."
            notices.append((f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} held: {reason}.", end))
        return notices

    def sentences(self) -> list[str]:
        """Return each notice as one text."""
        return [" ".join(notice) for notice in self.notices()]


def holds(records: Records) -> Holds:
    """Return what is held. One small file and two rows are read.

    Raises:
        StoreError: the catalog, or the file beside the contents, cannot be read.
    """
    with records.catalog.read() as connection:
        return read_holds(connection, epoch_beside(records.settings.content_dir))


def read_holds(connection: Connection, outside: Epoch | None) -> Holds:
    """Return what is held, read inside the caller's transaction; `outside` is the epoch beside the contents."""
    query = select(epoch_holds).where(epoch_holds.c.released_at.is_(None)).order_by(epoch_holds.c.id)
    vendors = tuple(
        VendorHold(row["target"], row["reason"], row["missing"], row["since_at"])
        for row in connection.execute(query).mappings()
    )
    return Holds(outside is not None and not is_known(connection, outside), vendors)
