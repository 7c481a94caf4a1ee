"""The one-file server: this file, this path, this hour, and nothing else."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from dayreel.errors import PermanentError
from dayreel.providers.public_urls.file_server import ServedFile, serve_file, wanted_part
from tests.fakes.clock import FakeClock
from tests.waiting import WITHIN_S

BODY = bytes(range(256)) * 2000


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "final_video.mp4"
    path.write_bytes(BODY)
    (tmp_path / "secret.txt").write_text("secret")
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def served(video: Path, clock: FakeClock) -> Iterator[ServedFile]:
    with serve_file(video, clock=clock, lifetime_s=60) as file:
        yield file


def ask(method: str, url: str, **headers: str) -> requests.Response:
    return requests.request(method, url, headers=headers, timeout=WITHIN_S)


def test_the_whole_file_is_given(served: ServedFile) -> None:
    answer = ask("GET", served.url)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_says_the_length_and_gives_nothing(served: ServedFile) -> None:
    answer = ask("HEAD", served.url)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(BODY))


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-9", BODY[:10]), ("bytes=100-", BODY[100:]), ("bytes=-7", BODY[-7:]), ("bytes=5-9999999", BODY[5:])],
)
def test_a_range_is_given(served: ServedFile, wanted: str, part: bytes) -> None:
    answer = ask("GET", served.url, Range=wanted)
    assert (answer.status_code, answer.content) == (206, part)
    first = len(BODY) - len(part) if wanted != "bytes=0-9" else 0
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(BODY)}"


@pytest.mark.parametrize("wanted", ["bytes=9999999-", "bytes=-0", "bytes=7-3"])
def test_a_range_that_is_none_is_refused(served: ServedFile, wanted: str) -> None:
    answer = ask("GET", served.url, Range=wanted)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"


def test_other_units_and_several_parts_mean_the_whole_file() -> None:
    assert {wanted_part(header, 10) for header in (None, "lines=1-2", "bytes=0-1,4-5", "bytes=-")} == {(0, 10)}


def test_every_other_path_is_unknown(served: ServedFile) -> None:
    for path in (
        "/",
        "/video.mp4",
        served.path + "?x=1",
        served.path[:-1],
        "/secret.txt",
        served.path + "/../secret.txt",
    ):
        with socket.create_connection(("127.0.0.1", int(served.origin.rsplit(":", 1)[1])), timeout=WITHIN_S) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert raw.recv(64).startswith(b"HTTP/1.1 404")


def test_other_methods_are_refused(served: ServedFile) -> None:
    assert ask("POST", served.url).status_code == 501
    assert ask("DELETE", served.url).status_code == 501


def test_the_path_is_unguessable_and_different_each_time(video: Path, clock: FakeClock) -> None:
    with serve_file(video, clock=clock) as first, serve_file(video, clock=clock) as other:
        assert first.path != other.path
        assert len(first.path) > 40


def test_after_its_time_the_file_is_gone(served: ServedFile, clock: FakeClock) -> None:
    clock.move(seconds=61)
    assert ask("GET", served.url).status_code == 404


def test_after_the_block_nobody_listens(video: Path, clock: FakeClock) -> None:
    with serve_file(video, clock=clock) as served:
        pass
    with pytest.raises(requests.ConnectionError):
        ask("GET", served.url)


def test_an_opened_file_is_served_even_after_being_replaced(served: ServedFile, video: Path, tmp_path: Path) -> None:
    (tmp_path / "other.mp4").write_bytes(b"another video")
    (tmp_path / "other.mp4").replace(video)
    assert ask("GET", served.url).content == BODY


def test_a_file_that_is_not_there_is_reported(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(PermanentError, match="cannot be read"), serve_file(tmp_path / "none.mp4", clock=clock):
        pass
