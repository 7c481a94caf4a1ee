"""Waiting for a change of the catalog on the event loop: PostgreSQL notifies of one, SQLite is polled.

What has changed is `queries.changes`; who is notified is `live`.
"""

import asyncio
import logging

import anyio.to_thread

from dayreel.errors import StoreError
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.news import News

# PostgreSQL is polled at this rate even when it sends nothing: a notification can be lost.
LOOK_ANYWAY_S = 1.0
# Commits come in bursts; so long they are gathered.
_GATHER_S = 0.02

_log = logging.getLogger(__name__)


class NotificationListener:
    """The one ear on a catalog; `wait` is called by one task at a time."""

    def __init__(self, catalog: Catalog, *, poll_s: float) -> None:
        """Prepare; the first `wait` connects.

        Args:
            poll_s: how often to poll where nothing notifies.
        """
        self._catalog = catalog
        self._poll_s = poll_s
        self._news: News | None = None
        self._heard = asyncio.Event()

    async def wait(self) -> None:
        """Return when there may be something new."""
        if self._catalog.is_sqlite:
            await asyncio.sleep(self._poll_s)
            return
        if self._news is None:
            await self._connect()
            return
        try:
            async with asyncio.timeout(LOOK_ANYWAY_S):
                await self._heard.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_GATHER_S)
        self._heard.clear()

    def close(self) -> None:
        """Give the connection back."""
        news, self._news = self._news, None
        if news is not None:
            asyncio.get_running_loop().remove_reader(news.fileno())
            news.close()

    async def _connect(self) -> None:
        """Begin to listen; whoever called looks at once afterwards, as something may have been said before."""
        try:
            self._news = await anyio.to_thread.run_sync(News, self._catalog)
        except StoreError as error:
            _log.warning("%s", error)
            await asyncio.sleep(LOOK_ANYWAY_S)
            return
        asyncio.get_running_loop().add_reader(self._news.fileno(), self._take)

    def _take(self) -> None:
        try:
            if self._news is not None and self._news.drain():
                self._heard.set()
        except StoreError as error:
            _log.warning("%s", error)
            self.close()
            self._heard.set()
