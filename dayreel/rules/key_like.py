"""Hiding what works like a key before people see it: an address that carries its own permission. Pure."""

from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden: it works like a key)"
_KEY_LIKE = ("_url", "_uri")


def without_keys(value: Any) -> Any:
    """Return JSON with every value hidden that would let its reader act: an upload session, a signed URL."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if str(key).endswith(_KEY_LIKE) and isinstance(inner, str) else without_keys(inner)
            for key, inner in value.items()
        }
    return [without_keys(inner) for inner in value] if isinstance(value, list) else value
