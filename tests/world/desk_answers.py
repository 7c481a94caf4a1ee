"""A reviewer on a slow line presses Approve while somebody else decides: whose answer is seen, run after run.

What belongs here is the walk alone; `test_desk_browser` goes a few rounds, `make soak PART=desk_answers` two hundred.
"""

import asyncio
import contextlib
import random
from collections import Counter

from sqlalchemy import func, select

from dayreel.errors import DayreelError
from dayreel.queries.changes import newest_marker
from dayreel.queries.review import DecisionVerdict
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.tables import decisions
from tests.fakes.chromium import Page
from tests.fakes.project import content_row

# What Ben does around Ana's press; after each of them but `edited` her approval is refused, unless it came first.
MEANWHILE: tuple[DecisionVerdict, ...] = ("edited", "held", "rejected", "approved")
ANSWER = "(document.querySelector('.banner.good, h1 + .banner.bad') || {}).innerText"


async def slow_line(page: Page, *, latency_ms: int, bytes_per_s: int) -> None:
    """Be on a line with this round trip and throughput."""
    await page.call("Network.enable")
    line = {"latency": latency_ms, "downloadThroughput": bytes_per_s, "uploadThroughput": bytes_per_s}
    await page.call("Network.emulateNetworkConditions", offline=False, **line)


async def answers(page: Page, project: Project, url: str, content_id: str, *, rounds: int, seed: int) -> Counter[str]:
    """Return how many presses were answered by `approved` and by `refused`; one whose answer is not seen fails.

    Args:
        page: of a reviewer who is logged in as Ana.
        url: the desk's address.
        content_id: a content in review; it is again when this returns.
    """
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(rounds):
        await page.open(f"{url}/content/{content_id}")
        await page.wait("document.body.dataset.connected === 'yes'", "the live view does not connect")
        meanwhile = chance.choice(MEANWHILE)
        before = _newest_of(project, content_id, "Ana")
        other = asyncio.create_task(_decide_later(project, content_id, meanwhile, chance.uniform(0, 0.4)))
        await asyncio.sleep(chance.uniform(0, 0.4))
        await page.say("document.querySelector('form.yes button').click()")
        answer = await page.wait(ANSWER, f"round {number}: no answer while somebody {meanwhile}")
        await other
        is_recorded = _newest_of(project, content_id, "Ana") != before
        # More happens, and the page hears of it: the answer must still be there.
        _back_to_review(project, content_id)
        if await page.say("Boolean(document.body.dataset.events)"):
            heard = f"Number(document.body.dataset.live) >= {newest_marker(project)}"
            await page.wait(f"document.body.dataset.connected === 'over' || {heard}", f"round {number}: no news")
        assert await page.wait(ANSWER, f"round {number}: the answer is gone") == answer
        assert is_recorded == answer.startswith("Approved"), (number, meanwhile, answer)
        seen["approved" if is_recorded else "refused"] += 1
    return seen


async def _decide_later(project: Project, content_id: str, verdict: DecisionVerdict, after_s: float) -> None:
    await asyncio.sleep(after_s)
    caption = f"Clay, patience, {after_s}" if verdict == "edited" else None
    with contextlib.suppress(DayreelError):  # Ana was first, and that leaves nothing to decide
        await asyncio.to_thread(decide, project, content_id, verdict, by="Ben", via="cli", caption=caption)


def _newest_of(project: Project, content_id: str, name: str) -> int | None:
    query = select(func.max(decisions.c.id)).where(decisions.c.content_id == content_id, decisions.c.decided_by == name)
    with project.catalog.read() as connection:
        return connection.execute(query).scalar()


def _back_to_review(project: Project, content_id: str) -> None:
    if content_row(project, content_id).state == "rejected":
        decide(project, content_id, "approved", by="Ben", via="cli")
    decide(project, content_id, "edited", by="Ben", via="cli", caption="Clay, patience")
