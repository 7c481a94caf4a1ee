"""What is ours in a vendor's list: exactly one with the same words, length and time; none or two say nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dayreel.providers.listings import CLOCK_SKEW, ListedItem, begun_at, is_post, read_pages

SENT_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OURS = ListedItem("p1", ("Clay, patience\n\n#craft",), SENT_AT + timedelta(seconds=5), 15.0)
TEXT, LENGTH_S = "Clay, patience\n\n#craft", 15.02
POST = is_post(TEXT, LENGTH_S)


def listed(*pages: Sequence[ListedItem], most_pages: int = 9) -> tuple[ListedItem | None, bool, str]:
    def fetch(cursor: int | None) -> tuple[list[ListedItem], int | None]:
        number = cursor or 0
        return list(pages[number]), number + 1 if number + 1 < len(pages) else None

    match = read_pages(fetch, most_pages=most_pages, since=SENT_AT).match(POST)
    return match.item, match.is_unclear, str(match)


@pytest.mark.parametrize(
    ("change", "is_it"),
    [
        ({}, True),
        ({"words": ("", TEXT)}, True),
        ({"words": ("Clay, patience \r\n#craft\n",)}, True),
        ({"words": ("Clay, patience",)}, False),
        ({"words": ("clay, patience\n\n#craft",)}, False),
        ({"words": (f"{TEXT} dr-0a1b2c3d",)}, False),
        ({"words": ()}, False),
        ({"duration_s": None}, True),
        ({"duration_s": 16.0}, True),
        ({"duration_s": 17.0}, False),
        ({"made_at": SENT_AT - CLOCK_SKEW / 2}, True),
        ({"made_at": SENT_AT - 2 * CLOCK_SKEW}, False),
        ({"made_at": SENT_AT + timedelta(hours=3)}, True),
        ({"made_at": None}, True),
    ],
)
def test_words_length_and_time_decide(change: dict[str, object], is_it: bool) -> None:
    item = replace(OURS, **change)  # type: ignore[arg-type]
    assert listed([item])[:2] == (item if is_it else None, False)


def test_two_that_can_be_it_are_none() -> None:
    twin = replace(OURS, id="p2")
    assert listed([OURS], [twin]) == (None, True, "2 of 2 can be it (p1, p2)")


def test_the_same_item_on_two_pages_is_one() -> None:
    assert listed([OURS], [OURS])[0] == OURS


def test_a_list_that_goes_on_proves_nothing() -> None:
    item, is_unclear, seen = listed([OURS], [replace(OURS, id="other", words=("Rain",))], most_pages=1)
    assert (item, is_unclear) == (None, True)
    assert "goes on" in seen


def test_reading_ends_with_what_is_older() -> None:
    older = replace(OURS, id="old", made_at=SENT_AT - timedelta(days=1))
    asked: list[int | None] = []

    def fetch(cursor: int | None) -> tuple[list[ListedItem], int | None]:
        asked.append(cursor)
        return [OURS if cursor is None else older], (cursor or 0) + 1

    listing = read_pages(fetch, most_pages=9, since=SENT_AT)
    assert (listing.items, listing.is_whole, asked) == ((OURS,), True, [None, 1])


def test_a_post_is_looked_for_since_its_handle_began() -> None:
    began = SENT_AT - timedelta(days=1)
    assert begun_at({"begun_at": began.isoformat()}, SENT_AT) == began
    assert begun_at({"container_id": "c1"}, SENT_AT) == SENT_AT
