"""What a command works in, closed again afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dayreel.footage.library.open_library import Library


@contextmanager
def opened_library() -> Iterator["Library"]:
    """Give the library of own footage.

    Raises:
        ConfigurationError: there is none, or its plan has problems.
    """
    from dayreel.footage.library.open_library import open_library
    from dayreel.services.project import opened_project

    with opened_project() as project:
        yield open_library(project)
