"""Charts, by what was drawn: lines with their gaps, bars with their heights, units on the axes, and as pictures.

The stored pictures are in `pictures/`. After a change that is meant, `python -m
tests.unit.services.reporting.test_draw_charts` draws them again: look at each before it is committed.
"""

import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.text import Text
from PIL import Image

from dayreel.marts.database import arrow_table
from dayreel.marts.declared import MARTS
from dayreel.marts.frames import as_frame
from dayreel.schemas.mart import Mart
from dayreel.services.reporting.draw_charts import CHARTS, DPI, SIZE_IN, ChartData, draw_all, png_of
from dayreel.vendors.registry import vendors

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parent / "pictures"
FIRST = date(2026, 11, 2)
# Machado et al. 2009, severity 1: what a colour looks like to people without red, or without green receptors.
SEEN_BY = {
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}
DAYS = [FIRST + timedelta(days=number) for number in range(14)]


def mart(of: Mart, *rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows of a mart; columns that are left out are null."""
    kinds = {column.name: column.kind for column in of.columns}
    frame: pd.DataFrame = as_frame(arrow_table(kinds, [tuple(row.get(name) for name in kinds) for row in rows]))
    return frame


def daily_row(
    day: date, platform: str, *, views: int | None, age_d: int = 3, post: int = 1, hours: float = 24.0
) -> dict[str, Any]:
    posted_at = pd.Timestamp(day, tz="UTC") - timedelta(days=age_d)
    gained = None if views is None else views // 10
    return {
        "day": day, "platform": platform, "post_row_id": post, "views": views, "posted_at": posted_at,
        "age_h": None if views is None else age_d * 24.0, "likes_gained": gained, "status": "measured",
        "hours_covered": None if views is None else hours,
    }  # fmt: skip


def two_weeks() -> ChartData:
    """Instagram was not measured on the sixth day; 3 of 4 approved; $30 of $60 by the 15th."""
    daily = [daily_row(day, "instagram", views=None if day == DAYS[5] else 100 * (n + 1)) for n, day in enumerate(DAYS)]
    daily += [daily_row(DAYS[9], "tiktok", views=500, age_d=1, post=2)]
    contents: list[dict[str, Any]] = [
        {"topic": "clay", "cost_usd": Decimal(2), "views_7d": 4000},
        {"topic": "clay", "cost_usd": Decimal(2), "views_7d": 4000},
        {"topic": "clay", "cost_usd": Decimal(2), "views_7d": 4000},
        *([{"topic": "glass", "cost_usd": Decimal(1), "views_7d": 300}] * 3),
        {"topic": "one lucky hit", "cost_usd": Decimal(1), "views_7d": 90_000},
        {"topic": "not measured yet", "cost_usd": Decimal(3), "views_7d": None},
    ]
    money = [
        {"day": day, "month_to_date_usd": Decimal(2 * day.day), "projected_month_usd": Decimal(60),
         "cap_month_usd": Decimal(50)}
        for day in DAYS
    ]  # fmt: skip
    verdicts = [(DAYS[0], "approved"), (DAYS[1], "rejected"), (DAYS[8], "approved"), (DAYS[9], "approved")]
    return ChartData(
        scope="crafts",
        first=DAYS[0],
        last=DAYS[-1],
        daily=mart(MARTS["engagement/daily"], *daily),
        performance=mart(MARTS["content/performance"], *contents),
        projection=mart(MARTS["finance/projection"], *money),
        outcomes=mart(MARTS["review/outcomes"], *({"day": day, "verdict": verdict} for day, verdict in verdicts)),
        simulated=True,
    )


def ten_posts() -> ChartData:
    """Ten posts, one a day, that gain 100, 200, ... views a day; the last two were not measured at 3 days."""
    rows = [
        daily_row(posted + timedelta(days=age), "tiktok", views=100 * post * age, age_d=age, post=post)
        for post, posted in enumerate(DAYS[:10], start=1)
        for age in range(1, 7)
        if posted + timedelta(days=age) in DAYS and not (age == 3 and post >= 9)
    ]
    return replace(two_weeks(), daily=mart(MARTS["engagement/daily"], *rows))


@pytest.fixture(scope="module")
def data() -> ChartData:
    return two_weeks()


def axes_of(data: ChartData, name: str) -> Any:
    (axes,) = CHARTS[name](data).axes
    return axes


def test_a_day_that_was_not_measured_breaks_the_line(data: ChartData) -> None:
    lines = {line.get_label(): line for line in axes_of(data, "engagement_by_platform").get_lines()}
    values = np.asarray(lines["instagram"].get_ydata(), dtype=float)
    assert (len(values), np.flatnonzero(np.isnan(values)).tolist()) == (14, [5])
    assert values[6] == 70  # likes gained: a tenth of 700


def test_a_single_measured_day_between_gaps_is_drawn_as_a_point(data: ChartData) -> None:
    points = [line for line in axes_of(data, "engagement_by_platform").get_lines() if line.get_marker() == "."]
    assert [list(line.get_ydata()) for line in points] == [[], [50.0]]


def test_views_by_age_shows_new_posts_over_the_band_of_all(data: ChartData) -> None:
    axes = axes_of(data, "views_by_age")
    assert len(axes.collections) == 1
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"8 of 10 posts", "median", "last 7 days"}


def test_the_cap_is_flat_and_the_projection_ends_with_the_month(data: ChartData) -> None:
    spent, heading, cap = axes_of(data, "spend_against_cap").get_lines()
    assert list(cap.get_ydata()) == [50.0, 50.0]
    assert list(heading.get_ydata()) == [30.0, 60.0]
    assert heading.get_xdata()[-1] == date(2026, 11, 30)
    assert np.isnan(np.asarray(spent.get_ydata(), dtype=float)[0])  # the first of the month is not in the mart: a gap


def test_a_week_shows_its_approval_rate_and_number_of_decisions(data: ChartData) -> None:
    axes = axes_of(data, "approval_rate")
    assert [bar.get_height() for bar in axes.patches] == [50.0, 100.0]
    assert [text.get_text() for text in axes.texts] == ["2", "2"]


def test_topics_start_with_the_cheapest_and_omit_one_lucky_hit(data: ChartData) -> None:
    axes = axes_of(data, "cost_by_topic")
    # clay: $6 for 12,000 views = $0.50; glass: $3 for 900 = $3.33. The cheapest is on top, that is: last.
    assert [round(bar.get_width(), 6) for bar in axes.patches] == [3.333333, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass (3)", "clay (3)"]


def test_what_was_rejected_costs_its_topic_too(data: ChartData) -> None:
    """Glass was rejected once, for $6: $9 for 900 views. One of yesterday may still go out."""
    rejected = {"topic": "glass", "cost_usd": Decimal(6), "platforms": 0}
    rows = [{**rejected, "day": DAYS[0]}, {**rejected, "day": DAYS[12]}]
    more = pd.concat([data.performance, mart(MARTS["content/performance"], *rows)], ignore_index=True)
    axes = axes_of(replace(data, performance=more), "cost_by_topic")
    assert [round(bar.get_width(), 6) for bar in axes.patches] == [10.0, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass (4)", "clay (3)"]


def test_topics_with_few_contents_are_shown_with_their_counts(data: ChartData) -> None:
    few = replace(data, performance=data.performance[data.performance["topic"] == "one lucky hit"])
    assert [label.get_text() for label in axes_of(few, "cost_by_topic").get_yticklabels()] == ["one lucky hit (1)"]


def test_a_gain_over_a_gap_is_drawn_per_day_and_not_as_a_peak(data: ChartData) -> None:
    """700 reactions in 24 h before, 1,400 in the 48 h over a gap: both days are 70 likes a day."""
    rows = [
        daily_row(DAYS[0], "tiktok", views=700),
        daily_row(DAYS[2], "tiktok", views=1400, hours=48.0),
        daily_row(DAYS[3], "tiktok", views=700, hours=6.5),  # a new post: not blown up to a whole day
    ]
    changed = replace(data, daily=mart(MARTS["engagement/daily"], *rows))
    line = axes_of(changed, "engagement_by_platform").get_lines()[0]
    values = np.asarray(line.get_ydata(), dtype=float)
    assert list(values[[0, 2, 3]]) == [70, 70, 70]
    assert np.isnan(values[1])


def test_an_all_rejected_week_has_a_count_and_an_empty_one_none(
    data: ChartData,
) -> None:
    rejected = mart(MARTS["review/outcomes"], {"day": DAYS[0], "verdict": "rejected"})
    axes = axes_of(replace(data, outcomes=rejected), "approval_rate")
    assert [(text.get_text(), round(text.get_position()[1])) for text in axes.texts] == [("1", 1)]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_a_unit_a_simulated_label_and_big_text(data: ChartData, name: str) -> None:
    axes = axes_of(data, name)
    title, about = axes.figure.texts
    assert title.get_text()
    assert about.get_text().startswith("SIMULATED, ")
    assert axes.get_xlabel() or axes.get_ylabel()
    sizes = [label.get_fontsize() for label in (*axes.get_xticklabels(), title, about, axes.xaxis.label)]
    assert min(sizes) >= 8


@pytest.mark.parametrize("name", CHARTS)
def test_without_data_a_chart_says_so_instead_of_drawing_zeros(data: ChartData, name: str) -> None:
    empty = {part: getattr(data, part).head(0) for part in ("daily", "performance", "projection", "outcomes")}
    (axes,) = CHARTS[name](replace(data, simulated=False, **empty)).axes
    assert "SIMULATED" not in axes.figure.texts[1].get_text()
    assert [text.get_text() for text in axes.texts] == ["nothing measured yet"]


def test_charts_are_phone_sized_and_the_same_bytes_each_time(data: ChartData, drawn: dict[str, bytes]) -> None:
    assert {**draw_all(data), "views_by_age": drawn["views_by_age"]} == drawn
    for picture in drawn.values():
        image = Image.open(io.BytesIO(picture))
        assert image.size == (int(SIZE_IN[0] * DPI), int(SIZE_IN[1] * DPI))
        assert image.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)  # white, also on a dark page


def seen_labels(axis: Axis) -> list[Text]:
    """Return the labels of the ticks that lie inside the picture, and no others."""
    first, last = sorted(axis.get_view_interval())
    labels = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [label for place, label in labels if first <= place <= last]


@pytest.mark.parametrize("name", CHARTS)
def test_no_text_overlaps_another_or_leaves_the_picture(data: ChartData, name: str) -> None:
    figure = CHARTS[name](data)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    texts = [*figure.texts, axes.xaxis.label, axes.yaxis.label, *seen_labels(axes.xaxis), *seen_labels(axes.yaxis)]
    written = [*(text for text in texts if text.get_text()), *filter(None, [axes.get_legend()])]
    boxes = [text.get_window_extent() for text in written]
    for box in boxes:
        assert box.x0 >= -1, name
        assert box.x1 <= figure.bbox.width + 1, name
    for number, box in enumerate(boxes):
        assert not any(box.shrunk(0.9, 0.8).overlaps(other.shrunk(0.9, 0.8)) for other in boxes[number + 1 :]), name


COLOURS = {
    vendor.name: vendor.platform.colour
    for vendor in vendors("platforms")
    if vendor.platform is not None and vendor.platform.colour is not None
}


@pytest.mark.parametrize(("left", "right"), list(combinations(COLOURS, 2)))
@pytest.mark.parametrize("eyes", SEEN_BY)
def test_platform_colours_differ_for_colour_blind_readers_too(left: str, right: str, eyes: str) -> None:
    seen = [
        SEEN_BY[eyes] @ np.array([int(COLOURS[name][place : place + 2], 16) for place in (1, 3, 5)])
        for name in (left, right)
    ]
    assert np.abs(seen[0] - seen[1]).max() > 60


def pictures() -> dict[str, bytes]:
    """Return every chart as it should look."""
    return {**draw_all(two_weeks()), "views_by_age": png_of(CHARTS["views_by_age"](ten_posts()))}


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return pictures()


def share_that_differs(drawn: bytes, stored: Path) -> float:
    """Return which share of the pixels is another: letters differ a little between versions, lines and bars may not."""
    fresh, other = (
        np.asarray(Image.open(source).convert("RGB").resize((390, 320))).astype(int)
        for source in (io.BytesIO(drawn), stored)
    )
    return float((np.abs(fresh - other).max(axis=2) > 64).mean())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_the_picture_that_is_stored(drawn: dict[str, bytes], name: str) -> None:
    assert share_that_differs(drawn[name], PICTURES / f"{name}.png") < 0.002, "see the docstring of this file"


def test_a_chart_with_one_more_decision_differs_from_the_stored(data: ChartData) -> None:
    more = pd.concat([data.outcomes, mart(MARTS["review/outcomes"], {"day": DAYS[0], "verdict": "approved"})])
    drawn = png_of(CHARTS["approval_rate"](replace(data, outcomes=more)))
    assert share_that_differs(drawn, PICTURES / "approval_rate.png") > 0.01


def test_ages_are_whole_days_and_a_missing_one_breaks_the_line() -> None:
    axes = axes_of(ten_posts(), "views_by_age")
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines() if line.get_marker() == "."]
    assert any(np.isnan(line[2]) and not np.isnan(line[3]) for line in lines)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (PICTURES / f"{name}.png").write_bytes(picture)
