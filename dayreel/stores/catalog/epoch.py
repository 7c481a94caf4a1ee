"""From which time a catalog is: its epoch, which also stands beside the contents (`stores.catalog_copies`).

An epoch begins when a catalog is made, restored or rebuilt; since then it counts what was sent. Where more was sent
outside than the catalog knows, or in an epoch that it never had, the catalog is another one than that which sent it.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from dayreel.errors import StoreError
from dayreel.stores.catalog.tables import effects, epochs

PROJECT_COPY: Final = ".catalog.json"


@dataclass(frozen=True)
class Epoch:
    """An epoch as it was seen.

    Attributes:
        token: what it is known by.
        sends: how often something was bought, asked or posted for a content by then.
    """

    token: str
    sends: int


def current_epoch(connection: Connection) -> Epoch | None:
    """Return the catalog's present epoch; None where nothing was sent since it has any."""
    row = connection.execute(select(epochs).order_by(epochs.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else Epoch(row["token"], row["sends"])


def begin_epoch(connection: Connection, reason: str, *, at: datetime) -> Epoch:
    """Begin another epoch, which knows of what the catalog knows."""
    epoch = Epoch(secrets.token_hex(16), known_sends(connection))
    last = connection.execute(select(func.max(epochs.c.change_number))).scalar() or 0
    values: dict[str, Any] = {"token": epoch.token, "sends": epoch.sends, "change_number": last + 1}
    connection.execute(insert(epochs).values(**values, began_at=at, reason=reason))
    return epoch


def count_send(connection: Connection, *, at: datetime) -> Epoch:
    """Count one act that is about to be sent, in the transaction that claims it."""
    # A catalog that is older than epochs begins its first one here.
    epoch = current_epoch(connection) or begin_epoch(connection, "made", at=at)
    connection.execute(update(epochs).where(epochs.c.token == epoch.token).values(sends=epochs.c.sends + 1))
    return Epoch(epoch.token, epoch.sends + 1)


def known_sends(connection: Connection) -> int:
    """Return how many sends the ledger's rows add up to; messages are not counted, they may be repeated."""
    query = select(func.coalesce(func.sum(effects.c.attempts), 0)).where(
        effects.c.content_id.is_not(None), effects.c.kind != "notification"
    )
    return int(connection.execute(query).scalar_one())


def is_known(connection: Connection, outside: Epoch) -> bool:
    """Return whether the catalog knows everything that had been sent when `outside` was written down."""
    sends = connection.execute(select(epochs.c.sends).where(epochs.c.token == outside.token)).scalar()
    return sends is not None and outside.sends <= sends


def epoch_beside(content_dir: Path) -> Epoch | None:
    """Return the epoch that stands beside the contents; None where nothing was ever sent from here.

    Raises:
        StoreError: the file cannot be read.
    """
    document = read_copy(content_dir / PROJECT_COPY)
    return Epoch(document["token"], document["sends"]) if document and "token" in document else None


def read_copy(path: Path) -> Any:
    """Return what a copy beside the contents holds; None where there is none that can be read.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None  # a copy that a power cut has emptied is none: the catalog writes it again
    except OSError as error:
        raise StoreError(
            f"Tried to read {str(path)!r}; it answered: {error.strerror}.",
            next_step="Give dayreel the right to read it; nothing was sent.",
        ) from error
    return document if isinstance(document, dict) else None
