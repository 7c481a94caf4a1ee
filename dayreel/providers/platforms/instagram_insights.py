"""Insights of Reels: the safe set of metrics, one at a time where Instagram refuses the set (reference, 4.7).

What is missing stays None. Posting is `instagram.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dayreel.errors import PermanentError
from dayreel.providers.platforms.contract import Counters
from dayreel.providers.platforms.instagram_graph import GONE_CODES, Graph

METRICS = ("views", "reach", "likes", "comments", "shares", "saved", "ig_reels_video_view_total_time")


def read_counters(graph: Graph, post_ids: Sequence[str], *, observed_at: datetime) -> list[Counters]:
    """Return the counters of these media; one that Instagram does not know is left out.

    Raises:
        TransientError, PermanentError: not readable at all.
    """
    insights = ((post_id, _insights(graph, post_id)) for post_id in post_ids)
    return [_to_counters(post_id, values, observed_at) for post_id, values in insights if values is not None]


def _insights(graph: Graph, media_id: str) -> dict[str, Any] | None:
    whole = _ask(graph, media_id, METRICS)
    if whole is not _REFUSED:
        return whole
    values: dict[str, Any] = {}
    for metric in METRICS:
        single = _ask(graph, media_id, (metric,))
        if single is None:
            return None
        values |= single
    return values


_REFUSED: dict[str, Any] = {}


def _ask(graph: Graph, media_id: str, metrics: Sequence[str]) -> dict[str, Any] | None:
    """Return values by metric, `_REFUSED` when one of them is not supported, None when the media is not known."""
    try:
        body = graph.call(
            "GET",
            f"{media_id}/insights",
            attempted="read Instagram insights",
            reference=media_id,
            params={"metric": ",".join(metrics)},
        )
    except PermanentError as error:
        if error.code in GONE_CODES:
            return None
        if (error.code or "").split("/")[0] == "100":
            return _REFUSED
        raise
    rows = [row for row in body.get("data", []) if row.get("values")]
    return {row["name"]: row["values"][0].get("value") for row in rows}


def _to_counters(media_id: str, values: dict[str, Any], observed_at: datetime) -> Counters:
    # Watch time is taken as milliseconds; Meta does not say the unit (reference, 4.7).
    watched_ms = values.get("ig_reels_video_view_total_time")
    return Counters(
        post_id=media_id,
        observed_at=observed_at,
        views=values.get("views"),
        reach=values.get("reach"),
        likes=values.get("likes"),
        comments=values.get("comments"),
        shares=values.get("shares"),
        saves=values.get("saved"),
        watch_time_s=None if watched_ms is None else watched_ms / 1000,
        raw=values,
    )
