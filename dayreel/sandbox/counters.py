"""How a post does over time: deterministic by its id, growing quickly at first and then ever slower."""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dayreel.sandbox.world import Document

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class SandboxCounters:
    """What the platforms count, at one moment."""

    views: int
    likes: int
    comments: int
    shares: int
    saves: int
    reach: int
    average_watch_s: float
    engaged_views: int
    reposts: int
    follows: int
    skip_rate: float

    @property
    def watch_time_s(self) -> float:
        """Seconds watched by all."""
        return round(self.average_watch_s * self.views, 1)


def counters(post: str, age_s: float, duration_s: float, *, typical_views: float) -> SandboxCounters:
    """Return a post's counters at an age; they never fall as the age grows.

    Args:
        post: `platform/id`, on which the luck of the post hangs.
        age_s: seconds since it went live.
        duration_s: of the video, for the watch time.
        typical_views: what a post on this platform has in the end, with luck neither good nor bad.
    """
    dice = random.Random(post)
    final = typical_views * math.exp(dice.gauss(0, 1.0))
    half_life_s = _DAY_S * dice.uniform(0.6, 3.0)
    views = int(final * (1 - 0.5 ** (max(0.0, age_s) / half_life_s)))
    return SandboxCounters(
        views=views,
        likes=int(views * dice.uniform(0.03, 0.11)),
        comments=int(views * dice.uniform(0.001, 0.008)),
        shares=int(views * dice.uniform(0.002, 0.02)),
        saves=int(views * dice.uniform(0.004, 0.03)),
        reach=int(views * dice.uniform(0.7, 0.92)),
        average_watch_s=round(duration_s * dice.uniform(0.35, 0.85), 3),
        engaged_views=int(views * dice.uniform(0.55, 0.85)),
        reposts=int(views * dice.uniform(0.001, 0.006)),
        follows=int(views * dice.uniform(0.0005, 0.006)),
        skip_rate=round(dice.uniform(0.2, 0.6), 3),
    )


def followers(platform: str, posts: Iterable[Document], now: datetime, *, typical_views: float) -> int:
    """Return how many follow the world's account at a moment: some from the beginning, and whom its posts brought."""
    return 128 + sum(
        counters(
            f"{platform}/{post['id']}",
            (now - datetime.fromisoformat(post["created_at"])).total_seconds(),
            post["duration_s"],
            typical_views=typical_views,
        ).follows
        for post in posts
    )
