"""A process that holds a lease and writes under it when it is asked to; its tests kill it, stop it, move it elsewhere.

python -m tests.fakes.lease_holder CATALOG_URL SCOPE EXPIRY_S; each line of its input is a value to write, which it
answers with `written` or the name of the error.
"""

import sys

from sqlalchemy import insert

from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.stores import leases
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import config
from dayreel.stores.leases import Leases


def hold(url: str, scope: str) -> None:
    """Hold it until the input ends."""
    now = SystemClock().now
    with Catalog(url) as catalog:
        mine = Leases(catalog)
        with mine.held(scope, what="make it", at=now()):
            say("held")
            for line in sys.stdin:
                try:
                    with catalog.write() as connection:
                        mine.guard(connection, scope)
                        connection.execute(
                            insert(config).values(key=line.strip(), value="1", updated_by="test", updated_at=now())
                        )
                    say("written")
                except DayreelError as error:
                    say(type(error).__name__)


def say(word: str) -> None:
    """Answer whoever started this."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    catalog_url, what, expiry_s = sys.argv[1:]
    leases.EXPIRY_S, leases.BEAT_S = float(expiry_s), float(expiry_s) / 6  # type: ignore[misc]
    hold(catalog_url, what)
