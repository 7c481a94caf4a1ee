"""One way to speak HTTP to a vendor: one attempt, deadlines, typed errors, no secret in any message.

Every call opens a fresh connection: a pooled one that the vendor has dropped would turn "never sent" into "nobody
knows". Nothing is retried and no answer to a call with side effects is redirected. What a status or a body means is the
vendor file's knowledge; this module only knows whether the request can have arrived.
"""

import json as jsonlib
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

from pydantic import SecretStr

from dayreel.atomic_write import atomic_write
from dayreel.clock import Clock, SystemClock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError

if TYPE_CHECKING:  # imported where something is sent: records, which stand beside the clients, have to be cheap
    import requests

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_LONGEST_ANSWER = 400
_SHORTEST_PART = 16
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Halves of emoji that a vendor cut in two, and control characters: databases take neither, terminals obey some."""
_RETRYABLE_STATUSES = frozenset({408, 425, 429})

Refusals = Mapping[tuple[int, str], str]
"""What proves that a request with side effects did nothing, a table for each such route.

HTTP status and the vendor's code, in the vendor's own error shape, to the place where its documents say that this is
decided before anything is done.
"""

Body = bytes | IO[bytes] | Iterable[bytes] | Mapping[str, str]


_BEFORE_ACTING: ContextVar[Callable[[], None] | None] = ContextVar("before_acting", default=None)


@contextmanager
def before_acting(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` before each request with side effects that this thread sends in the block; an error of it is raised.

    Between a claim and its request a process may have been paused for as long as it takes to be taken for dead.
    """
    token = _BEFORE_ACTING.set(check)
    try:
        yield
    finally:
        _BEFORE_ACTING.reset(token)


def reveal(secret: SecretStr | str, *, name: str) -> str:
    """Return a key as it goes into a header, without the blanks and line ends that come with copying.

    Raises:
        ConfigurationError: it is empty or has characters no header can carry; the message has its `name` only.
    """
    value = (secret.get_secret_value() if isinstance(secret, SecretStr) else secret).strip()
    if value and value.isascii() and value.isprintable() and " " not in value:
        return value
    what = "is empty" if not value else "has blanks, line breaks or characters that no key has"
    raise ConfigurationError(f"{name} {what}.", next_step=f"Set {name} again, in .env or in the environment.")


def readable(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Return a vendor's own words as one short line in which no secret is left."""
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(_UNWRITABLE.sub(" ", text).split())
    return (line if len(line) <= _LONGEST_ANSWER else line[: _LONGEST_ANSWER - 1] + "…").rstrip(".") or "nothing"


def secret_parts(url: str, *, shortest: int = _SHORTEST_PART) -> tuple[str, ...]:
    """Return what is kept out of messages where an address itself is a key: a server may say any part of it back.

    Args:
        shortest: parts of the path and of the query that are shorter, in characters, are not keys.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    pieces = [
        urlunsplit(("", "", parts.path, parts.query, "")),
        *parts.path.split("/"),
        *(value for _, value in parse_qsl(parts.query)),
        parts.password or "",
    ]
    return (url, *(piece for piece in pieces if len(piece) >= shortest))


def retry_after_s(headers: Mapping[str, str], *, clock: Clock | None = None) -> float | None:
    """Return the wait a `Retry-After` header asks for, in seconds, or None when there is none that can be read."""
    value = headers.get("Retry-After") or headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        wanted_at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if wanted_at.tzinfo is None:  # without a zone, or with `-0000`: these dates are GMT (RFC 9110, 5.6.7)
        wanted_at = wanted_at.replace(tzinfo=UTC)
    return max(0.0, (wanted_at - (clock or SystemClock()).now()).total_seconds())


def status_error(
    status: int,
    *,
    attempted: str,
    answer: str,
    has_side_effects: bool,
    is_refused: bool = False,
    reference: str | None = None,
    next_step: str = "",
    wait_s: float | None = None,
    code: str | None = None,
) -> ProviderError:
    """Return the error of an answer that is not a success.

    To a call with side effects no status proves anything: a proxy answers 408, 429, 503 or 403 for work that goes on
    behind it (a 503 taken for "not accepted" once bought four segments for two). Its outcome is unknown unless
    `is_refused`. Of a read, and of a refusal, 408, 425, 429 and 5xx can pass; everything else is final.

    Args:
        is_refused: the answer is the vendor's own error, in a table of `Refusals` beside its adapter.
    """
    kind: type[ProviderError] = PermanentError
    if has_side_effects and not is_refused:
        kind = UnknownOutcomeError
    elif status in _RETRYABLE_STATUSES or status >= 500:  # noqa: PLR2004  HTTP's own border
        kind = TransientError
    return kind(
        attempted=attempted,
        answer=f"HTTP {status}, {answer}",
        reference=reference,
        next_step=next_step,
        retry_after_s=wait_s,
        code=code,
    )


@dataclass(frozen=True)
class Reply:
    """One whole answer. `has_side_effects` and `attempted` are the call's: a useless answer is typed by them too."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    attempted: str
    has_side_effects: bool
    secrets: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  HTTP's own borders

    @property
    def words(self) -> str:
        """Return the body as one short line without secrets."""
        return readable(self.body[:4096].decode("utf-8", "replace"), secrets=self.secrets)

    @property
    def wait_s(self) -> float | None:
        """Return what `Retry-After` asks for, in seconds."""
        return retry_after_s(self.headers)

    def json(self) -> Any:
        """Return the body read as JSON, or None when it is none."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def document(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            UnknownOutcomeError: it is none, and the call has side effects: it may have worked.
            TransientError: it is none, and the call was a read.
        """
        value = self.json()
        if isinstance(value, dict):
            return value
        kind = UnknownOutcomeError if self.has_side_effects else TransientError
        raise kind(attempted=self.attempted, answer=f"HTTP {self.status} with no JSON object: {self.words}")

    def error(
        self,
        answer: str,
        *,
        is_refused: bool = False,
        reference: str | None = None,
        next_step: str = "",
        code: str | None = None,
    ) -> ProviderError:
        """Return the typed error for this answer, see `status_error`; `answer` is the vendor's own words."""
        return status_error(
            self.status,
            attempted=self.attempted,
            answer=readable(answer, secrets=self.secrets),
            has_side_effects=self.has_side_effects,
            is_refused=is_refused,
            reference=reference,
            next_step=next_step,
            wait_s=self.wait_s,
            code=code,
        )


class Http:
    """Sends one request at a time to one vendor.

    Args:
        vendor: its name, for messages.
        headers: sent with every request (not with downloads), the key among them.
        secrets: values that must never be in a message; every key in `headers` and URLs belongs here.
        connect_s: how long a connection may take to stand, in seconds.
        read_s: how long the vendor may be silent, in seconds.
        total_s: how long one answer may take from its first byte to its last, in seconds.
        unreached: what a person can do where no connection stands: a server of their own is theirs to start.
    """

    def __init__(
        self,
        vendor: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        connect_s: float = 10,
        read_s: float = 60,
        total_s: float = 120,
        unreached: str = "",
        clock: Clock | None = None,
    ) -> None:
        """Keep the settings; nothing is sent and nothing is opened."""
        self.vendor = vendor
        self._headers = dict(headers or {})
        self._secrets = tuple(secret for secret in secrets if secret)
        self._timeout = (connect_s, read_s)
        self._total_s = total_s
        self._unreached = unreached
        self._clock = clock or SystemClock()

    def send(
        self,
        method: str,
        url: str,
        *,
        attempted: str,
        has_side_effects: bool,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        json: Any = None,
        data: Body | None = None,
        reference: str | None = None,
        follows_redirects: bool = True,
    ) -> Reply:
        """Send one request and return the whole answer, whatever its status.

        Args:
            attempted: a clause for messages: "submit segment 2 to fal".
            has_side_effects: True when the call pays, publishes or changes something: a lost answer leaves doubt.
            reference: the vendor's id of what this is about, where there is one.
            follows_redirects: False where the address is a key; a call with side effects follows none anyhow.

        Raises:
            TransientError: never connected; or the answer to a read was lost.
            PermanentError: the other side's certificate is not to be trusted; nothing was sent.
            UnknownOutcomeError: the answer to a call with side effects was lost.
            ConfigurationError: the address or a header cannot be used; nothing was sent.
        """
        sent_headers = {**self._headers, **(headers or {})}
        with (
            self._typed(attempted, has_side_effects=has_side_effects, reference=reference),
            _session(sent_headers) as session,
        ):
            check = _BEFORE_ACTING.get() if has_side_effects else None
            if check is not None:
                check()
            response = session.request(
                method,
                url,
                headers=sent_headers,
                params=params,
                json=json,
                data=data,
                timeout=self._timeout,
                allow_redirects=follows_redirects and not has_side_effects and method in ("GET", "HEAD"),
                stream=True,
                auth=_keep_headers,
            )
            body = b"".join(self._pieces(response, limit=MAX_ANSWER_BYTES))
        return Reply(response.status_code, response.headers, body, attempted, has_side_effects, self._secrets)

    def download(
        self, url: str, dest: Path, *, attempted: str, total_s: float = 600, headers: Mapping[str, str] | None = None
    ) -> int:
        """Fetch a file to `dest`, streamed, without this vendor's headers, whole or not at all; return its bytes.

        Args:
            headers: for a file that wants the key; where the vendor sends us on, they stay behind.

        Raises:
            TransientError: could not be reached, broke off, or was too slow.
            PermanentError: the file is gone or empty, or the address is refused.
        """
        import requests  # noqa: PLC0415

        with self._typed(attempted, has_side_effects=False, reference=None), requests.Session() as session:
            asked: dict[str, Any] = {"timeout": self._timeout, "stream": True, "auth": _keep_headers}
            response = session.get(url, headers=headers, allow_redirects=headers is None, **asked)
            if headers and response.is_redirect:
                response = session.get(urljoin(url, response.headers["Location"]), **asked)
            if response.status_code != HTTPStatus.OK:
                raise self._file_refused(response, attempted)
            with atomic_write(dest) as aside, aside.open("wb") as file:
                size = sum(file.write(piece) for piece in self._pieces(response, limit=None, total_s=total_s))
                if size == 0:
                    raise TransientError(attempted=attempted, answer="a file of 0 bytes")
        return size

    def _file_refused(self, response: "requests.Response", attempted: str) -> ProviderError:
        words = readable(next(response.iter_content(512), b"").decode("utf-8", "replace"), secrets=self._secrets)
        step = (
            "The vendor keeps files for a limited time; the segment has to be made again."
            if response.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
            else ""
        )
        return status_error(
            response.status_code,
            attempted=attempted,
            answer=words,
            has_side_effects=False,
            next_step=step,
            wait_s=retry_after_s(response.headers),
        )

    def _pieces(
        self, response: "requests.Response", *, limit: int | None, total_s: float | None = None
    ) -> Iterator[bytes]:
        import requests  # noqa: PLC0415

        # The read timeout only bounds silence; a server that drips one byte at a time is bounded here.
        deadline = self._clock.monotonic() + (total_s or self._total_s)
        taken = 0
        for piece in response.iter_content(_CHUNK_BYTES):
            taken += len(piece)
            if limit is not None and taken > limit:
                raise requests.exceptions.ContentDecodingError(f"an answer of more than {limit} bytes")
            if self._clock.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout("the answer did not end in time")
            yield piece

    @contextmanager
    def _typed(self, attempted: str, *, has_side_effects: bool, reference: str | None) -> Iterator[None]:
        import requests  # noqa: PLC0415

        # `from None` throughout: requests puts the whole address, query and all, into its own messages.
        try:
            yield
        except requests.exceptions.RequestException as error:
            raise _transport_error(
                error,
                self.vendor,
                attempted,
                has_side_effects=has_side_effects,
                reference=reference,
                unreached=self._unreached,
            ) from None
        except (UnicodeError, ValueError) as error:
            raise _unusable(self.vendor, type(error).__name__) from None


def _session(headers: Mapping[str, str]) -> "requests.Session":
    """Return what sends: another host than the one that was asked gets none of `headers`, in which the key is."""
    import requests  # noqa: PLC0415

    class OwnHost(requests.Session):
        def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
            # requests itself would take away `Authorization` alone, and add a line of ~/.netrc.
            if self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
                for name in headers:
                    prepared_request.headers.pop(name, None)

    return OwnHost()


def _keep_headers(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    # Without an `auth`, requests would let a line in ~/.netrc replace our Authorization header.
    return request


def _unusable(vendor: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The address or a header for {vendor} cannot be used ({what}); nothing was sent.",
        next_step=f"Check the base URL and the keys of {vendor}.",
    )


def _transport_error(
    error: "requests.exceptions.RequestException",
    vendor: str,
    attempted: str,
    *,
    has_side_effects: bool,
    reference: str | None,
    unreached: str,
) -> ProviderError | ConfigurationError:
    import requests  # noqa: PLC0415

    if isinstance(error, ValueError):
        return _unusable(vendor, type(error).__name__)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return ConfigurationError(
            f"What {vendor} is to be sent cannot be written as JSON (NaN, or an infinite number); nothing was sent.",
            next_step="Correct it where it comes from, then try again.",
        )
    if isinstance(error, requests.exceptions.SSLError) and certificate_refused(error):
        return PermanentError(
            attempted=attempted,
            answer="its certificate is not trusted here, so nothing was sent",
            reference=reference,
            next_step="Check the machine's clock, its certificates and any proxy in between.",
        )
    if never_connected(error):
        return TransientError(
            attempted=attempted,
            answer=f"no connection to {vendor} ({type(error).__name__})",
            reference=reference,
            next_step=unreached,
        )
    kind = UnknownOutcomeError if has_side_effects else TransientError
    return kind(
        attempted=attempted,
        answer=f"the answer was lost on the way ({type(error).__name__})",
        reference=reference,
    )


def never_connected(error: "requests.exceptions.RequestException") -> bool:
    """Return whether no connection to the vendor ever stood, so that nothing can have been sent."""
    import requests  # noqa: PLC0415
    from urllib3.exceptions import (  # noqa: PLC0415
        ConnectTimeoutError,
        MaxRetryError,
        NameResolutionError,
        NewConnectionError,
    )

    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    inner = error.args[0] if error.args else None
    if isinstance(inner, MaxRetryError):
        inner = inner.reason
    return isinstance(inner, NewConnectionError | NameResolutionError | ConnectTimeoutError)


def certificate_refused(error: BaseException | None) -> bool:
    """Return whether a connection failed because the other side's certificate is not trusted."""
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004  a chain longer than that is a loop
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
