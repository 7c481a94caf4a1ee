"""Takes the pictures of the docs: makes a day in a fresh project, opens Dagster on it, and photographs its pages.

    python docs/take_pictures.py        # needs a `chromium` on the PATH; writes docs/pictures/*.png

Nothing here is a test; it exists so that the pictures show what the code does today.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import date, timedelta
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
DAYREEL = [sys.executable, "-m", "dayreel.cli"]
CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=25000",
]  # fmt: skip
START_DEADLINE_S = 90


def main() -> None:
    """Make, open, photograph, and clean up."""
    with tempfile.TemporaryDirectory(prefix="dayreel-pictures-") as folder:
        root = Path(folder)
        for part in ("channels", "dagster_home"):
            shutil.copytree(PROJECT / part, root / part, ignore=shutil.ignore_patterns("history", "storage", "*.db"))
        shutil.copy(PROJECT / "workspace.yaml", root)
        port, sandbox_port = _free_port(), _free_port()
        environment = {
            **os.environ,
            "DAYREEL_WEBSERVER_PORT": str(port),
            "DAYREEL_SANDBOX_PORT": str(sandbox_port),
            "DAYREEL_DESK_PORT": str(_free_port()),
            "DAGSTER_HOME": str(root / "dagster_home"),
        }
        _dayreel(root, environment, "run")
        told = json.loads(_dayreel(root, environment, "status", "--json"))
        crafts = next(one["content_id"] for one in told if one["channel"] == "asmr_crafts")
        _dayreel(root, environment, "review", "approve", crafts)
        _dayreel(root, environment, "publish", crafts)
        sheet = Image.open(root / "content" / crafts / "contact_sheet.jpg")
        sheet.save(HERE / "pictures" / "contact_sheet.png", optimize=True)
        up = subprocess.Popen([*DAYREEL, "up"], cwd=root, env=environment)
        try:
            _wait_for(f"http://127.0.0.1:{port}/dagster/server_info")
            _dayreel(root, environment, "backfill", "--channel", "asmr_crafts", *_three_days_before(crafts), "--yes")
            _photograph_dagster(f"http://127.0.0.1:{port}/dagster", crafts.removeprefix("asmr_crafts-"))
        finally:
            up.terminate()
            up.wait(timeout=60)
            world = json.loads((root / "var" / "sandbox" / "server.json").read_text(encoding="utf-8"))
            os.kill(world["pid"], signal.SIGTERM)  # `dayreel run` started it, and it would stay for half an hour


def _photograph_dagster(url: str, day: str) -> None:
    pages = {
        # As large as Dagster needs to show the whole group and what is in each box.
        "lineage": ("/locations/dayreel/asset-groups/asmr_crafts/lineage", 2600, 1500),
        "asset": ("/assets/asmr_crafts/final_video?view=overview", 1500, 1400),
        "partition": (f"/assets/asmr_crafts/posts/instagram?view=partitions&partition={day}", 1500, 900),
        "backfill": ("/overview/backfills", 1500, 420),
    }
    for name, (path, width, height) in pages.items():
        dest = HERE / "pictures" / f"{name}.png"
        with tempfile.TemporaryDirectory() as profile:
            where = [
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--screenshot={dest}",
                url + path,
            ]
            subprocess.run(["chromium", *CHROMIUM_FLAGS, *where], check=True, timeout=120, capture_output=True)
        print(dest.relative_to(PROJECT))


def _three_days_before(content_id: str) -> list[str]:
    day = date.fromisoformat(content_id[-10:])
    return ["--from", str(day - timedelta(days=3)), "--to", str(day - timedelta(days=1))]


def _dayreel(root: Path, environment: dict[str, str], *words: str) -> str:
    done = subprocess.run([*DAYREEL, *words], cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(f"{url} did not answer within {START_DEADLINE_S} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
