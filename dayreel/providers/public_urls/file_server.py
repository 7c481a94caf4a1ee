"""A server on loopback for one file, behind one path that cannot be guessed and that ends.

It answers GET and HEAD, whole or in one range, and 404 to everything else. What makes it public is a vendor's file.
"""

import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from dayreel.clock import Clock
from dayreel.errors import PermanentError

LIFETIME_S: Final = 3600.0
_BLOCK_BYTES: Final = 256 * 1024
_SILENCE_S: Final = 60
_RANGE: Final = re.compile(r"^bytes=(\d*)-(\d*)$")
_TYPES: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class ServedFile:
    """Where the file is served: `origin` is the server, `path` the only path that it knows."""

    origin: str
    path: str

    @property
    def url(self) -> str:
        """The whole address, on this machine."""
        return self.origin + self.path


@dataclass(frozen=True)
class _Offer:
    """What the server gives out. The file stays open, so that another one under its name changes nothing."""

    descriptor: int
    size_bytes: int
    content_type: str
    path: str
    until: datetime
    clock: Clock


@contextmanager
def serve_file(video: Path, *, clock: Clock, lifetime_s: float = LIFETIME_S) -> Iterator[ServedFile]:
    """Serve `video` on a free loopback port while the block runs, for `lifetime_s` seconds at the most.

    Raises:
        PermanentError: the file cannot be read.
    """
    try:
        descriptor = os.open(video, os.O_RDONLY)
    except OSError as error:
        raise PermanentError(
            attempted=f"serve {video.name!r} under a public address", answer=f"it cannot be read ({error.strerror})"
        ) from None
    offer = _Offer(
        descriptor=descriptor,
        size_bytes=os.fstat(descriptor).st_size,
        content_type=_TYPES.get(video.suffix.lower(), "application/octet-stream"),
        path=f"/{secrets.token_urlsafe(32)}/video{video.suffix.lower()}",
        until=clock.now() + timedelta(seconds=lifetime_s),
        clock=clock,
    )
    server = _Server(offer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield ServedFile(f"http://127.0.0.1:{server.server_address[1]}", offer.path)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        os.close(descriptor)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, offer: _Offer) -> None:
        self.offer = offer
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "dayreel"
    sys_version = ""
    timeout = _SILENCE_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        offer = self.server.offer
        is_offered = hmac.compare_digest(self.path.encode(), offer.path.encode())
        if not is_offered or offer.clock.now() >= offer.until:
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        part = wanted_part(self.headers.get("Range"), offer.size_bytes)
        if part is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, f"bytes */{offer.size_bytes}")
            return
        first, length = part
        is_whole = length == offer.size_bytes
        content_range = None if is_whole else f"bytes {first}-{first + length - 1}/{offer.size_bytes}"
        self._head(HTTPStatus.OK if is_whole else HTTPStatus.PARTIAL_CONTENT, length, content_range)
        if with_body:
            self._send(first, length)

    def _head(self, status: HTTPStatus, length: int, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", self.server.offer.content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-store")
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def _send(self, first: int, length: int) -> None:
        position, end = first, first + length
        try:
            while position < end:
                block = os.pread(self.server.offer.descriptor, min(_BLOCK_BYTES, end - position), position)
                if not block:
                    break
                self.wfile.write(block)
                position += len(block)
        except OSError:  # the fetcher has gone; it comes back with a range, or not
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library calls it so
        """Keep quiet: the path is a secret as long as it works."""


def wanted_part(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return first byte and length that a Range header asks for; None when there is no such part.

    A header that is missing, or that asks for several parts, means the whole file, as HTTP allows.
    """
    match = _RANGE.match(header or "")
    if match is None or match[0] == "bytes=-":
        return 0, size_bytes
    if not match[1]:
        length = min(int(match[2]), size_bytes)
        return (size_bytes - length, length) if length else None
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size_bytes - 1, size_bytes - 1)
    return (first, last - first + 1) if first <= last else None
