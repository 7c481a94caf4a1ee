"""Assignment that anybody can repeat, and comparisons that say when there is nothing to say."""

import math
import random
from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import pytest

from dayreel.rules.experiments import NO_DIFFERENCE, NOT_ENOUGH, assign_variant, compare, student_t

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
    comparison = compare("A", [100] * 7, "B", [900] * 30)
    assert (comparison.verdict, comparison.ratio, comparison.n_a, comparison.n_b) == (NOT_ENOUGH, None, 7, 30)


def test_a_clear_difference_is_shown_with_its_interval() -> None:
    """Logarithms 1 apart with a standard deviation of 0.1 and n = 10: the ratio is close to e."""
    a = [1000.0, 1100, 900, 1050, 950, 1000, 1080, 930, 1020, 980]
    comparison = compare("A", a, "B", [value * 2.718281828 for value in a])
    assert comparison.verdict == "B beats A"
    assert comparison.ratio == pytest.approx(2.718, rel=0.01)
    assert comparison.low is not None
    assert comparison.high is not None
    assert 2.4 < comparison.low < 2.718 < comparison.high < 3.1
    assert comparison.effect_size is not None
    assert comparison.effect_size > 2
    assert compare("B", [value * 2.718281828 for value in a], "A", a).verdict == "B beats A"


def test_numbers_that_overlap_are_no_difference() -> None:
    a = [100.0, 900, 300, 2000, 50, 700, 1200, 400]
    comparison = compare("A", a, "B", [value * 1.2 for value in a])
    assert comparison.verdict == NO_DIFFERENCE
    assert comparison.low is not None
    assert comparison.high is not None
    assert comparison.low < 1 < comparison.high


def test_numbers_without_any_spread_are_not_enough_data() -> None:
    comparison = compare("A", [10.0] * 20, "B", [20.0] * 20)
    assert (comparison.verdict, comparison.ratio, comparison.low) == (NOT_ENOUGH, None, None)


@pytest.mark.parametrize(
    ("misses", "freedom", "quantile"),
    [  # from printed tables of Student's t
        (0.05, 4, 2.776), (0.05, 7, 2.365), (0.05, 8, 2.306), (0.05, 14, 2.145), (0.05, 30, 2.042), (0.05, 120, 1.980),
        (0.05, 100_000, 1.960), (0.01, 10, 3.169), (0.01, 30, 2.750), (0.1, 20, 1.725), (0.001, 15, 4.073),
    ],
)  # fmt: skip
def test_quantiles_are_those_of_the_tables(misses: float, freedom: float, quantile: float) -> None:
    assert student_t(misses, freedom) == pytest.approx(quantile, abs=0.0006)


def test_the_interval_is_the_one_that_is_worked_out_by_hand() -> None:
    """Views of e^1 - 1, e^2 - 1, ... have the logarithms 1 to 8, and B's are 3 higher.

    Variances 6, shares 6 / 8 = 0.75 each, standard error sqrt(1.5) = 1.224745; degrees of freedom
    1.5^2 / (2 x 0.75^2 / 7) = 14, quantile 2.144787: 3 - 2.626817 = 0.373183 to 5.626817, e^0.373183 = 1.452350.
    Hedges' g: (1 - 3 / (4 x 16 - 9)) x 3 / sqrt(6) = 0.945455 x 1.224745 = 1.157940.
    """
    a = [math.expm1(log) for log in range(1, 9)]
    comparison = compare("A", a, "B", [math.expm1(log + 3) for log in range(1, 9)])
    assert comparison.ratio == pytest.approx(math.exp(3))
    assert comparison.low == pytest.approx(1.452350, rel=1e-5)
    assert comparison.high == pytest.approx(math.exp(5.626817), rel=1e-5)
    assert comparison.effect_size == pytest.approx(1.157940, rel=1e-5)
    assert comparison.verdict == "B beats A"


def draw(dice: random.Random, count: int, spread: float, lift: float = 0.0) -> list[float]:
    """Return views as they are: many small ones, a few very large, `lift` times e more of them."""
    return [math.expm1(dice.gauss(7 + lift, spread)) for _ in range(count)]


@pytest.mark.parametrize(("n_a", "n_b", "spread_b"), [(8, 8, 0.9), (8, 24, 0.9), (10, 20, 1.8), (24, 9, 0.4)])
def test_the_interval_covers_the_truth_in_95_of_100_experiments(n_a: int, n_b: int, spread_b: float) -> None:
    """600 experiments with a true ratio of e^0.5: 95 % within three standard errors, also where spreads differ."""
    dice, held = random.Random(7), 0
    for _ in range(600):
        comparison = compare("A", draw(dice, n_a, 0.9), "B", draw(dice, n_b, spread_b, 0.5))
        assert comparison.low is not None
        assert comparison.high is not None
        held += comparison.low <= math.exp(0.5) <= comparison.high
    assert 0.923 < held / 600 < 0.977


def test_three_identical_variants_rarely_beat_each_other() -> None:
    """Three pairs, each with an interval of its own of 95 %, would find a winner in about 12 of 100 experiments."""
    dice = random.Random(8)
    counts = {1: 0, 3: 0}
    for _ in range(300):
        drawn = [draw(dice, 10, 0.9) for _ in "ABC"]
        for pairs in counts:
            verdicts = [compare("A", a, "B", b, pairs=pairs).verdict for a, b in combinations(drawn, 2)]
            counts[pairs] += any(verdict != NO_DIFFERENCE for verdict in verdicts)
    assert counts[3] / 300 < 0.08 < counts[1] / 300
