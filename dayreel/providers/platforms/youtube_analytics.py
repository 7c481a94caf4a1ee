"""What YouTube counts, and its reports: one query for up to 50 videos of the YouTube Analytics API.

Facts: developers.google.com, "Reports: Query" and "Metrics" (read 2026-12-01): it takes `yt-analytics.readonly` beside
`youtube.readonly`; numbers come 48 to 72 hours late, and a video without any yet has no row. That metrics by video go
together with a list of videos is second-hand (public programs, 2026-10-07). Uploads and the Data API are `youtube.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.platforms.contract import as_counted
from dayreel.providers.platforms.youtube_api import YouTubeApi
from dayreel.schemas.metric import FOLLOWERS
from dayreel.vendors.models import Source
from dayreel.vendors.record import PlatformMetric

SCOPE: Final = "yt-analytics.readonly"
LOST: Final = "watch time, engaged views and follows of posts"
_READ_ON: Final = date(2026, 12, 1)
_HISTORY: Final = Source(
    source="support.google.com/youtube/thread/333869549; developers.google.com/youtube/analytics/revision_history",
    checked_on=_READ_ON,
)
_VIDEO: Final = Source(source="developers.google.com/youtube/v3/docs/videos", checked_on=_READ_ON)
_reported = partial(
    PlatformMetric,
    source=Source(source="developers.google.com/youtube/analytics/metrics", checked_on=_READ_ON),
    late_h=72,
    scope=SCOPE,
)
STATISTICS: Final = (
    PlatformMetric(
        "views",
        "viewCount",
        "starts and replays of the Short",
        _HISTORY,
        since=date(2025, 3, 31),
        before="views of some seconds, which are `engaged_views` now; videos that are no Shorts until 2026-08-27",
    ),
    PlatformMetric("likes", "likeCount", "likes; not reported where they are hidden", _VIDEO),
    PlatformMetric("comments", "commentCount", "comments; not reported where they are off", _VIDEO),
)
REPORTED: Final = (
    _reported(
        metric="engaged_views",
        theirs="engagedViews",
        counts="views that went past the first frame, or that somebody began by a click or tap",
        source=_HISTORY,
        since=date(2025, 3, 31),
        before="the same as `views`",
    ),
    _reported(
        metric="follows",
        theirs="subscribersGained",
        counts="people who subscribed from the video; who left again is not taken off",
    ),
    _reported(metric="watch_time_s", theirs="estimatedMinutesWatched", counts="minutes watched", scale=60),
    _reported(metric="average_watch_s", theirs="averageViewDuration", counts="seconds that a view lasted, on average"),
)
METRICS: Final = (
    *STATISTICS,
    *REPORTED,
    PlatformMetric(
        FOLLOWERS,
        "subscriberCount",
        "subscribers, rounded down to three figures; not reported where they are hidden",
        Source(source="developers.google.com/youtube/v3/docs/channels", checked_on=_READ_ON),
    ),
)
_FIRST_DAY: Final = "2005-04-23"  # of YouTube's first video: totals begin with the post, whenever that was


def query_reports(api: YouTubeApi, *, until: date, **more: str) -> list[dict[str, Any]]:
    """Return the rows of a report since YouTube began, by column; of the whole channel where `more` does not say.

    Raises:
        TransientError, PermanentError: not readable: the scope is missing, or the API is not enabled.
    """
    table = api.call(
        "/v2/reports",
        base=api.analytics_url,
        attempted="read YouTube Analytics",
        params={
            "ids": "channel==MINE",
            "startDate": _FIRST_DAY,
            "endDate": until.isoformat(),
            "metrics": ",".join(metric.theirs for metric in REPORTED),
            **more,
        },
    )
    columns, rows = [header["name"] for header in table.get("columnHeaders") or ()], table.get("rows") or ()
    if any(len(row) != len(columns) for row in rows):
        raise PermanentError(attempted="read YouTube Analytics", answer=f"rows that are not those of {columns}")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def read_reports(api: YouTubeApi, video_ids: Sequence[str], *, until: date) -> dict[str, Mapping[str, Any]]:
    """Return what is reported of these videos by now, see `CountsInDepth.count_in_depth`.

    Raises:
        TransientError, PermanentError: see `query_reports`.
    """
    rows = query_reports(api, until=until, dimensions="video", filters=f"video=={','.join(video_ids)}")
    return {str(row.get("video")): as_counted(REPORTED, row) for row in rows}
