"""Every way in which people start Dagster: each loads the whole graph from the project's root, and one makes an asset.

`dg` is a package of its own that dayreel does not bring, so it is installed here beside what is, in the same version.
"""

import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import pytest
import requests
import yaml

import tests.orchestration.conftest  # noqa: F401  silences what Dagster warns about itself as it is imported
from tests.days import today
from tests.fakes.ports import free_port
from tests.orchestration.daemons import PROGRAMS, Daemons, daemons_on
from tests.orchestration.deployment import NOTES, ROOT, Deployment, make_footage

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

DESK = "http://127.0.0.1:8765"
IDEAS = ("notes", "ideas")
GRAPH = "query { assetNodes { assetKey { path } description } }"
TAKES_CONFIG = {"ops": {"notes__ideas": {"config": {"new_take": False}}}}


@pytest.fixture(scope="module")
def dg_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dg`, in an environment that sees everything that is installed for dayreel."""
    folder = tmp_path_factory.mktemp("dg")
    venv.create(folder, with_pip=False)
    (installed,) = (path for path in sys.path if path.endswith("site-packages"))
    (packages,) = (folder / "lib").glob("python3*/site-packages")
    (packages / "installed.pth").write_text(installed, encoding="utf-8")
    wanted = f"dagster-dg-cli=={version('dagster')}"
    command = [str(PROGRAMS / "uv"), "pip", "install", "-q", "--python", str(folder / "bin" / "python"), wanted]
    subprocess.run(command, check=True, timeout=600)
    return folder / "bin" / "dg"


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    """A project as people clone it, whose links name its desk."""
    deployment = Deployment.new(tmp_path / "project", {"notes": NOTES}, footage=make_footage(tmp_path / "walk.mp4"))
    (deployment.root / "dg.toml").write_text((ROOT / "dg.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (deployment.root / "pipeline_assets").symlink_to(ROOT / "pipeline_assets")  # where `dg` looks for it
    with daemons_on(deployment, {"DAYREEL_DESK_URL": DESK}) as daemons:
        yield daemons


def graph_at(port: int) -> list[dict[str, object]]:
    """Return the assets that a web server shows, or nothing while it has not loaded them."""
    try:
        answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": GRAPH}, timeout=30)
    except requests.RequestException:
        return []
    return list(answer.json()["data"]["assetNodes"])


def ran(daemons: Daemons, name: str, *command_line: str) -> str:
    """Run a command to its end, and return what it printed."""
    assert daemons.start(name, *command_line).wait(600) == 0, (daemons.deployment.root / f"{name}.log").read_text()
    return (daemons.deployment.root / f"{name}.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("way", ["dagster dev", "dg dev", "code server"])
def test_a_server_shows_the_whole_graph_with_links_to_the_desk(
    daemons: Daemons, dg_program: Path, figure: Callable[[str], None], way: str
) -> None:
    port, started = free_port(), time.monotonic()
    if way == "dg dev":
        daemons.start("dev", str(dg_program), "dev", "--port", str(port))
    elif way == "dagster dev":
        daemons.start("dev", str(PROGRAMS / "dagster"), "dev", "-w", "workspace.yaml", "-p", str(port))
    else:
        code = free_port()
        where = ("-m", "pipeline_assets.definitions", "-h", "127.0.0.1", "-p", str(code), "--location-name", "dayreel")
        daemons.start("code", str(PROGRAMS / "dagster"), "code-server", "start", *where)
        server = {"grpc_server": {"host": "127.0.0.1", "port": code, "location_name": "dayreel"}}
        (daemons.deployment.root / "grpc.yaml").write_text(yaml.safe_dump({"load_from": [server]}), encoding="utf-8")
        time.sleep(20)  # a web server looks once for a server that is not there yet, and then at its leisure
        daemons.start("web", str(PROGRAMS / "dagster-webserver"), "-w", "grpc.yaml", "-p", str(port))
    assets = daemons.until(f"{way} shows the graph", partial(graph_at, port))
    figure(f"{way}: {len(assets)} assets after {time.monotonic() - started:.0f} s")
    assert len(assets) == len(daemons.deployment.defs.resolve_all_asset_keys())
    assert all(f"]({DESK}/docs/" in str(asset["description"]) for asset in assets)


@pytest.mark.parametrize("way", ["dagster asset materialize", "dagster job execute", "dg launch"])
def test_an_asset_is_made_with_run_config(
    daemons: Daemons, dg_program: Path, figure: Callable[[str], None], way: str
) -> None:
    started, day, module = time.monotonic(), today().isoformat(), ("-m", "pipeline_assets.definitions")
    config = daemons.deployment.root / "once.yaml"
    config.write_text(yaml.safe_dump(TAKES_CONFIG), encoding="utf-8")
    if way == "dg launch":
        asset = ("--assets", "/".join(IDEAS), "--partition", day, "--config-json", json.dumps(TAKES_CONFIG))
        ran(daemons, "launch", str(dg_program), "launch", *asset)
    elif way == "dagster asset materialize":
        asset = ("--select", "/".join(IDEAS), "--partition", day, "--config", str(config))
        ran(daemons, "materialize", str(PROGRAMS / "dagster"), "asset", "materialize", *module, *asset)
    else:
        tags = json.dumps({"dagster/partition": day})
        job = ("-j", "make_day_notes", "-c", str(config), "--tags", tags)
        ran(daemons, "execute", str(PROGRAMS / "dagster"), "job", "execute", *module, *job)
    figure(f"{way}: {time.monotonic() - started:.0f} s")
    assert daemons.instance.get_materialized_partitions(dg.AssetKey(IDEAS)) == {day}


def test_dg_checks_and_lists_the_definitions(daemons: Daemons, dg_program: Path, figure: Callable[[str], None]) -> None:
    started = time.monotonic()
    ran(daemons, "check_toml", str(dg_program), "check", "toml")
    ran(daemons, "check_defs", str(dg_program), "check", "defs")
    checked_s = time.monotonic() - started
    listed = ran(daemons, "list_defs", str(dg_program), "list", "defs", "--json")
    figure(f"dg check {checked_s:.0f} s, dg list {time.monotonic() - started - checked_s:.0f} s")
    assert "notes/final_video" in listed
