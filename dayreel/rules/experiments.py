"""Experiments: which variant a day gets, and what a comparison of two variants honestly says. Pure.

Assignment is by permuted blocks: in every block of as many days as there are variants each variant comes once, in an
order that a hash of channel, experiment and block decides. It is balanced, and the same whoever asks again.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, variance

LEAST_PER_VARIANT = 8
NOT_ENOUGH = "not enough data"
NO_DIFFERENCE = "no difference seen"
# Two-sided 95 % quantiles of Student's t; between two of them the larger one holds, which errs on the cautious side.
_T_95 = (
    (5, 2.571), (6, 2.447), (7, 2.365), (8, 2.306), (9, 2.262), (10, 2.228), (12, 2.179), (14, 2.145), (16, 2.120),
    (18, 2.101), (20, 2.086), (25, 2.060), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980), (1000, 1.962),
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Variant B against A, in views at one age.

    Attributes:
        ratio: geometric mean of B over that of A; 1.2 means a fifth more views. None: not enough data.
        low, high: the 95 % interval of the ratio.
        effect_size: Hedges' g of the logarithms.
        verdict: `B beats A`, `A beats B`, `no difference seen` or `not enough data`.
    """

    n_a: int
    n_b: int
    ratio: float | None
    low: float | None
    high: float | None
    effect_size: float | None
    verdict: str


def assign_variant(variants: Sequence[str], *, channel: str, experiment: str, day: date) -> str:
    """Return the variant of a channel's day.

    Args:
        variants: their names, in the order of the channel's file; at least one.
    """
    block, place = divmod(day.toordinal(), len(variants))

    def draw(name: str) -> str:
        return hashlib.sha256(f"{channel}/{experiment}/{block}/{name}".encode()).hexdigest()

    return sorted(variants, key=draw)[place]


def compare(
    name_a: str, views_a: Sequence[float], name_b: str, views_b: Sequence[float], *, least: int = LEAST_PER_VARIANT
) -> Comparison:
    """Compare the views of two variants at the same age: Welch's t on log(1 + views).

    Views are skewed over orders of magnitude, so their logarithms are compared and the answer is a ratio.

    Args:
        least: with fewer contents of either variant it says `not enough data`.
    """
    n_a, n_b = len(views_a), len(views_b)
    if min(n_a, n_b) < max(least, 2):
        return Comparison(n_a, n_b, None, None, None, None, NOT_ENOUGH)
    logs_a, logs_b = [math.log1p(one) for one in views_a], [math.log1p(one) for one in views_b]
    difference = fmean(logs_b) - fmean(logs_a)
    share_a, share_b = variance(logs_a) / n_a, variance(logs_b) / n_b
    error = math.sqrt(share_a + share_b)
    if error == 0:
        return Comparison(n_a, n_b, math.exp(difference), None, None, None, NOT_ENOUGH)
    freedom = (share_a + share_b) ** 2 / (share_a**2 / (n_a - 1) + share_b**2 / (n_b - 1))
    reach = student_t_95(freedom) * error
    low, high = math.exp(difference - reach), math.exp(difference + reach)
    verdict = f"{name_b} beats {name_a}" if low > 1 else f"{name_a} beats {name_b}" if high < 1 else NO_DIFFERENCE
    return Comparison(n_a, n_b, math.exp(difference), low, high, _hedges_g(logs_a, logs_b), verdict)


def student_t_95(freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t at `freedom` degrees, rounded to the cautious side."""
    below = [quantile for degrees, quantile in _T_95 if degrees <= freedom]
    return below[-1] if below else 12.706


def _hedges_g(logs_a: Sequence[float], logs_b: Sequence[float]) -> float:
    n_a, n_b = len(logs_a), len(logs_b)
    pooled = math.sqrt(((n_a - 1) * variance(logs_a) + (n_b - 1) * variance(logs_b)) / (n_a + n_b - 2))
    correction = 1 - 3 / (4 * (n_a + n_b) - 9)
    return correction * (fmean(logs_b) - fmean(logs_a)) / pooled
