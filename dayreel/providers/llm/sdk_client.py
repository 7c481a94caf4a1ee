"""How the two vendors' SDKs are set up. Both come from one generator and share httpx2 underneath."""

from typing import Any

import httpx2

_CONNECT_S = 10
_TOKENS_PER_HOUR = 128_000
"""What the vendors' own SDKs reckon with at the slowest."""


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
    """Return how long a vendor may be silent: it says nothing while it thinks, for as long as its budget lasts."""
    return httpx2.Timeout(max(least_s, 3600 * max_tokens / _TOKENS_PER_HOUR), connect=_CONNECT_S)
