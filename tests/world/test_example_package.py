"""examples/dayreel-acme: installed by pip into a fresh environment, kept to its contracts, chosen by a channel file.

The environment is new and gets dayreel and the example as wheels, by pip. What dayreel itself depends on it sees where
it is installed for the tests, because a machine without a registry has to be able to run them.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.fakes.ports import free_port
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "dayreel-acme"
WORLD = Path("var", "sandbox", "server.json")
CHANNEL = """
title: Acme
topic: A craft on {date}
content_type: crafts
active_from: 2026-11-01
ideas: {provider: openai, model: gpt-6-luna}
prompts: {provider: openai, model: gpt-6-luna}
segments: {count: 1, duration_s: 5}
video: {provider: acme_video, model: acme-1}
narration: {provider: acme_voice, voice: ana}
platforms: {acme_board: {wall: kitchen}}
review: {who: [ana], acme_pager: {U7: ana}}
"""
PRICE = """
- provider: acme_video
  model: acme-1
  source: https://acme.example/prices
  checked_on: 2026-11-30
  per_second_usd: {720p: 0.02}
"""
TYPE = """
import contextlib, io, json, sys
from dayreel.cli import run
printed = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run(words) == 0, words
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment; nothing of the checkout is on its path."""

    bin: Path

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in a folder."""
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def variables(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def wheel_of(source: Path, folder: Path) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, timeout=120, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    root = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True, timeout=120)
    environment = Environment(root / "bin")
    where = environment.run(root, "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(where.stdout.strip()) / "what_is_installed.pth").write_text(sysconfig.get_path("purelib"))
    wheels = [wheel_of(ROOT, root / "dayreel"), wheel_of(EXAMPLE, root / "acme")]
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python"), "install", "--quiet", "--no-index"]
    pip.append("--no-compile")  # a module is compiled when it is first imported
    # The checkout's own dayreel is among what is installed, and would count for the wheel.
    for options in (["--force-reinstall", "--no-deps", str(wheels[0])], [str(wheels[1])]):
        done = subprocess.run([*pip, *options], capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return environment


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose sandbox world, which outlives the command that started it, ends with the test."""
    (tmp_path / "channels").mkdir()
    (tmp_path / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
    (tmp_path / "channels" / "acme.yaml").write_text(CHANNEL)
    (tmp_path / "prices.yaml").write_text(PRICE)
    ports = ("SANDBOX", "WEBSERVER", "DESK")
    chosen = "ACME_KEY=chosen\nACME_ROOM=chosen\n"  # the pager; the stand-ins take values of their own
    (tmp_path / ".env").write_text(chosen + "".join(f"DAYREEL_{name}_PORT={free_port()}\n" for name in ports))
    yield tmp_path
    if (tmp_path / WORLD).exists():
        pid = json.loads((tmp_path / WORLD).read_text())["pid"]
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_running(pid))


@contextmanager
def running_desk(fresh: Environment, project: Path) -> Iterator[str]:
    """Give the address of the project's desk."""
    port = (project / ".env").read_text().partition("DESK_PORT=")[2].strip()
    url = f"http://127.0.0.1:{port}"
    with (project / "desk.log").open("wb") as log:
        desk = subprocess.Popen(
            [str(fresh.bin / "dayreel"), "desk"], cwd=project, env=fresh.variables, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: answers(url), otherwise=(project / "desk.log").read_text)
        yield url
    finally:
        desk.terminate()
        desk.wait(60)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/login", timeout=5).status_code < 500
    except requests.ConnectionError:
        return False


def test_it_is_installed_as_anybody_would(fresh: Environment, tmp_path: Path) -> None:
    imported = fresh.run(
        tmp_path, "python", "-c", "import dayreel, dayreel_acme; print(dayreel.__file__, dayreel_acme.__file__)"
    )
    assert all(str(fresh.bin.parent) in path for path in imported.stdout.split()), imported.stdout + imported.stderr
    assert len(imported.stdout.split()) == 2


def test_its_own_tests_pass_where_it_is_installed(fresh: Environment) -> None:
    done = fresh.run(EXAMPLE, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_vendors_make_ask_decide_and_post(fresh: Environment, project: Path) -> None:
    listed = fresh.run(project, "dayreel", "providers", "--json")
    vendors = {vendor["name"]: vendor for vendor in json.loads(listed.stdout)}
    assert vendors["acme_voice"]["needs"] == {"ACME_KEY": True}
    assert (vendors["acme_video"]["family"], vendors["acme_pager"]["ready"]) == ("video", True)

    made = fresh.run(project, "dayreel", "run", "--channel", "acme", "--date", "2026-11-20")
    assert made.returncode == 0, made.stdout + made.stderr
    (manifest,) = project.glob("content/*/metadata.json")
    assert {"acme_video", "acme_voice"} <= set(manifest.read_text().split('"'))

    with running_desk(fresh, project) as desk:
        world = json.loads((project / WORLD).read_text())["url"]
        press = {"service": "acme_pager", "button": "approve", "user": "U7", "name": "ana"}
        wish = {**press, "to": f"{desk}/callbacks/acme_pager"}
        pressed = requests.post(f"{world}/_world/press", json=wish, timeout=60)
        assert (pressed.json().get("status"), pressed.json().get("problem")) == (200, ""), pressed.text
        wait_until(lambda: state_in_catalog(project) != "review_pending", otherwise=pressed.text.__str__)

    # In one process: each of these commands imports the same again.
    content_id = manifest.parent.name
    typed = [["publish", content_id], ["status", "--all", "--json"], ["why", content_id, "--json"]]
    done = fresh.run(project, "python", "-c", TYPE, json.dumps(typed))
    assert done.returncode == 0, done.stdout + done.stderr
    _published, status, why = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(status)[0]["posts"]["acme_board"]["state"] == "posted"
    assert "acme_pager" in why


def state_in_catalog(project: Path) -> str:
    """A look that costs nothing, to be had many times."""
    with closing(sqlite3.connect(project / "var" / "catalog.db")) as catalog:
        return str(catalog.execute("SELECT state FROM content").fetchone()[0])


def test_nothing_in_dayreel_names_it() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for project in ("dayreel", "resources", "pipeline_assets", "sensors")
        for path in (ROOT / project).rglob("*.py")
        if "acme" in path.read_text(encoding="utf-8").lower()
    ]
    assert naming == ["dayreel/vendors/registry.py"]  # its docstring shows what an entry point looks like
