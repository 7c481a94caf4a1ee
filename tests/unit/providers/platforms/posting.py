"""What the platform tests share: providers on the sandbox world, a clock that is moved by waiting, requests, and a
ledger whose tries can be refused, lost, or die."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.platforms.contract import PlatformProvider, PostFinding, PostRequest, Receipt
from dayreel.providers.platforms.instagram import InstagramPlatform
from dayreel.providers.platforms.tiktok import TikTokPlatform
from dayreel.providers.platforms.youtube import YouTubePlatform
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

PLATFORMS = ("instagram", "tiktok", "youtube")
STEPS = {
    "instagram": ("container", "rupload", "status", "publish", "media"),
    "tiktok": ("creator", "init", "upload", "status"),
    "youtube": ("token", "session", "upload", "list"),
}
MARKER = "dr-7f3a9c"
CONTENT_ID = "asmr_crafts-2026-11-20"
FIELDS: dict[str, dict[str, Any]] = {
    "instagram": {"ai_disclosure": True, "share_to_feed": True, "hashtags": ["#asmr"]},
    "tiktok": {"privacy": "PUBLIC_TO_EVERYONE", "ai_disclosure": True, "hashtags": ["#asmr"]},
    "youtube": {"privacy": "public", "ai_disclosure": True},
    "outbox": {"ai_disclosure": True},
    "automation": {"ai_disclosure": True},
}


class WaitingClock:
    """Nobody waits: sleeping moves this clock on, and calls `on_sleep` so that a world can move along."""

    def __init__(self, on_sleep: Callable[[float], object] | None = None) -> None:
        self._slept_s = 0.0
        self._on_sleep = on_sleep
        self.started_at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=self._slept_s)

    def monotonic(self) -> float:
        return self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds
        if self._on_sleep:
            self._on_sleep(seconds)


class KilledError(BaseException):
    """The process is gone: nothing of it goes on, so no `except` of ours may catch it."""


class Recorder:
    """Keeps every handle; dies after the one with number `dies_after` (from 1)."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.handles: list[dict[str, Any]] = []
        self._dies_after = dies_after

    def __call__(self, handle: dict[str, Any]) -> None:
        self.handles.append(dict(handle))
        if len(self.handles) == self._dies_after:
            raise KilledError

    @property
    def last(self) -> dict[str, Any]:
        return self.handles[-1] if self.handles else {}


def make_request(platform: str, video: Path, **changes: Any) -> PostRequest:
    """Return an approved request; `changes` replace its attributes."""
    data = video.read_bytes()
    facts: dict[str, Any] = {
        "content_id": CONTENT_ID,
        "video": video,
        "video_sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "duration_s": 4.0,
        "title": "A quiet loom",
        "caption": "A quiet loom, wool and water.",
        "fields": FIELDS[platform],
        "marker": MARKER,
    }
    return PostRequest(**{**facts, **changes})


def make_platform(name: str, sandbox: RunningSandbox, **more: Any) -> PlatformProvider:
    """Return a new provider, as a new process would have it; waiting moves the world on."""
    keys = sandbox.credentials
    settings: dict[str, Any] = {"clock": WaitingClock(sandbox.advance), "poll_interval_s": 5, "deadline_s": 60, **more}
    if name == "instagram":
        return InstagramPlatform(
            access_token=keys["INSTAGRAM_ACCESS_TOKEN"],
            account_id=keys["INSTAGRAM_ACCOUNT_ID"],
            graph_url=f"{sandbox.url}/instagram/graph",
            **settings,
        )
    if name == "tiktok":
        return TikTokPlatform(
            access_token=keys["TIKTOK_ACCESS_TOKEN"],
            open_id="sandbox-open-id-0001",
            base_url=f"{sandbox.url}/tiktok",
            **settings,
        )
    return YouTubePlatform(
        client_id=keys["YOUTUBE_CLIENT_ID"],
        client_secret=keys["YOUTUBE_CLIENT_SECRET"],
        refresh_token=keys["YOUTUBE_REFRESH_TOKEN"],
        base_url=f"{sandbox.url}/youtube",
        token_url=f"{sandbox.url}/google/token",
        analytics_url=f"{sandbox.url}/youtubeanalytics",
        watch_url=f"{sandbox.url}/youtube/shorts",
        **settings,
    )


def live_posts(sandbox: RunningSandbox, name: str) -> list[dict[str, Any]]:
    return [post for post in sandbox.effects()["posts"] if post["platform"] == name]


@dataclass
class Story:
    """How a post went: what was raised on the way, and how it ended."""

    raised: list[ProviderError]
    receipt: Receipt | None
    findings: list[PostFinding]


class Ledger:
    """Does what the effect ledger does: a new provider for each try, going on from the last committed handle."""

    def __init__(self, name: str, sandbox: RunningSandbox, request: PostRequest, **more: Any) -> None:
        self.name, self.sandbox, self.request, self.more = name, sandbox, request, more
        self.handle: dict[str, Any] = {}
        self.story = Story([], None, [])
        self.deaths = 0

    def try_once(self, *, dies_after: int | None = None) -> None:
        platform = make_platform(self.name, self.sandbox, **self.more)
        recorder, sent_at = Recorder(dies_after), WaitingClock().now()
        try:
            self.story.receipt = platform.post(
                make_permit("post", self.name), self.request, handle=self.handle, record=recorder
            )
        except (TransientError, PermanentError, UnknownOutcomeError) as error:
            self.story.raised.append(error)
        except KilledError:
            self.deaths += 1
        self.handle = recorder.last or self.handle
        if self.story.raised and isinstance(self.story.raised[-1], UnknownOutcomeError) and not self.story.receipt:
            self.look_up(sent_at)

    def look_up(self, sent_at: Any) -> None:
        platform = make_platform(self.name, self.sandbox, **self.more)
        for _ in range(5):
            try:
                finding = platform.look_up(self.request, self.handle, sent_at=sent_at)
                break
            except TransientError:
                continue
        self.story.findings.append(finding)
        assert finding.verdict != "unclear", finding.evidence
        if finding.verdict == "live":
            self.story.receipt = finding.receipt
        elif finding.verdict == "absent":
            self.handle = {}
        else:
            assert finding.handle == self.handle

    def settle(self, tries: int = 8) -> Story:
        for _ in range(tries):
            self.try_once()
            if self.story.receipt is not None and self.story.receipt.state == "posted":
                return self.story
            if self.story.raised and isinstance(self.story.raised[-1], PermanentError):
                return self.story
        raise AssertionError(f"not settled after {tries} tries: {self.story}")


def posts_after_many_faults(name: str, seed: int, sandbox: RunningSandbox, video: Path) -> int:
    """Let three faults and some deaths happen on the way to one post; return how many are live in the end."""
    dice = random.Random(f"{name}/{seed}")
    for _ in range(3):
        step = dice.choice([step for step in STEPS[name] if step != "token"])
        sandbox.arm(name, step, dice.choice(("lose_answer", "error_after_accept", "error")), times=dice.randint(1, 2))
    ledger = Ledger(name, sandbox, make_request(name, video))
    for _ in range(dice.randint(1, 3)):
        ledger.try_once(dies_after=dice.randint(1, 2))
        if ledger.story.receipt:
            break
    ledger.settle(tries=16)
    return len(live_posts(sandbox, name))
