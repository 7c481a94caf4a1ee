"""A project with a content that waits for its review, and a desk on it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette

from dayreel.services.project import Project
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.project import make_project as make_one
from tests.fakes.project import reviewable

CONTENT = "crafts-2026-11-20"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one content that waits, made once; every test works on a copy."""
    root = tmp_path_factory.mktemp("project")
    project = make_one(root)
    assert reviewable(project).id == CONTENT
    project.catalog.close()
    return root


@pytest.fixture
def project(prepared: Path, make_project: Callable[..., Project], tmp_path: Path) -> Project:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return make_project()


@pytest.fixture
def desk(project: Project) -> Starlette:
    return desk_on(project)


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
