"""Instagram Reels through the Graph API, for both kinds of login (protocol reference, section 4).

A post is a container that is filled, processed and then published. Only `media_publish` makes anything public: up to
there everything may be repeated; after it, the container is read before anything else is done. Facebook-Login tokens
upload the bytes; Instagram-Login tokens need a public URL, which `public_url` opens for as long as it is needed.
The wire is `instagram_graph.py`, error codes are in `instagram_errors.py`, captions in `dayreel.rules.captions`.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, SecretStr, field_validator

from dayreel.clock import Clock, poll
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.listings import ListedItem, Listing, Match, begun_at, is_post, moment, read_pages
from dayreel.providers.platforms import instagram_consent, renewal
from dayreel.providers.platforms.approved import (
    Progress,
    approved_file,
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
    Quota,
    Receipt,
    as_count,
)
from dayreel.providers.platforms.instagram_errors import BY_CODE, BY_SUBCODE, find_row_in_status
from dayreel.providers.platforms.instagram_graph import API_VERSION, GONE_CODES, Graph
from dayreel.providers.platforms.instagram_insights import METRICS, Insights
from dayreel.providers.platforms.verdicts import explained, to_error
from dayreel.providers.proofs import prove_scopes
from dayreel.providers.public_urls.contract import PublicUrl, connect_way, way_set_up
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import PictureCover, PlatformAccount, optional_field
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
    Variable,
    Vendor,
)

LIMITS: Final = PlatformLimits(
    max_size_bytes=1_000_000_000,
    min_duration_s=3,
    max_duration_s=900,
    max_bit_rate=25_000_000,
    min_fps=23,
    max_fps=60,
    max_width=1920,
    takes_edit_lists=False,
    posts_per_day=100,
    collaborators=3,
    cover_formats=("jpeg",),
    cover_bytes=8_000_000,
    source=Source(
        source="Meta's content-publishing guide; the size by Meta's own sample of June 2026 (older pages: 300 MB)",
        checked_on=date(2026, 11, 29),
    ),
    extras_source=Source(
        source="Meta's error codes (covers) and guide, as public code and documentation quote it (collaborators)",
        checked_on=date(2026, 12, 1),
        second_hand=True,
    ),
)
_USERNAME = re.compile(r"[A-Za-z0-9._]{1,30}")
_PAGE_SCOPES: Final = (
    "instagram_basic",
    "instagram_content_publish",
    "pages_read_engagement",
    "instagram_manage_insights",
)
_MEDIA_FIELDS = "id,caption,permalink,timestamp,media_product_type"
_PAGE_SIZE = 25
_LOGIN_HOST = "graph.instagram.com"
_LOGIN_TOKEN = "IGA"  # noqa: S105  what they begin with
_SHORT_LIVED_S = 7 * 86_400
_NOT_READY = "9007"
_GONE = "GONE"
_PUBLISHED_BEFORE: dict[str, Any] = {"published": "before"}
_PAGES = 8


class InstagramPost(PictureCover):
    """How a content is posted as an Instagram Reel."""

    COVER_SUFFIXES: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg")

    share_to_feed: bool = Field(default=True, description="show the reel in the feed too")
    cross_post_to_threads: bool = optional_field("post it on the account's Threads profile too", default=False)
    collaborators: tuple[str, ...] = optional_field(
        "usernames that are invited as co-authors, 3 at most; each may decline", default=()
    )
    trial: Literal["MANUAL", "SS_PERFORMANCE"] | None = optional_field(
        "a trial reel, which followers do not see at first: until its owner shares it with them in the app (MANUAL), "
        "or also when it does well (SS_PERFORMANCE)"
    )

    @field_validator("collaborators")
    @classmethod
    def _are_usernames(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.removeprefix("@") for name in names)
        for name in names:
            if not _USERNAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a username of Instagram")
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("an account is named twice")
        if LIMITS.collaborators is not None and len(names) > LIMITS.collaborators:
            raise ValueError(f"{len(names)} accounts, and Instagram takes {LIMITS.collaborators}")
        return names


class InstagramPlatform:
    """One professional account.

    Args:
        access_token: a page or user token (Facebook Login) or an Instagram user token (Instagram Login).
        account_id: the professional account's id.
        graph_url: `https://graph.facebook.com`, or `https://graph.instagram.com` for Instagram Login.
        rupload_url: where bytes go when the container's answer names no address itself.
        public_url: opens a public address for a file, for Instagram Login; open until the container is FINISHED.
        cover_url: likewise for a picture that is the cover, with either login: Instagram takes no bytes of one.
        poll_interval_s: Meta recommends once a minute.
        deadline_s: how long one call of `post` waits for processing.
    """

    name = "instagram"
    counters_per_call = 1
    lists_everything = True

    def __init__(
        self,
        *,
        access_token: SecretStr | str,
        account_id: str,
        clock: Clock,
        graph_url: str = "https://graph.facebook.com",
        rupload_url: str | None = None,
        api_version: str = API_VERSION,
        public_url: PublicUrl | None = None,
        cover_url: PublicUrl | None = None,
        poll_interval_s: float = 60,
        deadline_s: float = 300,
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the token is empty or cannot be in a header.
        """
        self._graph = Graph(
            access_token=access_token,
            graph_url=graph_url,
            rupload_url=rupload_url,
            api_version=api_version,
            clock=clock,
        )
        self._insights = Insights(self._graph)
        self._account_id = account_id
        self._public_url = public_url
        self._cover_url = cover_url
        self._clock = clock
        self._poll_interval_s = poll_interval_s
        self._deadline_s = deadline_s

    def account(self) -> str:
        """Return the professional account's id."""
        return self._account_id

    def read_account(self) -> PlatformAccount:
        """Read the account to which posts go.

        Raises:
            TransientError, PermanentError: the token does not reach it, or it could not be read.
        """
        params: dict[str, str | int] = {"fields": "id,username"}
        account = self._graph.call("GET", self._account_id, attempted="read the Instagram account", params=params)
        # An Instagram-Login token calls it by another id here than the one that it is posted to by.
        known = str(account.get("id") or "") if self._account_id == "me" else self._account_id
        return PlatformAccount(known, str(account.get("username") or ""))

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the requests of a post; ids that only answers bring are in braces.

        Raises:
            UsageError: caption, fields or video do not fit Instagram.
            ConfigurationError: this login needs a public URL and there is none.
        """
        graph, account = self._graph.url, self._account_id
        upload = [
            PlannedCall(
                "POST",
                "{uri of the container}",
                {"bytes": request.size_bytes, "sha256": request.video_sha256},
                "the video's bytes",
            )
        ]
        return [
            PlannedCall(
                "POST", f"{graph}/{account}/media", self._container_fields(request, "{public URL}"), "container"
            ),
            *([] if self._public_url else upload),
            PlannedCall("GET", f"{graph}/{{container}}?fields=status_code,status", {}, "until FINISHED"),
            PlannedCall("POST", f"{graph}/{account}/media_publish", {"creation_id": "{container}"}, "makes it public"),
            PlannedCall("GET", f"{graph}/{{media}}?fields={_MEDIA_FIELDS}", {}, "permalink"),
        ]

    def quota(self) -> Quota:
        """Return how many posts Instagram counts against the account's limit now.

        Raises:
            TransientError, PermanentError: it could not be read.
        """
        limit = self._graph.call(
            "GET",
            f"{self._account_id}/content_publishing_limit",
            attempted="read Instagram's publishing limit",
            params={"fields": "config,quota_usage"},
        )
        rows = limit.get("data") or [{}]
        config = rows[0].get("config") or {}
        if "quota_total" not in config:
            raise TransientError(attempted="read Instagram's publishing limit", answer="no quota_total")
        hours = int(config.get("quota_duration", 86_400)) // 3600
        return Quota(
            used=int(rows[0].get("quota_usage", 0)), total=int(config["quota_total"]), window=f"rolling {hours} h"
        )

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Post once, see `PlatformProvider.post`.

        Its handle has container_id, begun_at, uri, uploaded, publishing, media_id.
        """
        del permit  # asking for it is the point: nobody posts without one
        fields = self._container_fields(request, None)
        progress = Progress(handle, record)
        if progress["media_id"]:
            return self._receipt(progress["media_id"])
        state = self._state_on_resume(progress)
        # The answer to a publish was lost, and it had worked.
        if state == "PUBLISHED":
            return self._recover(request, handle)
        if progress["publishing"] and state not in ("FINISHED", "IN_PROGRESS"):
            # A publish was tried and the container can no longer be asked: look for its words among the account's
            # media before another container is made, or the reel may be posted twice.
            receipt = self._recover_receipt(request, handle, state)
            if receipt is not None:
                return receipt
        is_usable = state == "FINISHED" or (state == "IN_PROGRESS" and progress["uploaded"])
        if not is_usable:
            self._fill_new_container(request, fields, progress)
        self._wait_until_finished(progress["container_id"])
        # Committed before the call: a process that dies inside it must leave a trace that it may have published.
        progress.commit(publishing=True)
        media_id = self._publish(progress["container_id"])
        if media_id is None:
            return self._recover(request, progress.handle)
        progress.commit(media_id=media_id)
        return self._receipt(media_id)

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Read the container, then the account's newest media, see `PlatformProvider.look_up`."""
        container, media_id = handle.get("container_id"), handle.get("media_id")
        if not container and not media_id:
            return PostFinding("absent", "No container was made, and only a container can be published.")
        if not media_id and handle.get("publishing") is False:
            return PostFinding(
                "resumable", f"Container {container} was never asked to be published.", handle=dict(handle)
            )
        try:
            if media_id:
                return PostFinding("live", f"Instagram answered with media {media_id}.", self._receipt(media_id))
            return self._judge(request, handle, str(container), sent_at=sent_at)
        except PermanentError as error:
            return PostFinding("unclear", f"Instagram does not let us look: {error.message}")

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return the insights of these media, see `instagram_insights`."""
        return self._insights.counters(post_ids, observed_at=self._clock.now())

    def followers(self) -> int | None:
        """Return how many follow the account, see `CountsFollowers`."""
        attempted = "count the followers of the Instagram account"
        params: dict[str, str | int] = {"fields": "followers_count"}
        count = self._graph.call("GET", self._account_id, attempted=attempted, params=params).get("followers_count")
        return None if count is None else as_count(count, "followers_count")

    # -- the container --------------------------------------------------------------------------------------------

    def _container_fields(self, request: PostRequest, video_url: str | None) -> dict[str, Any]:
        fields = read_fields(InstagramPost, request)
        has_cover = read_cover(request.cover, fields.cover_sha256, LIMITS, whose=request.content_id) is not None
        if has_cover and self._cover_url is None:
            raise ConfigurationError(
                "Instagram fetches a cover from a public URL, and none is set up.",
                next_step="Set up S3/R2 or the tunnel; or choose a frame with `cover_at_s`.",
            )
        require_within_limits("instagram", LIMITS, request)
        self._require_a_way_to_send()
        caption = sent_caption("instagram", request, fields)
        source = {"video_url": video_url} if self._public_url else {"upload_type": "resumable"}
        cover = {
            "cover_url": "{public URL of the cover}" if has_cover else None,
            "thumb_offset": None if has_cover else cover_ms(request, fields),
        }
        return {
            "media_type": "REELS",
            **source,
            "caption": caption.text,
            "share_to_feed": fields.share_to_feed,
            "is_ai_generated": fields.ai_disclosure,
            **{name: value for name, value in cover.items() if value},
            **_optional_parameters(fields),
        }

    def _require_a_way_to_send(self) -> None:
        if _LOGIN_HOST in self._graph.url and self._public_url is None:
            raise ConfigurationError(
                "Instagram Login takes no uploaded bytes, only a public URL, and none is set up.",
                next_step="Set up S3/R2 or the tunnel, or connect the account through Facebook Login.",
            )

    def _fill_new_container(self, request: PostRequest, fields: dict[str, Any], progress: Progress) -> None:
        # An unfinished container from before is invisible and dies within a day; how to resume it is not documented.
        # Meta fetches only while an address is open, so a resumed post starts over unless it is FINISHED.
        with ExitStack() as addresses:
            if request.cover is not None and self._cover_url is not None:
                fields = {**fields, "cover_url": addresses.enter_context(self._cover_url(request.cover))}
            if self._public_url is None:
                made = self._make_container(fields)
                container, uri = str(made["id"]), made.get("uri")
                self._begin(progress, container, uri)
                self._graph.upload(request, container=container, uri=uri)
                progress.commit(uploaded=request.cover is None)
                if request.cover is not None:
                    self._wait_until_finished(container)
                return
            with approved_file(request):
                pass  # what is served is opened right after; both ways keep the file they opened
            fields = {**fields, "video_url": addresses.enter_context(self._public_url(request.video))}
            made = self._make_container(fields)
            self._begin(progress, str(made["id"]), None)
            self._wait_until_finished(str(made["id"]))

    def _begin(self, progress: Progress, container: str, uri: str | None) -> None:
        now = self._clock.now().isoformat()
        progress.commit(container_id=container, begun_at=now, uri=uri, uploaded=False, publishing=False)

    def _make_container(self, fields: dict[str, Any]) -> dict[str, Any]:
        made = self._graph.call(
            "POST", f"{self._account_id}/media", attempted="make an Instagram container", json=fields
        )
        if not made.get("id"):
            raise TransientError(attempted="make an Instagram container", answer="no id")
        return made

    def _status(self, container: str) -> tuple[str, str]:
        try:
            status = self._graph.call(
                "GET",
                container,
                attempted="read the Instagram container",
                reference=container,
                params={"fields": "status_code,status"},
            )
        except ProviderError as error:
            # Meta answers 400 for an id that it has forgotten, the same as for one that never existed.
            if error.code in GONE_CODES:
                return _GONE, error.answer
            raise
        return str(status.get("status_code")), str(status.get("status", ""))

    def _wait_until_finished(self, container: str) -> None:
        def probe() -> bool | None:
            state, words = self._status(container)
            if state == "IN_PROGRESS":
                return None
            if state in ("FINISHED", "PUBLISHED"):
                return True
            raise _container_error(container, state, words)

        if not poll(probe, clock=self._clock, interval_s=self._poll_interval_s, deadline_s=self._deadline_s):
            raise _still_processing(container, self._poll_interval_s)

    # -- publishing, and finding out ------------------------------------------------------------------------------

    def _state_on_resume(self, progress: Progress) -> str:
        if not progress["container_id"]:
            return _GONE
        with doubt_remains(progress["publishing"]):
            return self._status(progress["container_id"])[0]

    def _publish(self, container: str) -> str | None:
        """Publish and return the media id; None when the container proves to be published already."""
        answer = poll(
            lambda: self._try_to_publish(container),
            clock=self._clock,
            interval_s=self._poll_interval_s,
            deadline_s=self._deadline_s,
        )
        if answer is None:
            raise _still_processing(container, self._poll_interval_s)
        if answer is not _PUBLISHED_BEFORE and not answer.get("id"):
            raise UnknownOutcomeError(
                attempted="publish the Instagram container", answer="success without an id", reference=container
            )
        return None if answer is _PUBLISHED_BEFORE else str(answer["id"])

    def _try_to_publish(self, container: str) -> dict[str, Any] | None:
        try:
            return self._graph.call(
                "POST",
                f"{self._account_id}/media_publish",
                attempted="publish the Instagram container",
                reference=container,
                json={"creation_id": container},
                is_publishing=True,
            )
        except ProviderError as error:
            if error.code is None:  # no answer at all: somebody looks first, and not in the same breath
                raise
            # Any listed error can come after the reel went out (2207051 and 190 did), so every one means: read it.
            with doubt_remains(is_in_doubt=True):
                state = self._status(container)[0]
            if state == "PUBLISHED":
                return _PUBLISHED_BEFORE
            if state == _GONE:
                raise _nobody_knows(container) from None
            if error.code.startswith(_NOT_READY):
                return None
            raise

    def _receipt(self, media_id: str) -> Receipt:
        # A permalink that cannot be read must never lead to a second publish: the post stands.
        try:
            media = self._graph.call(
                "GET",
                media_id,
                attempted="read the permalink",
                reference=media_id,
                params={"fields": _MEDIA_FIELDS},
            )
        except ProviderError as error:
            return Receipt("posted", media_id, None, {"permalink_error": error.message})
        return _posted(media_id, media)

    def _recover(self, request: PostRequest, handle: dict[str, Any], sent_at: datetime | None = None) -> Receipt:
        container = handle["container_id"]
        try:
            match = self._find(request, handle, sent_at)
        except ProviderError as error:
            return Receipt("processing", None, None, {"container_id": container, "read_error": error.message})
        if match.item is not None:
            return _posted_as(match.item)
        if match.is_unclear:  # it is out, and which of them it is nobody can say
            return Receipt(
                "posted", None, None, {"container_id": container, "public_id_pending": True, "seen": str(match)}
            )
        return Receipt("processing", None, None, {"container_id": container})

    def _recover_receipt(self, request: PostRequest, handle: dict[str, Any], state: str) -> Receipt | None:
        # EXPIRED and ERROR say "never published"; a container that has gone says nothing.
        with doubt_remains(is_in_doubt=True):
            match = self._find(request, handle, None)
        if match.is_unclear or (match.item is None and state == _GONE):
            raise _nobody_knows(str(handle["container_id"]))
        return None if match.item is None else _posted_as(match.item)

    def _judge(self, request: PostRequest, handle: dict[str, Any], container: str, *, sent_at: datetime) -> PostFinding:
        state, words = self._status(container)
        evidence = f"Container {container} is {state}"
        if state == "PUBLISHED":
            return PostFinding("live", f"{evidence}.", self._recover(request, handle, sent_at))
        if state in ("FINISHED", "IN_PROGRESS"):
            return PostFinding("resumable", f"{evidence}: not published, and can be continued.", handle=dict(handle))
        match = self._find(request, handle, sent_at)
        if match.item is not None:
            return PostFinding("live", f"{evidence}, and media {match.item.id} has its words.", _posted_as(match.item))
        if match.is_unclear or (state == _GONE and handle.get("publishing")):
            return PostFinding("unclear", f"{evidence} ({words}), and of the account's media {match}.")
        return PostFinding("absent", f"{evidence}: never published, and of the account's media {match}.")

    def _find(self, request: PostRequest, handle: dict[str, Any], sent_at: datetime | None) -> Match:
        text = sent_caption("instagram", request, read_fields(InstagramPost, request)).text
        return self.list_since(begun_at(handle, sent_at)).match(is_post(text, request.duration_s))

    def list_since(self, since: datetime | None) -> Listing:
        """Return the account's media, see `ListsWhatItHas`; Instagram lists no lengths."""

        def page(after: str | None) -> tuple[list[ListedItem], str | None]:
            # `paging.next` would be a ready-made address, but one with the token in it.
            answer = self._graph.call(
                "GET",
                f"{self._account_id}/media",
                attempted="list the account's newest media",
                params={"fields": _MEDIA_FIELDS, "limit": _PAGE_SIZE, **({"after": after} if after else {})},
            )
            cursor = ((answer.get("paging") or {}).get("cursors") or {}).get("after")
            return [_listed(media) for media in answer.get("data", [])], cursor if answer.get("data") else None

        return read_pages(page, most_pages=_PAGES, since=since)


def _optional_parameters(fields: InstagramPost) -> dict[str, Any]:
    """Return what a container is sent of co-authors, Threads and trials; nothing of what is not asked for."""
    optional = {
        "cross_post_to_threads": fields.cross_post_to_threads,
        "collaborators": list(fields.collaborators),
        "trial_params": fields.trial and {"graduation_strategy": fields.trial},
    }
    return {name: value for name, value in optional.items() if value}


def _container_error(container: str, state: str, words: str) -> ProviderError:
    if state in ("EXPIRED", _GONE):
        return TransientError(
            attempted="wait for the Instagram container",
            answer=f"{state} {words}".strip(),
            reference=container,
            next_step="The next try makes a new container.",
            code=state,
        )
    row, code = find_row_in_status(words)
    return to_error(
        row, attempted="wait for the Instagram container", answer=f"{state}: {words}", code=code, reference=container
    )


def _nobody_knows(container: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        attempted="find out what became of an Instagram post",
        answer="the container has gone",
        reference=container,
        next_step="`dayreel reconcile` looks through the account's newest posts.",
    )


def _still_processing(container: str, wait_s: float) -> TransientError:
    return TransientError(
        attempted="wait for the Instagram container",
        answer="still being processed, so nothing has been published yet",
        reference=container,
        next_step="The next try keeps waiting for the same container.",
        retry_after_s=wait_s,
        code="IN_PROGRESS",
    )


def _posted(media_id: str, media: dict[str, Any]) -> Receipt:
    # What was asked for alone is kept: whatever else an answer holds may be what it was sent.
    raw = {name: media[name] for name in _MEDIA_FIELDS.split(",") if name in media}
    return Receipt("posted", media_id, raw.get("permalink"), raw)


def _posted_as(media: ListedItem) -> Receipt:
    return _posted(media.id, media.raw)


def _listed(media: dict[str, Any]) -> ListedItem:
    words, made_at = (str(media.get("caption") or ""),), moment(media.get("timestamp"))
    return ListedItem(str(media["id"]), words, made_at, None, media.get("permalink"), media)


def connect(access: Access) -> InstagramPlatform:
    """Return the account of this world; the token's prefix shows which login it is from."""
    token = access.secret("INSTAGRAM_ACCESS_TOKEN")
    is_login = token.startswith(_LOGIN_TOKEN)

    def cover_url(cover: Path) -> AbstractContextManager[str]:
        return connect_way(access)(cover)  # set up only where there is a cover: an account without one needs no bucket

    return InstagramPlatform(
        access_token=token,
        account_id=access.secret("INSTAGRAM_ACCOUNT_ID"),
        clock=access.clock,
        graph_url=access.url(f"https://{_LOGIN_HOST if is_login else 'graph.facebook.com'}", "/instagram/graph"),
        public_url=connect_way(access) if is_login else None,
        cover_url=cover_url,
        poll_interval_s=0.5 if access.sandbox_url is not None else 60,
    )


def _public_url_vendors(variable: Variable) -> tuple[str, ...]:
    """Return who makes the video's public address: only Instagram Login fetches it from one."""
    is_login = (variable("INSTAGRAM_ACCESS_TOKEN") or "").startswith(_LOGIN_TOKEN)
    return (way_set_up(variable),) if is_login else ()


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Read the account, and for a Page's token its scopes."""
    token = access.secret("INSTAGRAM_ACCESS_TOKEN")
    is_login = token.startswith(_LOGIN_TOKEN)
    host = f"https://graph.{'instagram' if is_login else 'facebook'}.com"
    graph = Graph(
        access_token=token,
        graph_url=access.url(host, "/instagram/graph"),
        rupload_url=None,
        api_version=API_VERSION,
        clock=access.clock,
    )
    # Only Instagram Login has the account's type; behind a Page there are professional accounts alone.
    params: dict[str, str | int] = {"fields": "id,username,account_type" if is_login else "id,username"}
    account = graph.call(
        "GET", access.secret("INSTAGRAM_ACCOUNT_ID"), attempted="read the Instagram account", params=params
    )
    detail = f"account {account.get('username')} ({account.get('id')})"
    if is_login and account.get("account_type") == "PERSONAL":
        return Proof(
            f"{detail}, Instagram Login",
            "it is a personal account, and the API posts to professional ones alone",
            "In the Instagram app switch to a professional account (Settings, Account type), and connect it again.",
        )
    if is_login:
        return Proof(f"{detail}, Instagram Login")
    seen: dict[str, str | int] = {"input_token": token}
    token_facts = (
        graph.call("GET", "debug_token", attempted="read the Instagram token's scopes", params=seen).get("data") or {}
    )
    ends_at = token_facts.get("expires_at")
    if token_facts.get("type") == "USER" and ends_at and ends_at - access.clock.now().timestamp() < _SHORT_LIVED_S:
        return Proof(
            f"{detail}, Facebook Login",
            "it is a user token that ends within days, an hour after it was made as a rule",
            "`dayreel connect instagram --way facebook` makes a Page's token, which does not end by time.",
        )
    return prove_scopes(f"{detail}, Facebook Login", _PAGE_SCOPES, token_facts.get("scopes") or ())


def rehearse(access: Access, fields: InstagramPost) -> Proof:
    """Make a container that stays empty, so that it can never be published: may the app publish so for the account?"""
    token = access.secret("INSTAGRAM_ACCESS_TOKEN")
    if token.startswith(_LOGIN_TOKEN):
        return Proof("Instagram Login takes no container without a video, so none was tried")
    graph = Graph(
        access_token=token,
        graph_url=access.url("https://graph.facebook.com", "/instagram/graph"),
        rupload_url=None,
        api_version=API_VERSION,
        clock=access.clock,
    )
    graph.call(
        "POST",
        f"{access.secret('INSTAGRAM_ACCOUNT_ID')}/media",
        attempted="make an Instagram container, without a video",
        json={"media_type": "REELS", "upload_type": "resumable", **_optional_parameters(fields)},
    )
    return Proof("a container is taken on")


VENDOR: Final = Vendor(
    name="instagram",
    family="platforms",
    about="Instagram Reels through the Graph API.",
    connect=connect,
    settings=(
        Setting(
            "INSTAGRAM_ACCESS_TOKEN",
            "Page token, or Instagram-Login token (IGAA...)",
            sandbox="EAAsandbox-facebook-login-token",
        ),
        Setting("INSTAGRAM_ACCOUNT_ID", "the professional account's id", secret=False, sandbox="17841400000000001"),
        Setting(
            "INSTAGRAM_APP_ID",
            "Meta app, for connecting by Instagram Login",
            secret=False,
            required=False,
            sandbox="990000000000001",
            asked=False,
        ),
        Setting(
            "INSTAGRAM_APP_SECRET",
            "Meta app, for connecting by Instagram Login",
            required=False,
            sandbox="sandbox-instagram-app-secret",
            asked=False,
        ),
        Setting(
            "FACEBOOK_APP_ID",
            "Meta app, for connecting by Facebook Login",
            secret=False,
            required=False,
            sandbox="990000000000002",
            asked=False,
        ),
        Setting(
            "FACEBOOK_APP_SECRET",
            "Meta app, for connecting by Facebook Login",
            required=False,
            sandbox="sandbox-facebook-app-secret",
            asked=False,
        ),
    ),
    can=("posts", "looks up lost posts", "counters", "followers", "reports its quota", "renews its token"),
    prove=prove,
    rehearse=rehearse,
    first_day=(
        Proof(
            "",
            "an app in development or with standard access serves only people with a role on it",
            "Add each account as a tester under App roles and accept it in Instagram, or have the app reviewed.",
        ),
        Proof("", "trial reels are for accounts with 1,000 followers or more", "Leave `trial` out until then."),
        Proof("", "50 or 100 posts in 24 hours, by the account", "`dayreel publish --plan` shows how many are left."),
    ),
    where_to_look="the account's profile in the Instagram app, newest reels first",
    uses=_public_url_vendors,
    order=1,
    refusals=explained(BY_SUBCODE, BY_CODE),
    stand_in="dayreel.sandbox.instagram:mount",
    platform=Platform(
        fields=InstagramPost,
        captions=CaptionRules(
            limit=2200,
            unit="characters",
            hashtag_limit=30,
            mention_limit=20,
            source=Source(source="Meta's content-publishing guide", checked_on=date(2026, 11, 20)),
            reported_hashtags=5,
            reported_mentions=3,
            reported_by=Source(
                source="public reports: 5 hashtags a reel since December 2025, 3 mentions by API",
                checked_on=date(2026, 11, 29),
                second_hand=True,
            ),
        ),
        limits=LIMITS,
        safe_zone=SafeZone(
            *(0.06, 0.94, 0.14, 0.65),
            source=Source(
                source="Meta's help on Reels (14 % above, 35 % below, 6 % at each side), as others quote it",
                checked_on=date(2026, 12, 1),
                second_hand=True,
            ),
        ),
        # Instagram Login's tokens live 60 days, are renewed from 24 h old on, and never once they have ended (protocol
        # reference, 4.6). Facebook Login's are not renewed without a person.
        token=TokenRenewal(
            access="INSTAGRAM_ACCESS_TOKEN",
            refresh=None,
            prefix=_LOGIN_TOKEN,
            rule=RenewalRule(timedelta(days=7), timedelta(days=30), timedelta(hours=24), after_expiry=False),
            prove=renewal.prove_instagram,
            renew=renewal.renew_instagram,
        ),
        consents=(instagram_consent.LOGIN, instagram_consent.FACEBOOK),
        colour="#d55e00",
        metrics=METRICS,
    ),
)
