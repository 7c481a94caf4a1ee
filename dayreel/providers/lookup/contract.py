"""What every service of titles offers: what is asked for, as it calls it. Reads only; nothing is paid or changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class TitleMatch:
    """A film or a series as the service knows it; `episodes` are the names of one season, by their number."""

    id: str
    title: str
    year: int | None
    episodes: Mapping[int, str] = field(default_factory=dict)


class TitleLookup(Protocol):
    """A service of titles. Each request is one attempt with a deadline.

    Both methods raise:
        TransientError: no answer this time.
        PermanentError: refused, or an answer that cannot be read.
    """

    name: str

    def movie(self, title: str, year: int | None) -> TitleMatch | None:
        """Return the film that fits best, or None when the service knows none."""
        ...

    def series(self, title: str, season: int) -> TitleMatch | None:
        """Return the series that fits best with the season's episodes (none when it does not know it), or None."""
        ...
