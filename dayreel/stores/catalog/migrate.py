"""Bringing a catalog's schema up to date with Alembic. Steps are numbered and append-only, in `migrations/versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from dayreel.errors import StoreError
from dayreel.stores.catalog.engine import Catalog

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(catalog: Catalog, to: str = "head") -> None:
    """Apply every missing step, one process at a time.

    Raises:
        StoreError: the schema is newer than this dayreel, or cannot be changed.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with catalog.write("migrations") as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise StoreError(
                f"Tried to bring the catalog's schema to {to!r}; it was refused: {error}.",
                next_step="A catalog that was opened by a newer dayreel needs that version; nothing was changed.",
            ) from error
