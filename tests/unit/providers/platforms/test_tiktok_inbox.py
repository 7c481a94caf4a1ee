"""TikTok's inbox: the video alone is sent, its owner finishes it, and it is never called posted before they have."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from dayreel.errors import TransientError
from dayreel.providers.platforms.tiktok import TikTokPlatform, TikTokPost
from dayreel.sandbox import credentials
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted
from tests.unit.providers.platforms.posting import Recorder, WaitingClock, make_request

FIELDS = {"mode": "inbox", "ai_disclosure": True}
PERMIT = make_permit("post", "tiktok")
SENT_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path / "world") as sandbox:
        yield sandbox


def platform(url: str, world: RunningSandbox | None = None) -> TikTokPlatform:
    clock = WaitingClock(world.advance if world is not None else None)
    return TikTokPlatform(access_token=credentials.TIKTOK_ACCESS_TOKEN, clock=clock, base_url=url)


def test_a_draft_waits_for_its_owner_and_is_not_called_posted(world: RunningSandbox, video: Path) -> None:
    request = make_request("tiktok", video, fields=FIELDS)
    recorder = Recorder()
    tiktok = platform(f"{world.url}/tiktok", world)
    receipt = tiktok.post(PERMIT, request, handle={}, record=recorder)
    assert (receipt.state, receipt.post_id, receipt.url) == ("processing", None, None)
    assert receipt.raw["caption"] == request.caption
    assert "AI label" in receipt.raw["next_step"]
    assert world.effects()["posts"] == []
    outcome = tiktok.look_up(request, recorder.last, sent_at=SENT_AT)
    assert outcome.verdict == "live"
    assert outcome.receipt is not None
    assert outcome.receipt.state == "processing"


def test_a_crash_after_the_announcement_makes_no_second_draft(world: RunningSandbox, video: Path) -> None:
    request = make_request("tiktok", video, fields=FIELDS)
    recorder = Recorder()
    tiktok = platform(f"{world.url}/tiktok", world)
    tiktok.post(PERMIT, request, handle={}, record=recorder)
    again = platform(f"{world.url}/tiktok", world).post(PERMIT, request, handle=recorder.last, record=Recorder())
    assert again.raw["publish_id"] == recorder.last["publish_id"]


def test_once_its_owner_has_posted_it_it_is_posted(video: Path) -> None:
    done = {"data": {"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [712]}, "error": {"code": "ok"}}
    listed = {"data": {"videos": [{"id": "712", "share_url": "https://t.example/712"}]}, "error": {"code": "ok"}}
    request = make_request("tiktok", video, fields=FIELDS)
    with scripted(Say(body=done), Say(body=listed)) as server:
        handle = {"publish_id": "v_inbox_file~v2-1.1", "finishing": True}
        outcome = platform(server.url).look_up(request, handle, sent_at=SENT_AT)
    assert outcome.receipt is not None
    assert (outcome.receipt.state, outcome.receipt.url) == ("posted", "https://t.example/712")


def test_a_sixth_pending_draft_is_refused_until_tomorrow(world: RunningSandbox, video: Path) -> None:
    world.pace(rate_limits=False)
    request = make_request("tiktok", video, fields=FIELDS)
    for _ in range(5):
        platform(f"{world.url}/tiktok", world).post(PERMIT, request, handle={}, record=Recorder())
    with pytest.raises(TransientError) as refusal:
        platform(f"{world.url}/tiktok", world).post(PERMIT, request, handle={}, record=Recorder())
    assert refusal.value.code == "spam_risk_too_many_pending_share"
    assert "drafts in the TikTok app" in refusal.value.next_step


def test_the_plan_shows_the_inbox_and_no_caption(video: Path) -> None:
    calls = platform("https://open.tiktokapis.com").plan(make_request("tiktok", video, fields=FIELDS))
    assert calls[0].url.endswith("/v2/post/publish/inbox/video/init/")
    assert set(calls[0].body) == {"source_info"}


def test_only_a_direct_post_needs_a_privacy() -> None:
    assert TikTokPost(mode="inbox").privacy is None
    with pytest.raises(ValidationError, match="a direct post needs `privacy`"):
        TikTokPost()
