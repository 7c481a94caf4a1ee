"""What the sandbox world does not answer: batches, pages, odd answers, a creator who switched things off."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dayreel.errors import ConfigurationError, PermanentError, TransientError, UnknownOutcomeError, UsageError
from dayreel.providers.platforms import tiktok_consent
from dayreel.providers.platforms.contract import PlatformProvider
from dayreel.providers.platforms.instagram import InstagramPlatform
from dayreel.providers.platforms.instagram_insights import REEL_METRICS
from dayreel.providers.platforms.tiktok import TikTokPlatform
from dayreel.providers.platforms.youtube import YouTubePlatform
from dayreel.vendors.access import Access
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Asked, Say, scripted
from tests.unit.providers.platforms.posting import FIELDS, Recorder, WaitingClock, make_request

WORDS = "A quiet loom, wool and water."
REEL = f"{WORDS}\n\n#asmr"
OK = {"code": "ok", "message": "", "log_id": "L"}
TOKEN = Say(200, {"access_token": "ya29.x", "expires_in": 3600})
CREATOR = {
    "creator_username": "maker",
    "privacy_level_options": ["PUBLIC_TO_EVERYONE", "SELF_ONLY"],
    "comment_disabled": False,
    "duet_disabled": True,
    "stitch_disabled": False,
    "max_video_post_duration_sec": 60,
}


def make_instagram(url: str, **more: Any) -> InstagramPlatform:
    return InstagramPlatform(access_token="t" * 20, account_id="1784", graph_url=url, clock=WaitingClock(), **more)


def make_tiktok(url: str, **more: Any) -> TikTokPlatform:
    return TikTokPlatform(access_token="t" * 20, open_id="o1", base_url=url, clock=WaitingClock(), **more)


def make_youtube(url: str, **more: Any) -> YouTubePlatform:
    return YouTubePlatform(
        client_id="c", client_secret="s" * 20, refresh_token="r" * 20, base_url=url, token_url=f"{url}/token",
        clock=WaitingClock(), **more,
    )  # fmt: skip


def query(asked: Asked) -> dict[str, list[str]]:
    return parse_qs(urlsplit(asked.path).query)


def tiktok_says(data: dict[str, Any]) -> Say:
    return Say(200, {"data": data, "error": OK})


# -- Instagram ------------------------------------------------------------------------------------------------


def test_one_refused_metric_does_not_cost_the_others() -> None:
    bad = Say(400, {"error": {"message": "metric[6] must be one of", "code": 100}})
    single = [insight(metric.theirs, 7) for metric in REEL_METRICS[:3]]
    empty = Say(200, {"data": []})
    rates = [insight("ig_reels_avg_watch_time", 4500), insight("reels_skip_rate", 41.5)]
    with scripted(bad, *single, empty, empty, empty, bad, bad, *rates) as server:
        (counted,) = make_instagram(server.url).counters(["m1"])
    assert (counted.views, counted.reach, counted.likes) == (7, 7, 7)
    assert (counted.comments, counted.shares, counted.saves) == (None, None, None), "missing is missing, not 0"
    assert (counted.average_watch_s, counted.skip_rate) == (4.5, 0.415)
    assert set(counted.refused) == {"reposts", "watch_time_s"}
    assert "metric[6] must be one of" in counted.refused["reposts"]


def insight(name: str, value: float) -> Say:
    return Say(200, {"data": [{"name": name, "values": [{"value": value}]}]})


def test_what_was_refused_is_asked_for_apart_until_it_answers() -> None:
    bad, empty = Say(400, {"error": {"message": "not supported", "code": 100}}), Say(200, {"data": []})
    singles = [bad if metric.metric == "reposts" else empty for metric in REEL_METRICS]
    with scripted(bad, *singles, insight("views", 3), bad, insight("views", 4), insight("reposts", 1), empty) as server:
        platform = make_instagram(server.url)
        counted = [platform.counters([media])[0] for media in ("m1", "m2", "m3", "m4")]
        asked = [query(each)["metric"][0].count(",") + 1 for each in server.asked]
    assert asked == [10, *[1] * 10, 9, 1, 9, 1, 10], "one request more for each that is refused"
    assert [(each.views, each.reposts, set(each.refused)) for each in counted] == [
        (None, None, {"reposts"}), (3, None, {"reposts"}), (4, 1, set()), (None, None, set()),
    ]  # fmt: skip


def test_a_reel_without_any_metric_is_an_error_of_its_own() -> None:
    old = Say(400, {"error": {"message": "posted before the account was converted", "code": 100}})
    with scripted(*[old] * (1 + len(REEL_METRICS)), insight("views", 3)) as server:
        platform = make_instagram(server.url)
        with pytest.raises(PermanentError, match="converted"):
            platform.counters(["m1"])
        assert platform.counters(["m2"])[0].views == 3, "and costs the next one nothing"


def test_an_instagram_rate_limit_is_not_a_missing_metric() -> None:
    with scripted(Say(400, {"error": {"message": "limit", "code": 4}})) as server, pytest.raises(TransientError):
        make_instagram(server.url).counters(["m1"])


def test_a_post_is_found_on_a_later_page_without_the_next_url(video: Path) -> None:
    clock = WaitingClock()
    stamp = clock.now().isoformat()
    page = {
        "data": [{"id": "m1", "caption": f"{REEL} And more.", "timestamp": stamp}],
        "paging": {"cursors": {"after": "A1"}, "next": "http://127.0.0.1:1/?access_token=secret"},
    }
    hit = {"data": [{"id": "m2", "caption": REEL, "timestamp": stamp, "permalink": "p2"}]}
    with scripted(Say(200, {"status_code": "PUBLISHED"}), Say(200, page), Say(200, hit)) as server:
        finding = make_instagram(server.url).look_up(
            make_request("instagram", video), {"container_id": "c1", "publishing": True}, sent_at=clock.now()
        )
        assert query(server.asked[-1])["after"] == ["A1"]
        assert all("access_token" not in asked.path for asked in server.asked)
    assert finding.verdict == "live"
    assert finding.receipt is not None
    assert (finding.receipt.state, finding.receipt.post_id, finding.receipt.url) == ("posted", "m2", "p2")


def test_published_beside_its_twin_is_posted_without_an_id(video: Path) -> None:
    stamp = WaitingClock().now().isoformat()
    twins = {"data": [{"id": name, "caption": REEL, "timestamp": stamp} for name in ("m1", "m2")]}
    with scripted(Say(200, {"status_code": "PUBLISHED"}), Say(200, twins)) as server:
        finding = make_instagram(server.url).look_up(
            make_request("instagram", video), {"container_id": "c1"}, sent_at=WaitingClock().now()
        )
    assert finding.receipt is not None
    assert (finding.verdict, finding.receipt.state, finding.receipt.post_id) == ("live", "posted", None)
    assert "(m1, m2)" in finding.receipt.raw["seen"]


@pytest.mark.parametrize("handle", [{"publishing": True}, {}], ids=["maybe published", "never asked"])
def test_two_alike_are_never_called_absent(handle: dict[str, bool], video: Path) -> None:
    stamp = WaitingClock().now().isoformat()
    twins = {"data": [{"id": name, "caption": REEL, "timestamp": stamp} for name in ("m1", "m2")]}
    with scripted(Say(200, {"status_code": "EXPIRED"}), Say(200, twins)) as server:
        finding = make_instagram(server.url).look_up(
            make_request("instagram", video), {"container_id": "c1", **handle}, sent_at=WaitingClock().now()
        )
    assert finding.verdict == "unclear"


def test_published_without_visible_media_is_live_but_processing(video: Path) -> None:
    with scripted(Say(200, {"status_code": "PUBLISHED"}), Say(200, {"data": []})) as server:
        finding = make_instagram(server.url).look_up(
            make_request("instagram", video), {"container_id": "c1"}, sent_at=WaitingClock().now()
        )
    assert finding.receipt is not None
    assert (finding.verdict, finding.receipt.state) == ("live", "processing")


@pytest.mark.parametrize(("handle", "verdict"), [({"publishing": True}, "unclear"), ({}, "absent")])
def test_a_gone_container_proves_nothing_once_publishing_began(
    handle: dict[str, bool], verdict: str, video: Path
) -> None:
    gone = Say(400, {"error": {"message": "gone", "code": 100, "error_subcode": 33}})
    request, gone_from = make_request("instagram", video), {"container_id": "c1", **handle}
    with scripted(gone, Say(200, {"data": []})) as server:
        assert make_instagram(server.url).look_up(request, gone_from, sent_at=WaitingClock().now()).verdict == verdict
    if verdict == "unclear":
        with scripted(gone, Say(200, {"data": []})) as server:
            with pytest.raises(UnknownOutcomeError, match="has gone"):
                make_instagram(server.url).post(
                    make_permit("post", "instagram"), request, handle=gone_from, record=Recorder()
                )
            assert not any(asked.method == "POST" for asked in server.asked)


def test_a_refused_lookup_is_unclear_and_not_a_refused_post(video: Path) -> None:
    no = Say(400, {"error": {"message": "expired", "code": 190}})
    with scripted(no) as server:
        finding = make_instagram(server.url).look_up(
            make_request("instagram", video), {"container_id": "c1", "publishing": True}, sent_at=WaitingClock().now()
        )
    assert finding.verdict == "unclear"
    with scripted(no) as server, pytest.raises(UnknownOutcomeError):
        make_instagram(server.url).post(
            make_permit("post", "instagram"),
            make_request("instagram", video),
            handle={"container_id": "c1", "publishing": True},
            record=Recorder(),
        )


def test_instagram_login_needs_a_public_url_until_finished(video: Path) -> None:
    request, events = make_request("instagram", video), []

    @contextmanager
    def public_url(path: Path) -> Iterator[str]:
        events.append(f"up {path.name}")
        yield "https://files.example/abc.mp4"
        events.append(f"down after {len(server.asked)} calls")

    with pytest.raises(ConfigurationError, match="public URL"):
        InstagramPlatform(
            access_token="t" * 20, account_id="1", graph_url="https://graph.instagram.com", clock=WaitingClock()
        ).plan(request)
    busy, done = Say(200, {"status_code": "IN_PROGRESS"}), Say(200, {"status_code": "FINISHED"})
    script = [Say(200, {"id": "c1"}), busy, done, done, Say(200, {"id": "m1"}), Say(200, {"permalink": "p"})]
    with scripted(*script) as server:
        platform = make_instagram(server.url, public_url=public_url)
        receipt = platform.post(make_permit("post", "instagram"), request, handle={}, record=Recorder())
        body = server.asked[0].json()
    assert receipt.post_id == "m1"
    assert body["video_url"] == "https://files.example/abc.mp4"
    assert "upload_type" not in body
    assert events == [f"up {video.name}", "down after 3 calls"]


# -- TikTok ---------------------------------------------------------------------------------------------------


def test_an_unavailable_privacy_is_refused_before_announcing(video: Path) -> None:
    fields = {**FIELDS["tiktok"], "privacy": "MUTUAL_FOLLOW_FRIENDS"}
    with scripted(tiktok_says(CREATOR)) as server:
        with pytest.raises(PermanentError, match="PUBLIC_TO_EVERYONE, SELF_ONLY, while the channel wants MUTUAL"):
            make_tiktok(server.url).post(
                make_permit("post", "tiktok"),
                make_request("tiktok", video, fields=fields),
                handle={},
                record=Recorder(),
            )
        assert len(server.asked) == 1


def test_a_video_too_long_for_the_account_is_never_announced(video: Path) -> None:
    with scripted(tiktok_says(CREATOR)) as server, pytest.raises(PermanentError, match="at most 60 s"):
        make_tiktok(server.url).post(
            make_permit("post", "tiktok"), make_request("tiktok", video, duration_s=61), handle={}, record=Recorder()
        )


def test_creator_opt_outs_are_kept_and_disclosure_is_sent(video: Path) -> None:
    fields = {**FIELDS["tiktok"], "allow_comments": True, "allow_duet": True, "promotes_own_brand": True}
    stop = Say(400, {"data": {}, "error": {"code": "invalid_param", "message": "stop here"}})
    with scripted(tiktok_says(CREATOR), stop) as server, pytest.raises(PermanentError):
        make_tiktok(server.url).post(
            make_permit("post", "tiktok"), make_request("tiktok", video, fields=fields), handle={}, record=Recorder()
        )
    info = json.loads(server.asked[1].body)["post_info"]
    assert (info["disable_comment"], info["disable_duet"], info["disable_stitch"]) == (False, True, True)
    assert (info["brand_organic_toggle"], info["brand_content_toggle"], info["is_aigc"]) == (True, False, True)
    assert server.asked[0].body == b""


def test_a_paid_partnership_cannot_be_private(video: Path) -> None:
    fields = {"privacy": "SELF_ONLY", "paid_partnership": True}
    with pytest.raises(UsageError, match="paid partnership"):
        make_tiktok("http://127.0.0.1:1").plan(make_request("tiktok", video, fields=fields))


def test_a_server_at_another_position_is_followed(big_video: Path) -> None:
    size = big_video.stat().st_size
    chunk = 5 * 1024 * 1024
    handle = {"publish_id": "v_pub_file~1", "chunk_size": chunk, "finishing": False}
    script = [
        tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}),
        Say(416, headers={"Content-Range": f"bytes 0-{chunk - 1}/{size}"}),
        Say(201),
        tiktok_says({"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [71]}),
        tiktok_says({"videos": [{"id": "71", "share_url": "https://t/71"}]}),
    ]
    with scripted(*script) as server:
        receipt = make_tiktok(server.url).post(
            make_permit("post", "tiktok"),
            make_request("tiktok", big_video),
            handle={**handle, "upload_url": f"{server.url}/up?token=s"},
            record=Recorder(),
        )
        ranges = [asked.headers["content-range"] for asked in server.asked if asked.method == "PUT"]
        assert all("authorization" not in asked.headers for asked in server.asked if asked.method == "PUT")
    assert ranges == [f"bytes 0-{chunk - 1}/{size}", f"bytes {chunk}-{size - 1}/{size}"]
    assert (receipt.post_id, receipt.url) == ("71", "https://t/71")


def test_an_expired_upload_url_leads_to_a_new_announcement(video: Path) -> None:
    handle = {"publish_id": "v_pub_file~1", "chunk_size": video.stat().st_size, "finishing": True}
    script = [
        tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}),
        Say(403),
        tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}),
        tiktok_says(CREATOR),
    ]
    with scripted(*script, Say(200)) as server:
        server.answers[4] = tiktok_says({"publish_id": "v_pub_file~2", "upload_url": f"{server.url}/up2"})
        server.answers += [Say(201), tiktok_says({"status": "PUBLISH_COMPLETE"})]
        recorder = Recorder()
        receipt = make_tiktok(server.url).post(
            make_permit("post", "tiktok"),
            make_request("tiktok", video),
            handle={**handle, "upload_url": f"{server.url}/up1"},
            record=recorder,
        )
    assert receipt.raw["publish_id"] == "v_pub_file~2"
    assert recorder.handles[0]["finishing"] is False


def test_a_finished_uploads_missing_url_makes_no_second_post(video: Path) -> None:
    """The status may lag behind the last byte, whose answer was lost; 404 then means that the task is done."""
    size = video.stat().st_size
    handle = {"publish_id": "v_pub_file~1", "chunk_size": size, "finishing": True}
    script = [
        tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}),
        Say(404),
        tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": size}),
        tiktok_says({"status": "PUBLISH_COMPLETE"}),
    ]
    with scripted(*script) as server:
        receipt = make_tiktok(server.url).post(
            make_permit("post", "tiktok"),
            make_request("tiktok", video),
            handle={**handle, "upload_url": f"{server.url}/up1"},
            record=Recorder(),
        )
    assert receipt.raw["publish_id"] == "v_pub_file~1"


def test_the_upload_address_is_a_secret(video: Path) -> None:
    handle = {"publish_id": "v_pub_file~1", "chunk_size": video.stat().st_size, "finishing": True}
    script = [tiktok_says({"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0})]
    with scripted(*script, Say(400)) as server:
        url = f"{server.url}/up?upload_token=marked-secret"
        server.answers[1] = Say(400, {"said": f"bad {url}"})
        with pytest.raises(UnknownOutcomeError) as caught:
            make_tiktok(server.url).post(
                make_permit("post", "tiktok"),
                make_request("tiktok", video),
                handle={**handle, "upload_url": url},
                record=Recorder(),
            )
    assert "marked-secret" not in str(caught.value)


@pytest.mark.parametrize(("finishing", "verdict"), [(True, "unclear"), (False, "resumable")])
def test_a_forgotten_publish_id_is_in_doubt_after_the_last_byte(finishing: bool, verdict: str, video: Path) -> None:
    unknown = Say(400, {"data": {}, "error": {"code": "invalid_publish_id", "message": "m"}})
    handle = {"publish_id": "v_pub_file~1", "upload_url": "http://127.0.0.1:1/", "finishing": finishing}
    request = make_request("tiktok", video)
    nothing = tiktok_says({"videos": [], "has_more": False})
    with scripted(unknown, nothing) as server:
        assert make_tiktok(server.url).look_up(request, handle, sent_at=WaitingClock().now()).verdict == verdict
    if finishing:
        with scripted(unknown, nothing) as server, pytest.raises(UnknownOutcomeError):
            make_tiktok(server.url).post(make_permit("post", "tiktok"), request, handle=handle, record=Recorder())


def test_a_tiktok_count_of_zero_is_not_a_missing_one() -> None:
    with scripted(tiktok_says({"videos": [{"id": "7000", "view_count": 0}]})) as server:
        (counted,) = make_tiktok(server.url).counters(["7000", "7001"])
        (asked,) = server.asked
    assert asked.json()["filters"]["video_ids"] == ["7000", "7001"]
    assert (counted.views, counted.likes) == (0, None), "0 is 0, and missing is missing"


# -- YouTube --------------------------------------------------------------------------------------------------


def test_youtube_counters_are_strings_of_digits() -> None:
    items = [{"id": "v0", "statistics": {"viewCount": "12", "commentCount": "0"}}, {"id": "v1"}]
    with scripted(TOKEN, Say(200, {"items": items})) as server:
        first, second = make_youtube(server.url).counters(["v0", "v1", "v2"])
        assert query(server.asked[1])["id"] == ["v0,v1,v2"]
    assert (first.views, first.likes, first.comments) == (12, None, 0)
    assert second.views is None


def test_a_counter_that_is_no_number_is_a_refusal() -> None:
    odd = {"statistics": {"viewCount": "many", "subscriberCount": {}}}
    headers = [{"name": name} for name in ("video", "engagedViews")]
    script = [Say(200, {"items": [{"id": "v0", **odd}]}), Say(200, {"items": [odd]})]
    script += [Say(200, {"columnHeaders": headers, "rows": [row]}) for row in (["v0", None, 3], ["v0", "NaN"])]
    with scripted(TOKEN, *script) as server:
        youtube = make_youtube(server.url, analytics_url=server.url)
        in_depth = partial(youtube.count_in_depth, ["v0"])
        reads: list[Callable[[], object]] = [partial(youtube.counters, ["v0"]), youtube.followers, in_depth, in_depth]
        for read in reads:
            with pytest.raises(PermanentError, match=r"instead of a number|not those of"):
                read()


def test_an_expired_token_is_refreshed_once_during_the_upload(video: Path) -> None:
    size = video.stat().st_size
    expired = Say(401, {"error": {"code": 401, "errors": [{"reason": "authError"}]}})
    script = [TOKEN, Say(308), expired, TOKEN, Say(308), Say(200, {"id": "v1"})]
    shown = Say(200, {"items": [{"id": "v1", "status": {"uploadStatus": "processed"}}]})
    with scripted(*script, shown) as server:
        receipt = make_youtube(server.url).post(
            make_permit("post", "youtube"),
            make_request("youtube", video),
            handle={"session_uri": f"{server.url}/session?upload_id=u"},
            record=Recorder(),
        )
        puts = [asked.headers.get("content-range") for asked in server.asked if asked.method == "PUT"]
    assert receipt.post_id == "v1"
    whole = f"bytes 0-{size - 1}/{size}"
    assert puts == [f"bytes */{size}", whole, f"bytes */{size}", whole]


@pytest.mark.parametrize("finishing", [True, False])
def test_a_gone_session_is_in_doubt_after_the_last_byte(finishing: bool, video: Path) -> None:
    uploads = Say(200, {"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UU"}}}]})
    request, nothing = make_request("youtube", video), Say(200, {"items": []})
    with scripted(TOKEN, Say(410), uploads, nothing) as server:
        handle = {"session_uri": f"{server.url}/s", "finishing": finishing}
        finding = make_youtube(server.url).look_up(request, handle, sent_at=WaitingClock().now())
    assert finding.verdict == ("unclear" if finishing else "resumable")
    if finishing:
        with scripted(TOKEN, Say(410), uploads, nothing) as server, pytest.raises(UnknownOutcomeError):
            make_youtube(server.url).post(
                make_permit("post", "youtube"),
                request,
                handle={"session_uri": f"{server.url}/s", "finishing": True},
                record=Recorder(),
            )


def test_a_lost_video_is_found_in_the_uploads_by_its_words(video: Path) -> None:
    clock = WaitingClock()
    uploads = Say(200, {"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UU"}}}]})
    item = {
        "snippet": {"description": f"{WORDS}\n\n#Shorts", "publishedAt": clock.now().isoformat()},
        "contentDetails": {"videoId": "v9"},
    }
    length = Say(200, {"items": [{"id": "v9", "contentDetails": {"duration": "PT4S"}}]})
    shown = Say(200, {"items": [{"id": "v9", "status": {"uploadStatus": "processed"}}]})
    with scripted(TOKEN, Say(404), uploads, Say(200, {"items": [item]}), length, shown) as server:
        finding = make_youtube(server.url).look_up(
            make_request("youtube", video),
            {"session_uri": f"{server.url}/s", "finishing": True},
            sent_at=clock.now(),
        )
    assert finding.receipt is not None
    assert (finding.verdict, finding.receipt.post_id) == ("live", "v9")


def test_the_token_follows_no_session_to_a_foreign_host(video: Path) -> None:
    with scripted(Say(200)) as foreign, scripted(TOKEN) as server:
        with pytest.raises(PermanentError, match="not sent there"):
            make_youtube(server.url).post(
                make_permit("post", "youtube"),
                make_request("youtube", video),
                handle={"session_uri": f"{foreign.url}/s"},
                record=Recorder(),
            )
        assert foreign.asked == []


def test_a_youtube_body_is_always_explicit(video: Path) -> None:
    plan = make_youtube("http://127.0.0.1:1", chunk_bytes=262_144).plan(
        make_request("youtube", video, fields={"notify_subscribers": False})
    )
    assert plan[0].body["status"] == {
        "privacyStatus": "private",
        "selfDeclaredMadeForKids": False,
        "containsSyntheticMedia": True,
    }
    assert plan[0].body["snippet"]["title"] == "A quiet loom, wool and water."
    assert "notifySubscribers=false" in plan[0].url
    assert len(plan) == 2 + -(-video.stat().st_size // 262_144)


def test_a_chunk_size_youtube_does_not_take_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="262144"):
        make_youtube("http://127.0.0.1:1", chunk_bytes=1000)


@pytest.mark.parametrize("make", [make_instagram, make_tiktok, make_youtube])
def test_a_video_outside_the_limits_is_refused_before_sending(
    make: Callable[[str], PlatformProvider], video: Path
) -> None:
    platform = make("http://127.0.0.1:1")
    for changes in ({"duration_s": 5000.0}, {"size_bytes": 1 << 50}, {"duration_s": 0.1}):
        with pytest.raises(UsageError, match="takes"):
            platform.plan(make_request(platform.name, video, **changes))


def test_an_account_for_its_owner_alone_is_not_asked_more() -> None:
    """Whether TikTok has audited the app shows only where others could see a post."""
    offered = {"data": {"privacy_level_options": ["SELF_ONLY"]}, "error": {"code": "ok"}}
    with scripted(Say(200, offered)) as server:
        access = Access("sandbox", lambda _name: None, server.url, WaitingClock(), Path())
        kind, app, _advice = tiktok_consent._standing(access, "act.x")
        assert len(server.asked) == 1
    assert (kind, app[:15]) == ("public account", "audited or not:")
