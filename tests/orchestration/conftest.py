"""Projects for the orchestration tests: a quick one of own footage, and one that buys from a sandbox world."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.days import today
from tests.fakes.sandbox import RunningSandbox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's own, see below; our imports must come after
    from tests.orchestration.deployment import CRAFTS, NOTES, Deployment, failures, make_footage

# Dagster uses what it and pydantic have deprecated; its warnings about itself are not ours to mend. Which beta
# parameters are used is decided in `pipeline_assets`, so that warning comes from there.
_DAGSTERS_OWN = (
    "ignore::DeprecationWarning:dagster",
    "ignore::dagster.BetaWarning",
    "ignore::dagster.PreviewWarning",
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
            for pattern in _DAGSTERS_OWN:
                item.add_marker(pytest.mark.filterwarnings(pattern))


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


@dataclass(frozen=True)
class Made:
    """A day that was made up to its review once for all tests, which look at it or work on copies of it."""

    deployment: Deployment
    result: dg.ExecuteInProcessResult
    instance: dg.DagsterInstance
    effects: dict[str, Any]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the projects of tests stand, one after the other: a graph names the folder, and so is built once."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def make_deployment(place: Path, footage: Path, sandbox: RunningSandbox) -> Callable[..., Deployment]:
    """Return a maker of projects; by default one channel of own footage, `notes`."""

    def make(**channels: dict[str, Any]) -> Deployment:
        return Deployment.new(
            place / "deployment", channels or {"notes": NOTES}, footage=footage, sandbox_url=sandbox.url
        )

    return make


@pytest.fixture
def deployment(make_deployment: Callable[..., Deployment]) -> Deployment:
    """One channel of own footage, `notes`."""
    return make_deployment()


@pytest.fixture
def bought(make_deployment: Callable[..., Deployment]) -> Deployment:
    """One channel that buys, `crafts`."""
    return make_deployment(crafts=CRAFTS)


def make_today(place: Path, name: str, fields: dict[str, Any], footage: Path, world: RunningSandbox) -> Iterator[Made]:
    """Make today of a new deployment's only channel, and close its Dagster instance at the end."""
    world.reset()
    world.pace(**QUICK)
    deployment = Deployment.new(place / f"made_{name}", {name: fields}, footage=footage, sandbox_url=world.url)
    with dg.DagsterInstance.ephemeral() as instance:
        result = deployment.run(instance, f"make_day_{name}", today())
        assert result.success, failures(result)
        yield Made(deployment, result, instance, world.effects())


@pytest.fixture(scope="session")
def made_once(place: Path, footage: Path, running_world: RunningSandbox) -> Iterator[Made]:
    """`deployment` with today made."""
    yield from make_today(place, "notes", NOTES, footage, running_world)


@pytest.fixture(scope="session")
def bought_once(place: Path, footage: Path, running_world: RunningSandbox) -> Iterator[Made]:
    """`bought` with today made."""
    yield from make_today(place, "crafts", CRAFTS, footage, running_world)


@pytest.fixture
def made(made_once: Made, place: Path, sandbox: RunningSandbox) -> Deployment:
    """`deployment` with today made, in a world that has forgotten it."""
    return made_once.deployment.copy(place / "made")


@pytest.fixture
def made_crafts(bought_once: Made, place: Path, sandbox: RunningSandbox) -> Deployment:
    """`bought` with today made, in a world that has forgotten it."""
    return bought_once.deployment.copy(place / "made")


@pytest.fixture(scope="session")
def one_instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def instance(one_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """A Dagster instance in memory with nothing in it."""
    one_instance.wipe()
    return one_instance
