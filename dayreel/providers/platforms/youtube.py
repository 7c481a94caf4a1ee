"""YouTube Shorts through the Data API (protocol reference, section 6).

A post is one resumable upload session, see `youtube_session.py`; the video exists as soon as the last byte is in, with
the privacy that was sent, which is therefore always explicit. Then YouTube processes it. The wire is `youtube_api.py`,
error reasons are in `youtube_errors.py`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator

from dayreel.clock import Clock, poll
from dayreel.errors import (
    ConfigurationError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.http import Http, reveal
from dayreel.providers.listings import ListedItem, Listing, Match, begun_at, is_post, moment, read_pages
from dayreel.providers.platforms.approved import (
    Progress,
    cover_ms,
    doubt_remains,
    read_cover,
    read_fields,
    require_within_limits,
    sent_caption,
)
from dayreel.providers.platforms.contract import (
    Counters,
    PlannedCall,
    PostFinding,
    PostRequest,
    Receipt,
    as_count,
    as_counted,
)
from dayreel.providers.platforms.verdicts import explained, to_error
from dayreel.providers.platforms.youtube_analytics import (
    LOST,
    METRICS,
    REPORTED,
    SCOPE,
    STATISTICS,
    query_reports,
    read_reports,
)
from dayreel.providers.platforms.youtube_api import ANALYTICS_URL, YouTubeApi
from dayreel.providers.platforms.youtube_consent import CONSENT, TOKEN_URL
from dayreel.providers.platforms.youtube_errors import BY_REASON, BY_UPLOAD_FAILURE, find_upload_row
from dayreel.providers.platforms.youtube_session import CHUNK_UNIT, ask_session, send_bytes, start_session
from dayreel.providers.proofs import prove_scopes
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import COVER_HASH, PictureCover, PlatformAccount, optional_field
from dayreel.vendors.access import Access
from dayreel.vendors.models import Source
from dayreel.vendors.record import CaptionRules, Platform, PlatformLimits, Proof, SafeZone, Setting, Vendor

LIMITS: Final = PlatformLimits(
    max_size_bytes=256_000_000_000,
    min_duration_s=1,
    max_duration_s=180,
    max_fps=60,
    posts_per_day=100,
    tag_characters=30,
    tags_characters=500,
    cover_formats=("jpeg", "png"),
    cover_bytes=2_000_000,
    source=Source(
        source="the discovery document, YouTube's rules for Shorts, and its quota page: uploads a day and project",
        checked_on=date(2026, 11, 29),
    ),
    extras_source=Source(
        source="YouTube's reference of videos (tags) and help on thumbnails (2 MB; the discovery document says 50 MB)",
        checked_on=date(2026, 12, 1),
        second_hand=True,
    ),
)
CATEGORIES: Final = {
    "1": "film and animation",
    "2": "cars and vehicles",
    "10": "music",
    "15": "pets and animals",
    "17": "sports",
    "19": "travel and events",
    "20": "gaming",
    "22": "people and blogs",
    "23": "comedy",
    "24": "entertainment",
    "25": "news and politics",
    "26": "how-to and style",
    "27": "education",
    "28": "science and technology",
    "29": "nonprofits and activism",
}
"""What a video may be filed under, as `videoCategories.list` has it for most regions (UNVERIFIED for each of them)."""
_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_SCOPES: Final = ("youtube.upload", "youtube.readonly")
_FOLLOW_UP_PATHS: Final = {
    "thumbnail": "/upload/youtube/v3/thumbnails/set",
    "playlist": "/youtube/v3/playlistItems",
    "subtitles": "/upload/youtube/v3/captions",
}
_BATCH = 50
_PAGES = 4
_LENGTH = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_BROKEN = ("failed", "rejected", "deleted")


class YouTubePost(PictureCover):
    """How a content is posted as a YouTube Short. Left out, YouTube would publish; so `privacy` is explicit."""

    privacy: Literal["public", "unlisted", "private"] = Field("private", description="who sees the post")
    made_for_kids: bool = Field(default=False, description="declared as made for children")
    category_id: str = Field("24", description="YouTube's category; 24 is entertainment")
    notify_subscribers: bool = Field(default=True, description="subscribers get a notification")
    hashtags: tuple[str, ...] = Field(("#Shorts",), description="added to the description")
    tags: tuple[str, ...] = optional_field(
        "keywords; together at most 500 characters, commas and quotes counted",
        default=(),
    )
    language: str | None = optional_field("of title and description, such as `en` or `pt-BR`", pattern=_LANGUAGE)
    audio_language: str | None = optional_field("that is spoken, such as `en` or `pt-BR`", pattern=_LANGUAGE)
    playlist_id: str | None = optional_field(
        "the playlist that the video is added to once it is out, by its id (`PL...`)", pattern=r"^[A-Za-z0-9_-]{2,64}$"
    )
    subtitles: bool = optional_field("add what is spoken as subtitles once the video is out", default=False)

    @field_validator("category_id")
    @classmethod
    def _is_a_category(cls, category: str) -> str:
        if category not in CATEGORIES:
            known = ", ".join(f"{number} {name}" for number, name in CATEGORIES.items())
            raise ValueError(f"{category!r} is not a category of YouTube; those are: {known}")
        return category

    @field_validator("tags")
    @classmethod
    def _fit(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not tag.strip() or re.search('[<>,"]', tag) or len(tag) > (LIMITS.tag_characters or len(tag)):
                raise ValueError(
                    f'{tag!r} has no letter, one of < > , ", or more than {LIMITS.tag_characters} characters'
                )
        size = tags_length(tags)
        if LIMITS.tags_characters is not None and size > LIMITS.tags_characters:
            raise ValueError(f"the tags have {size} characters together, and YouTube takes {LIMITS.tags_characters}")
        return tags


def tags_length(tags: Sequence[str]) -> int:
    """Return how YouTube counts tags: with commas between them, and quotes around each that has a space."""
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(0, len(tags) - 1)


def follow_ups(fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is done with a video once it is out: its thumbnail, playlist, subtitles (`Platform.follow_ups`)."""
    cover = {name: fields[name] for name in ("cover_file", "cover_at_s") if fields.get(name) is not None}
    playlist = {"playlist_id": fields["playlist_id"]} if fields.get("playlist_id") else {}
    subtitles = {"subtitles": True} if fields.get("subtitles") else {}
    kinds = (("thumbnail", cover), ("playlist", playlist), ("subtitles", subtitles))
    return {kind: asked for kind, asked in kinds if asked}


class YouTubePlatform:
    """One channel.

    Args:
        client_id, client_secret, refresh_token: of the OAuth client; scopes youtube.upload and youtube.readonly.
        channel_id: YouTube's stable id of the channel.
        watch_url: what the public address of a video begins with.
        poll_interval_s, deadline_s: how one call of `post` waits until YouTube has processed the video.
        chunk_bytes: how much goes in one request; a multiple of 262144.
    """

    name = "youtube"
    counters_per_call = _BATCH
    lists_everything = True
    in_depth = tuple(metric.metric for metric in REPORTED)

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: SecretStr | str,
        refresh_token: SecretStr | str,
        clock: Clock,
        channel_id: str = "default",
        base_url: str = "https://youtube.googleapis.com",
        token_url: str = "https://oauth2.googleapis.com/token",  # noqa: S107  an address
        analytics_url: str = ANALYTICS_URL[0],
        watch_url: str = "https://www.youtube.com/shorts",
        poll_interval_s: float = 10,
        deadline_s: float = 300,
        chunk_bytes: int = 64 * CHUNK_UNIT,
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: a secret is empty, or the chunk size is not a multiple of 262144.
        """
        if chunk_bytes <= 0 or chunk_bytes % CHUNK_UNIT:
            raise ConfigurationError(f"YouTube takes chunks in multiples of {CHUNK_UNIT} bytes, not {chunk_bytes}.")
        self._api = YouTubeApi(
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            base_url=base_url,
            token_url=token_url,
            clock=clock,
            analytics_url=analytics_url,
        )
        self._channel_id = channel_id
        self._watch_url = watch_url.rstrip("/")
        self._clock = clock
        self._poll_interval_s = poll_interval_s
        self._deadline_s = deadline_s
        self._chunk_bytes = chunk_bytes

    def account(self) -> str:
        """Return the channel's id."""
        return self._channel_id

    def read_account(self) -> PlatformAccount:
        """Read the channel of the token.

        Raises:
            TransientError, PermanentError: it could not be read, or the Google account has no channel.
        """
        mine = self._channel("snippet", attempted="read the YouTube channel")
        return PlatformAccount(str(mine.get("id")), str((mine.get("snippet") or {}).get("title") or ""))

    def followers(self) -> int | None:
        """Return how many have subscribed, see `CountsFollowers`; None where the channel hides it."""
        mine = self._channel("statistics", attempted="count the subscribers of the YouTube channel")
        statistics = mine.get("statistics") or {}
        count = None if statistics.get("hiddenSubscriberCount") else statistics.get("subscriberCount")
        return None if count is None else as_count(count, "subscriberCount")

    def _channel(self, part: str, *, attempted: str) -> dict[str, Any]:
        params: dict[str, str | int] = {"part": part, "mine": "true"}
        mine: list[dict[str, Any]] = (
            self._api.call("/youtube/v3/channels", attempted=attempted, params=params).get("items") or []
        )
        if not mine:
            raise PermanentError(
                attempted=attempted, answer="the Google account has no channel", next_step="Create one for it first."
            )
        return mine[0]

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the requests of a post; what only answers bring is in braces.

        Raises:
            UsageError: caption, fields or video do not fit YouTube.
        """
        body, params = self._video_body(request)
        query = "&".join(f"{name}={value}" for name, value in params.items())
        size = request.size_bytes
        puts = [
            PlannedCall(
                "PUT",
                "{session URI}",
                {"bytes": min(self._chunk_bytes, size - first)},
                f"bytes {first}-{min(first + self._chunk_bytes, size) - 1}/{size}",
            )
            for first in range(0, size, self._chunk_bytes)
        ]
        return [
            PlannedCall("POST", f"{self._api.url}/upload/youtube/v3/videos?{query}", body, "opens the upload"),
            *puts,
            PlannedCall("GET", f"{self._api.url}/youtube/v3/videos?part=status,processingDetails&id={{video}}", {}),
            *(
                PlannedCall(
                    "POST", f"{self._api.url}{_FOLLOW_UP_PATHS[kind]}", asked, "once it is out, an act of its own"
                )
                for kind, asked in follow_ups(request.fields).items()
            ),
        ]

    def open_upload(self, fields: YouTubePost) -> None:
        """Open an upload that nobody sends.

        Raises:
            TransientError, PermanentError: YouTube would not take one.
        """
        body = {"snippet": {"title": "dayreel"}, "status": {"privacyStatus": fields.privacy}}
        reply = self._api.send(
            "POST",
            f"{self._api.url}/upload/youtube/v3/videos",
            attempted="open a YouTube upload, without sending it",
            params={"uploadType": "resumable", "part": "snippet,status"},
            json=body,
            headers={"X-Upload-Content-Type": "video/mp4", "X-Upload-Content-Length": "1000"},
        )
        if not reply.ok:
            raise self._api.error(reply)

    def quota(self) -> None:
        """Return None: the Data API does not report what is left of a quota."""

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Post once, see `PlatformProvider.post`.

        Its handle has session_uri, begun_at, finishing, video_id, given_up.
        """
        del permit  # asking for it is the point: nobody posts without one
        body, params = self._video_body(request)
        progress = Progress(handle, record)
        is_given_up = bool(progress["given_up"])
        if progress["video_id"] and not is_given_up:
            return self._follow(request, progress)
        resumed = self._ask_on_resume(request, progress) if progress["session_uri"] and not is_given_up else None
        if isinstance(resumed, str):
            progress.commit(video_id=resumed)
            return self._follow(request, progress)
        if resumed is None:
            uri = start_session(self._api, request, body, params)
            now = self._clock.now().isoformat()
            progress.commit(session_uri=uri, begun_at=now, finishing=False, video_id=None, given_up=None)
        state = send_bytes(self._api, request, progress, start=resumed or 0, chunk_bytes=self._chunk_bytes)
        if state.video is None:
            raise self._session_gone(progress)
        progress.commit(video_id=str(state.video["id"]))
        return self._follow(request, progress)

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Ask the session, then the channel's uploads, see `PlatformProvider.look_up`."""
        if not handle.get("session_uri") and not handle.get("video_id"):
            return PostFinding("absent", "No upload was opened, so there is no video.")
        if handle.get("given_up"):
            return _given_up(handle, str(handle["video_id"]), str(handle["given_up"]))
        if not handle.get("video_id") and handle.get("finishing") is False:
            return PostFinding("resumable", "The last byte of the upload was never sent.", handle=dict(handle))
        try:
            if handle.get("video_id"):
                return self._judge_video(request, handle, str(handle["video_id"]))
            return self._judge_session(request, handle, sent_at=sent_at)
        except PermanentError as error:
            return PostFinding("unclear", f"YouTube does not let us look: {error.message}")

    def follow_up(self, permit: Permit, asked: dict[str, Any], *, post_id: str, file: Path | None) -> dict[str, Any]:
        """Set a thumbnail, add to a playlist or add subtitles, see `FollowsUp.follow_up`."""
        if permit.key.kind == "thumbnail":
            sha256 = str(asked.get("cover_file") or "").partition(COVER_HASH)[2]
            picture = read_cover(file, sha256, LIMITS, whose=f"YouTube video {post_id}")
            if picture is None:
                raise UsageError(f"There is no picture for YouTube video {post_id}.")
            kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
            params, headers = {"videoId": post_id, "uploadType": "media"}, {"Content-Type": kind}
            return self._act("thumbnail", "set the YouTube thumbnail", params=params, headers=headers, data=picture)
        if permit.key.kind == "subtitles":
            return self._add_subtitles(asked, post_id, file)
        if self.is_followed_up("playlist", asked, post_id=post_id):
            return {"was_there": True}
        video = {"kind": "youtube#video", "videoId": post_id}
        body = {"snippet": {"playlistId": asked["playlist_id"], "resourceId": video}}
        return self._act("playlist", "add the video to the YouTube playlist", params={"part": "snippet"}, json=body)

    def _add_subtitles(self, asked: dict[str, Any], post_id: str, file: Path | None) -> dict[str, Any]:
        if self.is_followed_up("subtitles", asked, post_id=post_id):
            return {"was_there": True}
        if file is None:
            raise UsageError(f"There are no subtitles for YouTube video {post_id}.")
        from urllib3.fields import RequestField  # noqa: PLC0415  brings the whole of urllib3
        from urllib3.filepost import encode_multipart_formdata  # noqa: PLC0415

        # YouTube wants a name even where it is empty; two tracks of one language differ by it.
        snippet = {"videoId": post_id, "language": asked["language"], "name": "", "isDraft": False}
        body, kind = encode_multipart_formdata(
            [
                RequestField("", json.dumps({"snippet": snippet}), headers={"Content-Type": "application/json"}),
                RequestField("", file.read_bytes(), headers={"Content-Type": "application/octet-stream"}),
            ]
        )
        return self._act(
            "subtitles",
            "add subtitles to the YouTube video",
            params={"part": "snippet", "uploadType": "multipart"},
            headers={"Content-Type": kind.replace("form-data", "related")},
            data=body,
        )

    def _act(self, kind: str, attempted: str, **sent: Any) -> dict[str, Any]:
        url = f"{self._api.url}{_FOLLOW_UP_PATHS[kind]}"
        reply = self._api.send("POST", url, attempted=attempted, is_publishing=True, **sent)
        if not reply.ok:
            raise self._api.error(reply, is_publishing=True)
        made = reply.document()
        return {name: made[name] for name in ("kind", "id") if name in made}

    def is_followed_up(self, kind: str, asked: dict[str, Any], *, post_id: str) -> bool | None:
        """Look whether it has happened, see `FollowsUp.is_followed_up`."""
        if kind == "subtitles":
            attempted = "look whether the YouTube video has subtitles"
            of_video: dict[str, str | int] = {"part": "snippet", "videoId": post_id}
            listed = self._api.call("/youtube/v3/captions", attempted=attempted, params=of_video)
            tracks = [track.get("snippet") or {} for track in listed.get("items") or []]
            language = asked.get("language")  # a look without it is for a video that nobody else has touched
            return any(
                (track.get("trackKind"), track.get("name")) == ("standard", "")
                and language in (None, track.get("language"))
                for track in tracks
            )
        if kind == "playlist":
            params: dict[str, str | int] = {"part": "snippet", "playlistId": asked["playlist_id"], "videoId": post_id}
            attempted = "look whether the video is in the YouTube playlist"
            return bool(self._api.call("/youtube/v3/playlistItems", attempted=attempted, params=params).get("items"))
        params = {"part": "contentDetails", "id": post_id}
        attempted = "look whether the YouTube video has a thumbnail"
        videos = self._api.call("/youtube/v3/videos", attempted=attempted, params=params).get("items") or []
        has_one = (videos[0].get("contentDetails") or {}).get("hasCustomThumbnail") if videos else None
        return None if has_one is None else bool(has_one)

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return the counters of these videos; what is switched off (likes, comments) is None."""
        page = self._api.call(
            "/youtube/v3/videos",
            attempted="read YouTube statistics",
            params={"part": "statistics", "id": ",".join(post_ids), "maxResults": _BATCH},
        )
        observed_at = self._clock.now()
        statistics = {str(video["id"]): video.get("statistics") or {} for video in page.get("items", [])}
        return [
            Counters(post_id=video_id, observed_at=observed_at, raw=values, **as_counted(STATISTICS, values))
            for video_id, values in statistics.items()
        ]

    def count_in_depth(self, post_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return what YouTube Analytics reports of these videos, see `CountsInDepth`."""
        return read_reports(self._api, post_ids, until=self._clock.now().date())

    # -- sending --------------------------------------------------------------------------------------------------

    def _video_body(self, request: PostRequest) -> tuple[dict[str, Any], dict[str, str | int]]:
        fields = read_fields(YouTubePost, request)
        require_within_limits("youtube", LIMITS, request)
        # A cover that could not be set afterwards is refused before anything is out.
        read_cover(request.cover, fields.cover_sha256, LIMITS, whose=request.content_id)
        cover_ms(request, fields)
        caption = sent_caption("youtube", request, fields)
        optional = {
            "tags": list(fields.tags),
            "defaultLanguage": fields.language,
            "defaultAudioLanguage": fields.audio_language,
        }
        body = {
            "snippet": {
                "title": caption.title,
                "description": caption.text,
                "categoryId": fields.category_id,
                **{name: value for name, value in optional.items() if value},
            },
            "status": {
                "privacyStatus": fields.privacy,
                "selfDeclaredMadeForKids": fields.made_for_kids,
                "containsSyntheticMedia": fields.ai_disclosure,
            },
        }
        params: dict[str, str | int] = {"uploadType": "resumable", "part": "snippet,status"}
        # The default of the API is to notify, so only the refusal is sent.
        if not fields.notify_subscribers:
            params["notifySubscribers"] = "false"
        return body, params

    def _ask_on_resume(self, request: PostRequest, progress: Progress) -> str | int | None:
        """Return the id of the video that exists, or the byte to continue from, or None to open another session."""
        with doubt_remains(progress["finishing"]):
            answer = ask_session(self._api, str(progress["session_uri"]), total=request.size_bytes)
            if answer.state == "open":
                return answer.held_bytes
            if answer.video is not None:
                return str(answer.video["id"])
            if not progress["finishing"]:
                return None
            # A session is forgotten after about a week, also one whose upload had finished: only the channel's own
            # list still shows the video.
            video = self._find(request, progress.handle, None).item
        if video is None:
            raise self._session_gone(progress)
        return video.id

    def _session_gone(self, progress: Progress) -> ProviderError:
        if progress["finishing"]:
            return UnknownOutcomeError(
                attempted="upload the video to YouTube",
                answer="the upload session has gone after its last byte was sent",
                next_step="`dayreel reconcile` looks through the channel's uploads; then look in YouTube Studio.",
            )
        return TransientError(
            attempted="upload the video to YouTube",
            answer="the upload session has gone, unfinished",
            next_step="The next try opens another one.",
        )

    # -- following, and finding out -------------------------------------------------------------------------------

    def _follow(self, request: PostRequest, progress: Progress) -> Receipt:
        """Wait until the video is processed. It exists: only YouTube's own failed or rejected means it is not kept."""
        video_id = str(progress["video_id"])
        url = f"{self._watch_url}/{video_id}"
        problem: list[str] = []

        def probe() -> dict[str, Any] | None:
            try:
                video = self._video(video_id)
            except TransientError:
                return None
            except PermanentError as error:
                problem.append(error.message)
                return {}
            return video if video and _upload_status(video) in ("processed", *_BROKEN) else None

        video = poll(probe, clock=self._clock, interval_s=self._poll_interval_s, deadline_s=self._deadline_s)
        if not video:
            return Receipt("processing", video_id, url, {"read_error": problem[0]} if problem else {})
        if _upload_status(video) in _BROKEN:
            progress.commit(given_up=_why(video))
            raise _upload_error(video, video_id)
        return Receipt("posted", video_id, url, _with_notice(video, request))

    def _video(self, video_id: str) -> dict[str, Any] | None:
        page = self._api.call(
            "/youtube/v3/videos",
            attempted="follow the YouTube video",
            params={"part": "status,processingDetails", "id": video_id},
            reference=video_id,
        )
        return next(iter(page.get("items", [])), None)

    def _judge_video(self, request: PostRequest, handle: dict[str, Any], video_id: str) -> PostFinding:
        video = self._video(video_id)
        url = f"{self._watch_url}/{video_id}"
        # Deleted by its owner, or hidden by YouTube: the id alone proves that it was accepted once.
        if video is None:
            return PostFinding("unclear", f"YouTube gave the id {video_id} and does not show the video.")
        status = _upload_status(video)
        if status in _BROKEN:
            return _given_up(handle, video_id, _why(video))
        state: Any = "posted" if status == "processed" else "processing"
        receipt = Receipt(state, video_id, url, _with_notice(video, request))
        return PostFinding("live", f"YouTube shows video {video_id} as {status}.", receipt)

    def _judge_session(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        answer = ask_session(self._api, str(handle["session_uri"]), total=request.size_bytes)
        if answer.video is not None:
            return self._judge_video(request, handle, str(answer.video["id"]))
        if answer.state == "open":
            evidence = f"The upload holds {answer.held_bytes} of {request.size_bytes} bytes, so there is no video yet."
            return PostFinding("resumable", evidence, handle=dict(handle))
        match = self._find(request, handle, sent_at)
        if match.item is not None:
            return self._judge_video(request, handle, match.item.id)
        if match.is_unclear or handle.get("finishing"):
            return PostFinding("unclear", f"The upload session has gone, and of the channel's uploads {match}.")
        return PostFinding("absent", "The upload session has gone before its last byte was sent.")

    def _find(self, request: PostRequest, handle: dict[str, Any], sent_at: datetime | None) -> Match:
        text = sent_caption("youtube", request, read_fields(YouTubePost, request)).text
        return self.list_since(begun_at(handle, sent_at)).match(is_post(text, request.duration_s))

    def list_since(self, since: datetime | None) -> Listing:
        """Return the channel's uploads, see `ListsWhatItHas`; one that is still processed has no length yet."""
        mine = self._api.call(
            "/youtube/v3/channels",
            attempted="find the channel's uploads",
            params={"part": "contentDetails", "mine": "true"},
        )
        if not mine.get("items"):
            raise PermanentError(attempted="find the channel's uploads", answer="no channel for this account")
        # The uploads playlist costs one unit of quota, a search a hundred; and a search lags behind by hours.
        playlist = mine["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"]

        def page(token: str | None) -> tuple[list[ListedItem], str | None]:
            answer = self._api.call(
                "/youtube/v3/playlistItems",
                attempted="list the channel's uploads",
                params={
                    "part": "snippet,contentDetails",
                    "playlistId": playlist,
                    "maxResults": _BATCH,
                    **({"pageToken": token} if token else {}),
                },
            )
            items = {str(item["contentDetails"]["videoId"]): item for item in answer.get("items", [])}
            lengths = self._lengths(list(items))
            listed = [self._listed(id_, item, lengths.get(id_)) for id_, item in items.items()]
            return listed, answer.get("nextPageToken")

        return read_pages(page, most_pages=_PAGES, since=since)

    def _lengths(self, video_ids: Sequence[str]) -> dict[str, float | None]:
        if not video_ids:
            return {}
        videos = self._api.call(
            "/youtube/v3/videos",
            attempted="read how long the channel's uploads are",
            params={"part": "contentDetails", "id": ",".join(video_ids), "maxResults": _BATCH},
        )
        return {str(video["id"]): _seconds(video.get("contentDetails") or {}) for video in videos.get("items", [])}

    def _listed(self, video_id: str, item: dict[str, Any], duration_s: float | None) -> ListedItem:
        snippet = item.get("snippet") or {}
        words, made_at = (str(snippet.get("description") or ""),), moment(snippet.get("publishedAt"))
        return ListedItem(video_id, words, made_at, duration_s, f"{self._watch_url}/{video_id}", item)


def _given_up(handle: dict[str, Any], video_id: str, why: str) -> PostFinding:
    noted = {**handle, "video_id": video_id, "given_up": why}
    return PostFinding("refused", f"YouTube took video {video_id} and did not keep it: {why}.", handle=noted)


def _with_notice(video: dict[str, Any], request: PostRequest) -> dict[str, Any]:
    """Return what YouTube shows of a video, with a notice where it is private and others were to see it."""
    wanted, shown = request.fields.get("privacy", "private"), (video.get("status") or {}).get("privacyStatus")
    if shown != "private" or wanted == "private":
        return video
    notice = (
        f"YouTube keeps it private although {wanted} was asked for: a Google Cloud project that is not verified may be "
        "locked so. Look in YouTube Studio, and have the project audited."
    )
    return {**video, "notice": notice}


def _upload_status(video: dict[str, Any]) -> str:
    return str((video.get("status") or {}).get("uploadStatus"))


def _why(video: dict[str, Any]) -> str:
    status = video.get("status") or {}
    return str(status.get("failureReason") or status.get("rejectionReason") or status.get("uploadStatus"))


def _upload_error(video: dict[str, Any], video_id: str) -> ProviderError:
    return to_error(
        find_upload_row(_why(video)),
        attempted="follow the YouTube video",
        answer=f"{_upload_status(video)}, {_why(video)}",
        code=_why(video),
        reference=video_id,
    )


def _seconds(details: dict[str, Any]) -> float | None:
    """Return a length such as PT1M5S in seconds; None while YouTube does not know it (P0D)."""
    match = _LENGTH.fullmatch(str(details.get("duration")))
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    return float(3600 * hours + 60 * minutes + seconds) or None


def connect(access: Access) -> YouTubePlatform:
    """Return the account of this world."""
    quick = access.sandbox_url is not None
    return YouTubePlatform(
        client_id=access.secret("YOUTUBE_CLIENT_ID"),
        client_secret=access.secret("YOUTUBE_CLIENT_SECRET"),
        refresh_token=access.secret("YOUTUBE_REFRESH_TOKEN"),
        channel_id=access.variable("YOUTUBE_CHANNEL_ID") or "default",
        clock=access.clock,
        base_url=access.url("https://youtube.googleapis.com", "/youtube"),
        token_url=access.url(*TOKEN_URL),
        analytics_url=access.url(*ANALYTICS_URL),
        watch_url=access.url("https://www.youtube.com/shorts", "/youtube/shorts"),
        poll_interval_s=0.5 if quick else 10,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Renew the access token, whose answer lists the scopes, and read the channel."""
    token_url = access.url(*TOKEN_URL)
    secret = reveal(access.secret("YOUTUBE_CLIENT_SECRET"), name="YOUTUBE_CLIENT_SECRET")
    refresh = reveal(access.secret("YOUTUBE_REFRESH_TOKEN"), name="YOUTUBE_REFRESH_TOKEN")
    client_id = access.secret("YOUTUBE_CLIENT_ID")
    api = YouTubeApi(
        client_id=client_id,
        client_secret=secret,
        refresh_token=refresh,
        base_url=access.url("https://youtube.googleapis.com", "/youtube"),
        token_url=token_url,
        clock=access.clock,
        analytics_url=access.url(*ANALYTICS_URL),
    )
    form = {"client_id": client_id, "client_secret": secret, "refresh_token": refresh, "grant_type": "refresh_token"}
    reply = Http("Google", secrets=(secret, refresh), clock=access.clock).send(
        "POST", token_url, attempted="renew the YouTube access token", has_side_effects=False, data=form
    )
    if not reply.ok:
        raise api.error(reply)
    scopes = [scope.rsplit("/", 1)[-1] for scope in str(reply.document().get("scope") or "").split()]
    params: dict[str, str | int] = {"part": "snippet", "mine": "true"}
    mine = api.call("/youtube/v3/channels", attempted="read the YouTube channel", params=params).get("items") or []
    if not mine:
        return Proof("", "the Google account has no YouTube channel", "Create a channel for it first.")
    channel_id, wanted = str(mine[0].get("id")), access.variable("YOUTUBE_CHANNEL_ID")
    detail = f"channel {(mine[0].get('snippet') or {}).get('title')} ({channel_id})"
    if wanted and wanted != channel_id:
        return Proof(detail, f"YOUTUBE_CHANNEL_ID is {wanted}", "Correct it, or connect the other channel.")
    proof = prove_scopes(detail, _SCOPES, scopes)
    return proof if proof.problem else replace(proof, found=f"{proof.found}; {_prove_reports(api, access, scopes)}")


def _prove_reports(api: YouTubeApi, access: Access, scopes: Sequence[str]) -> str:
    """Say whether YouTube Analytics reports; posting does without."""
    if SCOPE not in scopes:
        return f"without {SCOPE} no {LOST}: `dayreel connect youtube` asks for it"
    try:
        query_reports(api, until=access.clock.now().date())
    except ProviderError as error:
        return f"no {LOST}: {error.answer} {error.next_step}".rstrip()
    return SCOPE


def rehearse(access: Access, fields: YouTubePost) -> Proof:
    """Open an upload and send none of its bytes, so that there is no video; it counts as one of 100 uploads a day."""
    connect(access).open_upload(fields)
    return Proof("an upload is taken on; it was one of 100 a day")


VENDOR: Final = Vendor(
    name="youtube",
    label="YouTube",
    family="platforms",
    about="YouTube Shorts through the Data API v3.",
    connect=connect,
    settings=(
        Setting(
            "YOUTUBE_CLIENT_ID",
            "Google Cloud OAuth client",
            secret=False,
            sandbox="sandbox-youtube-client.apps.googleusercontent.example",
        ),
        Setting("YOUTUBE_CLIENT_SECRET", "Google Cloud OAuth client", sandbox="sandbox-youtube-client-secret"),
        Setting("YOUTUBE_REFRESH_TOKEN", "from the consent screen", sandbox="1//sandbox-youtube-refresh"),
        Setting("YOUTUBE_CHANNEL_ID", "the YouTube channel's id", secret=False, required=False),
    ),
    can=("posts", "looks up lost posts", "counters", "followers", "resumes uploads"),
    prove=prove,
    rehearse=rehearse,
    first_day=(
        Proof(
            "",
            "YouTube may keep uploads private while the Google Cloud project is not verified (until 2026-11-02 it did)",
            "Look at the first video in YouTube Studio; ask Google for the audit of the project.",
        ),
        Proof(
            "",
            "refresh tokens end after seven days while the consent screen is in testing",
            "Publish it: console.cloud.google.com, APIs & Services, OAuth consent screen.",
        ),
        Proof(
            "",
            "100 uploads a day and project; a new channel's own limit is smaller",
            "Verify the channel's phone number at youtube.com/verify.",
        ),
        Proof(
            "",
            "custom thumbnails need a verified account: a cover is refused after the video is out, which stays out",
            "Verify the channel's phone number at youtube.com/verify; `dayreel retry ID` then sets the cover alone.",
        ),
    ),
    where_to_look="YouTube Studio, Content, newest first",
    order=3,
    refusals=explained(BY_REASON, BY_UPLOAD_FAILURE),
    stand_in="dayreel.sandbox.youtube:mount",
    platform=Platform(
        fields=YouTubePost,
        captions=CaptionRules(
            limit=5000,
            unit="bytes",
            title_limit=100,
            forbidden="<>",
            source=Source(source="YouTube's reference of videos", checked_on=date(2026, 11, 20)),
        ),
        limits=LIMITS,
        safe_zone=SafeZone(
            *(0.045, 0.822, 0.15, 0.65),
            source=Source(
                source="Google Ads' help on vertical video (288, 672, 48, 192 px of 1080 x 1920), as quoted",
                checked_on=date(2026, 12, 1),
                second_hand=True,
            ),
        ),
        follow_ups=follow_ups,
        consents=(CONSENT,),
        colour="#0072b2",
        metrics=METRICS,
    ),
)
