"""A catalog that tests fill by hand."""

from collections.abc import Callable

import pytest

from dayreel.services.project import Project
from tests.unit.marts.hand_made import Catalogued


@pytest.fixture
def by_hand(make_project: Callable[..., Project]) -> Catalogued:
    """A project in which nothing was made."""
    return Catalogued(make_project(channels={}))
