"""Waiting on this machine for the browser that a platform sends back: one address, loopback only, with a deadline.

What the answer means is not known here. For platforms that take https addresses alone the listener has a certificate of
its own making, about which a browser warns once.
"""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

from dayreel.atomic_write import PRIVATE
from dayreel.clock import Clock
from dayreel.errors import ConfigurationError, UsageError

PORT: Final = 8711
PATH: Final = "/callback/"
_LOOK_EVERY_S: Final = 0.5
_SLOWEST_S: Final = 10.0


def redirect_address(scheme: Literal["http", "https"], port: int) -> str:
    """Return the address that people register at the platform, and to which it sends the browser."""
    # Where https is asked for even here, the name is the usual one: nobody registers an address with digits there.
    return f"{scheme}://{'127.0.0.1' if scheme == 'http' else 'localhost'}:{port}{PATH}"


class Loopback(HTTPServer):
    """A listener for one answer.

    Attributes:
        redirect_uri: the address to which the platform has to send the browser.
    """

    allow_reuse_address = True

    def __init__(self, scheme: Literal["http", "https"], port: int) -> None:
        """Listen.

        Raises:
            ConfigurationError: the port is taken.
        """
        try:
            super().__init__(("127.0.0.1", port), _Answer)
        except OSError as error:
            raise ConfigurationError(
                f"Nothing can listen on 127.0.0.1:{port}: {error.strerror}.",
                next_step="Stop what uses it, or choose another with --port and register that address at the platform.",
            ) from error
        self.timeout = _LOOK_EVERY_S
        self.redirect_uri = redirect_address(scheme, self.server_port)
        self.state = ""
        self.answer: str | None = None

    def wait(self, state: str, clock: Clock, within: timedelta) -> str:
        """Return the whole address with which the browser came back for the attempt with this state.

        Raises:
            UsageError: it did not come in time.
        """
        self.state = state
        until = clock.monotonic() + within.total_seconds()
        while self.answer is None:
            if clock.monotonic() > until:
                raise UsageError(
                    f"No answer came within {within.seconds // 60} minutes.",
                    next_step="Nothing was changed; run the command again. With --paste the address is typed instead.",
                )
            self.handle_request()
        return self.answer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that does not trust the certificate yet breaks off, and comes again."""
        del request, client_address


class _Answer(BaseHTTPRequestHandler):
    """Takes the browser's way back and says in plain words what comes next."""

    server: Loopback
    timeout = _SLOWEST_S

    def do_GET(self) -> None:
        """Answer one request."""
        address = urlsplit(self.path)
        if address.path != PATH:
            self._say(404, "There is nothing here.")
            return
        asked = parse_qs(address.query)
        if asked.get("state", [""])[0] != self.server.state:
            self._say(400, "This answer does not belong to the attempt that waits in the terminal. Nothing was done.")
            return
        self.server.answer = f"{self.server.redirect_uri.removesuffix(PATH)}{self.path}"
        if "error" in asked:
            self._say(200, "It was not allowed, so nothing was changed. Close this page; the terminal says what to do.")
        else:
            self._say(200, "dayreel has the answer. Close this page; the terminal shows which account it is.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
        """Say nothing: the address holds the code."""
        del format, args

    def _say(self, status: int, sentence: str) -> None:
        body = f"<!doctype html><meta charset='utf-8'><title>dayreel</title><p>{escape(sentence)}</p>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def listening(scheme: Literal["http", "https"], port: int, clock: Clock) -> Iterator[Loopback]:
    """Give a listener that has its port, and close it afterwards.

    Raises:
        ConfigurationError: the port is taken.
    """
    with Loopback(scheme, port) as server:
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory() as folder:
                context.load_cert_chain(_certificate(Path(folder), clock))
            # The handshake happens with the first read, whose deadline is the handler's.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        yield server


def _certificate(folder: Path, clock: Clock) -> Path:
    """Write a key and a certificate for localhost that are good for an hour."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.touch(mode=PRIVATE)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
