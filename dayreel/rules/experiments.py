"""Experiments: which variant a day gets, and what a comparison of two variants honestly says. Pure.

Assignment is by permuted blocks: in every block of as many days as there are variants each variant comes once, in an
order that a hash of channel, experiment and block decides. It is balanced, and the same whoever asks again.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist, fmean, variance

LEAST_PER_VARIANT = 8
NOT_ENOUGH = "not enough data"
NO_DIFFERENCE = "no difference seen"
# How often an interval may miss, all pairs of an experiment together.
_MISSES = 0.05


@dataclass(frozen=True)
class Comparison:
    """Variant B against A, in views at one age.

    Attributes:
        ratio: geometric mean of B over that of A; 1.2 means a fifth more views. None: not enough data.
        low, high: the 95 % interval of the ratio, see `pairs` of `compare`.
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
    name_a: str,
    views_a: Sequence[float],
    name_b: str,
    views_b: Sequence[float],
    *,
    pairs: int = 1,
    least: int = LEAST_PER_VARIANT,
) -> Comparison:
    """Compare the views of two variants at the same age: Welch's t on log(1 + views).

    Views are skewed over orders of magnitude, so their logarithms are compared and the answer is a ratio.

    Args:
        pairs: how many pairs are compared in this experiment; the intervals are so wide that all of them together hold
            in 95 of 100 experiments (Bonferroni).
        least: with fewer contents of either variant it says `not enough data`.
    """
    n_a, n_b = len(views_a), len(views_b)
    if min(n_a, n_b) < max(least, 2):
        return Comparison(n_a, n_b, None, None, None, None, NOT_ENOUGH)
    logs_a, logs_b = [math.log1p(views) for views in views_a], [math.log1p(views) for views in views_b]
    difference = fmean(logs_b) - fmean(logs_a)
    share_a, share_b = variance(logs_a) / n_a, variance(logs_b) / n_b
    error = math.sqrt(share_a + share_b)
    if error == 0:
        return Comparison(n_a, n_b, None, None, None, None, NOT_ENOUGH)
    freedom = (share_a + share_b) ** 2 / (share_a**2 / (n_a - 1) + share_b**2 / (n_b - 1))
    reach = student_t(_MISSES / pairs, freedom) * error
    low, high = math.exp(difference - reach), math.exp(difference + reach)
    verdict = f"{name_b} beats {name_a}" if low > 1 else f"{name_a} beats {name_b}" if high < 1 else NO_DIFFERENCE
    return Comparison(n_a, n_b, math.exp(difference), low, high, _hedges_g(logs_a, logs_b), verdict)


def student_t(misses: float, freedom: float) -> float:
    """Return the two-sided quantile of Student's t: beyond it lies the share `misses`. Good to five digits.

    G. W. Hill, Algorithm 396: Student's t-quantiles, Communications of the ACM 13 (1970); names as in the paper.
    """
    n = freedom
    a = 1 / (n - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * misses) ** (2 / n)
    if y <= 0.05 + a:
        inner = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)
        return math.sqrt(n * ((inner * y - 1) * (n + 1) / (n + 2) + 1 / y))
    x = NormalDist().inv_cdf(misses / 2)
    y = x * x
    c += 0.3 * (n - 4.5) * (x + 0.6) if n < 5 else 0  # noqa: PLR2004  the paper's
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    return math.sqrt(n * math.expm1(a * y * y))


def _hedges_g(logs_a: Sequence[float], logs_b: Sequence[float]) -> float:
    n_a, n_b = len(logs_a), len(logs_b)
    pooled = math.sqrt(((n_a - 1) * variance(logs_a) + (n_b - 1) * variance(logs_b)) / (n_a + n_b - 2))
    correction = 1 - 3 / (4 * (n_a + n_b) - 9)
    return correction * (fmean(logs_b) - fmean(logs_a)) / pooled
