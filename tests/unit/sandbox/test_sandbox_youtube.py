"""YouTube's stand-in: token, resumable sessions, lists, statistics."""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.conftest import wait_for

CHUNK = 262_144


class Client:
    """The few calls a client makes."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.headers = {"authorization": f"Bearer {self.token().json()['access_token']}"}

    def token(self, **changes: str) -> requests.Response:
        known = self.sandbox.credentials
        form = {
            "client_id": known["YOUTUBE_CLIENT_ID"],
            "client_secret": known["YOUTUBE_CLIENT_SECRET"],
            "refresh_token": known["YOUTUBE_REFRESH_TOKEN"],
            "grant_type": "refresh_token",
        }
        return requests.post(self.sandbox.url + "/google/token", data=form | changes, timeout=10)

    def start(self, size: int, body: dict[str, Any] | None = None, **query: str) -> requests.Response:
        wanted = {"snippet": {"title": "a small video"}, "status": {"privacyStatus": "private"}}
        return requests.post(
            self.sandbox.url + "/youtube/upload/youtube/v3/videos",
            params={"uploadType": "resumable", "part": "snippet,status", **query},
            json=wanted if body is None else body,
            headers={**self.headers, "x-upload-content-type": "video/mp4", "x-upload-content-length": str(size)},
            timeout=10,
        )

    def session(self, size: int, body: dict[str, Any] | None = None) -> str:
        return str(self.start(size, body).headers["location"])

    def put(self, url: str, data: bytes, content_range: str) -> requests.Response:
        return requests.put(url, data=data, headers={**self.headers, "content-range": content_range}, timeout=10)

    def get(self, path: str, **query: Any) -> requests.Response:
        url = f"{self.sandbox.url}/youtube/youtube/v3/{path}"
        return requests.get(url, params=query, headers=self.headers, timeout=10)

    def posted(self, path: Path, body: dict[str, Any] | None = None) -> str:
        data = path.read_bytes()
        answer = self.put(self.session(len(data), body), data, f"bytes 0-{len(data) - 1}/{len(data)}")
        return str(answer.json()["id"])


@pytest.fixture
def youtube(sandbox: RunningSandbox) -> Client:
    return Client(sandbox)


def reason_of(answer: requests.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["errors"][0]["reason"]


def test_a_chunked_upload_becomes_a_live_short_with_statistics(
    sandbox: RunningSandbox, youtube: Client, reel: Path
) -> None:
    data = reel.read_bytes()
    body = {
        "snippet": {"title": "quiet hands", "description": "job-17", "tags": ["craft"], "categoryId": "24"},
        "status": {"privacyStatus": "unlisted", "containsSyntheticMedia": True, "selfDeclaredMadeForKids": False},
    }
    url = youtube.session(len(data), body)
    assert youtube.put(url, b"", f"bytes */{len(data)}").headers.get("range") is None
    first = youtube.put(url, data[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(data)}")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert sandbox.effects()["posts"] == []
    last = youtube.put(url, data[CHUNK:], f"bytes {CHUNK}-{len(data) - 1}/{len(data)}")
    video_id = last.json()["id"]
    (post,) = sandbox.effects()["posts"]
    assert (post["privacy"], post["ai_label"], post["title"]) == ("unlisted", True, "quiet hands")
    assert "SIMULATED" in requests.get(post["url"], timeout=10).text
    sandbox.advance(86_400 * 3)
    youtube = Client(sandbox)
    (item,) = youtube.get("videos", part="statistics,status,snippet", id=video_id).json()["items"]
    assert isinstance(item["statistics"]["viewCount"], str)
    assert int(item["statistics"]["viewCount"]) > 0
    assert item["status"]["uploadStatus"] == "processed"
    stats = youtube.get("videos", part="statistics", id=f"{video_id},unknown").json()["items"]
    assert [each["id"] for each in stats] == [video_id]


def test_a_lost_last_answer_is_found_through_the_session(sandbox: RunningSandbox, youtube: Client, reel: Path) -> None:
    data = reel.read_bytes()
    url = youtube.session(len(data))
    sandbox.arm("youtube", "upload", "lose_answer")
    with pytest.raises(requests.ConnectionError):
        youtube.put(url, data, f"bytes 0-{len(data) - 1}/{len(data)}")
    response = youtube.put(url, b"", f"bytes */{len(data)}")
    assert response.status_code == 200
    assert response.json()["id"] == sandbox.effects()["posts"][0]["id"]
    assert len(sandbox.effects()["posts"]) == 1


def test_an_upload_that_breaks_off_keeps_whole_blocks(sandbox: RunningSandbox, youtube: Client, reel: Path) -> None:
    data = reel.read_bytes()
    assert len(data) > CHUNK + 10_000
    url = youtube.session(len(data))
    sandbox.arm("youtube", "upload", "break_off", bytes=CHUNK + 5000)
    with pytest.raises(requests.ConnectionError):
        youtube.put(url, data, f"bytes 0-{len(data) - 1}/{len(data)}")
    assert youtube.put(url, b"", f"bytes */{len(data)}").headers["range"] == f"bytes=0-{CHUNK - 1}"
    done = youtube.put(url, data[CHUNK:], f"bytes {CHUNK}-{len(data) - 1}/{len(data)}")
    assert done.status_code == 200
    sha256 = sandbox.effects()["posts"][0]["sha256"]
    other = youtube.posted(reel)
    assert [post["sha256"] for post in sandbox.effects()["posts"] if post["id"] == other] == [sha256]


def test_a_client_that_dies_in_the_middle_finds_its_bytes_again(
    sandbox: RunningSandbox, youtube: Client, reel: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = reel.read_bytes()
    url = youtube.session(len(data))
    parts = urlsplit(url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: {len(data)}\r\n"
    head += f"content-range: bytes 0-{len(data) - 1}/{len(data)}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + data[: CHUNK + 1000])
    asked = f"bytes */{len(data)}"
    wait_for(lambda: youtube.put(url, b"", asked).headers.get("range"), lambda got: got == f"bytes=0-{CHUNK - 1}")
    assert "Traceback" not in capfd.readouterr().err


def test_chunks_must_fit_and_be_multiples(youtube: Client, reel: Path) -> None:
    data = reel.read_bytes()
    url = youtube.session(len(data))
    assert youtube.put(url, data[:1000], f"bytes 0-999/{len(data)}").status_code == 400
    assert youtube.put(url, data[:CHUNK], f"bytes {CHUNK}-{2 * CHUNK - 1}/{len(data)}").status_code == 400
    assert youtube.put(url, data[:CHUNK], f"bytes 0-{CHUNK - 1}/9999999").status_code == 400
    assert youtube.put(url + "x", data[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(data)}").status_code == 404


def test_a_session_and_a_token_grow_old(sandbox: RunningSandbox, youtube: Client) -> None:
    url = youtube.session(1000)
    sandbox.advance(3601)
    assert reason_of(youtube.get("channels", part="contentDetails", mine="true")) == (401, "authError")
    sandbox.advance(8 * 86_400)
    assert requests.put(url, headers={"content-range": "bytes */1000"}, timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("snippet", "status", "reason"),
    [
        ({"title": ""}, {}, "invalidTitle"),
        ({"title": "x" * 101}, {}, "invalidTitle"),
        ({"title": "a < b"}, {}, "invalidTitle"),
        ({"description": "é" * 2501}, {}, "invalidDescription"),
        ({"tags": "craft"}, {}, "badRequest"),
        ({"tags": ["x" * 501]}, {}, "invalidTags"),
        ({"categoryId": "99"}, {}, "invalidCategoryId"),
        ({}, {"privacyStatus": "secret"}, "badRequest"),
        ({}, {"privacyStatus": "public", "publishAt": "2026-12-01T00:00:00Z"}, "invalidPublishAt"),
        ({}, {"containsSyntheticMedia": "yes"}, "badRequest"),
        ({"titel": "x"}, {}, "badRequest"),
    ],
)
def test_bad_metadata_is_refused_with_its_reason(
    youtube: Client, snippet: dict[str, Any], status: dict[str, Any], reason: str
) -> None:
    body = {"snippet": {"title": "fine", **snippet}, "status": status}
    assert reason_of(youtube.start(1000, body)) == (400, reason)


def test_a_place_of_recording_is_taken(youtube: Client) -> None:
    body = {"snippet": {"title": "fine"}, "recordingDetails": {"location": {"latitude": 52.5, "longitude": 13.4}}}
    assert youtube.start(1000, body, part="snippet,recordingDetails").ok


def test_privacy_left_out_means_public(sandbox: RunningSandbox, youtube: Client, reel: Path) -> None:
    youtube.posted(reel, {"snippet": {"title": "oops"}})
    assert sandbox.effects()["posts"][0]["privacy"] == "public"


def test_a_file_that_is_no_video_fails_after_it_was_taken(
    sandbox: RunningSandbox, youtube: Client, tmp_path: Path
) -> None:
    page = tmp_path / "page.mp4"
    page.write_bytes(b"<html>" * 100)
    video_id = youtube.posted(page)
    (item,) = youtube.get("videos", part="status", id=video_id).json()["items"]
    assert (item["status"]["uploadStatus"], item["status"]["failureReason"]) == ("failed", "invalidFile")


def test_uploads_are_found_through_the_channel(youtube: Client, reel: Path) -> None:
    ids = [youtube.posted(reel, {"snippet": {"title": f"take {number}"}}) for number in range(2)]
    (channel,) = youtube.get("channels", part="contentDetails", mine="true").json()["items"]
    uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    parts = "snippet,contentDetails,status"
    page = youtube.get("playlistItems", playlistId=uploads, part=parts, maxResults=1).json()
    assert [item["contentDetails"]["videoId"] for item in page["items"]] == [ids[1]]
    rest = youtube.get("playlistItems", playlistId=uploads, part=parts, pageToken=page["nextPageToken"]).json()
    assert [item["snippet"]["title"] for item in rest["items"]] == ["take 0"]


def test_wrong_calls_and_faults_have_googles_shape(sandbox: RunningSandbox, youtube: Client) -> None:
    assert youtube.token(refresh_token="gone").json()["error"] == "invalid_grant"
    assert youtube.token(client_secret="x").status_code == 401
    assert reason_of(youtube.start(1000, part="status")) == (400, "unexpectedPart")
    sandbox.arm("youtube", "session", "quota")
    assert reason_of(youtube.start(1000)) == (403, "quotaExceeded")
    sandbox.arm("youtube", "session", "error", status=400, code="uploadLimitExceeded")
    assert reason_of(youtube.start(1000)) == (400, "uploadLimitExceeded")
    sandbox.arm("youtube", "token", "expired_token")
    assert youtube.token().json()["error"] == "invalid_grant"
    assert reason_of(youtube.get("videos", id="a")) == (400, "missingRequiredParameter")
    youtube.headers = {"authorization": "Bearer nobody"}
    assert reason_of(youtube.start(1000)) == (401, "authError")


@pytest.mark.parametrize(
    ("setting", "value", "refusal"),
    [
        ("youtube_api_enabled", False, (403, "accessNotConfigured")),
        ("youtube_has_channel", False, (401, "youtubeSignupRequired")),
        ("youtube_channel_suspended", True, (403, "channelSuspended")),
        ("youtube_scopes", "youtube.readonly", (403, "insufficientPermissions")),
    ],
)
def test_project_channel_and_scopes_decide(
    sandbox: RunningSandbox, youtube: Client, setting: str, value: Any, refusal: tuple[int, str]
) -> None:
    sandbox.pace(**{setting: value})
    assert reason_of(youtube.start(1000, {"snippet": {"title": "fine"}, "status": {}})) == refusal
