"""Takes the pictures of own footage at the desk: real footage, real workers on a shared folder, the page as it is then.

    python docs/show_the_library.py        # needs a `chromium` on the PATH; writes docs/pictures/desk-library*.png

A movie waits for its streams, another for its name, a third is being transcoded while the picture is taken.
"""

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO

from take_pictures import DAYREEL, HERE, PAGE_DEADLINE_S, PROJECT, START_DEADLINE_S, dayreel, new_project

sys.path.insert(0, str(PROJECT))

from dayreel.media.ffmpeg_binary import find_ffmpeg
from tests.fakes.chromium import DESKTOP, PHONE, Page, chromium, find_chromium
from tests.world.test_desk_browser import come_in

PICTURES = HERE / "pictures"
SOUNDS = ("eng", "fra")
PROGRESS = "[...document.querySelectorAll('.work progress')].some((one) => one.value > 10)"


def main() -> None:
    """Make a project and a library, work on it, open the desk, photograph, and clean up."""
    with tempfile.TemporaryDirectory(prefix="dayreel-library-") as folder:
        root = Path(folder)
        environment = {**new_project(root), "DAYREEL_LIBRARY": str(root / "shared")}
        environment["DAYREEL_REVIEWER"] = "Ben"
        _prepare(root, environment)
        link = re.search(r"http\S+/welcome/\S+", dayreel(root, environment, "users", "add", "Ana", "--role", "admin"))
        if link is None:
            raise RuntimeError("no one-time link was printed")
        with (root / "desk.log").open("wb") as log:
            desk = _begin(root, environment, log, "desk")
            worker = _begin(root, environment, log, "worker", "--roles", "transcode", "--name", "attic")
            controller = _begin(root, environment, log, "library", "watch")
        try:
            _wait_for(f"http://127.0.0.1:{environment['DAYREEL_DESK_PORT']}/healthz")
            asyncio.run(_photograph(link[0]))
        finally:
            for process in (worker, controller, desk):
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)


def _prepare(root: Path, environment: dict[str, str]) -> None:
    dayreel(root, environment, "library", "init")
    for title, year, seconds in (("Hidden Falls", 2019, 4), ("Blue Coast", 2021, 5), ("The Long Valley", 2023, 40)):
        footage = _footage(root / f"{title}.mkv", seconds)
        dayreel(root, environment, "ingest", str(footage), "--movie", title, "--year", str(year), "--even-if-alike")
    for gate in (0, 1):  # the falls wait for their streams, the coast for its name, the valley for the worker
        dayreel(root, environment, "library", "scan")
        for _ in range(3 if gate == 0 else 1):
            dayreel(root, environment, "worker", "--roles", "remux,transcode", "--name", "cellar", "--once")
        dayreel(root, environment, "library", "scan")
        if gate == 0:
            _approve(root, environment, "movie-blue_coast_2021")
    _approve(root, environment, "movie-the_long_valley_2023")
    dayreel(root, environment, "library", "scan")


def _approve(root: Path, environment: dict[str, str], item: str) -> None:
    gates = dayreel(root, environment, "library", "gates")
    number = re.search(rf"^(\d+)  {item} ", gates, re.MULTILINE)
    if number is None:
        raise RuntimeError(f"nobody is asked about {item}: {gates}")
    dayreel(root, environment, "library", "answer", number[1], "approved")


def _footage(path: Path, seconds: int) -> Path:
    """Make footage with sound in two languages, the second of which is a comment."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=24:d={seconds}"]
    for tone in (330, 440):
        inputs += ["-f", "lavfi", "-i", f"sine=f={tone}:d={seconds}"]
    maps = ["-map", "0:v", "-map", "1:a", "-map", "2:a"]
    words = [f"-metadata:s:a:{number}" for number in range(2)]
    tagged = [part for word, code in zip(words, SOUNDS, strict=True) for part in (word, f"language={code}")]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    comment = ["-disposition:a:1", "comment", words[1], "title=The director tells"]
    command = [str(find_ffmpeg()), "-v", "error", "-y", *inputs, *maps, *encode, *tagged, *comment, str(path)]
    subprocess.run(command, check=True)
    return path


def _begin(root: Path, environment: dict[str, str], log: IO[bytes], *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*DAYREEL, *words], cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


async def _photograph(link: str) -> None:
    desk = link.partition("/welcome/")[0]
    async with chromium(find_chromium() or "chromium") as browser:
        context = await browser.context()
        page = await browser.tab(context, PHONE)
        await come_in(page, link)
        wide = await browser.tab(context, DESKTOP)
        await wide.open(f"{desk}/library")
        await wide.wait(PROGRESS, "the transcode's progress without a reload", within_s=PAGE_DEADLINE_S)
        await _shoot(wide, "desk-library-wide")
        await page.open(f"{desk}/library")
        await _shoot(page, "desk-library")
        await page.open(f"{desk}/library/items/movie-blue_coast_2021")
        await _shoot(page, "desk-library-item")


async def _shoot(page: Page, name: str) -> None:
    await asyncio.sleep(0.4)
    await page.shoot(PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    main()
