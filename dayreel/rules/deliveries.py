"""By which key a vendor may call back about one delivery, and until when. Pure, but for the randomness of a key.

A key is 256 random bits in the address that goes out with the delivery; its hash stands in the effect's handle
(`DELIVERIES`), so that every machine with the catalog can check it, and it ends with what it was made for. It is good
for saying what became of that one delivery, and for nothing else: it decides nothing.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dayreel.schemas.effect import DELIVERIES


def new_delivery(handle: Mapping[str, Any], delivery: str, *, until: datetime) -> tuple[str, dict[str, Any]]:
    """Return a key for a delivery, and what of the handle has its hash; a key that the delivery had before is over."""
    key = secrets.token_urlsafe(32)
    kept = {"key_sha256": _digest(key), "until": until.isoformat()}
    return key, {DELIVERIES: {**(handle.get(DELIVERIES) or {}), delivery: kept}}


def delivery_of(handle: Mapping[str, Any], key: str, *, now: datetime) -> str | None:
    """Return the delivery that a key is for; None where it is for none, or no longer."""
    digest = _digest(key)
    for delivery, kept in (handle.get(DELIVERIES) or {}).items():
        if hmac.compare_digest(kept["key_sha256"], digest):
            return str(delivery) if now < datetime.fromisoformat(kept["until"]) else None
    return None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
