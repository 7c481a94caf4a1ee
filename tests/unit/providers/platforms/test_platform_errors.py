"""Every row of the protocol reference's error tables (4.5, 5.2, 5.4, 6.4), over HTTP, through the real clients.

The expected verdicts are written out here and not read from the tables under test.
"""

from pathlib import Path

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.platforms.instagram import InstagramPlatform
from dayreel.providers.platforms.tiktok import TikTokPlatform
from dayreel.providers.platforms.youtube import YouTubePlatform
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted
from tests.unit.providers.platforms.posting import Recorder, WaitingClock, make_request

TOKEN = "marked-secret-token"
KINDS = {"retry": TransientError, "refuse": PermanentError, "unknown": UnknownOutcomeError}


def make_instagram(url: str) -> InstagramPlatform:
    return InstagramPlatform(access_token=TOKEN, account_id="1784", graph_url=url, clock=WaitingClock())


def make_tiktok(url: str) -> TikTokPlatform:
    return TikTokPlatform(access_token=TOKEN, open_id="o1", base_url=url, clock=WaitingClock())


def make_youtube(url: str) -> YouTubePlatform:
    return YouTubePlatform(
        client_id="client", client_secret=f"{TOKEN}-secret", refresh_token=f"{TOKEN}-refresh", base_url=url,
        token_url=f"{url}/token", clock=WaitingClock(),
    )  # fmt: skip


def check(error: ProviderError, verdict: str, code: str) -> None:
    assert error.verdict == verdict
    assert error.code is not None
    assert code in error.code
    assert error.next_step, "nobody learns what to do"
    assert TOKEN not in str(error)
    assert TOKEN not in repr(error.__cause__)


# code, subcode, verdict of a read, verdict of media_publish, what a person reads
INSTAGRAM = [
    (-2, 2207003, "retry", "retry", "took too long"),
    (-2, 2207020, "retry", "retry", "expired"),
    (-1, 2207001, "retry", "unknown", "server error"),
    (-1, 2207032, "retry", "retry", "could not be made"),
    (-1, 2207053, "retry", "retry", "unknown upload error"),
    (1, 2207057, "refuse", "refuse", "thumb_offset"),
    (4, 2207051, "refuse", "refuse", "spam"),
    (9, 2207042, "retry", "retry", "daily publish limit"),
    (24, 2207006, "refuse", "refuse", "not found"),
    (24, 2207008, "retry", "retry", "missing or has expired"),
    (25, 2207050, "refuse", "refuse", "restricted"),
    (100, 2207023, "refuse", "refuse", "media type"),
    (100, 2207028, "refuse", "refuse", "carousel"),
    (100, 2207035, "refuse", "refuse", "tag"),
    (100, 2207036, "refuse", "refuse", "product tag"),
    (100, 2207037, "refuse", "refuse", "product"),
    (100, 2207040, "refuse", "refuse", "too many"),
    (352, 2207026, "refuse", "refuse", "format"),
    (9004, 2207052, "retry", "retry", "could not be fetched"),
    (36000, 2207004, "refuse", "refuse", "too large"),
    (36001, 2207005, "refuse", "refuse", "format"),
    (36003, 2207009, "refuse", "refuse", "shape"),
    (36004, 2207010, "refuse", "refuse", "caption is too long"),
    (100, 2207081, "refuse", "refuse", "trial"),
    (1, 2207082, "retry", "retry", "upload did not work"),
    (1, 2207077, "retry", "retry", "could not be downloaded"),
    (190, None, "refuse", "refuse", "expired"),
    (190, 463, "refuse", "refuse", "expired"),
    (10, None, "refuse", "refuse", "permission"),
    (200, None, "refuse", "refuse", "permission"),
    (299, None, "refuse", "refuse", "permission"),
    (4, None, "retry", "retry", "rate limit"),
    (17, None, "retry", "retry", "rate limit"),
    (32, None, "retry", "retry", "rate limit"),
    (613, None, "retry", "retry", "rate limit"),
    (80002, None, "retry", "retry", "rate limit"),
    (80004, None, "retry", "retry", "rate limit"),
    (368, None, "refuse", "refuse", "blocked"),
    (1, None, "retry", "unknown", "temporary"),
    (2, None, "retry", "unknown", "temporarily unavailable"),
    (424242, None, "refuse", "unknown", "424242"),
]


@pytest.mark.parametrize(("code", "subcode", "verdict", "at_publish", "words"), INSTAGRAM)
def test_each_instagram_row_has_its_verdict(
    code: int, subcode: int, verdict: str, at_publish: str, words: str, video: Path
) -> None:
    body = {"error": {"message": f"vendor says no {TOKEN}", "code": code, "error_subcode": subcode, "fbtrace_id": "T1"}}
    with scripted(Say(400, body)) as server, pytest.raises(KINDS[verdict], match=words) as caught:
        make_instagram(server.url).quota()
    check(caught.value, verdict, str(code))
    assert "fbtrace_id T1" in str(caught.value)
    request, handle = make_request("instagram", video), {"container_id": "c1", "uploaded": True}
    finished = Say(200, {"status_code": "FINISHED"})
    with scripted(finished, finished, Say(400, body), finished) as server, pytest.raises(KINDS[at_publish]) as caught:
        make_instagram(server.url).post(make_permit("post", "instagram"), request, handle=handle, record=Recorder())
    check(caught.value, at_publish, str(code))


def test_not_ready_is_no_failure_but_a_reason_to_keep_polling(video: Path) -> None:
    """9007/2207027."""
    finished = Say(200, {"status_code": "FINISHED"})
    wait = Say(400, {"error": {"message": "not ready", "code": 9007, "error_subcode": 2207027}})
    request, handle = make_request("instagram", video), {"container_id": "c1", "uploaded": True}
    with scripted(finished, finished, wait, finished, Say(200, {"id": "m1"}), Say(200, {"permalink": "p"})) as server:
        receipt = make_instagram(server.url).post(
            make_permit("post", "instagram"), request, handle=handle, record=Recorder()
        )
    assert (receipt.state, receipt.post_id, receipt.url) == ("posted", "m1", "p")


def test_a_transient_flag_beats_the_code() -> None:
    body = {"error": {"message": "m", "code": 100, "is_transient": True}}
    with scripted(Say(500, body)) as server, pytest.raises(TransientError, match="temporary"):
        make_instagram(server.url).quota()


def test_instagram_says_how_long_to_stay_away() -> None:
    usage = '{"1784": [{"type": "instagram", "estimated_time_to_regain_access": 17}]}'
    say = Say(400, {"error": {"message": "m", "code": 80002}}, {"X-Business-Use-Case-Usage": usage})
    with scripted(say) as server, pytest.raises(TransientError) as caught:
        make_instagram(server.url).quota()
    assert caught.value.retry_after_s == 17 * 60


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        ("Error: Media upload has failed with error code 2207026", "refuse", "2207026"),
        ("Error: 2207082", "retry", "2207082"),
        ("Error: something else", "refuse", "ERROR"),
    ],
)
def test_a_failed_container_is_judged_by_its_status_subcode(status: str, verdict: str, code: str, video: Path) -> None:
    request, handle = make_request("instagram", video), {"container_id": "c1", "uploaded": True}
    say = [Say(200, {"status_code": "IN_PROGRESS"}), Say(200, {"status_code": "ERROR", "status": status})]
    with scripted(*say) as server, pytest.raises(KINDS[verdict]) as caught:
        make_instagram(server.url).post(make_permit("post", "instagram"), request, handle=handle, record=Recorder())
    check(caught.value, verdict, code)


@pytest.mark.parametrize(("retriable", "verdict"), [(True, "retry"), (False, "refuse")])
def test_what_rupload_says_about_retrying_is_obeyed(retriable: bool, verdict: str, video: Path) -> None:
    bad = {"debug_info": {"retriable": retriable, "type": "ProcessingFailedError", "message": "no"}}
    with scripted(Say(200, {}), Say(400, bad)) as server:
        server.answers[0] = Say(200, {"id": "c1", "uri": f"{server.url}/up/c1"})
        with pytest.raises(KINDS[verdict], match="ProcessingFailedError"):
            make_instagram(server.url).post(
                make_permit("post", "instagram"), make_request("instagram", video), handle={}, record=Recorder()
            )


def test_the_token_goes_to_no_foreign_upload_address(video: Path) -> None:
    with scripted(Say(200, {"success": True})) as foreign, scripted(Say(200, {})) as server:
        server.answers[0] = Say(200, {"id": "c1", "uri": f"{foreign.url}/up/c1"})
        with pytest.raises(PermanentError, match="not sent elsewhere"):
            make_instagram(server.url).post(
                make_permit("post", "instagram"), make_request("instagram", video), handle={}, record=Recorder()
            )
        assert foreign.asked == []


TIKTOK = [
    (400, "invalid_param", "refuse", "wrong"),
    (401, "access_token_invalid", "refuse", "dayreel connect tiktok"),
    (401, "scope_not_authorized", "refuse", "video.publish"),
    (403, "spam_risk_too_many_posts", "retry", "24 h"),
    (200, "spam_risk_too_many_posts", "retry", "24 h"),
    (403, "spam_risk_user_banned_from_posting", "refuse", "banned"),
    (200, "spam_risk_user_banned_from_posting", "refuse", "banned"),
    (403, "reached_active_user_cap", "retry", "24 hours"),
    (200, "reached_active_user_cap", "retry", "24 hours"),
    (403, "spam_risk_too_many_pending_share", "retry", "drafts"),
    (403, "unaudited_client_can_only_post_to_private_accounts", "refuse", "private"),
    (403, "url_ownership_unverified", "refuse", "not verified"),
    (403, "privacy_level_option_mismatch", "refuse", "privacy"),
    (400, "invalid_params", "refuse", "wrong"),
    (429, "rate_limit_exceeded", "retry", "minute"),
    (400, "invalid_publish_id", "refuse", "does not know"),
    (401, "token_not_authorized_for_specified_publish_id", "refuse", "another account"),
    (503, "internal_error", "retry", "server error"),
    (500, "", "retry", "server error"),
    (418, "never_heard_of", "refuse", "never_heard_of"),
]


@pytest.mark.parametrize(("status", "code", "verdict", "words"), TIKTOK)
def test_each_tiktok_row_has_its_verdict(status: int, code: str, verdict: str, words: str, video: Path) -> None:
    say = Say(status, {"data": {}, "error": {"code": code, "message": f"no {TOKEN}", "log_id": "L1"}})
    with scripted(say) as server, pytest.raises(KINDS[verdict], match=words) as caught:
        make_tiktok(server.url).post(
            make_permit("post", "tiktok"), make_request("tiktok", video), handle={}, record=Recorder()
        )
    check(caught.value, verdict, code or str(status))
    assert "log_id L1" in str(caught.value)


def test_an_error_code_counts_whatever_the_http_status_says() -> None:
    say = Say(200, {"data": {}, "error": {"code": "access_token_invalid", "message": "m", "log_id": "L"}})
    with scripted(say) as server, pytest.raises(PermanentError):
        make_tiktok(server.url).counters(["71"])


FAIL_REASONS = [
    ("internal", "retry"),
    ("video_pull_failed", "retry"),
    ("file_format_check_failed", "refuse"),
    ("duration_check_failed", "refuse"),
    ("frame_rate_check_failed", "refuse"),
    ("picture_size_check_failed", "refuse"),
    ("auth_removed", "refuse"),
    ("spam_risk_too_many_posts", "retry"),
    ("spam_risk_user_banned_from_posting", "refuse"),
    ("spam_risk_text", "refuse"),
    ("spam_risk", "refuse"),
    ("publish_cancelled", "refuse"),
    ("a_new_reason", "refuse"),
]


@pytest.mark.parametrize(("reason", "verdict"), FAIL_REASONS)
def test_each_reason_of_a_failed_tiktok_post_has_its_verdict(reason: str, verdict: str, video: Path) -> None:
    ok = {"code": "ok", "message": "", "log_id": "L"}
    busy = Say(200, {"data": {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 10**9}, "error": ok})
    failed = Say(200, {"data": {"status": "FAILED", "fail_reason": reason}, "error": ok})
    handle = {"publish_id": "v_pub_file~1", "upload_url": "http://127.0.0.1:9/", "finishing": True, "chunk_size": 9}
    request = make_request("tiktok", video)
    with scripted(busy, failed) as server, pytest.raises(KINDS[verdict]) as caught:
        make_tiktok(server.url).post(make_permit("post", "tiktok"), request, handle=handle, record=Recorder())
    check(caught.value, verdict, reason)
    with scripted(failed) as server:
        finding = make_tiktok(server.url).look_up(request, handle, sent_at=WaitingClock().now())
    assert finding.verdict == ("absent" if verdict == "retry" else "refused")
    assert reason in finding.evidence


YOUTUBE = [
    (401, "authError", "refuse", "token"),
    (403, "quotaExceeded", "retry", "midnight Pacific"),
    (403, "dailyLimitExceeded", "retry", "midnight Pacific"),
    (403, "rateLimitExceeded", "retry", "minute"),
    (403, "userRateLimitExceeded", "retry", "minute"),
    (429, "", "retry", "minute"),
    (400, "uploadLimitExceeded", "retry", "upload limit"),
    (403, "forbidden", "refuse", "scope"),
    (403, "insufficientPermissions", "refuse", "dayreel connect youtube"),
    (403, "youtubeSignupRequired", "refuse", "no YouTube channel"),
    (401, "youtubeSignupRequired", "refuse", "no YouTube channel"),
    (400, "invalidTitle", "refuse", "caption"),
    (400, "invalidDescription", "refuse", "caption"),
    (400, "invalidTags", "refuse", "field"),
    (400, "invalidCategoryId", "refuse", "field"),
    (400, "invalidPublishAt", "refuse", "field"),
    (400, "invalidVideoMetadata", "refuse", "field"),
    (400, "invalidFilename", "refuse", "field"),
    (400, "invalidRecordingDetails", "refuse", "field"),
    (400, "invalidVideoGameRating", "refuse", "field"),
    (400, "defaultLanguageNotSet", "refuse", "field"),
    (400, "mediaBodyRequired", "refuse", "field"),
    (403, "forbiddenPrivacySetting", "refuse", "privacy"),
    (403, "forbiddenLicenseSetting", "refuse", "not allowed"),
    (503, "backendError", "retry", "server error"),
    (500, "", "retry", "server error"),
    (418, "neverHeardOf", "refuse", "neverHeardOf"),
]


@pytest.mark.parametrize(("status", "reason", "verdict", "words"), YOUTUBE)
def test_each_youtube_row_has_its_verdict(status: int, reason: str, verdict: str, words: str, video: Path) -> None:
    errors = [{"domain": "youtube", "reason": reason, "message": "m"}] if reason else []
    body = {"error": {"code": status, "message": f"no {TOKEN}-refresh", "errors": errors}}
    token = Say(200, {"access_token": f"{TOKEN}-access", "expires_in": 3600})
    # A 401 is tried once more with a fresh token, so its script is one pair longer.
    script = [token, Say(status, body), *([token] if status == 401 else []), Say(status, body)]
    with scripted(*script) as server, pytest.raises(KINDS[verdict], match=words) as caught:
        make_youtube(server.url).post(
            make_permit("post", "youtube"), make_request("youtube", video), handle={}, record=Recorder()
        )
    check(caught.value, verdict, reason or str(status))


@pytest.mark.parametrize(("code", "words"), [("invalid_grant", "revoked"), ("invalid_client", "client")])
def test_a_dead_refresh_token_names_what_to_do(code: str, words: str) -> None:
    say = Say(400, {"error": code, "error_description": f"bad {TOKEN}-refresh"})
    with scripted(say) as server, pytest.raises(PermanentError, match=words) as caught:
        make_youtube(server.url).counters(["v1"])
    check(caught.value, "refuse", code)


UPLOADS = [
    ({"uploadStatus": "failed", "failureReason": "codec"}, "codec"),
    ({"uploadStatus": "failed", "failureReason": "emptyFile"}, "empty"),
    ({"uploadStatus": "rejected", "rejectionReason": "duplicate"}, "duplicate"),
    ({"uploadStatus": "rejected", "rejectionReason": "copyright"}, "copyright"),
    ({"uploadStatus": "deleted"}, "deleted"),
]


@pytest.mark.parametrize(("status", "words"), UPLOADS)
def test_an_upload_youtube_drops_is_refused_and_never_resent(status: dict[str, str], words: str, video: Path) -> None:
    token = Say(200, {"access_token": "a", "expires_in": 3600})
    shown = Say(200, {"items": [{"id": "v1", "status": status}]})
    request = make_request("youtube", video)
    with scripted(token, shown) as server, pytest.raises(PermanentError, match=words):
        make_youtube(server.url).post(
            make_permit("post", "youtube"), request, handle={"video_id": "v1"}, record=Recorder()
        )
    with scripted(token, shown) as server:
        finding = make_youtube(server.url).look_up(request, {"video_id": "v1"}, sent_at=WaitingClock().now())
    assert finding.verdict == "refused"
    assert finding.handle is not None
    assert finding.handle["given_up"]


@pytest.mark.parametrize(("wanted", "shown", "is_noticed"), [("public", "private", True), ("public", "public", False)])
def test_a_video_that_is_locked_private_is_noticed(wanted: str, shown: str, is_noticed: bool, video: Path) -> None:
    token = Say(200, {"access_token": "a", "expires_in": 3600})
    status = {"uploadStatus": "processed", "privacyStatus": shown}
    request = make_request("youtube", video, fields={"privacy": wanted})
    with scripted(token, Say(200, {"items": [{"id": "v1", "status": status}]})) as server:
        receipt = make_youtube(server.url).post(
            make_permit("post", "youtube"), request, handle={"video_id": "v1"}, record=Recorder()
        )
    assert receipt.state == "posted"
    assert ("private although public" in receipt.raw.get("notice", "")) is is_noticed
