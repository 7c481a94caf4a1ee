"""How the two vendors' SDKs are set up. Both come from one generator and share httpx2 underneath."""

from typing import Any

import httpx2

from dayreel.rules.answers import longest_silence

_CONNECT_S = 10


def client_settings(*, key: str, base_url: str | None, timeout_s: float) -> dict[str, Any]:
    """Return what either SDK's client is made with: one try, for the ledger decides about another."""
    return {
        "api_key": key,
        "base_url": base_url,
        "max_retries": 0,
        "timeout": httpx2.Timeout(timeout_s, connect=_CONNECT_S),
        # Where a redirected question ends up, and whether the first place had answered it, would not be known.
        "http_client": httpx2.Client(follow_redirects=False),
        # A kept connection that the vendor has dropped would turn "never sent" into "nobody knows".
        "default_headers": {"Connection": "close"},
    }


def answer_timeout(least_s: float, max_tokens: int) -> httpx2.Timeout:
    """Return how long is waited for an answer of so many tokens."""
    return httpx2.Timeout(max(least_s, longest_silence(max_tokens).total_seconds()), connect=_CONNECT_S)
