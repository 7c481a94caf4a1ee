"""The weekly report: one self-contained HTML page per channel and week, and a short text for a chat.

Everything in it comes from the marts, which are refreshed first; pictures are inside the page, so that it can be sent.
"""

import base64
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from PIL import Image, UnidentifiedImageError

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import UsageError
from dayreel.marts.build import days_to_report, mart_files, period_key, read_mart, refresh_marts
from dayreel.queries.contents import status_of
from dayreel.rules.calendar import last_full_week
from dayreel.schemas.channel import Channel
from dayreel.schemas.mart import NOT_ANSWERED, WINDOW_DAYS
from dayreel.services.notify_people import project_today
from dayreel.services.project import Project
from dayreel.services.reporting.draw_charts import ChartData, draw_all

WEEKS_SHOWN = 8
THUMBNAIL_PX = 160
SHOWN = 3
# Views that moved by half, an approval rate by a quarter of all decisions, a stage twice as slow: worth a look.
DRIFT_VIEWS = 0.5
DRIFT_APPROVAL = 0.25
SLOWER = 2
_WEEK = re.compile(r"^(\d{4})-W(\d{2})$")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class WeeklyReport:
    """One channel's week: where its page lies, and the text for a chat."""

    channel: str
    week: str
    path: Path
    text: str


def parse_week(text: str) -> date:
    """Return the Monday of `2026-W46`, or of the week that a day lies in.

    Raises:
        UsageError: it is neither.
    """
    match = _WEEK.match(text)
    try:
        if match:
            return date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return date.fromisoformat(period_key(date.fromisoformat(text), "week"))
    except ValueError:
        raise UsageError(
            f"{text!r} is not a valid week.", next_step="Write it like 2026-W46, or as a day in it."
        ) from None


def week_to_report(project: Project) -> date:
    """Return the Monday of the week that a report is of where nobody names one.

    That is the newest week that is over; where everything began after it, the week that has begun.
    """
    monday = last_full_week(project_today(project))
    has_begun_since = not days_to_report(project, date.min, monday + timedelta(days=6))
    return monday + timedelta(days=7) if has_begun_since else monday


def write_reports(project: Project, monday: date, *, channels: list[str] | None = None) -> list[WeeklyReport]:
    """Refresh the week's marts and write one report per channel into `var/reports`.

    Args:
        channels: only these; default is every channel there is.

    Raises:
        UsageError: there is no such channel.
        StoreError: the catalog cannot be read.
        OSError: a page could not be written.
    """
    known = set(mart_files(project).partitions("engagement/daily"))
    # The week itself is built again, and what came of contents that were measured in it; the rest is only drawn.
    there_is = days_to_report(project, monday - timedelta(days=7 * (WEEKS_SHOWN - 1)), monday + timedelta(days=6))
    refresh_marts(
        project,
        [day for day in there_is if day >= monday or day.isoformat() not in known],
        contents_of=[day for day in there_is if day >= monday - timedelta(days=WINDOW_DAYS)],
    )
    return [
        _write(project, project.channels.load(name), monday, there_is) for name in channels or project.channels.names()
    ]


def read_summaries(project: Project, monday: date) -> list[dict[str, Any]]:
    """Return the rows of `summary/weekly` of a week, one per channel of the present world; None is null."""
    summaries = read_mart(mart_files(project), "summary/weekly", [monday.isoformat()])
    return _plain(_of(summaries, None, project.settings.world == "sandbox"))


def chart_data(project: Project, monday: date, channel: str | None = None) -> ChartData:
    """Return what charts of a week show: the eight weeks that end with it, of one channel or of all."""
    days = [monday + timedelta(days=6 - back) for back in reversed(range(7 * WEEKS_SHOWN))]
    keys = [day.isoformat() for day in days]
    files = mart_files(project)
    frames = {
        name: read_mart(files, name, keys)
        for name in ("engagement/daily", "content/performance", "finance/projection", "review/outcomes")
    }
    simulated = project.settings.world == "sandbox"
    frames = {name: _of(frame, channel, simulated) for name, frame in frames.items()}
    return ChartData(
        scope=channel or "all channels",
        first=days[0],
        last=days[-1],
        daily=frames["engagement/daily"],
        performance=frames["content/performance"],
        projection=frames["finance/projection"],
        outcomes=frames["review/outcomes"],
        simulated=simulated,
    )


def _of(frame: pd.DataFrame, channel: str | None, simulated: bool) -> pd.DataFrame:
    """Return the rows of one world, and of one channel where one is given and the mart has a row per channel."""
    rows = frame[frame["simulated"] == simulated]
    return rows if channel is None or "channel" not in rows else rows[rows["channel"] == channel]


def _write(project: Project, channel: Channel, monday: date, reported: list[date]) -> WeeklyReport:
    files = mart_files(project)
    year, number, _ = monday.isocalendar()
    week = f"{year}-W{number:02d}"
    data = chart_data(project, monday, channel.name)
    charts = draw_all(data)
    files.write_charts(monday.isoformat(), channel.name, charts)
    summaries = read_mart(files, "summary/weekly", [(monday - timedelta(days=7 * n)).isoformat() for n in range(5)])
    facts = {
        "title": channel.title,
        "channel": channel.name,
        "week": week,
        "first": monday,
        "last": monday + timedelta(days=6),
        "simulated": data.simulated,
        "under_way": _under_way(project, channel, monday, reported),
        **_facts(_of(summaries, channel.name, data.simulated), data, monday),
        **_best_and_worst(project, data, monday),
        "gaps": _gaps(data.daily, monday),
        "experiments": _compared(_of(read_mart(files, "experiments/results"), channel.name, data.simulated)),
        "charts": {name: _as_data(picture, "png") for name, picture in charts.items()},
    }
    path = project.settings.var_dir / "reports" / f"{channel.name}-{week}.html"
    atomic_write_text(path, _template("report.html.j2").render(**facts) + "\n")
    return WeeklyReport(channel.name, week, path, _template("report.txt.j2").render(**facts).strip())


def _under_way(project: Project, channel: Channel, monday: date, reported: list[date]) -> str:
    """Return in a sentence what there is of days that the numbers do not have yet: of today, before it is measured."""
    today = project_today(project)
    # A channel to the east of the project's zone has its tomorrow already.
    week = [monday + timedelta(days=number) for number in range(7)]
    days = [day for day in (today, today + timedelta(days=1)) if day in week and day not in reported]
    contents = [content for day in days for content in status_of(project, day=day, channels=[channel.name]).contents]
    if not contents:
        return ""
    states = Counter(content.row.state.replace("_", " ") for content in contents)
    spent = sum((cost for content in contents for _, cost in content.costs), Decimal(0))
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    videos = f"{len(contents)} video{'s' if len(contents) > 1 else ''}"
    return f"Today, not in the numbers yet: {videos} ({counted}), ${spent:,.2f} spent."


def _facts(summaries: pd.DataFrame, data: ChartData, monday: date) -> dict[str, Any]:
    rows = {row["starts_on"]: row for row in _plain(summaries)}
    this = rows.get(monday)
    before = [row for day, row in rows.items() if day < monday]
    newest = data.projection[data.projection["day"] <= data.last].sort_values("day").tail(1)
    week = data.outcomes[data.outcomes["day"].between(monday, data.last)]
    rejected = week[week["verdict"] == "rejected"]
    reasons = [str(reason) if reason else "no reason given" for reason in rejected["reason"]]
    return {
        "summary": this,
        "money": next(iter(_plain(newest)), None),
        "rejections": sorted(((why, reasons.count(why)) for why in set(reasons)), key=lambda pair: (-pair[1], pair[0])),
        "drifts": _drifts(this, before),
    }


def _drifts(this: dict[str, Any] | None, before: list[dict[str, Any]]) -> list[str]:
    """Return in sentences what is not as it was in the four weeks before."""
    if this is None or not before:
        return []
    sentences: list[str] = []
    usual = [row["views_gained"] for row in before if row["views_gained"]]
    if usual and this["views_gained"] is not None:
        mean = sum(usual) / len(usual)
        change = this["views_gained"] / mean - 1
        if abs(change) >= DRIFT_VIEWS:
            sentences.append(f"Views gained are {change:+.0%} against the mean of the {len(usual)} weeks before.")
    rates = [row["approval_rate"] for row in before if row["approval_rate"] is not None]
    if rates and this["approval_rate"] is not None:
        change = this["approval_rate"] - sum(rates) / len(rates)
        if abs(change) >= DRIFT_APPROVAL:
            sentences.append(
                f"The approval rate is {change * 100:+.0f} points against the mean of the {len(rates)} weeks before."
            )
    spends = [row["spent_usd"] for row in before if row["spent_usd"]]
    if spends and this["spent_usd"] > 2 * sum(spends, Decimal(0)) / len(spends):
        sentences.append("Spending is more than twice the mean of the weeks before.")
    slow = [row["slowest_s"] for row in before if row["slowest_layer"] == this["slowest_layer"] and row["slowest_s"]]
    if slow and this["slowest_s"] > SLOWER * sum(slow) / len(slow):
        sentences.append(
            f"The slowest stage, {this['slowest_layer']}, takes more than {SLOWER} times as long as before."
        )
    return sentences


def _best_and_worst(project: Project, data: ChartData, monday: date) -> dict[str, Any]:
    """Return the posts of the four weeks to this one whose views at seven days are known, best and worst."""
    since = monday - timedelta(days=21)
    known = data.performance[data.performance["views_7d"].notna() & (data.performance["day"] >= since)]
    ordered = _plain(known.sort_values(["views_7d", "content_id"], ascending=[False, True]))
    for row in ordered:
        row["thumbnail"] = _thumbnail(project, row["content_id"])
    best = ordered[:SHOWN]
    return {"best": best, "worst": [row for row in ordered[::-1][:SHOWN] if row not in best]}


def _gaps(daily: pd.DataFrame, monday: date) -> list[dict[str, Any]]:
    of_week = daily[daily["day"].between(monday, monday + timedelta(days=6)) & (daily["status"] == "missing")]
    rows = of_week[of_week["reason"] != NOT_ANSWERED].groupby(["day", "platform", "reason"], as_index=False).size()
    return _plain(rows.rename(columns={"size": "posts"}))


def _compared(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the newest edition of each experiment: what was compared with other words is over."""
    newest = results.groupby("experiment")["began_on"].transform("max")
    return _plain(results[results["began_on"] == newest])


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dictionaries with None for null, so that a template can say what is not known."""
    return [
        {str(name): None if not isinstance(value, str) and pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _thumbnail(project: Project, content_id: str) -> str | None:
    """Return a content's poster as a small picture inside the page, or None where it has none."""
    path = project.contents.folder(content_id) / "poster.jpg"
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX * 2))
            target = io.BytesIO()
            small.save(target, "JPEG", quality=75)
    except (FileNotFoundError, UnidentifiedImageError):
        return None
    return _as_data(target.getvalue(), "jpeg")


def _as_data(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: "not known" if value is None else f"{value:,.0f}"
    environment.filters["usd"] = lambda value: "not known" if value is None else f"${value:,.2f}"
    environment.filters["percent"] = lambda value: "not known" if value is None else f"{value * 100:.0f} %"
    return environment.get_template(name)
