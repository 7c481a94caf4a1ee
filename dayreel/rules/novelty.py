"""When two ideas are too alike. Pure; the earlier ideas are handed in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz


@dataclass(frozen=True)
class Resemblance:
    """The earlier idea that a new one resembles most, and how much (0 to 100)."""

    content_id: str
    idea: str
    score: float


def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.casefold()))


def closest(idea: str, earlier: Iterable[tuple[str, str]]) -> Resemblance | None:
    """Return the most similar of the earlier ideas, given as (content id, idea), or None when there are none.

    The score is rapidfuzz's token-sort ratio over lower-case words: the order of words does not matter, the length
    does, so that a short idea is not a copy of a long one that happens to contain its words.
    """
    new = _words(idea)
    best: Resemblance | None = None
    for content_id, text in earlier:
        score = fuzz.token_sort_ratio(new, _words(text))
        if best is None or score > best.score:
            best = Resemblance(content_id, text, score)
    return best
