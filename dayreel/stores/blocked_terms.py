"""The packaged list of blocked terms, `blocked_terms.txt`. What it means to hold one is `rules.safety`."""

from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent / "blocked_terms.txt"


@cache
def default_terms() -> tuple[str, ...]:
    """Return the packaged terms, in the order of the file."""
    lines = (line.strip() for line in _PACKAGED.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
