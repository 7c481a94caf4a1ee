"""What the platform tests share: a clock that is moved by waiting, requests, and a recorder that can die."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dayreel.providers.platforms.contract import PostRequest

MARKER = "dr-7f3a9c"
CONTENT_ID = "asmr_crafts-2026-11-20"
FIELDS: dict[str, dict[str, Any]] = {
    "instagram": {"ai_disclosure": True, "share_to_feed": True, "hashtags": ["#asmr"]},
    "tiktok": {"privacy": "PUBLIC_TO_EVERYONE", "ai_disclosure": True, "hashtags": ["#asmr"]},
    "youtube": {"privacy": "public", "ai_disclosure": True},
    "outbox": {"ai_disclosure": True},
}


class WaitingClock:
    """Nobody waits: sleeping moves this clock on, and tells `on_sleep` so that a world can move along."""

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
