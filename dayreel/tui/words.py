"""Words for a terminal: what came from outside (captions, names, a vendor's answer) is shown, never obeyed.

Also how moments and sizes are written here. What a screen says about its subject belongs to that screen.
"""

import unicodedata
from datetime import datetime


def plain(text: str | None) -> str:
    """Return words with nothing in them that a terminal would obey: control characters and changes of direction."""
    words = (text or "").replace("\r\n", "\n").replace("\t", " ")
    return "".join("·" if _is_an_order(character) else character for character in words)


def _is_an_order(character: str) -> bool:
    if unicodedata.category(character) == "Cc":
        return character != "\n"
    return "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"


def one_line(text: str | None) -> str:
    """Return words as one line."""
    return " ".join(plain(text).split())


def left(moment: datetime | None, now: datetime) -> str:
    """Return how long it is until `moment`, to the minute: `23 h 59 min`, `over`, or nothing."""
    if moment is None:
        return ""
    minutes = int((moment - now).total_seconds() // 60)
    if minutes < 0:
        return "over"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004


def bar(share: float, width: int) -> str:
    """Return a bar of `width` characters, of which `share` (0 to 1, more is full) is filled."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "█" * filled + "░" * (width - filled)


def size(size_bytes: int) -> str:
    """Return a file's size as people write it: `6.1 MB`, `12 kB`, `7 B`."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} B"
