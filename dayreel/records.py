"""The read side of a project: its settings, clock and catalog, its content folders, channel files and what models cost.

What only looks works with `Records`: the queries, and commands that show something. What acts needs a
`services.project.Project`, which is one. Nothing here decides, and what is not asked for is not imported: `dayreel
status` needs the catalog and nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dayreel.clock import Clock, SystemClock
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import Catalog, open_catalog
from dayreel.stores.s3 import connect_s3

if TYPE_CHECKING:
    from dayreel.stores.catalog_copies import CatalogCopies
    from dayreel.stores.channel_files import ChannelFiles
    from dayreel.stores.contents import ContentStore
    from dayreel.vendors.model_list import ModelList


@dataclass(frozen=True)
class Records:
    """What there is to look at in one place.

    Attributes:
        actor: who works, for the record: a person's name, a sensor, a schedule.
        s3: makes the client of the bucket, where there is one.
    """

    settings: Settings
    clock: Clock
    catalog: Catalog
    actor: str = "dayreel"
    s3: Callable[[], Any] = connect_s3

    @cached_property
    def contents(self) -> "ContentStore":
        """The content folders."""
        from dayreel.stores.content_bucket import ContentBucket  # noqa: PLC0415
        from dayreel.stores.contents import ContentStore  # noqa: PLC0415

        place = self.settings.content_bucket
        bucket = None if place is None else ContentBucket(place, self.s3)
        return ContentStore(self.settings.content_dir, actor=self.actor, bucket=bucket)

    @cached_property
    def copies(self) -> "CatalogCopies":
        """What the catalog knows, beside the contents."""
        from dayreel.stores.catalog_copies import CatalogCopies  # noqa: PLC0415

        return CatalogCopies(self.catalog, self.contents, self.clock)

    @cached_property
    def channels(self) -> "ChannelFiles":
        """The channel files."""
        from dayreel.stores.channel_files import ChannelFiles  # noqa: PLC0415

        return ChannelFiles(self.settings.channels_dir)

    @cached_property
    def models(self) -> "ModelList":
        """What vendors' models take and cost."""
        from dayreel.vendors.model_list import ModelList  # noqa: PLC0415

        return ModelList(self.settings.root)


@contextmanager
def opened_records(settings: Settings | None = None) -> Iterator[Records]:
    """Give the records of the environment's project, and close their catalog afterwards.

    Raises:
        ConfigurationError, StoreError: the settings or the catalog cannot be used.
    """
    settings = settings or load_settings()
    with open_catalog(settings.catalog) as catalog:
        yield Records(settings, SystemClock(), catalog)
