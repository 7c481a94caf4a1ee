"""Projects for the orchestration tests: a quick one of own footage, and one that buys from a sandbox world."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.fakes.sandbox import RunningSandbox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's own, see below; our imports must come after
    from tests.orchestration.project import CRAFTS, NOTES, Project, make_footage, today

# Dagster uses what it and pydantic have deprecated; its warnings about itself are not ours to mend. Which beta
# parameters are used is decided in `pipeline_assets`, so that warning comes from there.
_DAGSTERS_OWN = (
    "ignore::DeprecationWarning:dagster",
    "ignore::dagster.BetaWarning",
)

QUICK = {
    "fal_queue_s": 0.0,
    "fal_render_s": 0.0,
    "instagram_processing_s": 0.0,
    "youtube_processing_s": 0.0,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore what Dagster warns about itself, in this folder only."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for one in _DAGSTERS_OWN:
                item.add_marker(pytest.mark.filterwarnings(one))


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set in the shell must not change what a test sees."""
    import os

    for name in [name for name in os.environ if name.startswith(("DAYREEL_", "DAGSTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("footage") / "walk.mp4")


@pytest.fixture(scope="session")
def running_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace=QUICK) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_world: RunningSandbox) -> RunningSandbox:
    """The sandbox world, with nothing in it yet."""
    running_world.reset()
    running_world.pace(**QUICK)
    return running_world


@pytest.fixture
def make_project(tmp_path: Path, footage: Path, sandbox: RunningSandbox) -> Callable[..., Project]:
    """Return a maker of projects; by default one channel of own footage, `notes`."""

    def make(**channels: dict[str, Any]) -> Project:
        return Project.new(tmp_path / "project", channels or {"notes": NOTES}, footage=footage, sandbox_url=sandbox.url)

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """One channel of own footage, `notes`."""
    return make_project()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, footage: Path, running_world: RunningSandbox) -> Project:
    """The project of `project`, with today made up to its review."""
    root = tmp_path_factory.mktemp("made") / "project"
    project = Project.new(root, {"notes": NOTES}, footage=footage, sandbox_url=running_world.url)
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        assert project.run(instance, "make_day_notes", today()).success
    return project


@pytest.fixture
def made(made_once: Project, tmp_path: Path, sandbox: RunningSandbox) -> Project:
    """`project` with today made up to its review; a copy of one that is made once a session."""
    return made_once.copy(tmp_path / "made")


@pytest.fixture
def bought(make_project: Callable[..., Project]) -> Project:
    """One channel that buys, `crafts`."""
    return make_project(crafts=CRAFTS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
