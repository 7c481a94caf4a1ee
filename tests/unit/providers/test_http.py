"""What arrived and what did not, distinguished on real sockets."""

import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from dayreel.errors import ConfigurationError, PermanentError, StoreError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, readable, retry_after_s, reveal
from tests.fakes.clock import FakeClock
from tests.fakes.scripted_server import Say, scripted, unused_url
from tests.waiting import WITHIN_S

KEY = "marked-secret-key"


def make_http(*, read_s: float = 60, total_s: float = 120) -> Http:
    headers = {"Authorization": f"Bearer {KEY}"}
    return Http("vendor", headers=headers, secrets=[KEY], read_s=read_s, total_s=total_s)


@pytest.mark.parametrize("has_side_effects", [True, False])
def test_a_connection_that_never_stood_can_be_tried_again(has_side_effects: bool) -> None:
    with pytest.raises(TransientError, match="no connection to vendor"):
        make_http().send("POST", unused_url(), attempted="post", has_side_effects=has_side_effects)


def test_a_name_nobody_knows_counts_as_never_connected() -> None:
    with pytest.raises(TransientError, match="no connection"):
        make_http().send("POST", "http://nobody.invalid/", attempted="post", has_side_effects=True)


@pytest.mark.parametrize("lost", [Say(lost=True), Say(body={"long": "x" * 2000}, cut=500)])
def test_a_lost_answer_is_in_doubt_only_when_the_call_acts(lost: Say) -> None:
    with scripted(lost) as server:
        with pytest.raises(UnknownOutcomeError):
            make_http().send("POST", server.url, attempted="pay", has_side_effects=True)
        with pytest.raises(TransientError):
            make_http().send("GET", server.url, attempted="read", has_side_effects=False)
    assert len(server.asked) == 2, "one request per call, no hidden retries"


def test_a_vendor_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(UnknownOutcomeError, match="ReadTimeout"):
            make_http(read_s=0.05).send("POST", url, attempted="pay", has_side_effects=True)


def test_a_vendor_that_drips_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                with suppress(OSError):  # the other side has had enough
                    while True:
                        connection.sendall(b"1\r\nx\r\n")
                        time.sleep(0.02)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(TransientError, match="ReadTimeout"):
            make_http(read_s=30, total_s=0.2).send("GET", url, attempted="read", has_side_effects=False)
        thread.join(WITHIN_S)
        assert not thread.is_alive()


@pytest.mark.parametrize(("method", "has_side_effects"), [("POST", True), ("GET", True), ("POST", False)])
def test_what_acts_or_carries_a_body_is_never_redirected(method: str, has_side_effects: bool) -> None:
    """The body of a read may hold keys: a token's renewal is one."""
    with scripted(Say(307, headers={"Location": "/elsewhere"})) as server:
        reply = make_http().send(method, server.url, attempted="pay", has_side_effects=has_side_effects)
    assert reply.status == 307
    assert len(server.asked) == 1
    assert isinstance(reply.error("moved"), UnknownOutcomeError if has_side_effects else PermanentError)


def test_a_key_in_any_header_stays_with_its_host() -> None:
    with scripted(Say(body={})) as elsewhere:
        moved = [Say(302, headers={"Location": place}) for place in ("/moved", elsewhere.url)]
        with scripted(*moved) as server:
            Http("vendor", headers={"x-api-key": KEY}).send("GET", server.url, attempted="read", has_side_effects=False)
    assert [asked.headers.get("x-api-key") for asked in (*server.asked, *elsewhere.asked)] == [KEY, KEY, None]


def test_what_is_no_json_is_not_sent() -> None:
    with scripted(Say(body={})) as server, pytest.raises(ConfigurationError, match="nothing was sent"):
        make_http().send("POST", server.url, attempted="pay", has_side_effects=True, json={"seed": float("nan")})
    assert server.asked == []


def test_a_netrc_never_replaces_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(Say(body={})) as server:
        make_http().send("GET", server.url, attempted="read", has_side_effects=False)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("status", "has_side_effects", "kind"),
    [
        (408, True, UnknownOutcomeError),
        (425, True, UnknownOutcomeError),
        (429, True, UnknownOutcomeError),
        (503, True, UnknownOutcomeError),
        (500, True, UnknownOutcomeError),
        (502, True, UnknownOutcomeError),
        (504, True, UnknownOutcomeError),
        (500, False, TransientError),
        (504, False, TransientError),
        (301, True, UnknownOutcomeError),
        (400, True, UnknownOutcomeError),
        (401, False, PermanentError),
        (404, False, PermanentError),
        (422, True, UnknownOutcomeError),
    ],
)
def test_a_status_without_better_knowledge_has_one_meaning(status: int, has_side_effects: bool, kind: type) -> None:
    with scripted(Say(status, {"error": "no"}, {"Retry-After": "7"})) as server:
        reply = make_http().send(
            "POST" if has_side_effects else "GET", server.url, attempted="call", has_side_effects=has_side_effects
        )
    error = reply.error(reply.words)
    assert type(error) is kind
    assert f"HTTP {status}" in str(error)
    assert error.retry_after_s == 7
    refused = TransientError if status in (408, 425, 429) or status >= 500 else PermanentError
    assert type(reply.error(reply.words, is_refused=True)) is refused


def test_a_non_json_answer_is_typed_by_the_calls_side_effects() -> None:
    with scripted(Say(200, b"<html>hello</html>")) as server:
        with pytest.raises(UnknownOutcomeError, match="no JSON object"):
            make_http().send("POST", server.url, attempted="pay", has_side_effects=True).document()
        with pytest.raises(TransientError, match="no JSON object"):
            make_http().send("GET", server.url, attempted="read", has_side_effects=False).document()


def test_no_secret_is_in_any_message() -> None:
    messages = []
    with scripted(Say(401, {"error": f"bad key {KEY}"})) as server:
        reply = make_http().send("GET", f"{server.url}/?access_token={KEY}", attempted="read", has_side_effects=False)
        messages += [reply.words, str(reply.error(f"bad key {KEY}"))]
    for url in (f"{unused_url()}/?access_token={KEY}", f"http:///{KEY}", f"nonsense://{KEY}"):
        with pytest.raises((TransientError, ConfigurationError)) as caught:
            make_http().send("GET", url, attempted="read", has_side_effects=False)
        messages.append(str(caught.value))
        assert caught.value.__suppress_context__, "requests' own message holds the address"
    with pytest.raises(ConfigurationError) as caught_header:
        Http("vendor", headers={"X": f"{KEY}\nX-Evil: 1"}).send(
            "GET", server.url, attempted="read", has_side_effects=False
        )
    messages.append(str(caught_header.value))
    assert not [line for line in messages if KEY in line]


def test_a_download_is_whole_and_without_the_key(tmp_path: Path) -> None:
    video = bytes(range(256)) * 4096
    with scripted(Say(200, video, {"Content-Type": "video/mp4"})) as server:
        size = make_http().download(f"{server.url}/a.mp4", tmp_path / "raw" / "video_1.mp4", attempted="fetch")
    assert size == len(video)
    assert (tmp_path / "raw" / "video_1.mp4").read_bytes() == video
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("say", "kind"),
    [
        (Say(200, b"x" * 9000, cut=100), TransientError),
        (Say(200, b""), TransientError),
        (Say(lost=True), TransientError),
        (Say(503, b"busy"), TransientError),
        (Say(404, b"gone"), PermanentError),
        (Say(403, b"expired"), PermanentError),
    ],
)
def test_a_failed_download_leaves_only_the_old_file(tmp_path: Path, say: Say, kind: type) -> None:
    dest = tmp_path / "video_1.mp4"
    dest.write_bytes(b"old")
    with scripted(say) as server, pytest.raises(kind):
        make_http().download(server.url, dest, attempted="fetch")
    assert [path.name for path in tmp_path.iterdir()] == ["video_1.mp4"]
    assert dest.read_bytes() == b"old"


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with scripted(Say(200, b"x" * 9000)) as server, pytest.raises(StoreError, match="no room left"):
        make_http().download(server.url, tmp_path / "video_1.mp4", attempted="fetch")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["", "   ", "two words", "sk-1\nsk-2", "schlüssel", "a\x00b"])
def test_a_key_no_header_can_carry_is_refused_by_its_name(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="FAL_KEY") as caught:
        reveal(SecretStr(bad), name="FAL_KEY")
    if bad.strip():
        assert bad not in str(caught.value)


def test_a_copied_key_loses_its_line_end() -> None:
    assert reveal("sk-123\n", name="FAL_KEY") == "sk-123"


def test_words_of_a_vendor_become_one_short_line() -> None:
    assert readable("a\n\n b\tc.") == "a b c"
    assert readable("a \ud83d b\x00 \x1b[31mc 🏺") == "a b [31mc 🏺", "no database takes half an emoji"
    assert len(readable("x" * 5000)) == 400
    assert readable("  ") == "nothing"


def test_a_retry_after_may_be_a_date() -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    before = datetime.now(UTC)
    wait_s = retry_after_s({"Retry-After": format_datetime(later, usegmt=True)})
    assert wait_s is not None
    assert (later - datetime.now(UTC)).total_seconds() <= wait_s <= (later - before).total_seconds()
    assert retry_after_s({"Retry-After": "soon"}) is None
    assert retry_after_s({}) is None


@pytest.mark.parametrize("zone", ["", " -0000"])
def test_a_retry_after_without_a_zone_is_gmt(zone: str) -> None:
    """A proxy's date without one was compared with one that has one, and the error of that ended whoever had asked."""
    clock = FakeClock(datetime(2026, 10, 21, 7, 27, tzinfo=UTC))
    assert retry_after_s({"Retry-After": f"Wed, 21 Oct 2026 07:28:00{zone}"}, clock=clock) == 60
