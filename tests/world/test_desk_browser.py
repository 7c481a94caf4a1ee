"""The desk in a real browser: a phone's review from the one-time link to the approval, two tabs, live progress.

`python -m tests.world.test_desk_browser FOLDER` saves the pictures of the documentation by the same walk.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette

from dayreel.clock import SystemClock
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.services.renders import fire
from dayreel.services.studio import Studio
from dayreel.stores.catalog.reads import newest_verdict
from tests.fakes.chromium import DESKTOP, PHONE, Chromium, Page, chromium, find_chromium
from tests.fakes.desk import PASSWORD, desk_on, served
from tests.fakes.studio import content_row, make_studio, reviewable

BROWSER = find_chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine, so the desk was seen by no browser"),
]
NO_SIDEWAYS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
UNNAMED = """[...document.querySelectorAll('input:not([type=hidden]),textarea,select,button,a,img,video,progress')]
  .filter((one) => !(one.labels && one.labels.length) && !one.textContent.trim() && !one.hasAttribute('alt')
    && !one.closest('[aria-hidden]') && !one.closest('[aria-label]')).map((one) => one.outerHTML)"""
# WCAG 2.2, contrast of text: 4.5 to 1. Works out every visible text against the nearest ground that is not transparent.
LOW_CONTRAST = """(() => {
  const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$|transparent/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest('video')) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`);
  }
  return low;
})()"""
SEEK = """new Promise((yes) => { const video = document.querySelector('video');
  video.onseeked = () => yes(video.currentTime); video.currentTime = 2; })"""
SMALL_TARGETS = """[...document.querySelectorAll('button, nav a, input[type=text], select, textarea')]
  .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 43)
  .map((one) => one.outerHTML)"""


@dataclass
class Place:
    """A desk that is served, with one content whose video can be played."""

    studio: Studio
    app: Starlette
    url: str
    content_id: str

    def link(self, name: str | None = None, role: str = "reviewer") -> str:
        """Return a one-time link: the first admin's, or that of somebody new."""
        users = self.app.state.room.users
        return f"{self.url}/welcome/{users.first_link() if name is None else users.add(name, role, by='test')}"


@contextlib.contextmanager
def place(root: Path) -> Iterator[Place]:
    clip = root / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=180x320:r=15:d=3", "-f", "lavfi", "-i", "sine=f=440:d=3"]
    encode = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
    ]
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *source, *encode, str(clip)], check=True, timeout=60)
    studio = make_studio(root, clock=SystemClock())
    row = reviewable(studio, video=clip.read_bytes())
    for name in ("poster.jpg", "contact_sheet.jpg"):
        Image.new("RGB", (180, 320), (40, 90, 80)).save(studio.contents.folder(row.id) / name)
    app = desk_on(studio)
    try:
        with served(app) as url:
            yield Place(studio, app, url, row.id)
    finally:
        studio.catalog.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


def in_browser(walk: Callable[[Chromium], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        assert BROWSER is not None
        async with chromium(BROWSER) as browser:
            await walk(browser)

    asyncio.run(go())


async def come_in(page: Page, link: str, name: str = "") -> None:
    await page.open(link)
    if name:
        await page.type("#name", name)
    await page.type("#password", PASSWORD)
    await page.type("#again", PASSWORD)
    await page.press("form .primary")


async def looks_right(page: Page, where: str) -> None:
    assert await page.say(NO_SIDEWAYS), f"{where} scrolls sideways"
    assert await page.say(UNNAMED) == [], where
    assert await page.say(SMALL_TARGETS) == [], where
    for scheme in ("light", "dark"):
        await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert await page.say(LOW_CONTRAST) == [], (where, scheme)


async def review(page: Page, desk: Place, pictures: Path | None = None) -> None:
    async def shot(name: str) -> None:
        if pictures is not None:
            await page.shoot(pictures / f"{name}.png")

    await page.open(desk.url)
    assert "/login" in await page.say("location.href")
    await looks_right(page, "login")
    await page.open(desk.link())
    await looks_right(page, "welcome")
    await come_in(page, desk.link(), "Newcomer")
    await page.wait("document.body.dataset.connected === 'yes'", "the live view does not connect")
    await looks_right(page, "queue")
    await shot("desk-queue")
    await page.press("a.open")
    await page.wait("document.querySelector('video').duration > 2.5", "the video does not load")
    assert await page.say(SEEK) == pytest.approx(2, abs=0.1)
    await page.say("document.querySelector('video').muted = true, document.querySelector('video').play()")
    await looks_right(page, "content")
    await shot("desk-content")
    await page.type("#caption", "Clay, patience and a jar")
    await page.wait("document.querySelector('[data-field=text]').innerText.startsWith('Clay, patience and a jar')")
    await page.press("form[action$='/edit'] button")
    assert content_row(desk.studio, desk.content_id).caption == "Clay, patience and a jar"
    await page.press("form[action$='/approve'] button")
    assert "approved" in await page.say("document.querySelector('[data-field=state]').innerText")
    await shot("desk-approved")
    for path in ("/money", "/unknown", "/account", "/people", "/?view=all", "/content/crafts-2020-01-01"):
        await page.open(desk.url + path)
        await looks_right(page, path)
        await shot(f"desk{path.replace('/', '-').replace('?', '')}")
    assert [error for error in page.errors if "crafts-2020-01-01" not in error] == []


def test_a_newcomer_reviews_on_a_phone_from_the_one_time_link_to_the_approval(desk: Place) -> None:
    async def walk(browser: Chromium) -> None:
        await review(await browser.tab(await browser.context(), PHONE), desk)

    in_browser(walk)
    with desk.studio.catalog.read() as connection:
        row = newest_verdict(connection, desk.content_id)
    assert row is not None
    assert (row.verdict, row.decided_by, row.via) == ("approved", "Newcomer", "desk")


def test_progress_is_seen_without_reload_and_two_tabs_race(desk: Place) -> None:
    async def walk(browser: Chromium) -> None:
        fire(desk.studio, desk.content_id, 1, "start", progress=0, detail="queued")
        first = await browser.tab(await browser.context(), DESKTOP)
        await come_in(first, desk.link("Ana"))
        second = await browser.tab(await browser.context(), PHONE)
        await come_in(second, desk.link("Ben"))
        for page in (first, second):
            await page.open(f"{desk.url}/content/{desk.content_id}")
            await page.wait("document.body.dataset.connected === 'yes'")
        await first.say("window.sameDocument = true")
        fire(desk.studio, desk.content_id, 1, "progress", progress=70, detail="70 percent")
        await first.wait("document.querySelector('[data-field=render-progress]').value === 70", "no live progress")
        assert await first.say("window.sameDocument") is True
        # Ben is typing a reason when Ana approves: his page tells him and keeps what he wrote; the decision is refused.
        await second.type("#note", "too dark")
        await first.press("form[action$='/approve'] button")
        await second.wait("!document.getElementById('moved').hidden", "the other tab is not told")
        await second.press("form[action$='/reject'] button")
        told = await second.say("document.body.innerText")
        assert "Ana" in told
        assert "too dark" in told

    in_browser(walk)
    assert content_row(desk.studio, desk.content_id).state == "approved"


def test_the_live_view_comes_back_after_the_desk_restarts_and_misses_nothing(desk: Place) -> None:
    fire(desk.studio, desk.content_id, 1, "start", progress=0, detail="queued")

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE)
        with served(desk.app) as url:
            await come_in(page, f"{url}/welcome/{desk.app.state.room.users.add('Ana', 'viewer', by='test')}")
            await page.open(f"{url}/content/{desk.content_id}")
            await page.wait("document.body.dataset.connected === 'yes'")
            await page.say("window.sameDocument = true")
        await page.wait("document.body.dataset.connected === 'no'", "the page has not noticed")
        fire(desk.studio, desk.content_id, 1, "progress", progress=55, detail="55 percent")
        with served(desk_on(desk.studio), port=int(url.rpartition(":")[2])):
            await page.wait("document.querySelector('[data-field=render-progress]').value === 55", "not resumed")
            assert await page.say("window.sameDocument") is True
            await page.open("about:blank")

    in_browser(walk)


def test_the_decision_works_without_javascript(desk: Place) -> None:
    """Scripts of the page are off; the driver's own clicks still work."""

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE, scripts=False)
        await come_in(page, desk.link("Ana"))
        await page.open(f"{desk.url}/content/{desk.content_id}")
        assert await page.say("document.body.dataset.connected") is None, "scripts are on"
        await page.type("#note", "the hands are wrong")
        await page.press("form[action$='/reject'] button")

    in_browser(walk)
    assert content_row(desk.studio, desk.content_id).state == "rejected"


async def _pictures(browser: Chromium, shown: Place, folder: Path) -> None:
    await review(await browser.tab(await browser.context(), PHONE), shown, folder)


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder, place(Path(folder)) as shown:
        in_browser(lambda browser: _pictures(browser, shown, Path(sys.argv[1])))
