"""Assignment that anybody can repeat, and comparisons that say when there is nothing to say.

How often verdicts are false, intervals hold and winners are found is simulated in `make soak PART=experiments`.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from dayreel.rules.experiments import (
    LEAST_HISTORY,
    NO_DIFFERENCE,
    NOT_ENOUGH,
    USUAL_SPREAD,
    TriedContent,
    assign_variant,
    compare,
    contents_needed,
    days_needed,
    draw_variant,
    is_held_out,
    is_lopsided,
    sequence_quantile,
    spread_of,
    student_t,
)

FIRST = date(2026, 9, 1)
FAR = 10_000


def assigned(days: int, *, channel: str = "crafts", experiment: str = "hooks", names: str = "AB") -> list[str]:
    return [
        assign_variant(list(names), channel=channel, experiment=experiment, day=FIRST + timedelta(days=number))
        for number in range(days)
    ]


def contents(views: Sequence[float | None], *, usd: float = 0.5) -> list[TriedContent]:
    """Contents of consecutive days; None was rejected."""
    return [
        TriedContent(FIRST + timedelta(days=number), each, usd, is_approved=each is not None, is_refused=False)
        for number, each in enumerate(views)
    ]


def drawn(dice: random.Random, count: int, lift: float = 1.0) -> list[float | None]:
    return [math.expm1(dice.gauss(7, 0.8)) * lift for _ in range(count)]


def test_a_day_gets_the_same_variant_whoever_asks_and_whenever() -> None:
    assert assigned(60) == assigned(60)


@pytest.mark.parametrize("names", ["AB", "ABC"])
def test_every_weekday_has_every_variant_once_in_a_block(names: str) -> None:
    """A block is as many weeks as there are variants; chance alone leaves some weekday to one variant for weeks."""
    weeks = 12
    start = date.fromordinal(1 + 7 * len(names) * 8000)
    days = [start + timedelta(days=number) for number in range(7 * weeks)]
    given = [assign_variant(list(names), channel="c", experiment="e", day=day) for day in days]
    for block in range(0, weeks, len(names)):
        for weekday in range(7):
            assert {given[7 * (block + week) + weekday] for week in range(len(names))} == set(names)


def test_channels_of_a_few_weekdays_have_no_week_of_one_variant() -> None:
    """Monday, Wednesday, Friday in turn would: every other weekday is the same variant."""
    for week in range(30):
        monday = date(2026, 8, 31) + timedelta(days=7 * week)
        days = [monday + timedelta(days=weekday) for weekday in (0, 2, 4)]
        given = {assign_variant("AB", channel="c", experiment="e", day=day, weekdays=(0, 2, 4)) for day in days}
        assert given == {"A", "B"}


def test_channels_and_experiments_do_not_march_in_step() -> None:
    assert assigned(60) != assigned(60, channel="histories")
    assert assigned(60) != assigned(60, experiment="pace")


def test_the_order_of_the_names_in_the_file_does_not_matter() -> None:
    assert assigned(60, names="BA") == assigned(60)


def test_a_tenth_of_the_days_is_held_out_and_stays_so() -> None:
    days = [FIRST + timedelta(days=number) for number in range(1000)]
    out = [is_held_out(0.1, channel="crafts", day=day) for day in days]
    assert out == [is_held_out(0.1, channel="crafts", day=day) for day in days]
    assert 70 < sum(out) < 130
    assert not any(is_held_out(0, channel="crafts", day=day) for day in days)


def test_few_contents_are_not_enough_data() -> None:
    comparison = compare("A", contents([100] * 7), "B", contents([900] * 30), horizon=30)
    assert (comparison.verdict, comparison.ratio, comparison.n_a, comparison.n_b) == (NOT_ENOUGH, None, 7, 30)


def test_contents_that_hardly_ever_go_out_are_not_enough_data() -> None:
    a = contents([None] * 20 + [100.0, 200.0, 300.0])
    assert compare("A", a, "B", contents([100.0, 300.0] * 10), horizon=20).verdict == NOT_ENOUGH


def test_a_clear_difference_is_shown_before_the_horizon() -> None:
    dice = random.Random(1)
    a, b = drawn(dice, 40), drawn(dice, 40, lift=4)
    comparison = compare("A", contents(a), "B", contents(b), horizon=FAR)
    assert comparison.verdict == "B beats A"
    assert comparison.low is not None
    assert comparison.high is not None
    assert 1 < comparison.low < 4 < comparison.high
    assert comparison.final_low is None
    assert compare("B", contents(b), "A", contents(a), horizon=FAR).verdict == "B beats A"


def test_equal_numbers_are_not_enough_until_the_horizon() -> None:
    dice = random.Random(2)
    a, b = contents(drawn(dice, 40)), contents(drawn(dice, 40))
    assert compare("A", a, "B", b, horizon=81).verdict == NOT_ENOUGH
    over = compare("A", a, "B", b, horizon=80)
    assert over.verdict == NO_DIFFERENCE
    assert over.final_low is not None
    assert over.low is not None
    assert over.final_low > over.low, "an interval of one look is the narrower one"


def test_the_final_interval_stays_after_the_horizon() -> None:
    dice = random.Random(3)
    a, b = drawn(dice, 60), drawn(dice, 60)
    ends = {compare("A", contents(a[:count]), "B", contents(b[:count]), horizon=80).final_low for count in (40, 50, 60)}
    assert len(ends) == 1


def test_numbers_without_any_spread_are_not_enough_data() -> None:
    comparison = compare("A", contents([10.0] * 20), "B", contents([20.0] * 20), horizon=20)
    assert (comparison.verdict, comparison.ratio, comparison.low) == (NOT_ENOUGH, None, None)


def test_a_variant_approved_half_as_often_does_not_win() -> None:
    """Its posts have a third more views; those that were rejected have none, and cost as much."""
    dice = random.Random(4)
    a = drawn(dice, 100)
    b = [view if number % 2 else None for number, view in enumerate(drawn(dice, 100, lift=1.33))]
    comparison = compare("A", contents(a), "B", contents(b), horizon=200)
    assert comparison.verdict != "B beats A"
    assert comparison.ratio is not None
    assert comparison.ratio < 0.9
    assert comparison.guardrails == "B is approved less often: 50% against 100%"


def test_a_variant_that_is_never_approved_is_named() -> None:
    """There is no ratio without a post of it; and nothing varies, in approvals nor in costs."""
    a, b = contents(drawn(random.Random(4), 20)), contents([None] * 20, usd=1.0)
    comparison = compare("A", a, "B", b, horizon=FAR)
    assert (comparison.verdict, comparison.ratio) == (NOT_ENOUGH, None)
    assert comparison.guardrails == (
        "B is approved less often: 0% against 100%; B costs more: $1.00 against $0.50 a content"
    )
    assert compare("A", a[:8], "B", b[:8], horizon=FAR).guardrails is None, "so few could be luck"


def test_a_variant_at_twice_the_cost_has_half_the_ratio() -> None:
    dice = random.Random(5)
    a = drawn(dice, 30)
    cheap = compare("A", contents(a), "B", contents(a), horizon=FAR)
    dear = compare("A", contents(a), "B", contents(a, usd=1.0), horizon=FAR)
    assert cheap.ratio == pytest.approx(1)
    assert dear.ratio == pytest.approx(0.5)


def test_footage_that_costs_nothing_is_compared_by_views() -> None:
    dice = random.Random(6)
    a = drawn(dice, 30)
    b = [view * 3 for view in a if view is not None]
    ratio = compare("A", contents(a, usd=0), "B", contents(b, usd=0), horizon=FAR).ratio
    assert ratio == pytest.approx(3, rel=0.01)


def test_the_interval_is_the_one_that_is_worked_out_by_hand() -> None:
    """All out at one price: scores are mean logarithms, 4.5 and 7.5, with variances 6 / 8 = 0.75 each; error 1.224745.

    Welch's degrees of freedom are 14, whose quantile at 5 % is 2.144787: e^(3 -+ 2.626817).
    """
    a = contents([math.expm1(log) for log in range(1, 9)])
    b = contents([math.expm1(log + 3) for log in range(1, 9)])
    comparison = compare("A", a, "B", b, horizon=16)
    assert comparison.ratio == pytest.approx(math.exp(3))
    assert comparison.final_low == pytest.approx(1.452350, rel=1e-5)
    assert comparison.final_high == pytest.approx(math.exp(5.626817), rel=1e-5)
    reach = sequence_quantile(16, 0.05, 14) * 1.224745
    assert comparison.high == pytest.approx(math.exp(3 + reach), rel=1e-5)
    assert comparison.verdict == NO_DIFFERENCE


def test_more_pairs_have_wider_intervals() -> None:
    dice = random.Random(7)
    a, b = contents(drawn(dice, 40)), contents(drawn(dice, 40))
    single, three = (compare("A", a, "B", b, pairs=pairs, horizon=FAR) for pairs in (1, 3))
    assert single.low is not None
    assert three.low is not None
    assert three.low < single.low


@pytest.mark.parametrize(("count", "quantile"), [(20, 3.8551), (50, 3.2643), (200, 3.0352), (800, 3.1271)])
def test_sequences_have_the_width_of_the_paper(count: int, quantile: float) -> None:
    """With w = (5.99146 + ln 6.99146) count / 200, where 5.99146 is -2 ln 0.05: sqrt((1 + 1/w)(ln(1 + w) + 5.99146)).

    At 200 contents w = 7.93617: sqrt(1.12601 x (2.19011 + 5.99146)) = 3.0352.
    """
    assert sequence_quantile(count, 0.05) == pytest.approx(quantile, abs=5e-4)
    assert sequence_quantile(count, 0.05, 10) > sequence_quantile(count, 0.05)


@pytest.mark.parametrize(
    ("misses", "freedom", "quantile"),
    [  # from printed tables of Student's t
        (0.05, 4, 2.776), (0.05, 7, 2.365), (0.05, 8, 2.306), (0.05, 14, 2.145), (0.05, 30, 2.042), (0.05, 120, 1.980),
        (0.05, 100_000, 1.960), (0.01, 10, 3.169), (0.01, 30, 2.750), (0.1, 20, 1.725), (0.001, 15, 4.073),
    ],
)  # fmt: skip
def test_quantiles_are_those_of_the_tables(misses: float, freedom: float, quantile: float) -> None:
    assert student_t(misses, freedom) == pytest.approx(quantile, abs=0.0006)


def test_half_the_difference_takes_about_four_times_as_long() -> None:
    small, large = (contents_needed(percent, spread=1.0) for percent in (20, 44))  # 1.2 squared is 1.44
    assert 3.5 < small / large < 4.5
    assert contents_needed(50, spread=1.0, variants=3) > contents_needed(50, spread=1.0)
    assert days_needed(200, variants=2, per_week=7) == 210
    assert days_needed(200, variants=3, per_week=3.5) == 610


def test_the_spread_is_that_of_the_history() -> None:
    """Logarithms 6 and 8 by turns: a deviation of 1, a little more by the one degree of freedom that is used."""
    history = contents([math.expm1(6 + 2 * (number % 2)) for number in range(40)])
    assert spread_of(history) == pytest.approx(math.sqrt(40 / 39))
    assert spread_of(history[: LEAST_HISTORY - 1]) == USUAL_SPREAD


def test_missing_contents_of_one_variant_are_noticed() -> None:
    assert not is_lopsided(50, 52)
    assert not is_lopsided(3, 0)
    assert is_lopsided(90, 30)


def test_a_better_variant_is_drawn_as_often_as_it_is_likely() -> None:
    draws = Counter(draw_variant(["A", "B"], {("A", "B"): 0.9}, seed=str(number)) for number in range(1000))
    assert 860 < draws["B"] < 940
    assert draw_variant(["A"], {}, seed="x") == "A"
    turned = Counter(draw_variant(["B", "A"], {("A", "B"): 0.9}, seed=str(number)) for number in range(1000))
    assert turned == draws
