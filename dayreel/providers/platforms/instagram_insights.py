"""Insights of Reels: every metric in one request, and one at a time where Instagram refuses that (reference, 4.7).

What is missing stays None. Posting is `instagram.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.platforms.contract import Counters, as_counted
from dayreel.providers.platforms.instagram_graph import GONE_CODES, Graph
from dayreel.schemas.metric import FOLLOWERS
from dayreel.vendors.models import Source
from dayreel.vendors.record import PlatformMetric

_GUIDE: Final = Source(
    source="developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights (of 2026-06-18)",
    checked_on=date(2026, 12, 1),
)
_ACCOUNT: Final = Source(source="facebook-business 26.0.3, IGUser", checked_on=date(2026, 12, 1))
_POST: Final = Source(
    source="developers.facebook.com/blog/post/2025/12/03/instragram-api-updates", checked_on=date(2026, 12, 1)
)
_UNIT: Final = Source(
    source="facebook-business 26.0.3; the unit, milliseconds, by public programs",
    checked_on=date(2026, 12, 1),
    second_hand=True,
)
_of_reels = partial(PlatformMetric, source=_GUIDE, late_h=48)
REEL_METRICS: Final = (
    _of_reels(
        metric="views",
        theirs="views",
        counts="starts of the reel, replays included; those of ads are not among them",
        since=date(2025, 4, 21),
        before="`plays` and `impressions`, of which no request is answered any more",
    ),
    _of_reels(metric="reach", theirs="reach", counts="accounts that saw it once at least, estimated"),
    _of_reels(metric="likes", theirs="likes", counts="likes, without those of ads"),
    _of_reels(metric="comments", theirs="comments", counts="comments and answers, without those of ads"),
    _of_reels(metric="shares", theirs="shares", counts="how often it was shared"),
    _of_reels(metric="saves", theirs="saved", counts="how often it was saved"),
    _of_reels(
        metric="reposts", theirs="reposts", counts="how often it was reposted", source=_POST, since=date(2025, 12, 3)
    ),
    _of_reels(
        metric="watch_time_s",
        theirs="ig_reels_video_view_total_time",
        counts="time it was played, replays included",
        source=_UNIT,
        scale=0.001,
    ),
    _of_reels(
        metric="average_watch_s",
        theirs="ig_reels_avg_watch_time",
        counts="time it was played in a view, on average",
        source=_UNIT,
        scale=0.001,
    ),
    _of_reels(
        metric="skip_rate",
        theirs="reels_skip_rate",
        counts="views, in percent, that were left within the first 3 seconds",
        source=_POST,
        scale=0.01,
        since=date(2025, 12, 3),
    ),
)
METRICS: Final = (
    *REEL_METRICS,
    PlatformMetric(FOLLOWERS, "followers_count", "accounts that follow the account", _ACCOUNT),
)
_BY_NAME: Final = {metric.theirs: metric for metric in REEL_METRICS}


class Insights:
    """Reads insights, and remembers what Instagram refused of the last reel, so that this is asked for apart."""

    def __init__(self, graph: Graph) -> None:
        """Keep the way to Instagram; nothing is sent."""
        self._graph = graph
        self._refused: dict[str, str] = {}

    def counters(self, post_ids: Sequence[str], *, observed_at: datetime) -> list[Counters]:
        """Return the counters of these reels; one that Instagram does not know is left out.

        Raises:
            TransientError, PermanentError: not readable at all.
        """
        read = ((post_id, self._read(post_id)) for post_id in post_ids)
        return [
            Counters(
                post_id=post_id,
                observed_at=observed_at,
                refused={_BY_NAME[name].metric: why for name, why in self._refused.items()},
                raw=values,
                **as_counted(REEL_METRICS, values),
            )
            for post_id, values in read
            if values is not None
        ]

    def _read(self, media_id: str) -> dict[str, Any] | None:
        """Return values by Instagram's names; None when it does not know the media. Brings `_refused` up to date."""
        values: dict[str, Any] = {}
        apart = dict.fromkeys(self._refused)
        try:
            values |= self._ask(media_id, [name for name in _BY_NAME if name not in apart])
        except PermanentError as error:
            if error.code in GONE_CODES:
                return None
            if not _is_about_a_metric(error):
                raise
            apart = dict.fromkeys(_BY_NAME)
        refused: dict[str, PermanentError] = {}
        for name in apart:
            try:
                values |= self._ask(media_id, [name])
            except PermanentError as error:
                if not _is_about_a_metric(error):
                    raise
                refused[name] = error
        if len(refused) == len(_BY_NAME):  # it is this reel: what the others report is not known from it
            raise next(iter(refused.values()))
        self._refused = {name: error.answer for name, error in refused.items()}
        return values

    def _ask(self, media_id: str, names: Sequence[str]) -> dict[str, Any]:
        body = self._graph.call(
            "GET",
            f"{media_id}/insights",
            attempted="read Instagram insights",
            reference=media_id,
            params={"metric": ",".join(names)},
        )
        rows = [row for row in body.get("data", []) if row.get("values")]
        return {row["name"]: row["values"][0].get("value") for row in rows}


def _is_about_a_metric(error: PermanentError) -> bool:
    return (error.code or "").split("/")[0] == "100" and error.code not in GONE_CODES
