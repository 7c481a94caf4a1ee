"""What every use case of the library works with: the shared folder, its plan, its items and its jobs."""

from dataclasses import dataclass
from pathlib import Path

from dayreel.footage.schemas.library import LibraryPlan
from dayreel.footage.stores.items import ItemStore
from dayreel.footage.stores.job_queue import JobQueue
from dayreel.footage.stores.plan import load_plan
from dayreel.services.footage_hooks import require_library
from dayreel.services.project import Project
from dayreel.settings import Settings
from dayreel.stores.locks import who_holds

WATCH_LOCK = "library-watch"
"""Held, among the project's locks, by the process that watches the library from this machine."""


@dataclass(frozen=True)
class Library:
    """A shared folder, as this machine sees it, with the catalog that remembers what it says."""

    project: Project
    root: Path
    plan: LibraryPlan
    items: ItemStore
    queue: JobQueue


def open_library(project: Project) -> Library:
    """Open the shared folder that DAYREEL_LIBRARY names.

    Raises:
        ConfigurationError: the variable is not set, the folder is not there, or its plan has problems.
    """
    root = require_library(project.settings)
    plan = load_plan(root)
    return Library(project, root, plan, ItemStore(root, actor=project.actor), JobQueue(root, clock=project.clock))


def watcher(settings: Settings) -> str | None:
    """Return which process watches the library from this machine, or None when nobody does and somebody could.

    Raises:
        ConfigurationError: nobody does, and the shared folder or its plan has problems.
    """
    holder = who_holds(settings.var_dir / "locks", WATCH_LOCK)
    if holder is None:
        load_plan(require_library(settings))
    return holder
