"""Two hundred presses on a slow line while a second person decides: every answer is seen, and it is the true one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from tests.days import ZONE
from tests.fakes.chromium import PHONE, chromium, find_chromium
from tests.fakes.desk import PASSWORD, desk_on, served
from tests.fakes.project import make_project, reviewable
from tests.world.desk_answers import answers, slow_line

BROWSER = find_chromium()
# Round trip in milliseconds, bytes a second: a train, a mobile network, an office.
LINES = ((300, 50_000), (120, 150_000), (40, 400_000), (0, -1))
ROUNDS = 50


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_two_hundred_presses_are_answered(tmp_path: Path, figure: Callable[[str], None]) -> None:
    assert BROWSER is not None
    project = make_project(tmp_path, channels={"crafts": {"timezone": ZONE}}, clock=SystemClock())
    content_id = reviewable(project).id
    app = desk_on(project)

    async def walk(url: str, path: str) -> None:
        async with chromium(path) as browser:
            page = await browser.tab(await browser.context(), PHONE)
            await page.open(f"{url}/welcome/{app.state.desk.users.add('Ana', 'reviewer', by='test')}")
            await page.type("#password", PASSWORD)
            await page.type("#again", PASSWORD)
            await page.press("form .primary")
            for seed, (latency_ms, bytes_per_s) in enumerate(LINES):
                await slow_line(page, latency_ms=latency_ms, bytes_per_s=bytes_per_s)
                seen = await answers(page, project, url, content_id, rounds=ROUNDS, seed=seed)
                figure(f"{latency_ms} ms: {seen['approved']} approved, {seen['refused']} refused, 0 lost")

    with served(app) as url:
        asyncio.run(walk(url, BROWSER))
    project.catalog.close()
