"""How a channel's posts did, and how one video did: `services.reporting.results`, drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.errors import UsageError
from dayreel.queries.rows import get_content
from dayreel.services.reporting.results import (
    AGES,
    LEAST_OF_TOPIC,
    LEAST_POSTS,
    USUAL_DAYS,
    Curve,
    channel_results,
    video_results,
)

PERIODS: Final = (28, 90)
SHOWN: Final = 5
"""So many of the best, and of the worst."""
_WIDTH, _HEIGHT = 320, 150


@dataclass(frozen=True)
class Plot:
    """A curve as an SVG of 320 by 150: `points` lists, and what the axes go up to."""

    platform: str
    line: str
    band: str
    middle: str
    most_views: int
    most_days: int


def show_channel(request: PageRequest) -> Response:
    """Show a channel's best and worst, its topics, and what is not known.

    Raises:
        UsageError: there is no such channel, age or period.
    """
    project = request.desk.project
    channels = {name: channel.title for name, channel in project.channels.load_readable()[0].items()}
    name, age = request.query("channel") or next(iter(channels), ""), request.query("age", "7d")
    days = request.query("days", str(PERIODS[0]))
    if name not in channels:
        raise UsageError(f"There is no channel {name!r} to show.", next_step="The calendar names those there are.")
    if days not in map(str, PERIODS):
        raise UsageError(
            f"{days!r} is not a period of this page.", next_step=f"There are: {' and '.join(map(str, PERIODS))} days."
        )
    asked: dict[str, Any] = {"name": name, "channels": channels, "age": age, "days": int(days)}
    try:
        results = channel_results(project, name, age=age, days=int(days))
    except UsageError as error:
        if age not in AGES:
            raise
        return request.show("results.html", results=None, why=error, **asked)
    videos = [*results.ranked, *results.unranked]
    return request.show(
        "results.html",
        results=results,
        best=results.ranked[:SHOWN],
        worst=results.ranked[SHOWN:][::-1][:SHOWN],
        posters={video.content_id for video in videos if _has_poster(request, video.content_id)},
        ages=AGES,
        periods=PERIODS,
        usual_days=USUAL_DAYS,
        least_posts=LEAST_POSTS,
        least_of_topic=LEAST_OF_TOPIC,
        **asked,
    )


def show_video(request: PageRequest) -> Response:
    """Show one video's curves against its channel's, and what it had reached at each age.

    Raises:
        UsageError: there is no such content.
    """
    project, content_id = request.desk.project, request.path("content_id")
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
    try:
        results, why = video_results(project, row.id, row.channel), None
    except UsageError as error:
        results, why = None, error
    return request.show(
        "results_video.html",
        row=row,
        why=why,
        results=results,
        plots=[plot_of(curve) for curve in results.curves] if results else [],
        has_poster=_has_poster(request, row.id),
        usual_days=USUAL_DAYS,
        least_posts=LEAST_POSTS,
    )


def plot_of(curve: Curve) -> Plot:
    """Return a curve in the coordinates of its picture, its band first up along the high edge, then back."""
    most_views = max([1, *(views for _, views in curve.points), *(round(high) for *_, high in curve.band)])
    most_days = max([1, *(round(age + 0.5) for age, _ in curve.points)])
    seen = [(day, low, middle, high) for day, low, middle, high in curve.band if day <= most_days]

    def along(points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{x / most_days * _WIDTH:.1f},{_HEIGHT - y / most_views * _HEIGHT:.1f}" for x, y in points)

    around = [*((day, high) for day, _, _, high in seen), *((day, low) for day, low, _, _ in reversed(seen))]
    return Plot(
        curve.platform,
        line=along([(0, 0), *curve.points]),
        band=along(around),
        middle=along((day, middle) for day, _, middle, _ in seen),
        most_views=most_views,
        most_days=most_days,
    )


def _has_poster(request: PageRequest, content_id: str) -> bool:
    return (request.desk.project.contents.folder(content_id) / "poster.jpg").is_file()
