"""examples/dayreel-acme: built, installed beside dayreel, kept to its contracts, chosen and posted to by a channel."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.fakes.ports import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "dayreel-acme"
CHANNEL = """
title: Acme
topic: A craft on {date}
content_type: crafts
active_from: 2026-11-01
ideas: {provider: anthropic, model: claude-sonnet-5-5}
prompts: {provider: openai, model: gpt-6-luna}
segments: {count: 1, duration_s: 5}
video: {provider: acme_video, model: acme-1}
narration: {provider: acme_voice, voice: ana}
platforms: {acme_board: {wall: kitchen}}
"""
PRICE = """
- provider: acme_video
  model: acme-1
  source: https://acme.example/prices
  checked_on: 2026-11-30
  per_second_usd: {720p: 0.02}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package: its wheel, unpacked as an installer does."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=EXAMPLE, check=True, timeout=120, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    arguments = [sys.executable, "-m", *command]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    (tmp_path / "channels").mkdir()
    (tmp_path / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
    (tmp_path / "channels" / "acme.yaml").write_text(CHANNEL)
    (tmp_path / "prices.yaml").write_text(PRICE)
    (tmp_path / ".env").write_text(f"DAYREEL_SANDBOX_PORT={free_port()}\nDAYREEL_WEBSERVER_PORT={free_port()}\n")
    return tmp_path


def test_its_own_tests_pass_where_it_is_installed(site: Path) -> None:
    done = run(site, EXAMPLE, "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_names_work_in_a_channel_file(site: Path, deployment: Path) -> None:
    listed = run(site, deployment, "dayreel", "providers", "--json")
    vendors = {one["name"]: one for one in json.loads(listed.stdout)}
    assert vendors["acme_voice"]["needs"] == {"ACME_KEY": False}
    assert (vendors["acme_video"]["family"], vendors["acme_pager"]["ready"]) == ("video", True)
    made = run(site, deployment, "dayreel", "run", "--channel", "acme", "--date", "2026-11-20")
    assert made.returncode == 0, made.stdout + made.stderr
    (manifest,) = deployment.glob("content/*/metadata.json")
    assert {"acme_video", "acme_voice"} <= set(manifest.read_text().split('"'))
    content_id = manifest.parent.name
    for command in (("review", "approve", content_id, "--by", "ana"), ("publish", content_id)):
        done = run(site, deployment, "dayreel", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(run(site, deployment, "dayreel", "status", "--all", "--json").stdout)
    assert row["posts"]["acme_board"]["state"] == "posted"


def test_nothing_in_dayreel_names_it() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for project in ("dayreel", "resources", "pipeline_assets", "sensors")
        for path in (ROOT / project).rglob("*.py")
        if "acme" in path.read_text(encoding="utf-8").lower()
    ]
    assert naming == ["dayreel/vendors/registry.py"]  # its docstring shows what an entry point looks like
