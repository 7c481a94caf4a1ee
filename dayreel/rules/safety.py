"""Which blocked terms a text holds. Pure; the lists are `stores.blocked_terms` and the channel's own."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_SPACES = re.compile(r"\s+")
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def find_blocked(texts: Iterable[str], terms: Iterable[str]) -> tuple[str, ...]:
    """Return each term that stands in one of the texts as whole words, in the order of the terms.

    Case, full-width letters, line ends and invisible characters make no difference; a term inside a longer word is
    none: "ass" is not in "glassblower".
    """
    folded = [_folded(text) for text in texts]
    return tuple(term for term in terms if any(_pattern(term).search(text) for text in folded))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()


@lru_cache(maxsize=4096)
def _pattern(term: str) -> re.Pattern[str]:
    words = [re.escape(word) for word in _SPACES.split(_folded(term).strip())]
    phrase = r"[\s_-]+".join(words)
    return re.compile(rf"(?<!\w){phrase}(?!\w)")
