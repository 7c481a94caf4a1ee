"""A studio with a content that waits for its review, and a desk on it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette

from dayreel.services.studio import Studio
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.studio import make_studio as make_one
from tests.fakes.studio import reviewable

CONTENT = "crafts-2026-11-20"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one content that waits, made once; every test works on a copy."""
    root = tmp_path_factory.mktemp("project")
    studio = make_one(root)
    assert reviewable(studio).id == CONTENT
    studio.catalog.close()
    return root


@pytest.fixture
def studio(project: Path, make_studio: Callable[..., Studio], tmp_path: Path) -> Studio:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    return make_studio()


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
