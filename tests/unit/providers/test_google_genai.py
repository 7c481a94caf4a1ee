"""Google's client: one attempt, no address and no key but ours, and every error one verdict."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.google_genai import KEY, REFUSALS, connect_client, typed_errors
from dayreel.vendors.access import Access
from tests.fakes.scripted_server import Say, scripted, unused_url

pytestmark = pytest.mark.slow  # the SDK takes three seconds to import
SECRET = "marked-gemini-key"
DOUBT = "it may be billed"


def error(status: int, name: str, *details: dict[str, Any], words: str = "no") -> Say:
    rows = [{**row, "@type": f"type.googleapis.com/google.rpc.{row['@type']}"} for row in details]
    return Say(status=status, body={"error": {"code": status, "message": words, "status": name, "details": rows}})


INVALID_KEY = {"@type": "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
NO_QUOTA = {"@type": "QuotaFailure", "violations": [{"quotaId": "RequestsPerDay-FreeTier", "quotaValue": "0"}]}
WAIT = {"@type": "RetryInfo", "retryDelay": "28.5s"}


def access_to(url: str, key: str | None = SECRET) -> Access:
    return Access("sandbox", {KEY.variable: key}.get, url, SystemClock(), Path())


def call(url: str, doubt: str | None = DOUBT) -> Any:
    access = access_to(url)
    client = connect_client(access, timeout_s=10)
    with typed_errors(access, "ask", refusals=REFUSALS, doubt=doubt):
        return client.models.generate_content(model="gemini-3.8-flash", contents="hi")


@pytest.mark.parametrize(
    ("answer", "kind", "code", "step"),
    [
        (error(400, "INVALID_ARGUMENT", INVALID_KEY), PermanentError, "API_KEY_INVALID", "Check GEMINI_API_KEY"),
        (error(400, "FAILED_PRECONDITION"), PermanentError, "FAILED_PRECONDITION", "where this machine stands"),
        (error(403, "PERMISSION_DENIED"), PermanentError, "PERMISSION_DENIED", "leaked"),
        (error(404, "NOT_FOUND"), PermanentError, "NOT_FOUND", "`model`"),
        (error(429, "RESOURCE_EXHAUSTED", WAIT), TransientError, "RESOURCE_EXHAUSTED", "tried again later"),
        (error(429, "RESOURCE_EXHAUSTED", WAIT, NO_QUOTA), PermanentError, "out_of_credit", "Set up billing"),
        (error(500, "INTERNAL"), UnknownOutcomeError, "INTERNAL", "tried again later"),
        (Say(status=429, body=b"<html>Too Many Requests</html>"), UnknownOutcomeError, None, DOUBT),
        (Say(status=302, headers={"Location": "http://127.0.0.1:1/"}), UnknownOutcomeError, None, DOUBT),
        (Say(body=b"<html>"), UnknownOutcomeError, None, DOUBT),
    ],
)  # fmt: skip
def test_an_error_has_one_verdict(answer: Say, kind: type[ProviderError], code: str | None, step: str) -> None:
    with scripted(answer) as server, pytest.raises(kind, match=step) as caught:
        call(server.url)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert SECRET not in str(caught.value)
    assert len(server.asked) == 1


def test_a_wait_is_read_from_the_body() -> None:
    with scripted(error(429, "RESOURCE_EXHAUSTED", WAIT)) as server, pytest.raises(TransientError) as caught:
        call(server.url)
    assert caught.value.retry_after_s == 28.5


def test_a_read_is_never_in_doubt() -> None:
    for answer in (error(500, "INTERNAL"), Say(body=b"<html>")):
        with scripted(answer) as server, pytest.raises(TransientError):
            call(server.url, doubt=None)
    with pytest.raises(TransientError, match="no connection to Google"):
        call(unused_url())


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "GOOGLE_API_KEY": "another-key-0123456789",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    with scripted(Say(body={"candidates": []})) as server:
        call(server.url)
    sent = server.asked[0]
    assert sent.path == "/gemini/v1/models/gemini-3.8-flash:generateContent"
    assert sent.headers["x-goog-api-key"] == SECRET


def without_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.genai", None)


@pytest.mark.parametrize(
    ("prepare", "key", "words"),
    [(without_sdk, SECRET, r"pip install 'dayreel\[gemini\]'"), (lambda _patch: None, None, "GEMINI_API_KEY")],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, prepare: Callable[[pytest.MonkeyPatch], None], key: str | None, words: str
) -> None:
    prepare(monkeypatch)
    with pytest.raises(ConfigurationError, match=words):
        connect_client(access_to("http://127.0.0.1:1", key), timeout_s=10)
