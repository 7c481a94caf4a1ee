"""How the two vendors' SDKs are set up. Both come from one generator and share httpx2 underneath."""

from typing import Any

import httpx2


def client_settings(*, key: str, base_url: str | None, timeout_s: float) -> dict[str, Any]:
    """Return what either SDK's client is made with: one try, for the ledger decides about another."""
    return {
        "api_key": key,
        "base_url": base_url,
        "max_retries": 0,
        "timeout": httpx2.Timeout(timeout_s, connect=10),
        # Where a redirected question ends up, and whether the first place had answered it, would not be known.
        "http_client": httpx2.Client(follow_redirects=False),
        # A kept connection that the vendor has dropped would turn "never sent" into "nobody knows".
        "default_headers": {"Connection": "close"},
    }
