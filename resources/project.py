"""The project as a resource: settings, catalog, content folders and channels for one step.

See https://docs.dagster.io/guides/build/external-resources. Vendors have resources of their own beside this one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from dayreel.services.project import Project, open_project
from dayreel.settings import load_settings
from dayreel.stores.s3 import connect_s3


class ProjectResource(dg.ConfigurableResource):
    """Where dayreel works: the project's folders and its catalog, as the environment says."""

    root: str | None = Field(None, description="project root; left out, the folder that holds workspace.yaml")

    def connect_s3(self) -> Callable[[], Any]:
        """Return what makes the client of the bucket, where contents are kept in one."""
        return connect_s3

    @contextmanager
    def open(self, *, run_id: str | None = None, actor: str = "dagster") -> Iterator[Project]:
        """Give a project whose catalog is closed again afterwards.

        Args:
            run_id: the run that works, for the record.
            actor: who works, for the record.

        Raises:
            ConfigurationError, StoreError: the environment or the catalog cannot be used.
        """
        settings = load_settings(Path(self.root) if self.root else None)
        project = open_project(settings, run_id=run_id, actor=actor, s3=self.connect_s3())
        try:
            yield project
        finally:
            project.catalog.close()
