"""Finding again what was sent and whose answer was lost, in the vendor's own list of what there is.

One mechanism for posts and for purchases: a vendor reads its list into `Listing`, and what is ours in it is judged
here. An item of the list is the lost one only when it is the only one that can be: the list was read back to the time
of sending, and exactly one item has the same words (or input), the same length and a time that fits. None or two say
nothing, and stay with a person.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

CLOCK_SKEW = timedelta(minutes=10)
"""So far our clock and a vendor's may be apart."""
_ROUNDING_S = 1.5
"""Vendors give lengths in whole seconds, and measure the longest stream."""


@dataclass(frozen=True)
class ListedItem:
    """One post or request as its vendor lists it.

    Attributes:
        words: every text of it that people see; none of a request.
        made_at: None where the list does not say.
        duration_s: None where the list does not say, as while a video is being processed.
        raw: the vendor's own item.
    """

    id: str
    words: tuple[str, ...]
    made_at: datetime | None
    duration_s: float | None = None
    url: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """What a vendor's list shows since some moment, newest first; each item once.

    Attributes:
        is_whole: it was read back to that moment, and not only as far as one may page.
    """

    items: tuple[ListedItem, ...]
    is_whole: bool

    def match(self, can_be_it: Callable[[ListedItem], bool]) -> "Match":
        """Return what of it can be the one that is looked for."""
        candidates = tuple(item for item in self.items if can_be_it(item))
        return Match(candidates, self)


@dataclass(frozen=True)
class Match:
    """Which items of a list can be the one that is looked for."""

    candidates: tuple[ListedItem, ...]
    listing: Listing

    @property
    def item(self) -> ListedItem | None:
        """The one that it is; None where there is none, or more than one, or more may follow."""
        return self.candidates[0] if len(self.candidates) == 1 and self.listing.is_whole else None

    @property
    def is_unclear(self) -> bool:
        """Whether it may be there, and cannot be said to be."""
        return self.item is None and bool(self.candidates)

    def __str__(self) -> str:
        """Return for people what was seen, and how far."""
        shown = f"{len(self.candidates)} of {len(self.listing.items)}" if self.candidates else "none"
        ids = ", ".join(item.id for item in self.candidates)
        goes_on = "" if self.listing.is_whole else "; the list goes on further than one may read"
        return f"{shown} can be it{f' ({ids})' if ids else ''}{goes_on}"


@runtime_checkable
class ListsWhatItHas(Protocol):
    """A client whose vendor lists what an account has, for looking through it when a catalog has lost its memory.

    Attributes:
        lists_everything: what was made is on that list within the hour, whoever may see it. Only then does a list
            without it prove that it was never made.
    """

    lists_everything: bool

    def list_since(self, since: datetime | None) -> Listing:
        """Return what was made since then, None for as far back as one may page. A free read.

        It begins `CLOCK_SKEW` earlier: `since` is a time of our clock, and the list goes by the vendor's.

        Raises:
            TransientError, PermanentError: it could not be read.
        """
        ...


def read_pages(
    fetch: Callable[[Any], tuple[list[ListedItem], Any]], *, most_pages: int, since: datetime | None = None
) -> Listing:
    """Read at most so many pages: `fetch(cursor)` returns one and the next cursor, None after the last one.

    Args:
        since: of a list that is newest first: what is older, and all behind it, is left out.
    """
    items: dict[str, ListedItem] = {}
    begins = None if since is None else since - CLOCK_SKEW
    cursor = None
    for _ in range(most_pages):
        page, cursor = fetch(cursor)
        for item in page:
            if begins is not None and item.made_at is not None and item.made_at < begins:
                return Listing(tuple(items.values()), is_whole=True)
            items.setdefault(item.id, item)
        if cursor is None:
            return Listing(tuple(items.values()), is_whole=True)
    return Listing(tuple(items.values()), is_whole=False)


def is_post(text: str, duration_s: float) -> Callable[[ListedItem], bool]:
    """Return whether a listed post can be the one with exactly these words and this length."""
    wanted = _plain(text)

    def can_be_it(item: ListedItem) -> bool:
        is_as_long = item.duration_s is None or abs(item.duration_s - duration_s) <= _ROUNDING_S
        return is_as_long and wanted in map(_plain, item.words)

    return can_be_it


def begun_at(handle: dict[str, Any], sent_at: datetime | None) -> datetime | None:
    """Return since when a post may be out: when its handle began, or, in one from before handles said so, `sent_at`."""
    noted = handle.get("begun_at")
    return datetime.fromisoformat(noted) if noted else sent_at


def moment(text: object) -> datetime | None:
    """Return when a vendor says that something was made, None where it does not say."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _plain(text: str) -> str:
    # Platforms keep the words, but not every space and line end, nor always the form of a letter with an accent.
    return " ".join(unicodedata.normalize("NFC", text).split())
