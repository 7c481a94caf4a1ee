"""Assignment that anybody can repeat, and comparisons that say when there is nothing to say."""

from collections import Counter
from datetime import date, timedelta

import pytest

from dayreel.rules.experiments import NO_DIFFERENCE, NOT_ENOUGH, assign_variant, compare, student_t_95

FIRST = date(2026, 9, 1)


def assigned(days: int, *, channel: str = "crafts", experiment: str = "hooks") -> list[str]:
    return [
        assign_variant(["A", "B"], channel=channel, experiment=experiment, day=FIRST + timedelta(days=number))
        for number in range(days)
    ]


def test_a_day_gets_the_same_variant_whoever_asks_and_whenever() -> None:
    assert assigned(60) == assigned(60)


def test_every_block_of_days_has_every_variant_once() -> None:
    start = -FIRST.toordinal() % 2
    days = assigned(61)[start:]
    blocks = [days[place : place + 2] for place in range(0, len(days) - 1, 2)]
    assert all(sorted(block) == ["A", "B"] for block in blocks)
    assert len({tuple(block) for block in blocks}) == 2, "the order within a block must not always be the same"


def test_channels_and_experiments_do_not_march_in_step() -> None:
    assert assigned(60) != assigned(60, channel="histories")
    assert assigned(60) != assigned(60, experiment="pace")


def test_the_order_of_the_names_in_the_file_does_not_matter() -> None:
    turned = [
        assign_variant(["B", "A"], channel="crafts", experiment="hooks", day=FIRST + timedelta(days=number))
        for number in range(60)
    ]
    assert Counter(turned) == Counter(assigned(60))
    assert turned == assigned(60)


def test_few_contents_are_not_enough_data() -> None:
    told = compare("A", [100] * 7, "B", [900] * 30)
    assert (told.verdict, told.ratio, told.n_a, told.n_b) == (NOT_ENOUGH, None, 7, 30)


def test_a_clear_difference_is_told_with_its_interval() -> None:
    """Logarithms 1 apart with a standard deviation of 0.1 and n = 10: the ratio is close to e."""
    a = [1000.0, 1100, 900, 1050, 950, 1000, 1080, 930, 1020, 980]
    told = compare("A", a, "B", [one * 2.718281828 for one in a])
    assert told.verdict == "B beats A"
    assert told.ratio == pytest.approx(2.718, rel=0.01)
    assert told.low is not None
    assert told.high is not None
    assert 2.4 < told.low < 2.718 < told.high < 3.1
    assert told.effect_size is not None
    assert told.effect_size > 2
    assert compare("B", [one * 2.718281828 for one in a], "A", a).verdict == "B beats A"


def test_numbers_that_overlap_are_no_difference() -> None:
    a = [100.0, 900, 300, 2000, 50, 700, 1200, 400]
    told = compare("A", a, "B", [one * 1.2 for one in a])
    assert told.verdict == NO_DIFFERENCE
    assert told.low is not None
    assert told.high is not None
    assert told.low < 1 < told.high


def test_numbers_without_any_spread_are_not_enough_data() -> None:
    assert compare("A", [10.0] * 20, "B", [20.0] * 20).verdict == NOT_ENOUGH


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 12.706), (8, 2.306), (11.9, 2.228), (30, 2.042), (5000, 1.962)])
def test_quantiles_are_rounded_to_the_cautious_side(freedom: float, quantile: float) -> None:
    assert student_t_95(freedom) == quantile
