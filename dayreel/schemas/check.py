"""The shape of what `dayreel doctor` says of one thing that was looked at, by whoever looks."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, and what to do when it is not fine."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    found: str
    next_step: str = ""
