"""Takes the pictures of the docs: makes days in a fresh project, comes in by the desk, and photographs Dagster's pages.

    python docs/take_pictures.py        # needs a `chromium` on the PATH; writes docs/pictures/*.png

Nothing here is a test; it exists so that the pictures show what the code does today.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
sys.path.insert(0, str(PROJECT))
from tests.fakes.chromium import Chromium, chromium, find_chromium  # noqa: E402  found through the line above

DAYREEL = [sys.executable, "-m", "dayreel"]
START_DEADLINE_S = 900  # so long takes only what hangs, on however busy a machine
PAGE_DEADLINE_S = 300
SETTLE_S = 3.0


def main() -> None:
    """Make, open, photograph, and clean up."""
    with tempfile.TemporaryDirectory(prefix="dayreel-pictures-") as folder:
        root = Path(folder)
        environment = new_project(root) | {"DAYREEL_REVIEWER": "Ana"}
        dayreel(root, environment, "run")
        documents = json.loads(dayreel(root, environment, "status", "--json"))
        crafts = next(document["content_id"] for document in documents if document["channel"] == "asmr_crafts")
        dayreel(root, environment, "review", "approve", crafts)
        dayreel(root, environment, "publish", crafts)
        sheet = Image.open(root / "content" / crafts / "contact_sheet.jpg")
        sheet.save(HERE / "pictures" / "contact_sheet.png", optimize=True)
        log = root / "up.log"
        with log.open("w") as output:
            up = subprocess.Popen([*DAYREEL, "up"], cwd=root, env=environment, stdout=output)
        try:
            welcome = wait_for_link(log)
            dayreel(root, environment, "backfill", "--channel", "asmr_crafts", *_three_days_before(crafts), "--yes")
            asyncio.run(_photograph(welcome, crafts.removeprefix("asmr_crafts-")))
        finally:
            up.terminate()
            up.wait(timeout=60)
            world = json.loads((root / "var" / "sandbox" / "server.json").read_text(encoding="utf-8"))
            os.kill(world["pid"], signal.SIGTERM)  # `dayreel run` started it, and it would stay for half an hour


def new_project(root: Path) -> dict[str, str]:
    """Copy what a project needs to `root`, and return the environment of its commands, with ports of their own."""
    for part in ("channels", "dagster_home"):
        shutil.copytree(PROJECT / part, root / part, ignore=shutil.ignore_patterns("history", "storage", "*.db"))
    shutil.copy(PROJECT / "workspace.yaml", root)
    ports = {f"DAYREEL_{name}_PORT": str(_free_port()) for name in ("WEBSERVER", "SANDBOX", "DESK")}
    return {**os.environ, **ports, "DAGSTER_HOME": str(root / "dagster_home")}


async def _photograph(welcome: str, day: str) -> None:
    """Come in by the first link, as a person would, and save each page."""
    async with chromium(find_chromium() or "chromium") as browser:
        context = await browser.context()
        entrance = await browser.tab(context, (1280, 900))
        await entrance.open(welcome)
        await entrance.type("input[name=name]", "Ana")
        for field in ("password", "again"):
            await entrance.type(f"input[name={field}]", "three small words")
        await entrance.press("form button")
        await _shoot(browser, context, welcome.partition("/welcome/")[0] + "/dagster", day)


async def _shoot(browser: Chromium, context: str, url: str, day: str) -> None:
    """Save each page once it says what it is about; the lineage is wide enough for Dagster to show each asset whole."""
    pages = {
        "lineage": ("/locations/dayreel/asset-groups/asmr_crafts/lineage", 2900, 1500, "filled"),
        "asset": ("/assets/asmr_crafts/final_video?view=overview", 1500, 1500, "contact_sheet"),
        "segments": (f"/assets/asmr_crafts/raw_segments?view=partitions&partition={day}", 1500, 960, "preview"),
        "partition": (f"/assets/asmr_crafts/posts/instagram?view=partitions&partition={day}", 1500, 900, "approved_by"),
        "backfill": ("/overview/backfills", 1500, 420, "partitions"),
    }
    for name, (path, width, height, sign) in pages.items():
        tab = await browser.tab(context, (width, height))
        await tab.open(url + path)
        has_loaded = f"document.body.innerText.includes('{sign}') && !document.body.innerText.includes('Loading')"
        await tab.wait(has_loaded, name, within_s=PAGE_DEADLINE_S)
        await asyncio.sleep(SETTLE_S)
        dest = HERE / "pictures" / f"{name}.png"
        await tab.shoot(dest)
        with Image.open(dest) as picture:
            picture.thumbnail((1700, 1700))
            picture.convert("P", palette=Image.Palette.ADAPTIVE).save(dest, optimize=True)
        print(dest.relative_to(PROJECT))


def _three_days_before(content_id: str) -> list[str]:
    day = date.fromisoformat(content_id[-10:])
    return ["--from", str(day - timedelta(days=3)), "--to", str(day - timedelta(days=1))]


def dayreel(root: Path, environment: dict[str, str], *words: str) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run([*DAYREEL, *words], cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def wait_for_link(output_path: Path) -> str:
    """Return the link that makes the first admin, once `dayreel up` has printed it into its log."""
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        match = re.search(r"http://\S+/welcome/\S+", output_path.read_text())
        if match:
            return match[0]
        time.sleep(0.5)
    raise TimeoutError(f"`dayreel up` printed no link within {START_DEADLINE_S} s: {output_path.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
