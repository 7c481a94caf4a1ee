"""How much the stand-in language models think before they write; thinking counts towards the answer's budget.

How a vendor asks for it, shows it and refuses it is in its own file.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

LEAST_TOKENS: Final[Mapping[str, int]] = {
    "none": 0,
    "minimal": 100,
    "low": 250,
    "medium": 800,
    "high": 2500,
    "xhigh": 5000,
    "max": 12_000,
}
"""Effort to the tokens of the shortest thought; the longest takes eight times as many. Neither vendor publishes any."""
_LONGER: Final = 7


def thinking_tokens(effort: str, question: str, *, seed: object) -> int:
    """Return how many tokens are thought over a question: the same each time, mostly few, now and then very many.

    Args:
        seed: another one makes the same question take another time.
    """
    digest = hashlib.sha256(f"{seed}/{question}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return round(LEAST_TOKENS[effort] * (1 + _LONGER * share**4))
