"""An S3 store on loopback: keeps what is put, lists and gives it, wants signatures, and can be set to refuse."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class FakeBucket:
    """What the store holds, by `/bucket/key`, and what it was asked.

    Attributes:
        refuses: HTTP method to the status and error code it is answered with.
        most: how many keys a page of a list has.
    """

    url: str
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    most: int = 1000


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _listed(kept: FakeBucket, bucket: str, query: dict[str, list[str]]) -> bytes:
    prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
    keys = sorted(key.removeprefix(f"/{bucket}/") for key in kept.objects)
    matching = [key for key in keys if key.startswith(prefix) and key > after]
    page, has_more = matching[: kept.most], len(matching) > kept.most
    listing = "".join(
        f"<Contents><Key>{escape(key)}</Key><ETag>{escape(_tag(kept.objects[f'/{bucket}/{key}']))}</ETag></Contents>"
        for key in page
    )
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if has_more else ""
    truncated = f"<IsTruncated>{str(has_more).lower()}</IsTruncated>"
    return f"<ListBucketResult>{truncated}{listing}{more}</ListBucketResult>".encode()


def _has_moved(content: bytes | None, headers: Message) -> bool:
    """Return whether what is there is not what a conditional put expects."""
    if headers.get("If-None-Match") == "*":
        return content is not None
    wanted = headers.get("If-Match")
    return wanted is not None and (content is None or wanted != _tag(content))


@contextmanager
def running_bucket() -> Iterator[FakeBucket]:
    """Give a store that listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            where = urlsplit(self.path)
            path = unquote(where.path)
            kept.asked.append((self.command, path))
            is_signed = "AWS4-HMAC-SHA256" in self.headers.get("Authorization", "")
            status, code = kept.refuses.get(self.command, (200, "")) if is_signed else (403, "AccessDenied")
            is_list = "list-type" in where.query
            if not code and self.command == "PUT" and _has_moved(kept.objects.get(path), self.headers):
                status, code = 412, "PreconditionFailed"
            elif not code and self.command in ("GET", "HEAD") and not is_list and path not in kept.objects:
                status, code = 404, "NoSuchKey"
            content = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
            if not code and self.command == "PUT":
                kept.objects[path] = body
            elif not code and self.command == "DELETE":
                kept.objects.pop(path, None)
                status = 204
            elif not code and is_list:
                content = _listed(kept, path.strip("/"), parse_qs(where.query))
            elif not code:
                content = kept.objects[path]
            self.send_response(status)
            self.send_header("ETag", _tag(kept.objects.get(path, b"")))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")
            self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815  the standard library calls them so

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = FakeBucket(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
