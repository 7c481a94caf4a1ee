"""`experiments/results`: every variant against the first one of its experiment, at equal age."""

from itertools import combinations

import pandas as pd

from dayreel.rules.experiments import compare
from dayreel.services.marts.shapes import Column, Mart

AGES = ("24h", "7d", "30d")

MART = Mart(
    "experiments/results",
    "always",
    "one experiment of one channel, age, and pair of variants",
    ("channel", "experiment", "age", "variant_a", "variant_b"),
    (
        Column("channel", "text", "channel"),
        Column("experiment", "text", "the experiment's name in the channel's file"),
        Column("age", "text", "age at which views are compared: 24h, 7d or 30d"),
        Column("variant_a", "text", "the one compared against"),
        Column("variant_b", "text", "the one compared"),
        Column("n_a", "int", "contents of A with views at that age"),
        Column("n_b", "int", "contents of B with views at that age"),
        Column("views_a", "float", "median views of A; null: none"),
        Column("views_b", "float", "median views of B; null: none"),
        Column("ratio", "float", "geometric mean of B over that of A; null: not enough data"),
        Column("ratio_low", "float", "lower end of its 95 % interval; null: not enough data"),
        Column("ratio_high", "float", "upper end of its 95 % interval; null: not enough data"),
        Column("effect_size", "float", "Hedges' g of log views; null: not enough data"),
        Column("verdict", "text", "`B beats A`, `A beats B` (by name), `no difference seen`, `not enough data`"),
        Column("simulated", "flag", "true when any of the contents is of the sandbox world"),
    ),
)


def build(performance: pd.DataFrame) -> pd.DataFrame:
    """Return the mart, from all of `content/performance`."""
    taken = performance[performance["experiment"].notna() & performance["variant"].notna()]
    rows = []
    for (channel, experiment), group in taken.groupby(["channel", "experiment"]):
        for name_a, name_b in combinations(sorted(set(group["variant"])), 2):
            for age in AGES:
                known = group[group[f"views_{age}"].notna()]
                a, b = (known[known["variant"] == name][f"views_{age}"].astype(float) for name in (name_a, name_b))
                told = compare(name_a, list(a), name_b, list(b))
                rows.append(
                    {
                        "channel": channel,
                        "experiment": experiment,
                        "age": age,
                        "variant_a": name_a,
                        "variant_b": name_b,
                        "n_a": told.n_a,
                        "n_b": told.n_b,
                        "views_a": float(a.median()) if len(a) else None,
                        "views_b": float(b.median()) if len(b) else None,
                        "ratio": told.ratio,
                        "ratio_low": told.low,
                        "ratio_high": told.high,
                        "effect_size": told.effect_size,
                        "verdict": told.verdict,
                        "simulated": bool(group["simulated"].any()),
                    }
                )
    return pd.DataFrame(rows, columns=[column.name for column in MART.columns])
