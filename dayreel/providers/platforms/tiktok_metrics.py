"""TikTok's own list of videos: counters, and what an account has (protocol reference, 5.4 and 5.9).

Posting is `tiktok.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.listings import ListedItem, Listing, read_pages
from dayreel.providers.platforms.contract import Counters, as_count, as_counted
from dayreel.providers.platforms.tiktok_api import TikTokApi
from dayreel.schemas.metric import FOLLOWERS
from dayreel.vendors.models import Source
from dayreel.vendors.record import PlatformMetric

_VIDEOS: Final = Source(
    source="developers.tiktok.com/doc/tiktok-api-v2-video-object (of 2026-09-11)", checked_on=date(2026, 11, 20)
)
FOLLOWERS_SCOPE: Final = "user.info.stats"
METRICS: Final = (
    PlatformMetric("views", "view_count", "views; TikTok does not say from when on one counts", _VIDEOS),
    PlatformMetric("likes", "like_count", "likes", _VIDEOS),
    PlatformMetric("comments", "comment_count", "comments", _VIDEOS),
    PlatformMetric("shares", "share_count", "how often it was shared", _VIDEOS),
    PlatformMetric(
        FOLLOWERS,
        "follower_count",
        "accounts that follow the account",
        Source(source="developers.tiktok.com/doc/tiktok-api-v2-get-user-info", checked_on=date(2026, 12, 1)),
        scope=FOLLOWERS_SCOPE,
    ),
)
_COUNTED: Final = tuple(metric.theirs for metric in METRICS if not metric.scope)
_FIELDS: Final = ",".join(("id,create_time,share_url,video_description,title,duration", *_COUNTED))
VIDEOS_PER_CALL = 20
_PAGES = 10


def query_videos(api: TikTokApi, video_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the videos TikTok knows among these ids, 20 at most.

    Raises:
        TransientError, PermanentError: not readable.
    """
    body = api.call(
        "/v2/video/query/",
        attempted="read TikTok videos",
        params={"fields": _FIELDS},
        json={"filters": {"video_ids": list(video_ids)}},
    )
    return list(body.get("videos") or [])


def list_videos(api: TikTokApi, since: datetime | None) -> Listing:
    """Return the account's own videos, see `ListsWhatItHas`.

    Raises:
        TransientError, PermanentError: not readable.
    """

    def page(cursor: int | None) -> tuple[list[ListedItem], int | None]:
        body = api.call(
            "/v2/video/list/",
            attempted="list the account's TikTok videos",
            params={"fields": _FIELDS},
            json={"max_count": VIDEOS_PER_CALL, **({} if cursor is None else {"cursor": cursor})},
        )
        return [_listed(video) for video in body.get("videos") or []], body["cursor"] if body.get("has_more") else None

    return read_pages(page, most_pages=_PAGES, since=since)


def public_id(status: dict[str, Any]) -> str | None:
    """Return the public video id of a `status/fetch` answer (the vendor spells it so), or None while there is none."""
    ids = status.get("publicaly_available_post_id") or []
    return str(ids[0]) if ids else None


def read_counters(api: TikTokApi, post_ids: Sequence[str], *, observed_at: datetime) -> list[Counters]:
    """Return counters under the ids that were asked for.

    A post without a public id yet is asked for by its publish_id (its status may name the public id by now). What
    cannot be resolved is left out: it has no counters, not 0.

    Raises:
        TransientError, PermanentError: not readable.
    """
    resolved = {
        asked: asked if asked.isdigit() else _public_id_of(api, asked) if _is_publish_id(asked) else ""
        for asked in dict.fromkeys(post_ids)
    }
    wanted = list(dict.fromkeys(video_id for video_id in resolved.values() if video_id))
    videos = {str(video["id"]): video for video in query_videos(api, wanted)} if wanted else {}
    return [
        replace(_to_counters(videos[video_id], observed_at), post_id=asked)
        for asked, video_id in resolved.items()
        if video_id in videos
    ]


def read_followers(api: TikTokApi) -> int | None:
    """Return how many follow the account; None where TikTok does not say.

    Raises:
        TransientError, PermanentError: not readable; without the scope `user.info.stats` it never is.
    """
    body = api.call(
        "/v2/user/info/",
        method="GET",
        attempted="count the followers of the TikTok account",
        params={"fields": "follower_count"},
    )
    count = (body.get("user") or {}).get("follower_count")
    return None if count is None else as_count(count, "follower_count")


def _is_publish_id(asked: str) -> bool:
    return asked.startswith(("v_pub_", "v_inbox_", "p_pub_"))


def _public_id_of(api: TikTokApi, publish_id: str) -> str:
    try:
        status = api.call(
            "/v2/post/publish/status/fetch/",
            attempted="resolve the TikTok post's public id",
            json={"publish_id": publish_id},
            reference=publish_id,
        )
    except PermanentError as error:
        if error.code == "invalid_publish_id":
            return ""
        raise
    return public_id(status) or ""


def _listed(video: dict[str, Any]) -> ListedItem:
    made_at_s = video.get("create_time")
    return ListedItem(
        id=str(video["id"]),
        words=(str(video.get("video_description") or ""), str(video.get("title") or "")),
        made_at=None if made_at_s is None else datetime.fromtimestamp(made_at_s, UTC),
        duration_s=video.get("duration") or None,
        url=video.get("share_url"),
        raw=video,
    )


def _to_counters(video: dict[str, Any], observed_at: datetime) -> Counters:
    return Counters(post_id=str(video["id"]), observed_at=observed_at, raw=video, **as_counted(METRICS, video))
