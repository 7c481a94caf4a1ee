"""What every platform reads the same way: the approved file and no other, streamed, and tokens kept at home."""

import tracemalloc
from pathlib import Path

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError, UsageError
from dayreel.providers.http import Http
from dayreel.providers.platforms.approved import (
    FileSlice,
    Progress,
    approved_file,
    belongs_to,
    doubt_remains,
    read_fields,
)
from dayreel.providers.platforms.tiktok import TikTokPost
from tests.fakes.scripted_server import Say, scripted
from tests.unit.providers.platforms.posting import Recorder, make_request


def test_a_file_that_changed_after_approval_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"approved")
    request = make_request("youtube", path)
    path.write_bytes(b"replaced")
    with pytest.raises(UsageError, match="were approved"), approved_file(request):
        pass
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"), approved_file(request):
        pass


def test_a_file_replaced_during_the_upload_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"approved bytes")
    with approved_file(make_request("youtube", path)) as file:
        (tmp_path / "new").write_bytes(b"rendered again")
        (tmp_path / "new").replace(path)
        assert FileSlice(file, first=9, length=5).read() == b"bytes"


def test_a_slice_is_sent_with_its_length_and_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.write_bytes(bytes(range(256)) * 100)
    with path.open("rb") as file, scripted(Say(200)) as server:
        Http("vendor").send(
            "PUT", server.url, attempted="send", has_side_effects=False, data=FileSlice(file, first=300, length=1000)
        )
        (asked,) = server.asked
    assert asked.headers["content-length"] == "1000"
    assert asked.body == path.read_bytes()[300:1300]


def test_reading_a_large_slice_takes_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with path.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    tracemalloc.start()
    with path.open("rb") as file:
        total = sum(len(block) for block in FileSlice(file, first=0, length=256 * 1024 * 1024))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 256 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("url", "owner", "expected"),
    [
        ("https://rupload.facebook.com/x", "https://graph.facebook.com", True),
        ("https://www.googleapis.com/upload", "https://youtube.googleapis.com", True),
        ("http://127.0.0.1:8765/up", "http://127.0.0.1:8765/graph", True),
        ("http://127.0.0.1:9999/up", "http://127.0.0.1:8765/graph", False),
        ("http://8.127.0.0.1/up", "http://127.0.0.1:8765/graph", False),
        ("http://rupload.facebook.com/x", "https://graph.facebook.com", False),
        ("https://facebook.com.evil.example/x", "https://graph.facebook.com", False),
        ("https://evilfacebook.com/x", "https://graph.facebook.com", False),
        ("https://graph.facebook.com@evil.example/x", "https://graph.facebook.com", False),
        ("no address", "https://graph.facebook.com", False),
    ],
)
def test_a_token_goes_only_to_its_owner(url: str, owner: str, expected: bool) -> None:
    assert belongs_to(url, (owner,)) is expected


def test_progress_hands_the_whole_handle_on_each_time() -> None:
    recorder = Recorder()
    progress = Progress({"container_id": "c1"}, recorder)
    progress.commit(uploaded=True)
    progress.commit(publishing=True)
    assert recorder.handles == [
        {"container_id": "c1", "uploaded": True},
        {"container_id": "c1", "uploaded": True, "publishing": True},
    ]
    assert progress["media_id"] is None


@pytest.mark.parametrize("kind", [TransientError, PermanentError])
def test_a_failed_read_is_an_unknown_outcome_only_when_in_doubt(kind: type[ProviderError]) -> None:
    with pytest.raises(kind), doubt_remains(is_in_doubt=False):
        raise kind(attempted="read", answer="no", code="190")
    with pytest.raises(UnknownOutcomeError) as caught, doubt_remains(is_in_doubt=True):
        raise kind(attempted="read", answer="no", code="190")
    assert caught.value.code == "190"


def test_a_missing_field_is_named(video: Path) -> None:
    with pytest.raises(UsageError, match="a direct post needs `privacy`"):
        read_fields(TikTokPost, make_request("tiktok", video, fields={}))
