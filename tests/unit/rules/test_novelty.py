"""When two ideas are too alike."""

import pytest

from dayreel.rules.novelty import closest

POTTER = "An old potter in Oaxaca turns wet black clay until a jar rises"


def test_without_earlier_ideas_nothing_is_alike() -> None:
    assert closest(POTTER, []) is None


@pytest.mark.parametrize(
    ("text", "is_alike"),
    [
        (POTTER, True),
        (POTTER.upper() + "!!!", True),
        ("until a jar rises, an old potter turns wet black clay in Oaxaca", True),
        ("An old potter in Puebla turns wet black clay until a jar rises", True),
        ("A Welsh weaver beats wool against the loom at dawn", False),
        ("clay", False),
    ],
)
def test_words_count_and_not_their_order_case_or_punctuation(text: str, is_alike: bool) -> None:
    nearest = closest(text, [("crafts-2026-11-01", POTTER)])
    assert nearest is not None
    assert (nearest.score > 80) is is_alike


def test_the_nearest_is_named() -> None:
    earlier = [("a-1", "A smith quenches a blade"), ("a-2", POTTER), ("a-3", "Salt is raked into cones")]
    nearest = closest(POTTER, earlier)
    assert nearest is not None
    assert (nearest.content_id, nearest.score) == ("a-2", 100)
