"""TikTok's stand-in: creator info, init, chunks, status, lists, tokens."""

from pathlib import Path
from typing import Any

import pytest
import requests

from dayreel.sandbox.tiktok import chunk_problem
from tests.fakes.sandbox import RunningSandbox

CHUNK = 5 * 1024 * 1024
FIELDS = "id,create_time,share_url,video_description,duration,view_count,like_count"


class Client:
    """The few calls a client makes."""

    def __init__(self, sandbox: RunningSandbox, token: str = "") -> None:
        self.base = sandbox.url + "/tiktok/v2"
        self.headers = {"authorization": f"Bearer {token or sandbox.credentials['TIKTOK_ACCESS_TOKEN']}"}

    def call(self, path: str, body: Any = None) -> requests.Response:
        return requests.post(f"{self.base}/{path}", json=body, headers=self.headers, timeout=10)

    def init(self, size: int, chunk: int = 0, count: int = 1, **post: Any) -> requests.Response:
        source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk or size, "total_chunk_count": count}
        info = {"privacy_level": "PUBLIC_TO_EVERYONE", "title": "hi", "brand_content_toggle": False, **post}
        body = {"post_info": {name: value for name, value in info.items() if value is not None}, "source_info": source}
        return self.call("post/publish/video/init/", body)

    def posted(self, path: Path, **post: Any) -> str:
        data = self.init(path.stat().st_size, **post).json()["data"]
        assert put(data["upload_url"], path.read_bytes()).status_code == 201
        return str(data["publish_id"])

    def status(self, publish_id: str) -> dict[str, Any]:
        return dict(self.call("post/publish/status/fetch/", {"publish_id": publish_id}).json()["data"])


def put(
    url: str, data: bytes, first: int = 0, total: int = 0, headers: dict[str, str] | None = None
) -> requests.Response:
    content_range = f"bytes {first}-{first + len(data) - 1}/{total or len(data)}"
    wanted = {"content-type": "video/mp4", "content-range": content_range, **(headers or {})}
    return requests.put(url, data=data, headers=wanted, timeout=10)


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def tiktok(sandbox: RunningSandbox) -> Client:
    return Client(sandbox)


def test_a_public_post_gets_its_id_after_moderation(sandbox: RunningSandbox, tiktok: Client, reel: Path) -> None:
    sandbox.pace(tiktok_processing_s=10, tiktok_public_id_s=60)
    publish_id = tiktok.posted(reel, title="quiet hands #craft", is_aigc=True)
    assert tiktok.status(publish_id)["status"] == "PROCESSING_UPLOAD"
    assert sandbox.effects()["posts"] == []
    sandbox.advance(11)
    done = tiktok.status(publish_id)
    assert (done["status"], done["publicaly_available_post_id"]) == ("PUBLISH_COMPLETE", [])
    sandbox.advance(60)
    (post_id,) = tiktok.status(publish_id)["publicaly_available_post_id"]
    (post,) = sandbox.effects()["posts"]
    assert (post["id"], post["caption"], post["ai_label"]) == (str(post_id), "quiet hands #craft", True)
    assert "SIMULATED" in requests.get(post["url"], timeout=10).text
    sandbox.advance(86_400)
    (video,) = tiktok.call(f"video/query/?fields={FIELDS}", {"filters": {"video_ids": [str(post_id)]}}).json()["data"][
        "videos"
    ]
    assert video["view_count"] > 0
    assert video["share_url"] == post["url"]


def test_a_private_post_never_gets_a_public_id_but_is_listed(
    sandbox: RunningSandbox, tiktok: Client, reel: Path
) -> None:
    publish_id = tiktok.posted(reel, privacy_level="SELF_ONLY", title="only me")
    sandbox.advance(86_400)
    assert tiktok.status(publish_id) == {
        "status": "PUBLISH_COMPLETE",
        "uploaded_bytes": reel.stat().st_size,
        "downloaded_bytes": 0,
        "publicaly_available_post_id": [],
    }
    answer = tiktok.call(f"video/list/?fields={FIELDS}", {"max_count": 20}).json()["data"]
    assert [video["video_description"] for video in answer["videos"]] == ["only me"]
    assert answer["has_more"] is False
    sandbox.pace(tiktok_list_private=False)
    assert tiktok.call(f"video/list/?fields={FIELDS}", {}).json()["data"]["videos"] == []


@pytest.mark.parametrize(
    ("post", "answer"),
    [
        ({"privacy_level": None}, (400, "invalid_param")),
        ({"privacy_level": "FOLLOWER_OF_CREATOR"}, (403, "privacy_level_option_mismatch")),
        ({"brand_content_toggle": None}, (400, "invalid_param")),
        ({"brand_content_toggle": True, "privacy_level": "SELF_ONLY"}, (400, "invalid_param")),
        ({"title": "🧵" * 1101}, (400, "invalid_param")),
        ({"is_aigc": "yes"}, (400, "invalid_params")),
        ({"brand_content_toggle": 0}, (400, "invalid_params")),
        ({"video_cover_timestamp_ms": 1.5}, (400, "invalid_params")),
        ({"hashtags": ["#a"]}, (400, "invalid_params")),
    ],
)
def test_a_bad_post_is_refused(tiktok: Client, post: dict[str, Any], answer: tuple[int, str]) -> None:
    assert code_of(tiktok.init(1000, **post)) == answer


@pytest.mark.parametrize(
    ("size", "chunk", "count", "is_fine"),
    [
        (1, 1, 1, True),
        (1000, 1000, 1, True),
        (1000, 500, 2, False),
        (50_000_123, 10_000_000, 5, True),
        (50_000_123, 10_000_000, 6, False),
        (50_000_123, 4_000_000, 12, False),
        (60_000_000, 60_000_000, 1, True),
        (70_000_000, 70_000_000, 1, False),
        (70_000_000, 80_000_000, 1, False),
        (66_259_900, 64_000_000, 1, False),
        (66_259_900, 33_129_950, 2, True),
        (192_000_000, 64_000_000, 3, True),
        (200_000_000, 64_000_000, 3, True),
        (6_000_000, 5_300_000, 1, False),
        (6_000_000_000, 64_000_000, 93, False),
    ],
)
def test_the_chunk_arithmetic_is_enforced(size: int, chunk: int, count: int, *, is_fine: bool) -> None:
    assert (chunk_problem(size, chunk, count) is None) is is_fine


def test_chunks_come_in_order_and_the_server_says_where_it_is(sandbox: RunningSandbox, tiktok: Client) -> None:
    size = 11_000_000
    data = bytes(size)
    made = tiktok.init(size, CHUNK, 2).json()["data"]
    url = made["upload_url"]
    assert put(url, data[:CHUNK], total=size, headers={"content-type": "text/plain"}).status_code == 400
    assert put(url, data[:CHUNK], total=size, headers={"authorization": "Bearer leaked"}).status_code == 400
    assert put(url, data[:4_000_000], total=size).status_code == 400
    assert put(url, data[CHUNK:], first=CHUNK, total=size).status_code == 416
    first = put(url, data[:CHUNK], total=size)
    assert (first.status_code, first.headers["content-range"]) == (206, f"bytes 0-{CHUNK - 1}/11000000")
    again = put(url, data[:CHUNK], total=size)
    assert (again.status_code, again.headers["content-range"]) == (416, f"bytes 0-{CHUNK - 1}/11000000")
    assert tiktok.status(made["publish_id"])["uploaded_bytes"] == CHUNK
    sandbox.arm("tiktok", "upload", "break_off", bytes=1_000_000)
    with pytest.raises(requests.ConnectionError):
        put(url, data[CHUNK:], first=CHUNK, total=size)
    assert tiktok.status(made["publish_id"])["uploaded_bytes"] == CHUNK
    assert put(url, data[CHUNK:], first=CHUNK, total=size).status_code == 201
    failed = tiktok.status(made["publish_id"])
    assert (failed["status"], failed["fail_reason"]) == ("FAILED", "file_format_check_failed")
    sandbox.advance(3601)
    assert put(url, data[:CHUNK], total=size).status_code == 403


def test_the_audit_and_the_account_decide_who_may_see_it(sandbox: RunningSandbox, tiktok: Client) -> None:
    sandbox.pace(tiktok_audited=False)
    refused = (403, "unaudited_client_can_only_post_to_private_accounts")
    assert code_of(tiktok.init(1000)) == refused
    assert code_of(tiktok.init(1000, privacy_level="SELF_ONLY")) == refused
    sandbox.pace(tiktok_private_account=True)
    assert code_of(tiktok.init(1000, privacy_level="SELF_ONLY")) == (200, "ok")
    options = tiktok.call("post/publish/creator_info/query/").json()["data"]["privacy_level_options"]
    assert options == ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]


def test_a_scope_that_was_not_granted_is_named(sandbox: RunningSandbox, tiktok: Client) -> None:
    sandbox.pace(tiktok_scopes="user.info.basic,video.upload")
    refused = (401, "scope_not_authorized")
    assert code_of(tiktok.init(1000)) == refused
    assert code_of(tiktok.call("video/list/?fields=id", {})) == refused
    assert code_of(tiktok.call("post/publish/status/fetch/", {"publish_id": "x"})) == (400, "invalid_publish_id")


def test_a_creator_posts_fifteen_times_a_day(sandbox: RunningSandbox, tiktok: Client, reel: Path) -> None:
    sandbox.pace(rate_limits=True)
    for _ in range(15):
        tiktok.posted(reel)
        sandbox.advance(61)
    assert code_of(tiktok.init(1000)) == (403, "spam_risk_too_many_posts")
    assert code_of(tiktok.call("post/publish/creator_info/query/")) == (200, "spam_risk_too_many_posts")
    sandbox.advance(86_400)
    assert tiktok.init(1000).ok


def test_six_inits_a_minute_when_limits_are_on(sandbox: RunningSandbox, tiktok: Client) -> None:
    sandbox.pace(rate_limits=True)
    assert [tiktok.init(1000).status_code for _ in range(7)] == [200] * 6 + [429]
    sandbox.advance(61)
    assert tiktok.init(1000).ok


def test_refreshing_returns_new_tokens_and_can_be_single_use(sandbox: RunningSandbox) -> None:
    known = sandbox.credentials
    form = {
        "client_key": known["TIKTOK_CLIENT_KEY"],
        "client_secret": known["TIKTOK_CLIENT_SECRET"],
        "grant_type": "refresh_token",
        "refresh_token": known["TIKTOK_REFRESH_TOKEN"],
    }
    url = sandbox.url + "/tiktok/v2/oauth/token/"
    sandbox.pace(tiktok_single_use_refresh=True)
    fresh = requests.post(url, data=form, timeout=10).json()
    assert fresh["refresh_token"] != form["refresh_token"]
    assert Client(sandbox, fresh["access_token"]).call("post/publish/creator_info/query/").ok
    assert requests.post(url, data=form, timeout=10).json()["error"] == "invalid_grant"
    assert requests.post(url, data={**form, "refresh_token": fresh["refresh_token"]}, timeout=10).ok
    sandbox.advance(86_401)
    assert code_of(Client(sandbox, fresh["access_token"]).init(1000)) == (401, "access_token_invalid")


def test_the_inbox_takes_no_caption_and_posts_nothing(sandbox: RunningSandbox, tiktok: Client, reel: Path) -> None:
    size = reel.stat().st_size
    source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": size, "total_chunk_count": 1}
    path = "post/publish/inbox/video/init/"
    assert code_of(tiktok.call(path, {"source_info": source, "post_info": {}})) == (400, "invalid_param")
    data = tiktok.call(path, {"source_info": source}).json()["data"]
    assert put(data["upload_url"], reel.read_bytes()).status_code == 201
    assert tiktok.status(data["publish_id"])["status"] == "SEND_TO_USER_INBOX"
    assert sandbox.effects()["posts"] == []


def test_faults_and_wrong_calls_have_tiktoks_codes(sandbox: RunningSandbox, tiktok: Client) -> None:
    assert code_of(Client(sandbox, "nobody").init(1000)) == (401, "access_token_invalid")
    sandbox.arm("tiktok", "init", "expired_token")
    assert code_of(tiktok.init(1000)) == (401, "access_token_invalid")
    sandbox.arm("tiktok", "init", "quota")
    assert code_of(tiktok.init(1000)) == (403, "spam_risk_too_many_posts")
    sandbox.arm("tiktok", "creator", "quota")
    answer = tiktok.call("post/publish/creator_info/query/")
    assert code_of(answer) == (200, "spam_risk_too_many_posts")
    sandbox.arm("tiktok", "status", "error", status=500)
    assert code_of(tiktok.call("post/publish/status/fetch/", {"publish_id": "x"})) == (500, "internal_error")
    assert code_of(tiktok.call("post/publish/status/fetch/", {"publish_id": "x"})) == (400, "invalid_publish_id")
    pull = {"source": "PULL_FROM_URL", "video_url": "https://example.invalid/x.mp4"}
    body = {"post_info": {"privacy_level": "SELF_ONLY", "brand_content_toggle": False}, "source_info": pull}
    assert code_of(tiktok.call("post/publish/video/init/", body)) == (403, "url_ownership_unverified")


def test_a_stuck_upload_stays_in_processing(sandbox: RunningSandbox, tiktok: Client, reel: Path) -> None:
    sandbox.arm("tiktok", "status", "stuck", times=2)
    publish_id = tiktok.posted(reel)
    states = [tiktok.status(publish_id)["status"] for _ in range(3)]
    assert states == ["PROCESSING_UPLOAD", "PROCESSING_UPLOAD", "PUBLISH_COMPLETE"]


def test_a_lost_last_chunk_still_posts_exactly_once(sandbox: RunningSandbox, tiktok: Client, reel: Path) -> None:
    made = tiktok.init(reel.stat().st_size).json()["data"]
    sandbox.arm("tiktok", "upload", "lose_answer")
    with pytest.raises(requests.ConnectionError):
        put(made["upload_url"], reel.read_bytes())
    assert tiktok.status(made["publish_id"])["status"] == "PUBLISH_COMPLETE"
    assert put(made["upload_url"], reel.read_bytes()).status_code == 416
    assert len(sandbox.effects()["posts"]) == 1
