"""`experiments/results`: the variants of every experiment, each pair at equal age.

Contents of the sandbox world are never compared with real ones.
"""

from itertools import combinations

import pandas as pd

from dayreel.rules.experiments import compare
from dayreel.services.marts.tables import EXPERIMENT_RESULTS

AGES = ("24h", "7d", "30d")


def build(performance: pd.DataFrame) -> pd.DataFrame:
    """Return the mart, from all of `content/performance`."""
    taken = performance[performance["experiment"].notna() & performance["variant"].notna()]
    rows = []
    for (channel, experiment, simulated), group in taken.groupby(["channel", "experiment", "simulated"]):
        pairs = list(combinations(sorted(set(group["variant"])), 2))
        for name_a, name_b in pairs:
            for age in AGES:
                known = group[group[f"views_{age}"].notna()]
                a, b = (known[known["variant"] == name][f"views_{age}"].astype(float) for name in (name_a, name_b))
                comparison = compare(name_a, list(a), name_b, list(b), pairs=len(pairs))
                rows.append(
                    {
                        "channel": channel,
                        "experiment": experiment,
                        "age": age,
                        "variant_a": name_a,
                        "variant_b": name_b,
                        "n_a": comparison.n_a,
                        "n_b": comparison.n_b,
                        "views_a": float(a.median()) if len(a) else None,
                        "views_b": float(b.median()) if len(b) else None,
                        "ratio": comparison.ratio,
                        "ratio_low": comparison.low,
                        "ratio_high": comparison.high,
                        "effect_size": comparison.effect_size,
                        "verdict": comparison.verdict,
                        "simulated": simulated,
                    }
                )
    return pd.DataFrame(rows, columns=[column.name for column in EXPERIMENT_RESULTS.columns])
