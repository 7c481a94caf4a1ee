"""Posting held to the wire protocols: every fault at every step, and a death after every recorded handle.

The measure is the same throughout: `/_world/effects` holds exactly one live post, whatever happened on the way.
"""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError, UsageError
from dayreel.providers.platforms.contract import CountsFollowers, CountsInDepth, FollowsUp, PlatformProvider
from dayreel.providers.platforms.tiktok_chunks import MIN_CHUNK_BYTES
from dayreel.providers.platforms.youtube_session import CHUNK_UNIT
from dayreel.schemas.effect import EffectKind
from dayreel.schemas.metric import FOLLOWERS, METRICS
from dayreel.vendors.registry import platform_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.unit.providers.platforms.posting import (
    FIELDS,
    MARKER,
    PLATFORMS,
    STEPS,
    KilledError,
    Ledger,
    Recorder,
    WaitingClock,
    live_posts,
    make_platform,
    make_request,
    posts_after_many_faults,
)

pytestmark = pytest.mark.slow

SEEDS = 5
PUBLISHING_STEP = {"instagram": "publish", "tiktok": "upload", "youtube": "upload"}
KINDS = ("lose_answer", "error_after_accept", "error", "delay", "expired_token", "quota")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    running.clear_faults()
    return running


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_post_is_public_once_and_is_what_was_approved(name: str, sandbox: RunningSandbox, video: Path) -> None:
    request = make_request(name, video)
    recorder = Recorder()
    receipt = make_platform(name, sandbox).post(make_permit("post", name), request, handle={}, record=recorder)
    (live,) = live_posts(sandbox, name)
    assert receipt.state == "posted"
    assert live["sha256"] == request.video_sha256
    assert MARKER not in live["caption"]
    assert request.caption in live["caption"]
    assert live["ai_label"] is True
    if name == "tiktok":
        assert receipt.raw.get("public_id_pending") or receipt.post_id == live["id"]
    else:
        assert receipt.post_id == live["id"]
        assert receipt.url == live["url"]
    assert recorder.handles, "nothing was committed before the next call"


EXTRAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "instagram": (
        {"cover_at_s": 1.25, "collaborators": ["@loom.house"], "trial": "MANUAL", "cross_post_to_threads": True},
        {"thumb_offset": 1250, "collaborators": ["loom.house"], "trial": "MANUAL", "threads": True},
    ),
    "tiktok": ({"cover_at_s": 1.25}, {"cover_ms": 1250}),
    "youtube": (
        {"tags": ["quiet loom", "wool"], "language": "en", "audio_language": "pt-BR", "category_id": "26"},
        {},
    ),
}


def test_a_video_gets_its_subtitles_once(sandbox: RunningSandbox, video: Path, tmp_path: Path) -> None:
    track = tmp_path / "captions.srt"
    track.write_text("1\n00:00:00,500 --> 00:00:01,000\nžluťoučký\n", encoding="utf-8")
    asked = {"subtitles": True, "language": "cs", "file": track.name}
    first = make_platform("youtube", sandbox)
    request = make_request("youtube", video)
    post_id = str(first.post(make_permit("post", "youtube"), request, handle={}, record=Recorder()).post_id)

    def add(youtube: PlatformProvider) -> dict[str, Any]:
        assert isinstance(youtube, FollowsUp)
        return youtube.follow_up(make_permit("subtitles", "youtube"), asked, post_id=post_id, file=track)

    with pytest.raises(PermanentError, match=r"youtube\.force-ssl"):
        add(first)
    sandbox.pace(youtube_scopes="youtube.upload youtube.readonly youtube.force-ssl")
    youtube = make_platform("youtube", sandbox)
    assert isinstance(youtube, FollowsUp)
    assert youtube.is_followed_up("subtitles", asked, post_id=post_id) is False
    assert add(youtube)["kind"] == "youtube#caption"
    assert youtube.is_followed_up("subtitles", asked, post_id=post_id) is True
    assert youtube.is_followed_up("subtitles", {**asked, "language": "de"}, post_id=post_id) is False
    assert add(youtube) == {"was_there": True}


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_goes_with_a_post_arrives(name: str, sandbox: RunningSandbox, video: Path) -> None:
    fields, shown = EXTRAS[name]
    request = make_request(name, video, fields={**FIELDS[name], **fields})
    make_platform(name, sandbox).post(make_permit("post", name), request, handle={}, record=Recorder())
    (live,) = live_posts(sandbox, name)
    assert live.items() >= shown.items()
    if name == "youtube":
        asked = {"tags": ["quiet loom", "wool"], "defaultLanguage": "en", "defaultAudioLanguage": "pt-BR"}
        assert live["snippet"].items() >= {**asked, "categoryId": "26"}.items()


def test_a_video_gets_its_thumbnail_and_its_playlist(sandbox: RunningSandbox, video: Path, tmp_path: Path) -> None:
    cover, bytes_ = tmp_path / "jar.png", b"\x89PNG\r\n\x1a\n a jar"
    cover.write_bytes(bytes_)
    youtube = make_platform("youtube", sandbox)
    assert isinstance(youtube, FollowsUp)
    request = make_request("youtube", video)
    post_id = str(youtube.post(make_permit("post", "youtube"), request, handle={}, record=Recorder()).post_id)
    listed = {"playlist_id": "PLsandboxcrafts"}
    shown = {"cover_file": f"jar.png#sha256={hashlib.sha256(bytes_).hexdigest()}"}

    def follow_up(kind: EffectKind, asked: dict[str, Any]) -> dict[str, Any]:
        return youtube.follow_up(make_permit(kind, "youtube"), asked, post_id=post_id, file=cover)

    with pytest.raises(PermanentError, match=r"youtube\.force-ssl"):
        follow_up("playlist", listed)
    sandbox.pace(youtube_verified=False, youtube_scopes="youtube.upload youtube.readonly youtube.force-ssl")
    with pytest.raises(PermanentError, match="custom thumbnails need a verified account") as refused:
        follow_up("thumbnail", shown)
    assert "youtube.com/verify" in str(refused.value)
    with pytest.raises(PermanentError, match="there is no such playlist"):
        make_platform("youtube", sandbox).follow_up(  # type: ignore[attr-defined]  # a `FollowsUp`, as above
            make_permit("playlist", "youtube"), {"playlist_id": "PLother"}, post_id=post_id, file=None
        )
    sandbox.pace(youtube_verified=True)
    again = make_platform("youtube", sandbox)
    assert isinstance(again, FollowsUp)
    for kind, asked in (("thumbnail", shown), ("playlist", listed)):
        assert again.is_followed_up(kind, asked, post_id=post_id) is False
        again.follow_up(make_permit(kind, "youtube"), asked, post_id=post_id, file=cover)  # type: ignore[arg-type]
        assert again.is_followed_up(kind, asked, post_id=post_id) is True
    assert again.follow_up(make_permit("playlist", "youtube"), listed, post_id=post_id, file=None) == {
        "was_there": True
    }
    (live,) = live_posts(sandbox, "youtube")
    assert live["thumbnail_sha256"] == hashlib.sha256(bytes_).hexdigest()
    cover.write_bytes(bytes_ + b"!")
    with pytest.raises(UsageError, match="not the picture that was approved"):
        again.follow_up(make_permit("thumbnail", "youtube"), shown, post_id=post_id, file=cover)


def test_an_account_with_few_followers_posts_no_trial(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.pace(instagram_followers=999)
    request = make_request("instagram", video, fields={**FIELDS["instagram"], "trial": "SS_PERFORMANCE"})
    with pytest.raises(PermanentError, match="may not post trial reels") as refused:
        make_platform("instagram", sandbox).post(
            make_permit("post", "instagram"), request, handle={}, record=Recorder()
        )
    assert "Leave trial reels off" in str(refused.value)
    assert not live_posts(sandbox, "instagram")


@pytest.mark.parametrize("name", ["instagram", "tiktok"])
def test_a_cover_after_the_end_is_refused_unsent(name: str, sandbox: RunningSandbox, video: Path) -> None:
    request = make_request(name, video, fields={**FIELDS[name], "cover_at_s": 4.0})
    recorder = Recorder()
    with pytest.raises(UsageError, match="its video lasts 4 s"):
        make_platform(name, sandbox).post(make_permit("post", name), request, handle={}, record=recorder)
    assert not recorder.handles


@pytest.mark.parametrize("name", PLATFORMS)
def test_posting_again_from_the_last_handle_posts_nothing_more(name: str, sandbox: RunningSandbox, video: Path) -> None:
    request, recorder = make_request(name, video), Recorder()
    first = make_platform(name, sandbox).post(make_permit("post", name), request, handle={}, record=recorder)
    again = make_platform(name, sandbox).post(make_permit("post", name), request, handle=recorder.last, record=recorder)
    assert len(live_posts(sandbox, name)) == 1
    assert again.state == "posted"
    assert first.post_id in (None, again.post_id)


@pytest.mark.parametrize("size", ["small", "big"])
@pytest.mark.parametrize("name", PLATFORMS)
def test_a_post_resumes_after_a_crash_at_any_committed_handle(
    name: str, size: str, sandbox: RunningSandbox, video: Path, big_video: Path
) -> None:
    request = make_request(name, big_video if size == "big" else video)
    more = {} if name == "instagram" else {"chunk_bytes": MIN_CHUNK_BYTES if name == "tiktok" else 16 * CHUNK_UNIT}
    deaths = 0
    while True:
        sandbox.reset()
        recorder = Recorder(dies_after=deaths + 1)
        try:
            make_platform(name, sandbox, **more).post(make_permit("post", name), request, handle={}, record=recorder)
        except KilledError:
            deaths += 1
        else:
            break
        receipt = make_platform(name, sandbox, **more).post(
            make_permit("post", name), request, handle=recorder.last, record=Recorder()
        )
        assert receipt.state == "posted"
        (live,) = live_posts(sandbox, name)
        assert live["sha256"] == request.video_sha256
    assert deaths >= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "step"), [(name, step) for name in PLATFORMS for step in STEPS[name]])
def test_any_fault_at_any_step_ends_with_exactly_one_post(
    name: str, step: str, kind: str, sandbox: RunningSandbox, video: Path
) -> None:
    sandbox.arm(name, step, kind, seconds=0.01)
    story = Ledger(name, sandbox, make_request(name, video)).settle()
    assert [fault["kind"] for fault in sandbox.fired()] == [kind], "the fault never fired"
    refused = any(isinstance(error, PermanentError) for error in story.raised)
    assert len(live_posts(sandbox, name)) == (0 if refused else 1)
    if refused:  # YouTube's access token is refreshed; its refresh token, once refused, is a person's work
        assert step == "token" if name == "youtube" else kind == "expired_token"
    if kind == "lose_answer":
        is_publishing = step == PUBLISHING_STEP[name]
        assert all(
            isinstance(error, UnknownOutcomeError if is_publishing else TransientError) for error in story.raised
        )
        assert bool(story.findings) == is_publishing
    for error in story.raised:
        assert all(secret not in str(error) for secret in sandbox.credentials.values() if len(secret) > 12)


@pytest.mark.parametrize("name", PLATFORMS)
def test_an_upload_that_breaks_off_goes_on_in_a_new_process(
    name: str, sandbox: RunningSandbox, big_video: Path
) -> None:
    request = make_request(name, big_video)
    more = {} if name == "instagram" else {"chunk_bytes": MIN_CHUNK_BYTES if name == "tiktok" else 16 * CHUNK_UNIT}
    dice = random.Random(name)
    step = "rupload" if name == "instagram" else "upload"
    for _ in range(3):
        sandbox.arm(name, step, "break_off", bytes=dice.randrange(1, 4_000_000))
    Ledger(name, sandbox, request, **more).settle(tries=12)
    assert len(sandbox.fired()) == 3
    (live,) = live_posts(sandbox, name)
    assert live["sha256"] == request.video_sha256


def test_a_stuck_instagram_container_is_pending_not_published(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.arm("instagram", "container", "stuck")
    ledger = Ledger("instagram", sandbox, make_request("instagram", video))
    ledger.try_once()
    assert [error.code for error in ledger.story.raised] == ["IN_PROGRESS"]
    assert live_posts(sandbox, "instagram") == []
    finding = make_platform("instagram", sandbox).look_up(ledger.request, ledger.handle, sent_at=WaitingClock().now())
    assert finding.verdict == "resumable"
    sandbox.clear_faults()
    assert ledger.settle().receipt is not None
    assert len(live_posts(sandbox, "instagram")) == 1


def test_an_expired_instagram_container_is_recreated(sandbox: RunningSandbox, video: Path) -> None:
    recorder = Recorder(dies_after=3)
    request = make_request("instagram", video)
    with pytest.raises(KilledError):
        make_platform("instagram", sandbox).post(make_permit("post", "instagram"), request, handle={}, record=recorder)
    sandbox.advance(25 * 3600)
    finding = make_platform("instagram", sandbox).look_up(request, recorder.last, sent_at=WaitingClock().now())
    assert finding.verdict == "absent"
    receipt = make_platform("instagram", sandbox).post(
        make_permit("post", "instagram"), request, handle=recorder.last, record=recorder
    )
    assert receipt.state == "posted"
    assert len(live_posts(sandbox, "instagram")) == 1


def test_an_instagram_container_in_error_is_recreated(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.arm("instagram", "container", "completed_with_error")
    story = Ledger("instagram", sandbox, make_request("instagram", video)).settle()
    assert [error.code for error in story.raised] == ["2207053"]
    assert len(live_posts(sandbox, "instagram")) == 1


def test_a_stuck_tiktok_post_is_processing_and_not_sent_again(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.arm("tiktok", "init", "stuck")
    ledger = Ledger("tiktok", sandbox, make_request("tiktok", video))
    ledger.try_once()
    assert ledger.story.receipt is not None
    assert ledger.story.receipt.state == "processing"
    assert ledger.story.receipt.raw["publish_id"] == ledger.handle["publish_id"]
    sandbox.clear_faults()
    assert ledger.settle().receipt is not None
    assert len(live_posts(sandbox, "tiktok")) == 1


def test_a_failed_tiktok_post_is_reported_and_announced_again(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.arm("tiktok", "init", "completed_with_error")
    story = Ledger("tiktok", sandbox, make_request("tiktok", video)).settle()
    assert [error.code for error in story.raised] == ["internal"]
    assert len(live_posts(sandbox, "tiktok")) == 1


def test_a_tiktok_post_gets_its_public_id_later(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.pace(tiktok_public_id_s=3600)
    ledger = Ledger("tiktok", sandbox, make_request("tiktok", video))
    receipt = ledger.settle().receipt
    assert receipt is not None
    assert (receipt.post_id, receipt.url) == (None, None)
    assert receipt.raw["public_id_pending"] is True
    sandbox.advance(7200)
    finding = make_platform("tiktok", sandbox).look_up(ledger.request, ledger.handle, sent_at=WaitingClock().now())
    (live,) = live_posts(sandbox, "tiktok")
    assert finding.receipt is not None
    assert (finding.verdict, finding.receipt.post_id) == ("live", live["id"])
    assert finding.receipt.url
    (counted,) = make_platform("tiktok", sandbox).counters([ledger.handle["publish_id"]])
    assert counted.post_id == ledger.handle["publish_id"]
    assert counted.views is not None


def test_a_private_tiktok_post_waits_for_no_public_id(sandbox: RunningSandbox, video: Path) -> None:
    fields = {"privacy": "SELF_ONLY"}
    receipt = Ledger("tiktok", sandbox, make_request("tiktok", video, fields=fields)).settle().receipt
    assert receipt is not None
    assert receipt.post_id is None
    assert "public_id_pending" not in receipt.raw


def test_an_unfinished_youtube_video_is_processing_until_ready(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.pace(youtube_processing_s=3600)
    ledger = Ledger("youtube", sandbox, make_request("youtube", video))
    ledger.try_once()
    assert ledger.story.receipt is not None
    assert ledger.story.receipt.state == "processing"
    assert ledger.story.receipt.post_id
    sandbox.advance(7200)
    finding = make_platform("youtube", sandbox).look_up(ledger.request, ledger.handle, sent_at=WaitingClock().now())
    assert finding.receipt is not None
    assert (finding.verdict, finding.receipt.state) == ("live", "posted")


@pytest.mark.parametrize("name", PLATFORMS)
def test_counters_are_read_and_unknown_posts_are_left_out(name: str, sandbox: RunningSandbox, video: Path) -> None:
    Ledger(name, sandbox, make_request(name, video)).settle()
    (live,) = live_posts(sandbox, name)
    sandbox.advance(3 * 86_400)
    unknown = "79999999999999999" if name != "youtube" else "zzzzzzzzzzz"
    (counted,) = make_platform(name, sandbox).counters([unknown, live["id"]])
    assert counted.post_id == live["id"]
    assert counted.views is not None
    assert counted.views > 0
    reported = {metric.metric for metric in platform_named(name).metrics if not metric.scope} - {FOLLOWERS}
    assert {metric for metric in METRICS if getattr(counted, metric) is not None} == reported
    assert counted.refused == {}


def test_youtube_reports_in_depth_three_days_late(sandbox: RunningSandbox, video: Path) -> None:
    Ledger("youtube", sandbox, make_request("youtube", video)).settle()
    (live,) = live_posts(sandbox, "youtube")
    platform = make_platform("youtube", sandbox)
    assert isinstance(platform, CountsInDepth)
    sandbox.advance(2 * 86_400)
    assert platform.count_in_depth([live["id"], "zzzzzzzzzzz"]) == {}, "a video without numbers has no row"
    sandbox.advance(8 * 86_400)
    reported = platform.count_in_depth([live["id"], "zzzzzzzzzzz"])[live["id"]]
    assert set(reported) == set(platform.in_depth)
    assert 0 < reported["average_watch_s"] < live["duration_s"]
    assert reported["watch_time_s"] % 60 == 0, "minutes, as seconds"
    sandbox.pace(youtube_scopes="youtube.upload youtube.readonly")
    with pytest.raises(PermanentError, match="insufficient authentication scopes"):
        platform.count_in_depth([live["id"]])
    sandbox.pace(youtube_analytics_enabled=False)
    with pytest.raises(PermanentError, match="YouTube Analytics API has not been used"):
        platform.count_in_depth([live["id"]])


@pytest.mark.parametrize("name", PLATFORMS)
def test_followers_are_counted_where_they_are_reported(name: str, sandbox: RunningSandbox) -> None:
    platform = make_platform(name, sandbox)
    assert isinstance(platform, CountsFollowers)
    assert platform.followers() == 128
    sandbox.pace(youtube_hides_subscribers=True, tiktok_scopes="user.info.basic,video.publish")
    if name == "youtube":
        assert platform.followers() is None
    if name == "tiktok":
        with pytest.raises(PermanentError, match="scope_not_authorized"):
            platform.followers()


def test_instagram_says_what_is_left_of_its_quota(sandbox: RunningSandbox, video: Path) -> None:
    sandbox.pace(instagram_quota_total=1)
    Ledger("instagram", sandbox, make_request("instagram", video)).settle()
    quota = make_platform("instagram", sandbox).quota()
    assert quota is not None
    assert (quota.used, quota.total) == (1, 1)
    second = Ledger("instagram", sandbox, make_request("instagram", video, caption="Another loom."))
    second.try_once()
    assert [(error.verdict, error.retry_after_s) for error in second.story.raised] == [("retry", 86_400)]


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_plan_names_the_requests_and_holds_no_secret(name: str, sandbox: RunningSandbox, video: Path) -> None:
    plan = make_platform(name, sandbox).plan(make_request(name, video))
    assert live_posts(sandbox, name) == []
    assert len(plan) >= 3
    text = repr(plan)
    assert "A quiet loom, wool and water." in text
    assert all(secret not in text for key, secret in sandbox.credentials.items() if "ACCOUNT" not in key)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", PLATFORMS)
def test_many_faults_and_deaths_in_a_row_still_make_one_post(
    name: str, seed: int, sandbox: RunningSandbox, video: Path
) -> None:
    assert posts_after_many_faults(name, seed, sandbox, video) == 1
