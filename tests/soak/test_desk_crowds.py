"""The desk with five hundred who watch and ten thousand contents: everybody hears everything, nothing is listed twice.

How long it takes is `python -m bench.desk`.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dayreel.clock import SystemClock
from dayreel.queries.changes import newest_marker
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from tests.days import ZONE
from tests.fakes.clock import NINE
from tests.fakes.desk import desk_on, person, served, token_of
from tests.fakes.project import make_project
from tests.fakes.rows import add_content
from tests.waiting import WITHIN_S

VIEWERS, STEPS, WATCHED, SEED = 500, 60, 10, 5
CONTENTS, PER_PAGE = 10_000, 25


class Viewer:
    """One browser's event stream of all contents, and what it has heard: the newest version of each content."""

    def __init__(self, url: str, token: str) -> None:
        self._host, self._token = urlsplit(url), token
        self.heard: dict[str, int] = {}
        self.marker = 0
        self.joined = 0

    async def join(self) -> None:
        """Connect, with the marker of the last event as browsers send it, and wait until the stream has begun."""
        reader, self._writer = await asyncio.open_connection(self._host.hostname, self._host.port)
        last = f"Last-Event-ID: {self.marker}\r\n" if self.marker else ""
        head = f"GET /events HTTP/1.1\r\nHost: {self._host.netloc}\r\nAuthorization: Bearer {self._token}\r\n{last}\r\n"
        self._writer.write(head.encode())
        status = await asyncio.wait_for(reader.readline(), WITHIN_S)
        assert b" 200 " in status, status
        await asyncio.wait_for(reader.readuntil(b": following"), WITHIN_S)
        self.joined += 1
        self._listening = asyncio.create_task(self._listen(reader))

    async def leave(self) -> None:
        """Go away without a word, as a phone in a tunnel does."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"data: {") and b"content_id" in line:
                event = json.loads(line.removeprefix(b"data: "))
                self.heard[event["content_id"]] = max(event["progress"], self.heard.get(event["content_id"], 0))
                self.marker = max(self.marker, event["event_id"])


def test_five_hundred_viewers_hear_every_change(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """A third of them go away in the middle, and come back with the number of the last event they had."""
    project = make_project(tmp_path, channels={"crafts": {"timezone": ZONE}}, clock=SystemClock())
    ids = [add_content(project.catalog, f"crafts-2026-11-{day:02}", "rendering") for day in range(1, WATCHED + 1)]
    for content_id in ids:
        fire(project, content_id, 1, "start", progress=0, detail="queued")
    app = desk_on(project)
    token = token_of(app, "Crowd", "viewer")
    with served(app) as url:
        rejoined = asyncio.run(_watch(project, ids, [Viewer(url, token) for _ in range(VIEWERS)]))
    project.catalog.close()
    figure(f"{VIEWERS} viewers, {STEPS} steps of {WATCHED} contents, {rejoined} came back, 0 missed anything")


async def _watch(project: Project, ids: list[str], viewers: list[Viewer]) -> int:
    chance = random.Random(SEED)
    await asyncio.gather(*(viewer.join() for viewer in viewers))
    try:
        return await _followed(project, ids, viewers, chance)
    finally:
        await asyncio.gather(*(viewer.leave() for viewer in viewers))


async def _followed(project: Project, ids: list[str], viewers: list[Viewer], chance: random.Random) -> int:
    progress = dict.fromkeys(ids, 0)
    away = chance.sample(viewers, len(viewers) // 3)
    for step in range(STEPS):
        content_id = chance.choice(ids)
        progress[content_id] = min(progress[content_id] + 7, 100)
        await asyncio.to_thread(
            fire, project, content_id, 1, "progress", progress=progress[content_id], detail=f"step {step}"
        )
        if step == STEPS // 3:
            await _until(lambda: all(viewer.marker for viewer in away))
            for viewer in away:
                await viewer.leave()
        if step == 2 * STEPS // 3:
            for viewer in away:
                await viewer.join()
    moved = {content_id: share for content_id, share in progress.items() if share}
    newest = await asyncio.to_thread(newest_marker, project)
    await _until(lambda: all(viewer.marker == newest and viewer.heard == moved for viewer in viewers))
    return sum(viewer.joined == 2 for viewer in viewers)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not is_so():
            await asyncio.sleep(0.05)


def test_ten_thousand_contents_are_each_listed_once(tmp_path: Path, figure: Callable[[str], None]) -> None:
    project = make_project(tmp_path, clock=SystemClock())
    for number in range(CONTENTS):
        day = (NINE - timedelta(days=number)).date()
        add_content(
            project.catalog,
            f"crafts-{day}",
            "review_pending",
            review_deadline_at=NINE + timedelta(seconds=number),
            video_sha256="0" * 64,
        )
    viewer = person(desk_on(project), "Vera", "viewer")
    pages = [viewer.open(f"/?view=review&page={page}") for page in range(1, CONTENTS // PER_PAGE + 1)]
    listed = [content_id for page in pages for content_id in re.findall(r'data-content="([^"]+)"', page)]
    assert len(listed) == len(set(listed)) == CONTENTS
    assert listed == sorted(listed, reverse=True), "what is due first comes first"
    project.catalog.close()
    figure(f"{CONTENTS:,} contents on {len(pages)} pages, 0 missing, 0 twice, in the order in which they are due")
