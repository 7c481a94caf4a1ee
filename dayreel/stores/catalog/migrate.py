"""Bringing a catalog's schema up to date with Alembic. Steps are numbered and append-only, in `migrations/versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from dayreel.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, to: str = "head") -> None:
    """Apply every missing step in this transaction, which only one process at a time may hold.

    Raises:
        StoreError: the schema is newer than this dayreel, or cannot be changed.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreError(
            f"Tried to bring the catalog's schema to {to!r}; it was refused: {error}.",
            next_step="A catalog that was opened by a newer dayreel needs that version; nothing was changed.",
        ) from error
