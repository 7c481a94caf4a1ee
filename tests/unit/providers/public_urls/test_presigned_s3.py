"""The bucket: uploaded with what R2 takes, fetched through the signed address, deleted afterwards."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import requests

from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.public_urls.presigned_s3 import PresignedS3
from tests.fakes.clock import FakeClock

SECRET = "marked-secret-access-key"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OLD, YOUNG = "2026-11-20T07:59:59.000Z", "2026-11-20T08:30:00.000Z"


class Bucket:
    """A store that keeps what is put, wants signatures, and can be set to refuse."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.refuses: dict[str, tuple[int, str]] = {}
        self.written_at: dict[str, str] = {}
        self.url = ""

    def listing(self, bucket: str, query: str) -> bytes:
        prefix = parse_qs(query).get("prefix", [""])[0]
        keys = [path.removeprefix(f"{bucket}/") for path in self.objects]
        rows = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{self.written_at.get(key, YOUNG)}</LastModified></Contents>"
            for key in keys
            if key.startswith(prefix)
        )
        return f"<ListBucketResult>{rows}</ListBucketResult>".encode()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    kept = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            kept.asked.append((self.command, {name.lower(): value for name, value in self.headers.items()}))
            is_signed = "AWS4-HMAC-SHA256" in self.headers.get("Authorization", "") or "X-Amz-Signature" in query
            status, code = kept.refuses.get(self.command, (200, "")) if is_signed else (403, "AccessDenied")
            content = b""
            if code:
                content = f"<Error><Code>{code}</Code><Message>no, {SECRET}</Message></Error>".encode()
            elif self.command == "PUT":
                kept.objects[path] = body
            elif "list-type=2" in query:
                content = kept.listing(path, query)
            elif self.command == "DELETE":
                kept.objects.pop(path, None)
                status = 204
            else:
                content = kept.objects.get(path, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_PUT = do_DELETE = answer  # noqa: N815  the standard library calls them so

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "final_video.mp4"
    path.write_bytes(b"the video")
    return path


def store(bucket: Bucket) -> PresignedS3:
    keys = {"access_key_id": "key-id", "secret_access_key": SECRET}
    return PresignedS3(bucket="reels", endpoint=bucket.url, clock=FakeClock(NOW), **keys)


def test_the_video_is_served_inside_the_block_and_then_deleted(bucket: Bucket, video: Path) -> None:
    with store(bucket)(video) as url:
        assert url.startswith(f"{bucket.url}/reels/dayreel-public/")
        assert "X-Amz-Expires=3600" in url
        assert SECRET not in url
        assert requests.get(url, timeout=30).content == b"the video"
        assert requests.get(url.partition("?")[0], timeout=30).status_code == 403
    assert bucket.objects == {}


def test_the_upload_has_a_content_type_and_no_checksum_header(bucket: Bucket, video: Path) -> None:
    with store(bucket)(video):
        pass
    (headers,) = [headers for method, headers in bucket.asked if method == "PUT"]
    assert headers["content-type"] == "video/mp4"
    assert not [name for name in headers if "checksum" in name or "trailer" in name]
    assert headers.get("content-encoding") != "aws-chunked"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "SignatureDoesNotMatch", PermanentError),
        (403, "InvalidAccessKeyId", PermanentError),
        (404, "NoSuchBucket", PermanentError),
        (403, "AccessDenied", PermanentError),
    ],
)
def test_a_refusal_is_typed_says_what_to_do_and_shows_no_key(
    bucket: Bucket, video: Path, status: int, code: str, kind: type[ProviderError]
) -> None:
    bucket.refuses["PUT"] = (status, code)
    with pytest.raises(kind) as refusal, store(bucket)(video):
        pass
    assert refusal.value.code == code
    assert refusal.value.next_step
    assert SECRET not in str(refusal.value)


def test_nobody_there_can_be_tried_again(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # botocore's own pauses between its attempts
    nobody = Bucket()
    nobody.url = "http://127.0.0.1:9"
    with pytest.raises(TransientError), store(nobody)(video):
        pass


def test_only_stale_files_of_a_killed_process_are_deleted(bucket: Bucket, video: Path) -> None:
    left, fresh, other = "dayreel-public/a/video.mp4", "dayreel-public/b/video.mp4", "dayreel/artifacts/c.mp4"
    bucket.objects = {f"/reels/{key}": b"x" for key in (left, fresh, other)}
    bucket.written_at = {left: OLD, fresh: YOUNG, other: OLD}
    with store(bucket)(video):
        pass
    assert sorted(bucket.objects) == [f"/reels/{fresh}", f"/reels/{other}"]


def test_a_key_that_may_not_list_can_still_post(bucket: Bucket, video: Path) -> None:
    bucket.refuses["GET"] = (403, "AccessDenied")
    with store(bucket)(video) as url:
        assert url
    assert bucket.objects == {}


def test_a_failed_deletion_is_logged_and_does_not_fail_the_post(
    bucket: Bucket, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.refuses["DELETE"] = (403, "AccessDenied")
    with caplog.at_level(logging.WARNING), store(bucket)(video):
        pass
    assert "stays in bucket reels" in caplog.text
    assert SECRET not in caplog.text
