"""A video a day needs nothing of own footage: where no shared folder is set, the slice may as well not be there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_video_a_day_needs_nothing_of_own_footage(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "channels", tmp_path / "channels")
    shutil.copy(ROOT / "workspace.yaml", tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAYREEL_", "DAGSTER_"))}
    command = [sys.executable, "-m", "tests.world.without_footage", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
