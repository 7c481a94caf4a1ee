"""Charts of the marts: frames in, PNG out. Readable at phone width, with units on the axes; what is missing is a gap.

Nothing is read or written here. Under its title every chart says what it is about, and whether that is simulated. The
background is white and opaque, so that a chart reads the same on a dark page.
"""

import io
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dayreel.rules.experiments import MATURE_DAYS
from dayreel.vendors.registry import colour_of

# At 390 CSS pixels a picture of 3.9 inches shows one point as 1.4 pixels: 9 pt are read on a phone.
SIZE_IN = (3.9, 3.2)
DPI = 200
FONT_PT = 9
BAND = (0.1, 0.9)
MOST_TOPICS = 8
# One video says little about its topic.
LEAST_CONTENTS = 3
# Like those of the platforms of Okabe and Ito: distinguishable for people who see colours differently, and each dark
# enough for a thin line on white.
_INK, _SOFT, _ACCENT, _LIMIT = "#222222", "#5f6368", "#0072b2", "#d55e00"
_BAND_GREY = "#9aa0a6"
# What is left for the plot below the two lines of the title.
_BELOW_TITLE = 0.86


@dataclass(frozen=True)
class ChartData:
    """The marts that charts are drawn from, already cut to what they are about (a channel, some weeks).

    Attributes:
        scope: whose they are: a channel, or `all channels`.
        first, last: the days that are shown; days without rows in between are gaps.
    """

    scope: str
    first: date
    last: date
    daily: pd.DataFrame
    performance: pd.DataFrame
    projection: pd.DataFrame
    outcomes: pd.DataFrame
    simulated: bool


def views_by_age(data: ChartData) -> Figure:
    """Draw the views of the newest week's posts by age, over the band of all posts (10 % to 90 %)."""
    figure, axes = _blank("Views by age", data, x="age of the post (days)", y="views per post")
    measured = data.daily[data.daily["views"].notna()].copy()
    measured["age_d"] = (measured["age_h"].astype(float) / 24).round().astype(int)
    measured["views"] = measured["views"].astype(float)
    if measured.empty:
        return _nothing(figure, axes)
    by_age = measured.groupby("age_d")["views"]
    ages = range(int(measured["age_d"].min()), int(measured["age_d"].max()) + 1)
    low, high = (by_age.quantile(share).reindex(ages) for share in BAND)
    axes.fill_between(list(ages), low, high, color=_BAND_GREY, alpha=0.35, linewidth=0, label="8 of 10 posts")
    axes.plot(list(ages), by_age.median().reindex(ages), color=_INK, linewidth=1.6, label="median")
    newest = measured[measured["posted_at"] >= pd.Timestamp(data.last - timedelta(days=6), tz="UTC")]
    for number, (_post, rows) in enumerate(newest.groupby("post_row_id")):
        line = rows.groupby("age_d")["views"].last().reindex(ages)
        label = "last 7 days" if number == 0 else None
        axes.plot(list(ages), line, color=_ACCENT, linewidth=0.9, marker=".", markersize=3, alpha=0.8, label=label)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return figure


def engagement_by_platform(data: ChartData) -> Figure:
    """Draw what posts gained in reactions a day, per platform; a day that was not measured breaks the line.

    What was gained over a gap is divided by the days it covers: the first measurement after it is not a peak.
    """
    figure, axes = _blank("Reactions by platform", data, x="", y="likes, comments,\nshares, saves per day")
    days = _days(data)
    reactions = data.daily[[f"{name}_gained" for name in ("likes", "comments", "shares", "saves")]]
    days_covered = (data.daily["hours_covered"].astype("Float64") / 24).round().clip(lower=1)
    measured = data.daily.assign(reactions=reactions.sum(axis=1, min_count=1).astype("Float64") / days_covered)
    for platform, rows in measured.groupby("platform"):
        line = rows.groupby("day")["reactions"].sum(min_count=1).reindex(days).astype(float)
        axes.plot(days, line, color=colour_of(str(platform)) or _ACCENT, linewidth=1.4, label=str(platform))
        alone = line.notna() & line.shift(1).isna() & line.shift(-1).isna()
        axes.plot(line.index[alone], line[alone], ".", color=colour_of(str(platform)) or _ACCENT, markersize=3)
    if measured.empty:
        return _nothing(figure, axes)
    _date_axis(axes, days)
    axes.set_ylim(bottom=0)
    _legend(axes)
    return figure


def spend_against_cap(data: ChartData) -> Figure:
    """Draw the month's spending so far, day by day, its projection, and the cap."""
    figure, axes = _blank(
        "Spend against the month's cap", data, x="", y="US dollars", about=f"all channels, {data.last:%B %Y}"
    )
    month = data.last.replace(day=1)
    rows = data.projection[data.projection["day"].between(month, data.last)].sort_values("day")
    if rows.empty:
        return _nothing(figure, axes)
    days = [month + timedelta(days=offset) for offset in range((data.last - month).days + 1)]
    so_far = rows.set_index("day")["month_to_date_usd"].astype(float).reindex(days)
    axes.plot(days, so_far, color=_ACCENT, linewidth=1.8, label="spent or held")
    newest = rows.iloc[-1]
    end = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    projected, cap = float(newest["projected_month_usd"]), float(newest["cap_month_usd"])
    spent = float(newest["month_to_date_usd"])
    axes.plot(
        [newest["day"], end], [spent, projected], color=_ACCENT, linestyle=":", label=f"heading for ${projected:,.0f}"
    )
    axes.axhline(cap, color=_LIMIT, linewidth=1.2, label=f"cap ${cap:,.0f}")
    _date_axis(axes, [month, end])
    axes.set_ylim(bottom=0)
    _legend(axes)
    return figure


def approval_rate(data: ChartData) -> Figure:
    """Draw the share of approvals among decisions, a bar a week with how many were decided; no decisions, no bar."""
    figure, axes = _blank("Approval rate", data, x="week of (on the bars: how many were decided)", y="% approved")
    decided = data.outcomes[data.outcomes["verdict"].isin(["approved", "rejected"])]
    monday = data.first - timedelta(days=data.first.weekday())
    weeks = [monday + timedelta(weeks=number) for number in range((data.last - monday).days // 7 + 1)]
    of_week = pd.Series([day - timedelta(days=day.weekday()) for day in decided["day"]], dtype=object)
    approved = pd.Series(list(decided["verdict"] == "approved"), dtype=float)
    shares = approved.groupby(of_week).mean().reindex(weeks) * 100
    counts = approved.groupby(of_week).size().reindex(weeks).fillna(0).astype(int)
    if decided.empty:
        return _nothing(figure, axes)
    places = list(range(len(weeks)))
    axes.bar(places, shares.fillna(0.0), color=_ACCENT)
    for place, (share, count) in enumerate(zip(shares, counts, strict=True)):
        if count:
            axes.text(place, share + 1, str(count), ha="center", va="bottom", color=_INK, fontsize=FONT_PT - 1)
    shown = places[:: max(1, -(-len(places) // 6))]
    axes.set_xticks(shown, [f"{weeks[place]:%d %b}" for place in shown])
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    return figure


def cost_by_topic(data: ChartData) -> Figure:
    """Draw dollars per 1,000 views at seven days for each topic, the cheapest first; what was rejected costs too.

    Topics of fewer than three contents are left out, unless there are no others.
    """
    figure, axes = _blank(
        "Cost per 1,000 views by topic", data, x="US dollars per 1,000 views at 7 days\n(in brackets: contents)", y=""
    )
    # What never went out is known only when it is too old to go out: until then it is on its way.
    newest = pd.Timestamp(data.last - timedelta(days=MATURE_DAYS))
    is_over = (data.performance["platforms"] == 0).fillna(value=False) & (
        pd.to_datetime(data.performance["day"]) <= newest
    )
    measured = data.performance[(data.performance["views_7d"].notna() | is_over) & data.performance["topic"].notna()]
    sums = measured.assign(usd=measured["cost_usd"].astype(float), views=measured["views_7d"].astype(float)).groupby(
        "topic"
    )
    counts = sums.size()
    per_thousand = (sums["usd"].sum() * 1000 / sums["views"].sum()).replace(float("inf"), float("nan")).dropna()
    if per_thousand.empty:
        return _nothing(figure, axes)
    trusted = per_thousand[counts.reindex(per_thousand.index) >= LEAST_CONTENTS]
    cheapest = (trusted if len(trusted) else per_thousand).sort_values().head(MOST_TOPICS)[::-1]
    axes.barh(range(len(cheapest)), cheapest, color=_ACCENT)
    axes.set_yticks(range(len(cheapest)), [f"{_short(str(topic))} ({counts[topic]})" for topic in cheapest.index])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    return figure


CHARTS = {
    "views_by_age": views_by_age,
    "engagement_by_platform": engagement_by_platform,
    "spend_against_cap": spend_against_cap,
    "approval_rate": approval_rate,
    "cost_by_topic": cost_by_topic,
}


def draw_all(data: ChartData) -> dict[str, bytes]:
    """Return every chart as a PNG, by name."""
    return {name: png_of(chart(data)) for name, chart in CHARTS.items()}


def png_of(figure: Figure) -> bytes:
    """Return a figure as a PNG; the same figure gives the same bytes."""
    target = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _blank(title: str, data: ChartData, *, x: str, y: str, about: str | None = None) -> tuple[Figure, Any]:
    below_title = ConstrainedLayoutEngine(rect=(0, 0, 1, _BELOW_TITLE))
    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout=below_title, facecolor="white")
    about = about or f"{data.scope}, {data.first:%d %b} to {data.last:%d %b %Y}"
    figure.text(0.02, 0.985, title, fontsize=FONT_PT + 1, va="top", color=_INK)
    figure.text(
        0.02, 0.92, f"SIMULATED, {about}" if data.simulated else about, fontsize=FONT_PT - 1, va="top", color=_SOFT
    )
    axes = figure.add_subplot()
    axes.set_xlabel(x, fontsize=FONT_PT)
    axes.set_ylabel(y, fontsize=FONT_PT)
    axes.tick_params(labelsize=FONT_PT - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(FuncFormatter(_compact))
    return figure, axes


def _legend(axes: Any) -> None:
    """Put the legend in one line above the plot, where it can lie over nothing that was drawn."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=FONT_PT - 1,
        borderpad=0, borderaxespad=0.3, handlelength=1.2, handletextpad=0.4, columnspacing=1.0,
    )  # fmt: skip


def _nothing(figure: Figure, axes: Any) -> Figure:
    axes.text(0.5, 0.5, "nothing measured yet", ha="center", va="center", transform=axes.transAxes, color=_SOFT)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure


def _date_axis(axes: Any, days: list[date]) -> None:
    first, last = days[0], days[-1]
    step = max(1, (last - first).days // 3)
    shown = [first + timedelta(days=number) for number in range(0, (last - first).days + 1, step)]
    axes.set_xticks(shown, [f"{day:%d %b}" for day in shown])
    axes.set_xlim(first, last + timedelta(days=1) if first == last else last)


def _days(data: ChartData) -> list[date]:
    return [data.first + timedelta(days=number) for number in range((data.last - data.first).days + 1)]


def _compact(value: float, _place: int | None = None) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
