"""What every use case of the library works with: the shared folder, its plan, its items and its jobs."""

from dataclasses import dataclass
from pathlib import Path

from dayreel.errors import ConfigurationError
from dayreel.footage.schemas.library import LibraryPlan
from dayreel.footage.stores.items import ItemStore
from dayreel.footage.stores.job_queue import JobQueue
from dayreel.footage.stores.plan import load_plan
from dayreel.services.studio import Studio

WATCH_LOCK = "library-watch"
"""Held, among the project's locks, by the process that watches the library from this machine."""


@dataclass(frozen=True)
class Library:
    """A shared folder, as this machine sees it, with the catalog that remembers what it says."""

    studio: Studio
    root: Path
    plan: LibraryPlan
    items: ItemStore
    queue: JobQueue


def open_library(studio: Studio) -> Library:
    """Open the shared folder that DAYREEL_LIBRARY names.

    Raises:
        ConfigurationError: the variable is not set, the folder is not there, or its plan has problems.
    """
    root = studio.settings.library
    if root is None:
        raise ConfigurationError(
            "Own footage needs a shared folder, and DAYREEL_LIBRARY is not set.",
            next_step="Set it in .env, then `dayreel library init`; see docs/how-to/library.md.",
        )
    plan = load_plan(root)
    return Library(studio, root, plan, ItemStore(root, actor=studio.actor), JobQueue(root, clock=studio.clock))
