"""A studio with a content that waits for its review, and a desk on it."""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from dayreel.services.studio import Studio
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.studio import reviewable

CONTENT = "crafts-2026-11-20"


@pytest.fixture
def studio(make_studio: Callable[..., Studio]) -> Studio:
    studio = make_studio()
    assert reviewable(studio).id == CONTENT
    return studio


@pytest.fixture
def desk(studio: Studio) -> Starlette:
    return desk_on(studio)


@pytest.fixture
def ana(desk: Starlette) -> Browser:
    """A reviewer."""
    return person(desk, "Ana", "reviewer")


@pytest.fixture
def ben(desk: Starlette) -> Browser:
    """Another reviewer."""
    return person(desk, "Ben", "reviewer")


@pytest.fixture
def olga(desk: Starlette) -> Browser:
    """An operator."""
    return person(desk, "Olga", "operator")


@pytest.fixture
def vera(desk: Starlette) -> Browser:
    """A viewer."""
    return person(desk, "Vera", "viewer")
