"""What an experiment's verdicts are worth, by simulation: `make soak PART=experiments` prints the figures of all bars.

Thousands of experiments of one content a day are lived through at once with numpy, by sums that run along the days.
That they are what `compare` says is shown on a sample first.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from dayreel.rules.experiments import (
    LEAST_PER_VARIANT,
    TriedContent,
    assign_variant,
    compare,
    contents_needed,
    sequence_quantile,
    spread_of,
    student_t,
)

FIRST = date(2026, 9, 1)
LOOKS = 180
Draw = Callable[[np.random.Generator, tuple[int, int]], Any]


def normal_tails(dice: np.random.Generator, size: tuple[int, int]) -> Any:
    return dice.normal(0, 1, size)


def heavy_tails(dice: np.random.Generator, size: tuple[int, int]) -> Any:
    """Logarithms of views by Student's t with three degrees: of views themselves no mean exists."""
    return dice.standard_t(3, size) / math.sqrt(3)


@dataclass(frozen=True)
class Lived:
    """Experiments by days: which variant, log of views, whether it went out, cost."""

    is_b: Any
    logs: Any
    is_out: Any
    usd: Any


def live(seed: int, experiments: int, days: int, *, tails: Draw, lift: float = 1.0, out_b: float = 0.7) -> Lived:
    """Live through experiments: 30 % of A refused, B with `lift` times the views, weekends with half as many more."""
    dice = np.random.default_rng(seed)
    all_days = [FIRST + timedelta(days=number) for number in range(days)]
    is_b = np.array(
        [
            [assign_variant("AB", channel=f"c{number % 400}", experiment="e", day=day) == "B" for day in all_days]
            for number in range(min(experiments, 400))
        ]
    )[np.arange(experiments) % 400]
    size = (experiments, days)
    weekend = np.array([0.4 * (day.weekday() > 4) for day in all_days])
    logs = 7 + weekend + np.log(lift) * is_b + tails(dice, size)
    is_out = dice.random(size) < np.where(is_b, out_b, 0.7)
    return Lived(is_b, np.maximum(logs, 0), is_out, np.exp(dice.normal(-1, 0.2, size)))


@cache
def quantiles(kind: str, count: int) -> Any:
    """Return the quantile for each whole number of degrees of freedom, from 2 on."""
    freedoms = range(2, count + 1)
    if kind == "sequence":
        return np.array([math.nan, math.nan, *(sequence_quantile(count, 0.05, freedom) for freedom in freedoms)])
    return np.array([math.nan, math.nan, *(student_t(0.05, freedom) for freedom in freedoms)])


def scores(lived: Lived, kind: str) -> tuple[Any, Any]:
    """Return difference of log scores and reach of its interval, after each day; NaN where there is too little."""
    parts = []
    for of in (~lived.is_b, lived.is_b):
        out = of & lived.is_out
        log = np.where(out, lived.logs, 0)
        usd = np.where(of, lived.usd, 0)

        def total(values: Any) -> Any:
            return np.cumsum(values, axis=1)

        n, k = total(of), total(out)
        with np.errstate(all="ignore"):
            share, typical, cost = k / n, total(log) / k, total(usd) / n
            # The sum of squares of (out x (1 + log - typical) / share - usd / cost), whose mean is 0.
            squares = (k * (1 - typical) ** 2 + 2 * (1 - typical) * total(log) + total(log**2)) / share**2
            across = (total(usd * out) * (1 - typical) + total(usd * log)) / share / cost
            variances = (squares - 2 * across + total(usd**2) / cost**2) / (n - 1) / n
            parts.append((np.log(share) + typical - np.log(cost), variances, n, k))
    (score_a, share_a, n_a, k_a), (score_b, share_b, n_b, k_b) = parts
    with np.errstate(all="ignore"):
        together = np.sqrt(share_a + share_b)
        freedom = (share_a + share_b) ** 2 / (share_a**2 / (n_a - 1) + share_b**2 / (n_b - 1))
    enough = (np.minimum(n_a, n_b) >= LEAST_PER_VARIANT) & (np.minimum(k_a, k_b) >= LEAST_PER_VARIANT / 2)
    whole = np.where(enough, np.rint(np.nan_to_num(freedom, nan=2)), 0).astype(int)
    reach = np.full(enough.shape, np.nan)
    for day in range(2 * LEAST_PER_VARIANT - 1, enough.shape[1]):
        reach[:, day] = quantiles(kind, day + 1)[whole[:, day]]
    return score_b - score_a, np.where(enough, reach * together, np.nan)


def outcomes(lived: Lived, number: int, *, is_b: bool) -> list[TriedContent]:
    return [
        TriedContent(
            FIRST + timedelta(days=day),
            math.expm1(lived.logs[number, day]) if lived.is_out[number, day] else None,
            float(lived.usd[number, day]),
            is_approved=bool(lived.is_out[number, day]),
            is_refused=False,
        )
        for day in range(lived.is_b.shape[1])
        if lived.is_b[number, day] == is_b
    ]


def test_the_sums_are_what_is_compared() -> None:
    """The degrees of freedom are whole numbers here, which is all of the difference."""
    lived = live(1, 40, 120, tails=heavy_tails, lift=1.5)
    (difference, reach), (_, once) = scores(lived, "sequence"), scores(lived, "once")
    for number in range(40):
        a, b = outcomes(lived, number, is_b=False), outcomes(lived, number, is_b=True)
        by_rule = compare("A", a, "B", b, horizon=120)
        assert by_rule.ratio is not None
        assert by_rule.high is not None
        assert by_rule.final_high is not None
        assert math.log(by_rule.ratio) == pytest.approx(difference[number, -1], abs=1e-9)
        assert math.log(by_rule.high / by_rule.ratio) == pytest.approx(reach[number, -1], rel=3e-3)
        assert math.log(by_rule.final_high / by_rule.ratio) == pytest.approx(once[number, -1], rel=3e-3)


@pytest.mark.parametrize("tails", [normal_tails, heavy_tails])
def test_equal_variants_are_called_different_in_5_of_100(tails: Draw, figure: Callable[[str], None]) -> None:
    """Looked at on each of 180 days. Beside it what intervals for one look would have called."""
    lived = live(2, 4000, LOOKS, tails=tails)
    called = {}
    for kind in ("sequence", "once"):
        difference, reach = scores(lived, kind)
        called[kind] = float((np.abs(difference) > reach).any(axis=1).mean())
    figure(f"false verdicts, {tails.__name__}: {called['sequence']:.1%} (one-look intervals {called['once']:.1%})")
    assert called["sequence"] <= 0.05


@pytest.mark.parametrize("tails", [normal_tails, heavy_tails])
@pytest.mark.parametrize("days", [60, 180, 360])
def test_the_final_interval_holds_in_95_of_100(tails: Draw, days: int, figure: Callable[[str], None]) -> None:
    """At the horizon, with 30 % of A and half of B refused, and twice the views."""
    lived = live(3, 4000, days, tails=tails, lift=2.0, out_b=0.5)
    truth = math.log(2.0 * 0.5 / 0.7)
    difference, reach = scores(lived, "once")
    holds = float((np.abs(difference[:, -1] - truth) <= reach[:, -1]).mean())
    difference, reach = scores(lived, "sequence")
    always = 1 - float((np.abs(difference - truth) > reach).any(axis=1).mean())
    figure(f"coverage after {days} days, {tails.__name__}: {holds:.1%} (the sequence at all looks {always:.1%})")
    assert 0.93 <= holds <= 0.97
    assert always >= 0.95


@pytest.mark.parametrize("tails", [normal_tails, heavy_tails])
@pytest.mark.parametrize("detect", [75, 100, 200])
def test_a_planted_winner_is_found_in_the_time_named(tails: Draw, detect: int, figure: Callable[[str], None]) -> None:
    """The time comes from a history of 60 days of the same channel, as a channel's plan does."""
    past = live(4, 1, 4000, tails=tails)
    spread = spread_of([*outcomes(past, 0, is_b=False), *outcomes(past, 0, is_b=True)])
    needed = contents_needed(detect, spread=spread)
    lived = live(5, 2000, needed, tails=tails, lift=1 + detect / 100)
    difference, reach = scores(lived, "sequence")
    is_found = difference > reach
    days = np.where(is_found.any(axis=1), is_found.argmax(axis=1) + 1, needed + 1)
    figure(
        f"winner of {detect} %, {tails.__name__}: "
        f"{is_found.any(axis=1).mean():.1%} found within {needed} contents, half of them within {np.median(days):.0f}"
    )
    assert is_found.any(axis=1).mean() >= 0.8


def test_a_variant_approved_half_as_often_does_not_win(figure: Callable[[str], None]) -> None:
    """It has a third more views where it goes out: views of posts alone would call it the winner."""
    lived = live(6, 2000, 360, tails=normal_tails, lift=1.33, out_b=0.35)
    difference, reach = scores(lived, "sequence")
    won, lost = ((sign * difference) > reach for sign in (1, -1))
    figure(f"approved half as often: wins {won.any(axis=1).mean():.1%}, loses {lost.any(axis=1).mean():.1%}")
    assert won.any(axis=1).mean() <= 0.01
