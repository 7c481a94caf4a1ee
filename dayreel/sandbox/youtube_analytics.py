"""Stand-in for the YouTube Analytics API v2: what each video has reached, some days late, for tokens that may read it.

Parameters are those of its discovery document; identifiers, and what goes together, are the tables of its pages
"Metrics", "Dimensions" and "Channel reports" (read 2026-12-01), cut to what is answered here: all else is "not
supported", as any combination is there that is in no table.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from dayreel.sandbox import credentials
from dayreel.sandbox.counters import SandboxCounters, counters
from dayreel.sandbox.wire import Call, Refused
from dayreel.sandbox.world import Document
from dayreel.sandbox.youtube_checks import bad_request, checked, error, granted

LATE_S: Final = 3 * 86_400.0
MOST_IDS: Final = 500
_REPORTS: Final = {"yt-analytics.readonly", "yt-analytics-monetary.readonly"}
_METRICS: Final[dict[str, Callable[[SandboxCounters], float]]] = {
    "views": lambda counted: counted.views,
    "engagedViews": lambda counted: counted.engaged_views,
    "likes": lambda counted: counted.likes,
    "comments": lambda counted: counted.comments,
    "shares": lambda counted: counted.shares,
    "subscribersGained": lambda counted: counted.follows,
    "estimatedMinutesWatched": lambda counted: int(counted.average_watch_s * counted.views / 60),
    "averageViewDuration": lambda counted: round(counted.average_watch_s),
}
_KNOWN: Final = {
    "metrics": {*_METRICS, "dislikes", "subscribersLost", "averageViewPercentage", "redViews", "viewerPercentage"},
    "dimensions": {"video", "day", "month", "country", "ageGroup", "gender", "deviceType", "creatorContentType"},
}


async def reports(call: Call, *, typical_views: float) -> Response:
    """Answer totals of the channel, or a row for each of some videos of which something is known by now."""
    checked(call, "reports.query")
    allowed = granted(call.world, call.world.store.get("youtube_token", call.bearer()))
    if not allowed & _REPORTS or not allowed & {"youtube.readonly", "youtube"}:
        info = {"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
        message = "Request had insufficient authentication scopes."
        raise Refused(error(403, "insufficientPermissions", message, domain="global", info=info))
    asked = dict(call.request.query_params)
    names = {field: _identifiers(asked, field) for field in _KNOWN}
    ids = _checked_query(asked, names)
    posts = [post for post in call.world.posts("youtube") if ids is None or post["id"] in ids]
    lag_s = float(call.world.pace("youtube_analytics_lag_s"))
    rows = []
    for post in posts:
        age_s = call.world.age_s(post["created_at"]) - lag_s
        if age_s > 0:
            counted = counters(f"youtube/{post['id']}", age_s, post["duration_s"], typical_views=typical_views)
            rows.append([post["id"], *(_METRICS[name](counted) for name in names["metrics"])])
    if ids is None and rows:
        rows = [[sum(column) for column in list(zip(*rows, strict=True))[1:]]]
    headers = [
        *({"name": name, "columnType": "DIMENSION", "dataType": "STRING"} for name in names["dimensions"]),
        *({"name": name, "columnType": "METRIC", "dataType": "INTEGER"} for name in names["metrics"]),
    ]
    body: Document = {"kind": "youtubeAnalytics#resultTable", "columnHeaders": headers}
    return JSONResponse({**body, "rows": rows} if rows else body)


def _identifiers(asked: dict[str, Any], field: str) -> list[str]:
    names = [name for name in asked.get(field, "").split(",") if name]
    unknown = [name for name in names if name not in _KNOWN[field]]
    if unknown:
        raise bad_request(f"Unknown identifier ({unknown[0]}) given in field parameters.{field}.")
    return names


def _checked_query(asked: dict[str, Any], names: dict[str, list[str]]) -> list[str] | None:
    """Return the videos that are asked for; None for the whole channel.

    Raises:
        Refused: something is missing or malformed, or the query is none that is supported.
    """
    for field in ("ids", "startDate", "endDate", "metrics"):
        if not asked.get(field):
            raise Refused(error(400, "required", f"Required parameter: {field}", domain="global"))
    if asked["ids"] not in ("channel==MINE", f"channel=={credentials.YOUTUBE_CHANNEL_ID}"):
        raise Refused(error(403, "forbidden", "Forbidden", domain="global"))
    try:
        is_range = date.fromisoformat(asked["startDate"]) <= date.fromisoformat(asked["endDate"])
    except ValueError:
        is_range = False
    if not is_range:
        raise bad_request("Invalid value in field parameters.startDate or parameters.endDate.")
    of_videos = re.fullmatch(r"video==([\w,-]+)", asked.get("filters", ""))
    ids = of_videos[1].split(",") if of_videos else None
    shape = (names["dimensions"], bool(asked.get("filters")), ids is not None)
    is_answered = shape in (([], False, False), (["video"], True, True)) and set(names["metrics"]) <= _METRICS.keys()
    if not is_answered or len(ids or ()) > MOST_IDS:
        raise bad_request("The query is not supported.")
    return ids
