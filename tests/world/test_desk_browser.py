"""The desk in a real browser: a phone's review from the one-time link to the approval, two tabs, live progress.

`python docs/walk_the_desk.py` goes the whole way on a running `dayreel up`, and takes the pictures of the docs on it.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from PIL import Image
from starlette.applications import Starlette

from dayreel.clock import SystemClock
from dayreel.footage.library.documents import remembered_item
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.queries.rows import newest_verdict
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from tests.days import ZONE
from tests.fakes.chromium import DESKTOP, PHONE, Chromium, Page, chromium, find_chromium
from tests.fakes.counted import content_of, write_counted
from tests.fakes.desk import PASSWORD, desk_on, served
from tests.fakes.library import make_library, pretend_to_work
from tests.fakes.ports import free_port
from tests.fakes.project import content_row, make_project, reviewable
from tests.fakes.rows import add_content
from tests.fakes.sandbox import RunningSandbox
from tests.world.desk_answers import answers, slow_line

BROWSER = find_chromium()
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine, so the desk was seen by no browser"
)
NO_SIDEWAYS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8") + ";0"
FINDINGS = """axe.run(%s).then((found) => found.violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`))"""
EVERY_RULE = FINDINGS % "{resultTypes: ['violations']}"
CONTRAST = FINDINGS % "{resultTypes: ['violations'], runOnly: ['color-contrast']}"
SEEK = """new Promise((yes) => { const video = document.querySelector('video');
  video.onseeked = () => yes(video.currentTime); video.currentTime = 2; })"""
SMALL_TARGETS = """[...document.querySelectorAll('button, nav a, input[type=text], select, textarea')]
  .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 43)
  .map((one) => one.outerHTML)"""


@dataclass
class Place:
    """A desk that is served, with one content whose video can be played."""

    project: Project
    app: Starlette
    url: str
    content_id: str

    def link(self, name: str | None = None, role: str = "reviewer") -> str:
        """Return a one-time link: the first admin's, or that of somebody new."""
        users = self.app.state.desk.users
        return f"{self.url}/welcome/{users.first_link() if name is None else users.add(name, role, by='test')}"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds that a browser plays."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=180x320:r=15:d=3", "-f", "lavfi", "-i", "sine=f=440:d=3"]
    picture = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    command = [str(find_ffmpeg()), "-v", "error", "-y", *source, *picture, "-c:a", "aac", "-movflags", "+faststart"]
    subprocess.run([*command, str(path)], check=True, timeout=60)
    return path


@pytest.fixture
def desk(tmp_path: Path, clip: Path) -> Iterator[Place]:
    """A desk of its own for each test."""
    project = make_library(make_project(tmp_path, channels={"crafts": {"timezone": ZONE}}, clock=SystemClock())).project
    row = reviewable(project, video=clip.read_bytes())
    for name in ("poster.jpg", "contact_sheet.jpg"):
        Image.new("RGB", (180, 320), (40, 90, 80)).save(project.contents.folder(row.id) / name)
    app = desk_on(project)
    try:
        with served(app) as url:
            yield Place(project, app, url, row.id)
    finally:
        project.catalog.close()


Walk = Callable[[Chromium], Coroutine[Any, Any, None]]
InBrowser = Callable[[Walk], None]


@pytest.fixture(scope="module")
def in_browser() -> Iterator[InBrowser]:
    """Walk in one browser; each walk begins without cookies, and leaves no tab behind."""
    assert BROWSER is not None
    with asyncio.Runner() as runner:
        running = contextlib.AsyncExitStack()
        browser = runner.run(running.enter_async_context(chromium(BROWSER)))

        async def walk_and_forget(walk: Walk) -> None:
            try:
                await walk(browser)
            finally:
                await browser.forget()

        yield lambda walk: runner.run(walk_and_forget(walk))
        runner.run(running.aclose())


async def come_in(page: Page, link: str, name: str = "") -> None:
    await page.open(link)
    if name:
        await page.type("#name", name)
    await page.type("#password", PASSWORD)
    await page.type("#again", PASSWORD)
    await page.press("form .primary")


async def looks_right(page: Page, where: str) -> None:
    """Look for what keeps people out: text off the screen, small targets, and whatever axe calls serious.

    That is looked for on a desktop and on a phone; a dark page differs from a light one in nothing but its colours.
    """
    await page.say(AXE)
    for size in (DESKTOP, PHONE):
        await page.resize(size)
        await page.wait(f"innerWidth === {size[0]}")
        assert await page.say(NO_SIDEWAYS), f"{where} scrolls sideways at {size}"
        assert await page.say(SMALL_TARGETS) == [], (where, size)
        for scheme, rules in (("dark", CONTRAST), ("light", EVERY_RULE)):
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            assert await page.say(rules) == [], (where, size, scheme)


async def review(page: Page, desk: Place, clip: Path) -> None:
    await page.open(desk.url)
    assert "/login" in await page.say("location.href")
    await looks_right(page, "login")
    await page.open(desk.link())
    await looks_right(page, "welcome")
    await come_in(page, desk.link(), "Newcomer")
    await page.wait("document.body.dataset.connected === 'yes'", "the live view does not connect")
    await looks_right(page, "queue")
    await page.press("a.open")
    await page.wait("document.querySelector('video').duration > 2.5", "the video does not load")
    assert await page.say(SEEK) == pytest.approx(2, abs=0.1)
    await page.say("document.querySelector('video').muted = true, document.querySelector('video').play()")
    await looks_right(page, "content")
    await page.type("#caption", "Clay, patience and a jar")
    await page.wait("document.querySelector('[data-field=text]').innerText.startsWith('Clay, patience and a jar')")
    await page.press("form[action$='/edit'] button")
    assert content_row(desk.project, desk.content_id).caption == "Clay, patience and a jar"
    await page.press("form[action$='/approve'] button")
    assert "approved" in await page.say("document.querySelector('[data-field=state]').innerText")
    tomorrow = f"/calendar/crafts/{content_row(desk.project, desk.content_id).day + timedelta(days=1)}"
    today = content_row(desk.project, desk.content_id).day
    write_counted(desk.project, today)
    posted = add_content(desk.project.catalog, content_of(6, today), "posted")
    for path in (
        "/calendar",
        tomorrow,
        "/results?age=24h",
        f"/results/{posted}",
        "/money",
        "/morning",
        "/unknown",
        "/account",
        "/people",
        "/?view=all",
        "/content/crafts-2020-01-01",
    ):
        await page.open(desk.url + path)
        await looks_right(page, path)
    await answer_about_footage(page, desk, clip)
    await page.say("document.body.append(new Image())")
    assert "image-alt" in str(await page.say(EVERY_RULE)), "axe finds nothing where there is something to find"
    assert [error for error in page.errors if "crafts-2020-01-01" not in error] == []


async def answer_about_footage(page: Page, desk: Place, clip: Path) -> None:
    """See a remux review, have it made again with another sound; see that the page notices the work by itself."""
    await page.open(f"{desk.url}/library")
    await page.say("window.sameDocument = true")
    library, falls = open_library(desk.project), movie_name("Hidden Falls", 2019)
    ingest(library, falls, [clip])
    run_pass(library)
    await page.wait("document.querySelector('.work progress') && !document.getElementById('moved').hidden", "the job")
    assert await page.say("window.sameDocument") is True
    pretend_to_work(library, "remux")
    run_pass(library)
    await page.open(f"{desk.url}/library")
    await page.say("document.querySelector('.wait summary').click()")
    await looks_right(page, "library")
    await page.say("document.querySelector('input[name=keep][value=\"2\"]').click()")
    await page.press("form[action$='/keep'] button")
    assert "made again" in await page.say("document.querySelector('.banner.good').innerText")
    (gates,) = remembered_item(desk.project.catalog, falls.item_id)["gates"]
    assert (gates["responded_by"], gates["response"]) == ("Newcomer", {"keep": [0, 1, 2]})
    await page.open(f"{desk.url}/library/items/{falls.item_id}")
    await looks_right(page, "item")


def test_a_newcomer_goes_from_the_one_time_link_to_an_approval(desk: Place, in_browser: InBrowser, clip: Path) -> None:
    """Every page on the way, and the others, is looked at by axe, in both sizes and both colour schemes."""

    async def walk(browser: Chromium) -> None:
        await review(await browser.tab(await browser.context(), PHONE), desk, clip)

    in_browser(walk)
    with desk.project.catalog.read() as connection:
        row = newest_verdict(connection, desk.content_id)
    assert row is not None
    assert (row.verdict, row.decided_by, row.via) == ("approved", "Newcomer", "desk")


def test_progress_is_seen_without_reload_and_two_tabs_race(desk: Place, in_browser: InBrowser) -> None:
    async def walk(browser: Chromium) -> None:
        fire(desk.project, desk.content_id, 1, "start", progress=0, detail="queued")
        first = await browser.tab(await browser.context(), DESKTOP)
        await come_in(first, desk.link("Ana"))
        second = await browser.tab(await browser.context(), PHONE)
        await come_in(second, desk.link("Ben"))
        for page in (first, second):
            await page.open(f"{desk.url}/content/{desk.content_id}")
            await page.wait("document.body.dataset.connected === 'yes'")
        await first.say("window.sameDocument = true")
        fire(desk.project, desk.content_id, 1, "progress", progress=70, detail="70 percent")
        await first.wait("document.querySelector('[data-field=render-progress]').value === 70", "no live progress")
        assert await first.say("window.sameDocument") is True
        # Ana mends the caption: Ben is shown it; his Approve stays that of the words he sees until he asks for the new.
        await second.say("window.sameDocument = true")
        await first.type("#caption", "Clay and a jar")
        await first.press("form[action$='/edit'] button")
        await second.wait("!document.getElementById('moved').hidden", "the other tab does not learn of the edit")
        assert await second.say("window.sameDocument") is True
        await second.press("#moved a")
        assert await second.say("document.querySelector('#caption').value") == "Clay and a jar"
        # Ben is typing a reason when Ana approves: his page says so and keeps what he wrote; the decision is refused.
        await second.say("document.querySelector('.no summary').click()")
        await second.type("#note", "too dark")
        await first.press("form[action$='/approve'] button")
        await second.wait("!document.getElementById('moved').hidden", "the other tab does not learn of it")
        await second.press("form[action$='/reject'] button")
        text = await second.say("document.body.innerText")
        assert "Ana" in text
        assert "too dark" in text

    in_browser(walk)
    assert content_row(desk.project, desk.content_id).state == "approved"


def test_a_previewed_draft_survives_what_others_do_meanwhile(desk: Place, in_browser: InBrowser) -> None:
    """The caption of a preview is stored nowhere: an update of the page shows how things stand and keeps the draft."""

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE)
        await come_in(page, desk.link("Ana"))
        await page.open(f"{desk.url}/content/{desk.content_id}")
        await page.type("#caption", "Clay, patience and a draft")
        await page.press("[formaction$='/preview']")
        await page.wait("document.body.dataset.connected === 'yes'", "the live view does not connect")
        await page.say("window.sameDocument = true")
        fire(desk.project, desk.content_id, 1, "start", progress=0, detail="queued")
        await page.wait("Boolean(document.querySelector('[data-field=render-progress]'))", "the page is not updated")
        decide(desk.project, desk.content_id, "edited", by="Ben", via="cli", caption="Clay, by Ben")
        await page.wait("document.getElementById('history-panel').innerText.includes('Ben')", "the page is not updated")
        assert await page.say("document.getElementById('moved').hidden") is False
        assert await page.say("document.getElementById('caption').value") == "Clay, patience and a draft"
        assert "Clay, patience and a draft" in await page.say("document.querySelector('[data-field=text]').innerText")
        assert await page.say("window.sameDocument") is True
        assert page.errors == []

    in_browser(walk)


def test_no_answer_is_lost_to_what_others_do_meanwhile(desk: Place, in_browser: InBrowser) -> None:
    """On a slow line, where the news of a decision overtakes the answer to a press; 200 rounds are in `make soak`."""

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE)
        await come_in(page, desk.link("Ana"))
        await slow_line(page, latency_ms=60, bytes_per_s=200_000)
        assert sum((await answers(page, desk.project, desk.url, desk.content_id, rounds=6, seed=1)).values()) == 6

    in_browser(walk)


def test_the_live_view_resumes_after_a_restart_without_gaps(desk: Place, in_browser: InBrowser) -> None:
    fire(desk.project, desk.content_id, 1, "start", progress=0, detail="queued")

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE)
        port = free_port()  # nobody else gets it while the desk is away
        with served(desk.app, port) as url:
            await come_in(page, f"{url}/welcome/{desk.app.state.desk.users.add('Ana', 'viewer', by='test')}")
            await page.open(f"{url}/content/{desk.content_id}")
            await page.wait("document.body.dataset.connected === 'yes'")
            await page.say("window.sameDocument = true")
        await page.wait("document.body.dataset.connected === 'no'", "the page has not noticed")
        fire(desk.project, desk.content_id, 1, "progress", progress=55, detail="55 percent")
        with served(desk_on(desk.project), port):
            await page.wait("document.querySelector('[data-field=render-progress]').value === 55", "not resumed")
            assert await page.say("window.sameDocument") is True
            await page.open("about:blank")

    in_browser(walk)


def test_the_decision_works_without_javascript(desk: Place, in_browser: InBrowser) -> None:
    """Scripts of the page are off; the driver's own clicks still work."""

    async def walk(browser: Chromium) -> None:
        page = await browser.tab(await browser.context(), PHONE, scripts=False)
        await come_in(page, desk.link("Ana"))
        await page.open(f"{desk.url}/content/{desk.content_id}")
        assert await page.say("document.body.dataset.connected") is None, "scripts are on"
        await page.say("document.querySelector('.no summary').click()")
        await page.type("#note", "the hands are wrong")
        await page.press("form[action$='/reject'] button")

    in_browser(walk)
    assert content_row(desk.project, desk.content_id).state == "rejected"


def test_an_account_is_connected_by_pressing_buttons(tmp_path: Path, in_browser: InBrowser) -> None:
    """The way to the platform and back crosses two sites; policy, cookies and forms have to let it through."""
    with RunningSandbox(tmp_path / "world") as world:
        made = make_project(tmp_path / "project", clock=SystemClock())
        project = replace(made, settings=made.settings.model_copy(update={"sandbox_url": world.url}))
        app = desk_on(project)

        async def walk(browser: Chromium) -> None:
            page = await browser.tab(await browser.context(), DESKTOP)
            await come_in(page, f"{url}/welcome/{app.state.desk.users.first_link()}", "Root")
            await page.open(f"{url}/connect")
            await looks_right(page, "/connect")
            for name in ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"):
                await page.type(f"#tiktok-{name}", world.credentials[name])
            for button in ("form[action='/connect/tiktok'] button", "#consent", "button[value=allow]"):
                await page.press(button)
            assert "TikTok: sandbox_creator" in await page.say("document.body.innerText")
            await page.press("form[action$='/keep'] button")
            assert "Account connected" in await page.say("document.body.innerText")
            assert [error for error in page.errors if not error.endswith("/favicon.ico")] == [], "the stand-in has none"

        with served(app) as url:
            in_browser(walk)
        project.catalog.close()
