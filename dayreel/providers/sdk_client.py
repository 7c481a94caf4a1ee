"""How vendors' SDKs on httpx2 (anthropic, openai, google-genai) are set up."""

import ssl
from functools import cache
from typing import Any

import httpx2

from dayreel.rules.answers import longest_silence

_CONNECT_S = 10
# A kept connection that the vendor has dropped would turn "never sent" into "nobody knows".
_HEADERS = {"Connection": "close"}


@cache
def trusted() -> ssl.SSLContext:
    """Return the certificates that are trusted; reading them takes longer than anything else in making a client."""
    return httpx2.create_ssl_context()


def http_client() -> httpx2.Client:
    """Return what an SDK sends with that takes a single number as its timeout: no connection takes that long to stand.

    It follows no redirect: where the request ends up, and whether the first place had answered it, would not be known.
    """
    hooks = {"request": [_limit_connecting]}
    return httpx2.Client(follow_redirects=False, headers=_HEADERS, event_hooks=hooks, verify=trusted())


def unused_async_client() -> httpx2.AsyncClient:
    """Return a client for the half of an SDK that nobody uses."""
    return httpx2.AsyncClient(verify=trusted())


def _limit_connecting(request: httpx2.Request) -> None:
    timeout = request.extensions["timeout"]
    request.extensions["timeout"] = {**timeout, "connect": min(_CONNECT_S, timeout["connect"] or _CONNECT_S)}


def client_settings(*, key: str, base_url: str | None, timeout_s: float) -> dict[str, Any]:
    """Return what the client of anthropic or openai is made with: one try, for the ledger decides about another."""
    return {
        "api_key": key,
        "base_url": base_url,
        "max_retries": 0,
        "timeout": httpx2.Timeout(timeout_s, connect=_CONNECT_S),
        # Where a redirected question ends up, and whether the first place had answered it, would not be known.
        "http_client": httpx2.Client(follow_redirects=False, verify=trusted()),
        "default_headers": _HEADERS,
    }


def answer_timeout(least_s: float, max_tokens: int) -> httpx2.Timeout:
    """Return how long is waited for an answer of so many tokens."""
    return httpx2.Timeout(max(least_s, longest_silence(max_tokens).total_seconds()), connect=_CONNECT_S)
