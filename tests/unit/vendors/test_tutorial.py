"""The vendor of docs/tutorials/add-a-vendor.md, installed as a package: its files as they stand on the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


@pytest.mark.slow
def test_the_vendor_of_the_tutorial_passes_its_own_tests(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorials" / "add-a-vendor.md").read_text(encoding="utf-8")
    client, stand_in, tests = (code for _, code in BLOCK.findall(page))
    (tmp_path / "murmur.py").write_text(client.replace("dayreel.sandbox.murmur:mount", "murmur_stand_in:mount"))
    (tmp_path / "murmur_stand_in.py").write_text(stand_in)
    (tmp_path / "test_murmur.py").write_text(tests)
    info = tmp_path / "murmur-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: murmur\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dayreel.vendors]\nmurmur = murmur:VENDOR\n")
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [*pytest_here, "--rootdir", str(tmp_path), str(tmp_path / "test_murmur.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(".") >= len(re.findall(r"^def test_", tests, re.MULTILINE))
