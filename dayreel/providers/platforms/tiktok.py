"""TikTok's Direct Post, and its inbox, with uploaded bytes (protocol reference, section 5).

A post is announced (`init`), its bytes are sent, and TikTok then publishes on its own: nothing can be public before the
last byte is in, and everything may be after it. The public id comes later, only for public posts, and sometimes never;
until then the publish_id is TikTok's own evidence. A draft in the inbox stays `processing` until its owner has posted
it. The wire is `tiktok_api.py`, chunks are `tiktok_chunks.py`, error codes `tiktok_errors.py`, counters
`tiktok_metrics.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, model_validator

from dayreel.clock import Clock, poll
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError, UsageError
from dayreel.providers.listings import ListedItem, Listing, Match, begun_at, is_post
from dayreel.providers.platforms import renewal
from dayreel.providers.platforms.approved import (
    Progress,
    cover_ms,
    doubt_remains,
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
)
from dayreel.providers.platforms.tiktok_api import TikTokApi
from dayreel.providers.platforms.tiktok_chunks import MAX_CHUNK_BYTES, ChunkPlan, plan_chunks
from dayreel.providers.platforms.tiktok_consent import CONSENT, STATISTICS, announce_nothing
from dayreel.providers.platforms.tiktok_errors import BY_CODE, BY_FAIL_REASON, find_fail_row
from dayreel.providers.platforms.tiktok_metrics import (
    FOLLOWERS_SCOPE,
    METRICS,
    VIDEOS_PER_CALL,
    list_videos,
    public_id,
    query_videos,
    read_counters,
    read_followers,
)
from dayreel.providers.platforms.verdicts import explained, to_error
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import FrameCover, PlatformAccount
from dayreel.vendors.access import Access
from dayreel.vendors.models import Source
from dayreel.vendors.record import (
    CaptionRules,
    Platform,
    PlatformLimits,
    Proof,
    RenewalRule,
    SafeZone,
    Setting,
    TokenRenewal,
    Vendor,
)

LIMITS: Final = PlatformLimits(
    max_size_bytes=4_000_000_000,
    min_duration_s=1,
    max_duration_s=600,
    min_fps=23,
    max_fps=60,
    posts_per_day=15,
    source=Source(source="TikTok's media-transfer and content-sharing guides", checked_on=date(2026, 11, 20)),
)
_CREATOR_INFO = "/v2/post/publish/creator_info/query/"
_INIT = "/v2/post/publish/video/init/"
_INBOX_INIT = "/v2/post/publish/inbox/video/init/"
_IN_THE_INBOX = "SEND_TO_USER_INBOX"
_STATUS = "/v2/post/publish/status/fetch/"
_FOLLOWING = "follow the TikTok post"


class TikTokPost(FrameCover):
    """How a content is posted on TikTok. `privacy` has no default there by TikTok's rules: it must be chosen.

    With `mode: inbox` TikTok gets the video alone; its owner finishes the post in the app, with caption and privacy.
    """

    mode: Literal["direct", "inbox"] = Field("direct", description="a post, or a draft in the account's inbox")
    privacy: Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"] | None = Field(
        None, description="who sees the post; needed with `mode: direct`"
    )
    allow_comments: bool = Field(default=False, description="viewers may comment")
    allow_duet: bool = Field(default=False, description="viewers may make duets")
    allow_stitch: bool = Field(default=False, description="viewers may make stitches")
    promotes_own_brand: bool = Field(default=False, description="label the post as promoting your own brand")
    paid_partnership: bool = Field(default=False, description="label the post as a paid partnership")

    @model_validator(mode="after")
    def _direct_posts_say_who_sees_them(self) -> "TikTokPost":
        if self.mode == "direct" and self.privacy is None:
            raise ValueError("a direct post needs `privacy`; TikTok's rules want it chosen")
        return self


class TikTokPlatform:
    """One creator account.

    Args:
        access_token: with the scopes video.publish and video.list.
        open_id: TikTok's stable id of the account for this app.
        poll_interval_s: TikTok takes 30 status calls a minute.
        deadline_s: how long one call of `post` waits until TikTok says that the post is complete.
        chunk_bytes: files up to this size go in one piece.
    """

    name = "tiktok"
    counters_per_call = VIDEOS_PER_CALL
    lists_everything = False  # whether it lists what only its owner sees is documented nowhere

    def __init__(
        self,
        *,
        access_token: SecretStr | str,
        clock: Clock,
        open_id: str = "default",
        base_url: str = "https://open.tiktokapis.com",
        poll_interval_s: float = 5,
        deadline_s: float = 300,
        chunk_bytes: int = MAX_CHUNK_BYTES,
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the token is empty or cannot be in a header.
        """
        self._api = TikTokApi(access_token=access_token, base_url=base_url, clock=clock)
        self._open_id = open_id
        self._clock = clock
        self._poll_interval_s = poll_interval_s
        self._deadline_s = deadline_s
        self._chunk_bytes = chunk_bytes

    def account(self) -> str:
        """Return the account's open_id."""
        return self._open_id

    def read_account(self) -> PlatformAccount:
        """Read the account's name, which is unique; its open_id is in no answer to a token for publishing.

        Raises:
            TransientError, PermanentError: it could not be read.
        """
        attempted = "ask TikTok whose account this is"
        name = str(self._api.call(_CREATOR_INFO, attempted=attempted).get("creator_username") or "")
        if not name:
            raise TransientError(attempted=attempted, answer="no creator_username")
        return PlatformAccount(name, name)

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the requests of a post; what only answers bring is in braces.

        Raises:
            UsageError: caption, fields or video do not fit TikTok.
        """
        body = self._init_body(request)
        url, size = self._api.url, request.size_bytes
        chunks = plan_chunks(size, chunk_bytes=self._chunk_bytes)
        puts, position = [], 0
        while position < size:
            first, last = chunks.chunk_from(position)
            note = f"bytes {first}-{last}/{size}"
            puts.append(PlannedCall("PUT", "{upload_url}", {"bytes": last - first + 1}, note))
            position = last + 1
        status = {"publish_id": "{publish_id}"}
        if _is_inbox(request):
            init = PlannedCall("POST", url + _INBOX_INIT, body, "announces a draft for the account's inbox")
            return [init, *puts, PlannedCall("POST", url + _STATUS, status, f"until {_IN_THE_INBOX}")]
        return [
            PlannedCall("POST", url + _CREATOR_INFO, {}, "what the account offers now"),
            PlannedCall("POST", url + _INIT, body, "announces the post"),
            *puts,
            PlannedCall("POST", url + _STATUS, status, "until PUBLISH_COMPLETE"),
        ]

    def quota(self) -> None:
        """Return None: TikTok has no answer to this; its refusal says when the day's posts are used up."""

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Post once, see `PlatformProvider.post`.

        The handle has publish_id, begun_at, upload_url, chunk_size, finishing, given_up.
        """
        del permit  # asking for it is the point: nobody posts without one
        body = self._init_body(request)
        progress = Progress(handle, record)
        if progress["publish_id"] and not progress["given_up"]:
            receipt = self._go_on(request, progress)
            if receipt is not None:
                return receipt
        self._begin(request, body, progress)
        if not self._upload(request, progress, start=0):
            kind = UnknownOutcomeError if progress["finishing"] else TransientError
            raise kind(
                attempted="upload the video to TikTok",
                answer="the upload address is no longer good",
                reference=progress["publish_id"],
                next_step="The next try asks TikTok how far it is.",
            )
        return self._follow(request, progress)

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Read the post's status, then the account's newest videos, see `PlatformProvider.look_up`."""
        publish_id = handle.get("publish_id")
        if not publish_id:
            return PostFinding("absent", "No bytes were sent, and nothing is posted before all of them are in.")
        if handle.get("given_up"):
            return PostFinding("refused", f"TikTok gave up {publish_id}: {handle['given_up']}.", handle=dict(handle))
        if handle.get("finishing") is False:
            return PostFinding("resumable", f"The last byte of {publish_id} was never sent.", handle=dict(handle))
        try:
            return self._judge(request, handle, str(publish_id), sent_at=sent_at)
        except PermanentError as error:
            return PostFinding("unclear", f"TikTok does not let us look: {error.message}")

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return counters; `post_ids` may be video ids or publish_ids, see `tiktok_metrics.read_counters`."""
        return read_counters(self._api, post_ids, observed_at=self._clock.now())

    def followers(self) -> int | None:
        """Return how many follow the account, see `CountsFollowers`."""
        return read_followers(self._api)

    # -- announcing and sending -----------------------------------------------------------------------------------

    def _init_body(self, request: PostRequest) -> dict[str, Any]:
        fields = read_fields(TikTokPost, request)
        require_within_limits("tiktok", LIMITS, request)
        if fields.paid_partnership and fields.privacy == "SELF_ONLY":
            raise UsageError(
                f"{request.content_id!r} is a paid partnership, which TikTok does not take with SELF_ONLY.",
                next_step="Choose another `privacy`, or switch `paid_partnership` off if it is none.",
            )
        chunks = plan_chunks(request.size_bytes, chunk_bytes=self._chunk_bytes)
        caption, cover = sent_caption("tiktok", request, fields), cover_ms(request, fields)
        source = {
            "source": "FILE_UPLOAD",
            "video_size": request.size_bytes,
            "chunk_size": chunks.chunk_size,
            "total_chunk_count": chunks.total_chunk_count,
        }
        if fields.mode == "inbox":
            return {"source_info": source}
        return {
            "post_info": {
                "title": caption.text,
                "privacy_level": fields.privacy,
                "disable_comment": not fields.allow_comments,
                "disable_duet": not fields.allow_duet,
                "disable_stitch": not fields.allow_stitch,
                "brand_content_toggle": fields.paid_partnership,
                "brand_organic_toggle": fields.promotes_own_brand,
                "is_aigc": fields.ai_disclosure,
                **({} if cover is None else {"video_cover_timestamp_ms": cover}),
            },
            "source_info": source,
        }

    def _begin(self, request: PostRequest, body: dict[str, Any], progress: Progress) -> None:
        creator: dict[str, Any] = {}
        if _is_inbox(request):
            made = self._api.call(_INBOX_INIT, attempted="announce the TikTok draft", json=body)
        else:
            # TikTok's rules ask for this before every direct post: an account's options change when its owner makes
            # it private.
            creator = self._api.call(_CREATOR_INFO, attempted="ask TikTok what the account offers")
            _require_offered(request, body["post_info"], creator)
            made = self._api.call(_INIT, attempted="announce the TikTok post", json=_respecting(body, creator))
        if not made.get("publish_id") or not made.get("upload_url"):
            raise TransientError(attempted="announce the TikTok post", answer="no publish_id or upload_url")
        progress.commit(
            publish_id=str(made["publish_id"]),
            begun_at=self._clock.now().isoformat(),
            upload_url=str(made["upload_url"]),
            chunk_size=body["source_info"]["chunk_size"],
            username=creator.get("creator_username"),
            finishing=False,
            given_up=None,
        )

    def _upload(self, request: PostRequest, progress: Progress, *, start: int) -> bool:
        # The chunk size is the announced one: another setting today must not change an upload that has begun.
        chunk_size = int(progress["chunk_size"])
        plan = ChunkPlan(request.size_bytes, chunk_size, request.size_bytes // chunk_size)
        return self._api.upload(request, progress, plan, start=start)

    # -- following, and finding out -------------------------------------------------------------------------------

    def _status(self, publish_id: str) -> dict[str, Any]:
        return self._api.call(_STATUS, attempted=_FOLLOWING, json={"publish_id": publish_id}, reference=publish_id)

    def _go_on(self, request: PostRequest, progress: Progress) -> Receipt | None:
        """Continue an announced post; None when it certainly came to nothing and has to be announced again."""
        publish_id = str(progress["publish_id"])
        try:
            with doubt_remains(progress["finishing"]):
                status = self._status(publish_id)
        except PermanentError as error:
            if error.code == "invalid_publish_id":
                return None
            raise
        except UnknownOutcomeError as error:
            if error.code != "invalid_publish_id":
                raise
            return self._recover_receipt(request, progress.handle, error)
        if status.get("status") == "FAILED":
            if isinstance(failure := _failure(status, progress), TransientError):
                return None
            raise failure
        if _is_incomplete(status, request, progress) and not self._upload(
            request, progress, start=int(status.get("uploaded_bytes") or 0)
        ):
            # The address may have gone because it expired, or because the status lagged behind a finished upload.
            with doubt_remains(progress["finishing"]):
                status = self._status(publish_id)
            if _is_incomplete(status, request, progress):
                return None
        return self._follow(request, progress)

    def list_since(self, since: datetime | None) -> Listing:
        """Return the account's videos, see `ListsWhatItHas`."""
        return list_videos(self._api, since)

    def _recover_receipt(self, request: PostRequest, handle: dict[str, Any], doubt: UnknownOutcomeError) -> Receipt:
        with doubt_remains(is_in_doubt=True):
            video = self._find(request, handle, None).item
        if video is None:
            raise doubt
        return _posted_as(video)

    def _find(self, request: PostRequest, handle: dict[str, Any], sent_at: datetime | None) -> Match:
        text = sent_caption("tiktok", request, read_fields(TikTokPost, request)).text
        return self.list_since(begun_at(handle, sent_at)).match(is_post(text, request.duration_s))

    def _follow(self, request: PostRequest, progress: Progress) -> Receipt:
        """Wait for completion. All bytes are in: from here on only TikTok's FAILED means that nothing is public."""
        publish_id = str(progress["publish_id"])
        problem: list[str] = []

        def probe() -> dict[str, Any] | None:
            try:
                status = self._status(publish_id)
            except TransientError:
                return None
            except PermanentError as error:
                problem.append(error.message)
                return {}
            return status if status.get("status") in ("PUBLISH_COMPLETE", "FAILED", _IN_THE_INBOX) else None

        status = poll(probe, clock=self._clock, interval_s=self._poll_interval_s, deadline_s=self._deadline_s)
        if not status:
            raw = {"publish_id": publish_id, **({"read_error": problem[0]} if problem else {})}
            return Receipt("processing", None, None, raw)
        if status.get("status") == "FAILED":
            raise _failure(status, progress)
        if status.get("status") == _IN_THE_INBOX:
            return _waits_in_the_inbox(request, publish_id)
        return self._receipt(request, status, publish_id, progress["username"])

    def _receipt(self, request: PostRequest, status: dict[str, Any], publish_id: str, username: str | None) -> Receipt:
        video_id = public_id(status)
        raw: dict[str, Any] = {"publish_id": publish_id, "status": status.get("status")}
        if video_id is None:
            # A public post gets its public id only after moderation, minutes to hours later; a private one never gets
            # one.
            if request.fields.get("privacy") != "SELF_ONLY":
                raw["public_id_pending"] = True
            return Receipt("posted", None, None, raw)
        url = f"https://www.tiktok.com/@{username}/video/{video_id}" if username else None
        try:
            videos = query_videos(self._api, [video_id])
        except ProviderError as error:
            raw["url_error"] = error.message
        else:
            url = next((video["share_url"] for video in videos if video.get("share_url")), url)
        return Receipt("posted", video_id, url, raw)

    def _judge(
        self, request: PostRequest, handle: dict[str, Any], publish_id: str, *, sent_at: datetime
    ) -> PostFinding:
        try:
            status = self._status(publish_id)
        except PermanentError as error:
            if error.code != "invalid_publish_id":
                raise
            return self._judge_forgotten(request, handle, publish_id, sent_at=sent_at)
        state = status.get("status")
        evidence = f"TikTok says {state} for {publish_id}"
        if state == "FAILED":
            reason = str(status.get("fail_reason"))
            if find_fail_row(reason).verdict == "retry":
                return PostFinding("absent", f"{evidence}: {reason}.")
            return PostFinding("refused", f"{evidence}: {reason}.", handle={**handle, "given_up": reason})
        if state == _IN_THE_INBOX:
            return PostFinding(
                "live", f"{evidence}: its owner has to finish it.", _waits_in_the_inbox(request, publish_id)
            )
        if state != "PUBLISH_COMPLETE":
            sent = f"{status.get('uploaded_bytes', 0)} of {request.size_bytes} bytes"
            return PostFinding(
                "resumable", f"{evidence} with {sent}; continuing sends only what is missing.", handle=dict(handle)
            )
        receipt = self._receipt(request, status, publish_id, handle.get("username"))
        if receipt.post_id is None:
            receipt = self._resolved(request, handle, receipt, sent_at)
        return PostFinding("live", f"{evidence}.", receipt)

    def _resolved(self, request: PostRequest, handle: dict[str, Any], receipt: Receipt, sent_at: datetime) -> Receipt:
        # The list may hold a post before its status names the public id. Without the scope it stays pending.
        try:
            video = self._find(request, handle, sent_at).item
        except PermanentError as error:
            return Receipt("posted", None, None, {**receipt.raw, "list_error": error.message})
        if video is None:
            return receipt
        return Receipt("posted", video.id, video.url, {"publish_id": receipt.raw["publish_id"], **video.raw})

    def _judge_forgotten(
        self, request: PostRequest, handle: dict[str, Any], publish_id: str, *, sent_at: datetime
    ) -> PostFinding:
        match = self._find(request, handle, sent_at)
        if match.item is not None:
            return PostFinding("live", f"Video {match.item.id} has its words.", _posted_as(match.item))
        if match.is_unclear or handle.get("finishing"):
            return PostFinding("unclear", f"TikTok no longer knows {publish_id}, and of the account's videos {match}.")
        return PostFinding("absent", f"TikTok does not know {publish_id}, and its last byte was never sent.")


def _posted_as(video: ListedItem) -> Receipt:
    return Receipt("posted", video.id, video.url, video.raw)


def _is_inbox(request: PostRequest) -> bool:
    return request.fields.get("mode") == "inbox"


def _waits_in_the_inbox(request: PostRequest, publish_id: str) -> Receipt:
    # Not public yet, and maybe never: only its owner can say so, in the app. What they need for it is kept with it.
    raw = {
        "publish_id": publish_id,
        "status": _IN_THE_INBOX,
        "next_step": "Open TikTok's inbox, finish the post with this caption, and switch its AI label on.",
        "caption": request.caption,
    }
    if not request.fields.get("ai_disclosure", True):
        raw["next_step"] = "Open TikTok's inbox and finish the post with this caption."
    return Receipt("processing", None, None, raw)


def _is_incomplete(status: dict[str, Any], request: PostRequest, progress: Progress) -> bool:
    if status.get("status") != "PROCESSING_UPLOAD":
        return False
    uploaded = status.get("uploaded_bytes")
    return not progress["finishing"] if uploaded is None else int(uploaded) < request.size_bytes


def _failure(status: dict[str, Any], progress: Progress) -> ProviderError:
    """Return the error of a post that TikTok gave up. A final one is noted: a person's retry announces it again."""
    reason = str(status.get("fail_reason") or "no reason")
    row = find_fail_row(reason)
    if row.verdict == "refuse":
        progress.commit(given_up=reason)
    reference = str(progress["publish_id"])
    return to_error(row, attempted=_FOLLOWING, answer=f"FAILED, {reason}", code=reason, reference=reference)


def _require_offered(request: PostRequest, post_info: dict[str, Any], creator: dict[str, Any]) -> None:
    """Refuse what the account does not offer now; nothing has been announced yet."""
    offered = creator.get("privacy_level_options") or []
    asking = "ask TikTok what the account offers"
    if post_info["privacy_level"] not in offered:
        raise to_error(
            BY_CODE["privacy_level_option_mismatch"],
            attempted=asking,
            answer=f"{', '.join(offered) or 'no option'}, while the channel wants {post_info['privacy_level']}",
            code="privacy_level_option_mismatch",
        )
    longest = creator.get("max_video_post_duration_sec")
    if longest is not None and request.duration_s > float(longest):
        raise PermanentError(
            attempted=asking,
            answer=f"videos of at most {longest} s, while this one lasts {request.duration_s:g} s",
            next_step="Make the channel's videos shorter.",
            code="duration_check_failed",
        )


def _respecting(body: dict[str, Any], creator: dict[str, Any]) -> dict[str, Any]:
    """Return the body with what the creator has switched off switched off."""
    closed = {
        f"disable_{what}": True for what in ("comment", "duet", "stitch") if creator.get(f"{what}_disabled") is True
    }
    return {**body, "post_info": {**body["post_info"], **closed}}


def connect(access: Access) -> TikTokPlatform:
    """Return the account of this world."""
    quick = access.sandbox_url is not None
    return TikTokPlatform(
        access_token=access.secret("TIKTOK_ACCESS_TOKEN"),
        open_id=access.variable("TIKTOK_OPEN_ID") or "default",
        clock=access.clock,
        base_url=access.url("https://open.tiktokapis.com", "/tiktok"),
        poll_interval_s=0.5 if quick else 5,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask what the account offers (video.publish), then for its newest video (video.list)."""
    api = TikTokApi(
        access_token=access.secret("TIKTOK_ACCESS_TOKEN"),
        base_url=access.url("https://open.tiktokapis.com", "/tiktok"),
        clock=access.clock,
    )
    creator = api.call("/v2/post/publish/creator_info/query/", attempted="ask TikTok what the account offers")
    offered = ", ".join(creator.get("privacy_level_options") or ())
    detail = f"account {creator.get('creator_username')}, offers {offered}"
    try:
        api.call("/v2/video/list/", attempted="list TikTok videos", params={"fields": "id"}, json={"max_count": 1})
    except PermanentError as error:
        if error.code != "scope_not_authorized":
            raise
        return Proof(detail, "the scope video.list is missing, so posts get no counters", error.next_step)
    try:
        read_followers(api)
        counted = FOLLOWERS_SCOPE
    except PermanentError as error:
        if error.code != "scope_not_authorized":
            raise
        counted = (
            f"without {FOLLOWERS_SCOPE} no count of followers: `dayreel connect tiktok --way statistics` asks for it"
        )
    return Proof(f"{detail}; video.publish and video.list; {counted}")


def rehearse(access: Access, fields: TikTokPost) -> Proof:
    """Ask TikTok who may see what the app posts, see `announce_nothing`."""
    if fields.mode == "inbox":
        return Proof("drafts for the inbox are not rehearsed: five a day may wait there")
    api = TikTokApi(
        access_token=access.secret("TIKTOK_ACCESS_TOKEN"),
        base_url=access.url("https://open.tiktokapis.com", "/tiktok"),
        clock=access.clock,
    )
    announce_nothing(api, fields.privacy, is_paid_partnership=fields.paid_partnership)
    return Proof(f"a post with privacy {fields.privacy} is taken on")


VENDOR: Final = Vendor(
    name="tiktok",
    label="TikTok",
    family="platforms",
    about="TikTok through the Content Posting API.",
    connect=connect,
    settings=(
        Setting("TIKTOK_ACCESS_TOKEN", "TikTok OAuth, scope video.publish", sandbox="act.sandbox-creator"),
        Setting(
            "TIKTOK_REFRESH_TOKEN",
            "TikTok OAuth; lets dayreel renew the token",
            required=False,
            sandbox="rft.sandbox-creator",
        ),
        Setting(
            "TIKTOK_CLIENT_KEY",
            "TikTok app, for connecting and for renewing the token",
            secret=False,
            required=False,
            sandbox="sandbox-tiktok-client-key",
        ),
        Setting(
            "TIKTOK_CLIENT_SECRET",
            "TikTok app, for connecting and for renewing the token",
            required=False,
            sandbox="sandbox-tiktok-client-secret",
        ),
        Setting("TIKTOK_OPEN_ID", "the TikTok account's id; from the OAuth answer", secret=False, required=False),
    ),
    can=("posts", "looks up lost posts", "counters", "followers", "renews its token"),
    prove=prove,
    rehearse=rehearse,
    first_day=(
        Proof(
            "",
            "an app that TikTok has not audited posts for five accounts a day, and only what their owners alone see",
            "Post to private accounts with `privacy: SELF_ONLY`, use `mode: inbox`, or ask for the audit.",
        ),
        Proof("", "about 15 posts a day and account, those made in the app included", "Plan fewer."),
    ),
    where_to_look="the account's profile and its drafts in the TikTok app",
    order=2,
    refusals=explained(BY_CODE, BY_FAIL_REASON),
    stand_in="dayreel.sandbox.tiktok:mount",
    platform=Platform(
        fields=TikTokPost,
        captions=CaptionRules(
            limit=2200,
            unit="utf16",
            source=Source(source="TikTok's direct-post reference", checked_on=date(2026, 11, 20)),
            reported_hashtags=5,
            reported_by=Source(source="public reports", checked_on=date(2026, 11, 29), second_hand=True),
        ),
        limits=LIMITS,
        safe_zone=SafeZone(
            *(0.055, 0.86, 0.08, 0.77),
            source=Source(
                source="public guides (150 px above, 440 below, 150 right of 1080 x 1920); its templates name none",
                checked_on=date(2026, 12, 1),
                second_hand=True,
            ),
        ),
        consents=(CONSENT, STATISTICS),
        # Access tokens live 2 h (`tiktok_consent`), or 24 h as they did before November 2026 (protocol reference, 5.8).
        token=TokenRenewal(
            access="TIKTOK_ACCESS_TOKEN",
            refresh="TIKTOK_REFRESH_TOKEN",
            prefix="",
            rule=RenewalRule(timedelta(hours=18), timedelta(minutes=30), timedelta(0), after_expiry=True),
            prove=renewal.renew_tiktok,
            renew=renewal.renew_tiktok,
        ),
        colour="#111111",
        metrics=METRICS,
    ),
)
