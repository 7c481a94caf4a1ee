"""Walks the whole way of a newcomer on a phone, on one origin, and takes the desk's and the terminal's pictures on it.

    python docs/walk_the_desk.py        # needs a `chromium` on the PATH; writes docs/pictures/desk-*.png and tui-*.svg

The one-time link, a render that progresses, the video played, a typo mended, the approval, the posts, the run in
Dagster: every step is waited for and looked at, so the script fails where the product does. The browser is the one of
the tests, `tests/fakes/chromium.py`; so are the steps at the entrance.
"""

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from take_pictures import DAYREEL, HERE, PROJECT, dayreel, new_project, wait_for_link

sys.path.insert(0, str(PROJECT))

from dayreel.services.project import open_project
from dayreel.settings import load_settings
from dayreel.tui.app import DayreelTerminal
from dayreel.tui.review import ReviewScreen
from tests.fakes.chromium import DESKTOP, PHONE, Chromium, Page, chromium, find_chromium
from tests.world.test_desk_browser import come_in

PICTURES = HERE / "pictures"
PLAYED = "document.querySelector('video').currentTime > 1"
POSTS = "[...document.querySelectorAll('[data-field=post-state]')].map((state) => state.innerText)"
ARE_OVER = f"(({POSTS}).filter((state) => state === 'posted').length === 3 || /failed|refused|unknown/.test({POSTS}))"
HANGS_S = 900
"""So long takes only what hangs, on however busy a machine; what fails is seen at once."""


def main() -> None:
    """Make a project, open everything on it, walk, and clean up."""
    with tempfile.TemporaryDirectory(prefix="dayreel-walk-") as folder:
        root = Path(folder)
        environment = new_project(root) | {"DAYREEL_REVIEWER": "Ben"}
        with (root / "up.log").open("wb") as log:
            up = subprocess.Popen([*DAYREEL, "up"], cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            link = wait_for_link(root / "up.log")
            _earlier_days(root, environment)
            asyncio.run(_walk(root, environment, link))
            asyncio.run(_terminal(root))
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=60)


def _earlier_days(root: Path, environment: dict[str, str]) -> None:
    """Give the pages something to show: another channel's day, one of yesterday that was rejected, a pinned idea."""
    today, yesterday = _today(), _today() - timedelta(days=1)
    dayreel(root, environment, "run", "--channel", "tiny_histories", "--date", str(today))
    dayreel(root, environment, "run", "--channel", "asmr_crafts", "--date", str(yesterday))
    dayreel(root, environment, "review", "reject", f"asmr_crafts-{yesterday}", "--note", "too dark")
    idea = "A potter in Kyoto mends a cracked jar with gold, and the brush is heard on the clay"
    dayreel(root, environment, "channels", "pin", "asmr_crafts", str(today + timedelta(days=2)), "--idea", idea)


async def _walk(root: Path, environment: dict[str, str], link: str) -> None:
    path = find_chromium()
    if path is None:
        raise SystemExit("There is no Chromium on this machine.")
    async with chromium(path) as browser:
        await _on_a_phone(browser, root, environment, link)


async def _on_a_phone(browser: Chromium, root: Path, environment: dict[str, str], link: str) -> None:
    desk, content_id = link.partition("/welcome/")[0], f"asmr_crafts-{_today()}"
    context = await browser.context()
    page = await browser.tab(context, PHONE)
    await come_in(page, link, "Ana")
    await _shoot(page, "desk-queue")
    making = subprocess.Popen([*DAYREEL, "run", "--channel", "asmr_crafts"], cwd=root, env=environment)
    seen = await _watch(page, desk, content_id)
    print(f"progress seen without a reload of one's own: {seen}")
    if making.wait(timeout=HANGS_S) != 0:
        raise RuntimeError("the day could not be made")
    await page.wait("document.querySelector('video')?.duration > 10", "the video", within_s=HANGS_S)
    await _shoot(page, "desk-content")
    await page.say("document.querySelector('video').muted = true, document.querySelector('video').play()")
    await page.wait(PLAYED, "the video does not play")
    caption = await page.say("document.querySelector('#caption').value")
    await page.type("#caption", f"{caption} Listen closely.")
    await page.wait("document.querySelector('[data-field=text]').innerText.includes('Listen closely.')", "no preview")
    await page.press("form[action$='/edit'] button")
    await page.press("form[action$='/approve'] button")
    await page.wait(ARE_OVER, "three posts", within_s=HANGS_S)
    if (posts := await page.say(POSTS)) != ["posted"] * 3:
        raise RuntimeError(f"three posts are due, and these are shown: {posts}")
    await page.open(f"{desk}/calendar")
    await _shoot(page, "desk-calendar")
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    await page.open(f"{desk}/?view=all")
    await _shoot(page, "desk-dark")
    wide = await browser.tab(context, DESKTOP)
    await wide.open(f"{desk}/content/tiny_histories-{_today()}")
    await wide.wait("document.querySelector('video')?.readyState === 4", "the video")
    await _shoot(wide, "desk-wide")
    whole_month = await browser.tab(context, (1280, 1160))
    await whole_month.open(f"{desk}/calendar?channel=asmr_crafts")
    await _shoot(whole_month, "desk-calendar-wide")
    await page.open(f"{desk}/content/{content_id}")
    run = await page.say("[...document.querySelectorAll('a')].find((one) => one.href.includes('/dagster/runs/')).href")
    await wide.open(run)
    await wide.wait("document.body.innerText.includes('make_day_asmr_crafts')", "the run in Dagster", within_s=HANGS_S)
    if not str(await wide.say("location.href")).startswith(f"{desk}/dagster/"):
        raise RuntimeError("Dagster is not on the desk's origin")


async def _watch(page: Page, desk: str, content_id: str) -> list[int]:
    """Open the content as soon as it is there, and gather the progress that its page shows by itself."""
    deadline = time.monotonic() + HANGS_S
    while await page.say(f"fetch('/renders/{content_id}').then((answer) => answer.status)") != 200:
        if time.monotonic() > deadline:
            raise TimeoutError("the day was not begun")
        await asyncio.sleep(0.2)
    seen: list[int] = []
    await page.open(f"{desk}/content/{content_id}")
    while True:
        try:
            if await page.say("Boolean(document.querySelector('video'))"):
                return seen
            value = await page.say("document.querySelector('[data-field=progress]')?.value ?? 0")
        except AssertionError:  # the page is just replacing itself: the content has moved on
            continue
        if value and (not seen or value != seen[-1]):
            seen.append(value)
            if len(seen) == 2:
                await _shoot(page, "desk-render")
        if time.monotonic() > deadline:
            raise TimeoutError("the video was not made")
        await asyncio.sleep(0.1)


async def _terminal(root: Path) -> None:
    """Take the pictures of the terminal, as text that any browser draws."""
    project = open_project(load_settings(root))
    try:
        app = DayreelTerminal(project, person="Ben", colour=True)
        async with app.run_test(size=(96, 30)) as pilot:
            await pilot.pause(2)
            _keep(app, "tui-day")
            app.push_screen(ReviewScreen(f"tiny_histories-{_today()}"))
            await pilot.pause(3)
            _keep(app, "tui-review")
    finally:
        project.catalog.close()


def _keep(app: DayreelTerminal, name: str) -> None:
    # The fonts that Textual names are on other people's servers; whoever opens the picture has one of their own.
    drawn = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="dayreel tui"), flags=re.DOTALL)
    (PICTURES / f"{name}.svg").write_text(drawn, encoding="utf-8")
    print(f"docs/pictures/{name}.svg")


async def _shoot(page: Page, name: str) -> None:
    await asyncio.sleep(0.4)
    dest = PICTURES / f"{name}.png"
    await page.shoot(dest)
    print(dest.relative_to(PROJECT))


def _today() -> date:
    return date.today()


if __name__ == "__main__":
    main()
