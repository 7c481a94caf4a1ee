"""Fingerprints: one short hash over everything that decides what comes out of a stage or goes into a request."""

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, PurePath):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no fingerprint")


def fingerprint(**parts: Any) -> str:
    """Return the SHA-256 (hex) of named parts: JSON values, models, days, moments, decimals, paths.

    Raises:
        TypeError: a part is none of these, so that nothing is hashed by accident of its `repr`.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()
