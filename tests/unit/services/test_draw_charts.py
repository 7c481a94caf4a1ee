"""Charts, by what was drawn: lines with their gaps, bars with their heights, units on the axes, and the pixels."""

import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dayreel.schemas.mart import Mart
from dayreel.services.draw_charts import CHARTS, DPI, SIZE_IN, ChartData, draw_all, png_of
from dayreel.services.marts import shapes, tables

FIRST = date(2026, 11, 2)
DAYS = [FIRST + timedelta(days=number) for number in range(14)]


def mart(of: Mart, *rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows of a mart; columns that are left out are null."""
    kinds = {column.name: column.kind for column in of.columns}
    return shapes.frame_of(kinds, [tuple(row.get(name) for name in kinds) for row in rows])


def daily_row(day: date, platform: str, *, views: int | None, age_d: int = 3, post: int = 1) -> dict[str, Any]:
    posted_at = pd.Timestamp(day, tz="UTC") - timedelta(days=age_d)
    gained = None if views is None else views // 10
    return {
        "day": day, "platform": platform, "post_row_id": post, "views": views, "posted_at": posted_at,
        "age_h": None if views is None else age_d * 24.0, "likes_gained": gained, "status": "measured",
    }  # fmt: skip


@pytest.fixture(scope="module")
def data() -> ChartData:
    """Two weeks: Instagram was not measured on the sixth day; 3 of 4 approved; $30 of $60 by the 15th."""
    daily = [daily_row(day, "instagram", views=None if day == DAYS[5] else 100 * (n + 1)) for n, day in enumerate(DAYS)]
    daily += [daily_row(DAYS[9], "tiktok", views=500, age_d=1, post=2)]
    contents = [
        {"topic": "clay", "cost_usd": Decimal(2), "views_7d": 4000},
        {"topic": "clay", "cost_usd": Decimal(2), "views_7d": 4000},
        {"topic": "glass", "cost_usd": Decimal(3), "views_7d": 1000},
        {"topic": "not measured yet", "cost_usd": Decimal(3), "views_7d": None},
    ]
    money = [
        {"day": day, "month_to_date_usd": Decimal(2 * day.day), "projected_month_usd": Decimal(60),
         "cap_month_usd": Decimal(50)}
        for day in DAYS
    ]  # fmt: skip
    verdicts = [(DAYS[0], "approved"), (DAYS[1], "rejected"), (DAYS[8], "approved"), (DAYS[9], "approved")]
    return ChartData(
        first=DAYS[0],
        last=DAYS[-1],
        daily=mart(tables.ENGAGEMENT_DAILY, *daily),
        performance=mart(tables.CONTENT_PERFORMANCE, *contents),
        projection=mart(tables.FINANCE_PROJECTION, *money),
        outcomes=mart(tables.REVIEW_OUTCOMES, *({"day": day, "verdict": verdict} for day, verdict in verdicts)),
        simulated=True,
    )


def axes_of(data: ChartData, name: str) -> Any:
    (axes,) = CHARTS[name](data).axes
    return axes


def test_a_day_that_was_not_measured_breaks_the_line(data: ChartData) -> None:
    lines = {line.get_label(): line for line in axes_of(data, "engagement_by_platform").get_lines()}
    values = np.asarray(lines["instagram"].get_ydata(), dtype=float)
    assert (len(values), list(np.flatnonzero(np.isnan(values)))) == (14, [5])
    assert values[6] == 70  # likes gained: a tenth of 700


def test_a_single_measured_day_between_gaps_is_still_seen_as_a_point(data: ChartData) -> None:
    points = [line for line in axes_of(data, "engagement_by_platform").get_lines() if line.get_marker() == "."]
    assert [list(line.get_ydata()) for line in points] == [[], [50.0]]


def test_views_by_age_has_the_band_of_all_posts_and_the_newest_ones_over_it(data: ChartData) -> None:
    axes = axes_of(data, "views_by_age")
    assert len(axes.collections) == 1
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"8 of 10 posts", "median", "last 7 days"}


def test_the_cap_is_where_it_is_and_the_projection_ends_with_the_month(data: ChartData) -> None:
    spent, heading, cap = axes_of(data, "spend_against_cap").get_lines()
    assert list(cap.get_ydata()) == [50.0, 50.0]
    assert list(heading.get_ydata()) == [30.0, 60.0]
    assert heading.get_xdata()[-1] == date(2026, 11, 30)
    assert np.isnan(np.asarray(spent.get_ydata(), dtype=float)[0])  # the first of the month is not in the mart: a gap


def test_a_week_shows_its_share_of_approvals_and_how_many_were_decided(data: ChartData) -> None:
    axes = axes_of(data, "approval_rate")
    assert [bar.get_height() for bar in axes.patches] == [50.0, 100.0]
    assert [text.get_text() for text in axes.texts] == ["2", "2"]


def test_topics_are_ordered_from_the_cheapest_and_those_without_views_are_left_out(data: ChartData) -> None:
    axes = axes_of(data, "cost_by_topic")
    # clay: $4 for 8,000 views = $0.50; glass: $3 for 1,000 = $3. The cheapest is on top, that is: last.
    assert [round(bar.get_width(), 6) for bar in axes.patches] == [3.0, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass", "clay"]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_names_its_unit_says_that_it_is_simulated_and_is_readable_on_a_phone(
    data: ChartData, name: str
) -> None:
    axes = axes_of(data, name)
    assert "(simulated)" in axes.get_title(loc="left")
    assert axes.get_xlabel() or axes.get_ylabel()
    sizes = [label.get_fontsize() for label in (*axes.get_xticklabels(), axes.title, axes.xaxis.label)]
    assert min(sizes) >= 8


@pytest.mark.parametrize("name", CHARTS)
def test_without_data_a_chart_says_so_instead_of_drawing_zeros(data: ChartData, name: str) -> None:
    empty = {part: getattr(data, part).head(0) for part in ("daily", "performance", "projection", "outcomes")}
    (axes,) = CHARTS[name](ChartData(first=DAYS[0], last=DAYS[-1], simulated=False, **empty)).axes
    assert [text.get_text() for text in axes.texts] == ["nothing measured yet"]


def test_pictures_have_the_size_of_a_phone_and_are_the_same_bytes_each_time(data: ChartData) -> None:
    first, second = draw_all(data), draw_all(data)
    assert first == second
    for picture in first.values():
        image = Image.open(io.BytesIO(picture))
        assert image.size == (int(SIZE_IN[0] * DPI), int(SIZE_IN[1] * DPI))


def test_the_picture_shows_the_bars_that_were_drawn(data: ChartData) -> None:
    """The blue of the bars fills three quarters of the plot: one bar of 50 %, one of 100 %."""
    pixels = np.asarray(Image.open(io.BytesIO(png_of(CHARTS["approval_rate"](data)))).convert("RGB")).astype(int)
    blue = (np.abs(pixels - (0x1A, 0x73, 0xE8)).sum(axis=2) < 30).sum(axis=0)
    left, right = blue[: blue.size // 2].max(), blue[blue.size // 2 :].max()
    assert left / right == pytest.approx(0.5, abs=0.03)
