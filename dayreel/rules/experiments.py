"""Experiments: which variant a day gets, and what a comparison of two variants honestly says. Pure.

Assignment is blocked by weekday: in as many weeks as there are variants, every weekday has each of them once, in an
order that a hash of channel, experiment and block decides. It is balanced, and the same whoever asks again.

A comparison is of *typical views per dollar*: the share of contents that went out, times the geometric mean of their
views, over the mean cost of all contents. A content that was rejected counts with nothing, and costs what it cost. The
three parts are means, of logarithms where tails are heavy, so the logarithm of the whole is close to normal. Its
interval may be looked at every day: it is a confidence sequence, `sequence_quantile`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist, fmean, variance

LEAST_PER_VARIANT = 8
"""Fewer contents, or fewer than half as many that went out, of either variant are not compared."""
NOT_ENOUGH = "not enough data"
NO_DIFFERENCE = "no difference seen"
POWER = 0.8
"""How often a difference that is there is found by the horizon."""
MATURE_DAYS = 10
"""A content counts so many days after its own: by then it is decided, and seven days old if it is out."""
USUAL_SPREAD = 1.2
"""Deviation of a content's score that is assumed where a channel has too little history: views that differ by a factor
of e, and one content of five rejected.
"""
LEAST_HISTORY = 20
# How often an interval may miss, all pairs of an experiment together.
_MISSES = 0.05
# The sequence is narrowest when so many contents of both variants were counted.
_TUNED_AT = 200
_WEEK = 7


@dataclass(frozen=True)
class TriedContent:
    """What became of one content.

    Attributes:
        views: at the age that is compared; None: it is not out.
        usd: what it cost, made in vain or not.
        is_approved: a person approved it.
        is_refused: it failed while it was made, or a platform refused it.
    """

    day: date
    views: float | None
    usd: float
    is_approved: bool
    is_refused: bool


@dataclass(frozen=True)
class Comparison:
    """Variant B against A.

    Attributes:
        ratio: typical views per dollar of B over those of A; 1.2 means a fifth more. None: not enough data.
        low, high: its confidence sequence at 95 %, see `pairs` of `compare`: it holds at all looks together.
        final_low, final_high: its interval at 95 %, of the contents up to the horizon alone; None before it.
        chance_b: how likely it is that B is the better one, by a flat prior.
        guardrails: what is worse about either variant, in words; None: nothing was seen.
        verdict: `B beats A`, `A beats B`, `no difference seen` (at the horizon) or `not enough data`.
    """

    n_a: int
    n_b: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    final_low: float | None = None
    final_high: float | None = None
    chance_b: float | None = None
    guardrails: str | None = None
    verdict: str = NOT_ENOUGH


def assign_variant(
    variants: Sequence[str], *, channel: str, experiment: str, day: date, weekdays: Sequence[int] = range(_WEEK)
) -> str:
    """Return the variant of a channel's day.

    Args:
        variants: their names; at least one.
        weekdays: those that the channel makes, Monday is 0.
    """
    week, weekday = divmod(day.toordinal() - 1, _WEEK)
    block, week_of_block = divmod(week, len(variants))

    def draw(what: object) -> str:
        return _digest(channel, experiment, str(block), str(what))

    # Shuffled, not in turn: a channel of Mondays, Wednesdays and Fridays would have whole weeks of one variant.
    places = sorted({*weekdays, weekday}, key=draw)
    return sorted(variants, key=draw)[(places.index(weekday) + week_of_block) % len(variants)]


def is_held_out(share: float, *, channel: str, day: date) -> bool:
    """Return whether a day is one of those that no learning and no variant touches."""
    return int(_digest(channel, "holdout", day.isoformat())[:8], 16) < share * 16**8


def draw_variant(standing: Sequence[str], chances: dict[tuple[str, str], float], *, seed: str) -> str:
    """Return the variant of a day by Thompson sampling: each is as likely as it is to be the best one.

    With more than two it is a knockout of such draws.

    Args:
        standing: variants that none has beaten.
        chances: of (A, B): how likely B is the better one; none that is known is even.
    """
    ordered = sorted(standing, key=lambda name: _digest(seed, name))
    best = ordered[0]
    for other in ordered[1:]:
        chance = chances.get((best, other), 1 - chances.get((other, best), 0.5))
        if int(_digest(seed, best, other)[:8], 16) < chance * 16**8:
            best = other
    return best


def _digest(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()


def compare(
    name_a: str,
    of_a: Sequence[TriedContent],
    name_b: str,
    of_b: Sequence[TriedContent],
    *,
    pairs: int = 1,
    horizon: int,
) -> Comparison:
    """Compare two variants, however often this is done.

    Args:
        pairs: how many pairs are compared in this experiment; the intervals are so wide that all of them together hold
            in 95 of 100 experiments (Bonferroni).
        horizon: contents of both variants at which the comparison ends, see `contents_needed`.
    """
    n_a, n_b = len(of_a), len(of_b)
    scores = _scores(of_a, of_b)
    # Also where too few went out to be compared: a variant of which nothing is approved is what people have to see.
    worse = guardrails(name_a, of_a, name_b, of_b) if min(n_a, n_b) >= LEAST_PER_VARIANT else None
    if scores is None:
        return Comparison(n_a, n_b, guardrails=worse)
    difference, error, freedom = scores
    reach = sequence_quantile(n_a + n_b, _MISSES / pairs, freedom) * error
    low, high = math.exp(difference - reach), math.exp(difference + reach)
    is_over = n_a + n_b >= horizon
    undecided = NO_DIFFERENCE if is_over else NOT_ENOUGH
    verdict = f"{name_b} beats {name_a}" if low > 1 else f"{name_a} beats {name_b}" if high < 1 else undecided
    final = _final(of_a, of_b, horizon, _MISSES / pairs) if is_over else (None, None)
    chance_b = NormalDist().cdf(difference / error)
    return Comparison(n_a, n_b, math.exp(difference), low, high, *final, chance_b, worse, verdict)


def _final(
    of_a: Sequence[TriedContent], of_b: Sequence[TriedContent], horizon: int, misses: float
) -> tuple[float | None, float | None]:
    """Return the interval over the first contents alone: their number was fixed before, so looks do not widen it."""
    last = sorted(outcome.day for outcome in (*of_a, *of_b))[horizon - 1]
    scores = _scores([each for each in of_a if each.day <= last], [each for each in of_b if each.day <= last])
    if scores is None:
        return None, None
    difference, error, freedom = scores
    reach = student_t(misses, freedom) * error
    return math.exp(difference - reach), math.exp(difference + reach)


def _scores(of_a: Sequence[TriedContent], of_b: Sequence[TriedContent]) -> tuple[float, float, float] | None:
    """Return log score of B less that of A, its standard error, and the degrees of freedom (Welch); None: too few."""
    if min(len(of_a), len(of_b)) < LEAST_PER_VARIANT:
        return None
    # Footage of one's own can cost nothing: then views are compared, not views per dollar.
    is_paid = min(sum(each.usd for each in of_a), sum(each.usd for each in of_b)) > 0
    both = [_score(outcomes, is_paid=is_paid) for outcomes in (of_a, of_b)]
    if both[0] is None or both[1] is None:
        return None
    (score_a, share_a), (score_b, share_b) = both[0], both[1]
    if share_a + share_b == 0:
        return None
    freedom = (share_a + share_b) ** 2 / (share_a**2 / (len(of_a) - 1) + share_b**2 / (len(of_b) - 1))
    return score_b - score_a, math.sqrt(share_a + share_b), freedom


def _score(outcomes: Sequence[TriedContent], *, is_paid: bool) -> tuple[float, float] | None:
    """Return log of the typical views per dollar, and the variance of that (delta method); None: too few are out."""
    logs = [None if each.views is None else math.log1p(each.views) for each in outcomes]
    out = [log for log in logs if log is not None]
    if len(out) < LEAST_PER_VARIANT / 2:
        return None
    share, typical = len(out) / len(outcomes), fmean(out)
    cost = fmean(each.usd for each in outcomes) if is_paid else 1.0
    influences = [
        (0.0 if log is None else (1 + log - typical) / share) - (each.usd / cost if is_paid else 1.0)
        for each, log in zip(outcomes, logs, strict=True)
    ]
    return math.log(share) + typical - math.log(cost), variance(influences) / len(outcomes)


def guardrails(name_a: str, of_a: Sequence[TriedContent], name_b: str, of_b: Sequence[TriedContent]) -> str | None:
    """Return in words what is worse about either variant: fewer approvals, more refusals, a higher cost; None: nothing.

    Each is a confidence sequence of its own, and the three together miss in 5 of 100.
    """
    worse = []
    for says, more_is_worse, of in (
        ("is approved less often: {:.0%} against {:.0%}", -1, lambda each: float(each.is_approved)),
        ("is refused more often: {:.0%} against {:.0%}", 1, lambda each: float(each.is_refused)),
        ("costs more: ${:.2f} against ${:.2f} a content", 1, lambda each: each.usd),
    ):
        a, b = [of(each) for each in of_a], [of(each) for each in of_b]
        # All of one and none of the other do not vary by themselves; together they do.
        error = math.sqrt(variance(a) / len(a) + variance(b) / len(b)) or math.sqrt(
            variance([*a, *b]) * (1 / len(a) + 1 / len(b))
        )
        change = fmean(b) - fmean(a)
        freedom = min(len(a), len(b)) - 1
        if abs(change) > error * sequence_quantile(len(a) + len(b), _MISSES / 3, freedom) and error > 0:
            is_b = change * more_is_worse > 0
            name, here, there = (name_b, b, a) if is_b else (name_a, a, b)
            worse.append(f"{name} {says.format(fmean(here), fmean(there))}")
    return "; ".join(worse) or None


def sequence_quantile(count: int, misses: float, freedom: float = math.inf) -> float:
    """Return how many standard errors a difference may be off, at whatever number of contents one looks.

    The normal mixture of H. Robbins (Statistical Methods Related to the Law of the Iterated Logarithm, Annals of
    Mathematical Statistics 41, 1970), for variances that are estimated: I. Waudby-Smith, D. Arbour, R. Sinha, E. H.
    Kennedy and A. Ramdas, Time-uniform central limit theory and asymptotic confidence sequences, Annals of Statistics
    52 (2024), tuned as they do. They hold for large samples: in small ones the same tail of Student's t is taken.

    Args:
        count: contents of both variants.
        misses: how often it may be wrong, at all looks together.
        freedom: degrees of freedom of the standard error.
    """
    weight = (math.log(1 - 2 * math.log(misses)) - 2 * math.log(misses)) * count / _TUNED_AT
    normal = math.sqrt((1 + 1 / weight) * (math.log1p(weight) - 2 * math.log(misses)))
    return normal if math.isinf(freedom) else student_t(2 * NormalDist().cdf(-normal), freedom)


def spread_of(history: Sequence[TriedContent]) -> float:
    """Return the deviation of one content's score: of a channel's history, or the usual one where that is short."""
    scored = _score(history, is_paid=sum(each.usd for each in history) > 0) if len(history) >= LEAST_HISTORY else None
    return USUAL_SPREAD if scored is None else math.sqrt(scored[1] * len(history))


def contents_needed(detect_percent: float, *, spread: float, variants: int = 2) -> int:
    """Return how many contents of a pair show a difference of so many percent, in `POWER` of such experiments.

    Two means of half as many contents each have a standard error of 2 x spread / sqrt(contents).
    """
    pairs = variants * (variants - 1) // 2
    needed = 2 * LEAST_PER_VARIANT
    for _ in range(20):  # the quantile depends on the number, slowly
        quantile = sequence_quantile(needed, _MISSES / pairs) + NormalDist().inv_cdf(POWER)
        needed = max(2 * LEAST_PER_VARIANT, math.ceil((2 * spread * quantile / math.log1p(detect_percent / 100)) ** 2))
    return needed


def days_needed(contents: int, *, variants: int, per_week: float) -> int:
    """Return the days until a pair has so many counted contents, with so many contents of all variants a week."""
    return math.ceil(contents * variants / 2 / per_week * _WEEK) + MATURE_DAYS


def is_lopsided(n_a: int, n_b: int) -> bool:
    """Return whether contents of one variant are missing: assigned in equal numbers, they would differ so in 1 of 100.

    A sample-ratio check that may be looked at every day.
    """
    if n_a + n_b < 2 * LEAST_PER_VARIANT:
        return False
    return abs(n_b - n_a) > math.sqrt(n_a + n_b) * sequence_quantile(n_a + n_b, 0.01)


def is_mature(day: date, today: date) -> bool:
    """Return whether a content of that day counts."""
    return day + timedelta(days=MATURE_DAYS) <= today


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
