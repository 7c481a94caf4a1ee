"""Stand-in for TikTok's Content Posting and Display APIs: creator info, init, chunked PUT, status, list, OAuth.

TikTok publishes no machine-readable specification. The tables here are its direct-post, media-transfer and scopes pages
as of 2026-09-11, and what was reported since 2026-08-12: one chunk of more than 64 MB is refused.
"""

import asyncio
import re
import urllib.parse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.errors import MediaError
from dayreel.sandbox import credentials
from dayreel.sandbox.consent import ACCOUNTS, ConsentPage, account_of
from dayreel.sandbox.counters import counters, followers
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.media_check import MediaFacts, inspect
from dayreel.sandbox.wire import BrokenOff, Call, Refused, receive_file, routes, sha256_of
from dayreel.sandbox.world import Document, SandboxWorld

PUBLIC_OPTIONS: Final = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
PRIVATE_OPTIONS: Final = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
# "5 MB" and "64 MB" on the page: of the two readings of each the one that takes less.
MIN_CHUNK: Final = 5 * 1024 * 1024
MAX_CHUNK: Final = 64_000_000
MAX_LAST_CHUNK: Final = 128_000_000
MAX_FILE: Final = 4 * 1024**3
POST_INFO: Final[dict[str, type]] = {
    "title": str,
    "privacy_level": str,
    "disable_duet": bool,
    "disable_stitch": bool,
    "disable_comment": bool,
    "video_cover_timestamp_ms": int,
    "brand_content_toggle": bool,
    "brand_organic_toggle": bool,
    "is_aigc": bool,
}
SOURCES: Final[dict[str, dict[str, type]]] = {
    "FILE_UPLOAD": {"source": str, "video_size": int, "chunk_size": int, "total_chunk_count": int},
    "PULL_FROM_URL": {"source": str, "video_url": str},
}
SCOPES: Final = {
    "creator": ("video.publish",),
    "init": ("video.publish",),
    "inbox": ("video.upload",),
    "status": ("video.publish", "video.upload"),
    "list": ("video.list",),
    "user": ("user.info.basic",),
}
"""Scopes of each route, of which a token needs one."""
POSTS_PER_DAY: Final = 15
TITLE_LIMIT: Final = 2200
_DAY_S: Final = 86_400
MAX_DURATION_S: Final = 600
UPLOAD_URL_LIFE_S: Final = 3600
TOKEN_LIFE_S: Final = 7200  # developers.tiktok.com, "Manage OAuth Access Tokens", 2026-11-05; it was a day before
REFRESH_LIFE_S: Final = 180 * 86_400
CONSENT: Final = ConsentPage(
    name="tiktok",
    app_id=credentials.TIKTOK_CLIENT_KEY,
    scopes=("user.info.basic", "user.info.stats", "video.publish", "video.upload", "video.list"),
    pkce="hex",
    id_field="client_key",
    separator=",",
    scopes_field="scopes",
    denied={"error": "access_denied", "error_description": "User cancelled the authorization"},
)
PER_MINUTE: Final = {"creator": 20, "init": 6, "status": 30, "list": 600, "token": 600, "user": 600}
VIDEO_FIELDS: Final = (
    *("id", "create_time", "cover_image_url", "share_url", "video_description", "duration", "height", "width"),
    *("title", "embed_html", "embed_link", "like_count", "comment_count", "share_count", "view_count"),
)
USER_FIELDS: Final = {
    **dict.fromkeys(("open_id", "union_id", "avatar_url", "display_name"), "user.info.basic"),
    **dict.fromkeys(("follower_count", "following_count", "likes_count", "video_count"), "user.info.stats"),
}
"""Fields of an account and the scope that each needs (Get User Info, read 2026-12-01)."""
TYPICAL_VIEWS: Final = 1500.0
SPECIAL_FAULTS: Final = {
    "stuck": ("init", "status"),
    "completed_with_error": ("init", "status"),
    "break_off": ("upload",),
}
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/tiktok`."""
    world.settlers.append(lambda: settle(world))
    v2 = "/tiktok/v2"
    return routes(
        world,
        "tiktok",
        _fault_answer,
        {
            ("POST", f"{v2}/post/publish/creator_info/query/", "creator"): creator_info,
            ("POST", f"{v2}/post/publish/video/init/", "init"): init_post,
            ("POST", f"{v2}/post/publish/inbox/video/init/", "init"): init_inbox,
            ("POST", f"{v2}/post/publish/status/fetch/", "status"): fetch_status,
            ("POST", f"{v2}/video/list/", "list"): list_videos,
            ("POST", f"{v2}/video/query/", "list"): query_videos,
            ("GET", f"{v2}/user/info/", "user"): user_info,
            ("GET,POST", f"{v2}/auth/authorize/", "authorize"): CONSENT.answer,
            ("POST", f"{v2}/oauth/token/", "token"): oauth_token,
            ("PUT", "/tiktok/upload/{publish_id}", "upload"): upload,
        },
        special_faults=SPECIAL_FAULTS,
        pace={
            "tiktok_processing_s": 0.6,
            "tiktok_public_id_s": 1.5,
            "tiktok_audited": True,
            "tiktok_private_account": False,
            "tiktok_scopes": "user.info.basic,user.info.stats,video.publish,video.upload,video.list",
            "tiktok_single_use_refresh": False,
            "tiktok_redirects": "http://127.0.0.1:*/callback/ http://127.0.0.1:*/connect/tiktok/callback",
            "tiktok_list_private": True,
            "tiktok_listing_s": 0.0,
            "rate_limits": False,
        },
    )


def answer(data: Document, *, code: str = "ok", message: str = "", status: int = 200) -> JSONResponse:
    """Return an answer in TikTok's shape; success is `error.code == "ok"`."""
    return JSONResponse(
        {"data": data, "error": {"code": code, "message": message, "log_id": "202611200000SANDBOX"}}, status
    )


def error(status: int, code: str, message: str = "") -> JSONResponse:
    """Return an error in TikTok's shape."""
    return answer({}, code=code, message=message or code.replace("_", " "), status=status)


def _fault_answer(route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if route == "token":
        return _token_error(str(fault.code or "invalid_grant"), "Armed.", fault.status or 400)
    if route == "upload":
        return Response(status_code=fault.status or {"expired_token": 403}.get(fault.kind, 500))
    if fault.kind == "expired_token":
        return error(401, "access_token_invalid", "The access token is invalid or has expired.")
    if fault.kind == "quota":
        return error(200 if route == "creator" else 403, "spam_risk_too_many_posts")
    status = fault.status or (500 if fault.code is None else 400)
    typical = {429: "rate_limit_exceeded", 401: "access_token_invalid", 400: "invalid_param"}
    return error(status, str(fault.code or typical.get(status, "internal_error")), "Armed in the sandbox world.")


# -- who is asking ----------------------------------------------------------------------------------------


async def _checked(call: Call, scope_of: str = "") -> Document:
    """Return the JSON body of an authorised call.

    Args:
        scope_of: the key in `SCOPES` where it is not the route's name.

    Raises:
        Refused: a bad token, a scope that is missing, too many calls, or no JSON.
    """
    token = call.bearer()
    issued = call.world.store.get("tiktok_token", token)
    is_expired = bool(issued) and call.world.age_s((issued or {})["issued_at"]) > TOKEN_LIFE_S
    if (token != credentials.TIKTOK_ACCESS_TOKEN and not issued) or is_expired:
        raise Refused(error(401, "access_token_invalid", "The access token is invalid or has expired."))
    if not set(SCOPES[scope_of or call.route]) & _granted(call):
        raise Refused(error(401, "scope_not_authorized", "The user did not authorize the scope required."))
    _limit_rate(call)
    raw = await call.request.body()
    if not raw.strip():
        return {}
    if not call.request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(error(400, "invalid_param", "The Content-Type must be application/json."))
    body = await call.json()
    if body is None:
        raise Refused(error(400, "invalid_param", "The request body is not a JSON object."))
    return body


def _granted(call: Call) -> set[str]:
    issued = call.world.store.get("tiktok_token", call.bearer()) or {}
    return set(issued.get("scopes", str(call.world.pace("tiktok_scopes")).split(",")))


def _limit_rate(call: Call) -> None:
    """Count calls over a sliding minute of world time, when `rate_limits` is on."""
    if not call.world.pace("rate_limits"):
        return
    store, now = call.world.store, call.world.now().timestamp()
    known = store.get("tiktok_calls", call.route) or {"at": []}
    recent = [moment for moment in known["at"] if now - moment < 60]  # noqa: PLR2004
    if len(recent) >= PER_MINUTE[call.route]:
        raise Refused(error(429, "rate_limit_exceeded", "The API rate limit was exceeded."))
    store.put("tiktok_calls", call.route, {"at": [*recent, now]})


def _options(world: SandboxWorld) -> tuple[str, ...]:
    return PRIVATE_OPTIONS if world.pace("tiktok_private_account") else PUBLIC_OPTIONS


async def creator_info(call: Call) -> Response:
    """Answer what the creator may post, and how; what forbids posting has HTTP status 200 here."""
    await _checked(call)
    if _is_day_full(call.world):
        raise Refused(error(200, "spam_risk_too_many_posts"))
    name = account_of(call.world.store.get("tiktok_token", call.bearer()))
    return answer(
        {
            "creator_avatar_url": f"{call.origin}/tiktok/avatar.png",
            "creator_username": name,
            "creator_nickname": name,
            "privacy_level_options": list(_options(call.world)),
            "comment_disabled": False,
            "duet_disabled": False,
            "stitch_disabled": False,
            "max_video_post_duration_sec": MAX_DURATION_S,
        }
    )


# -- starting a post --------------------------------------------------------------------------------------


def _is_day_full(world: SandboxWorld) -> bool:
    """Return whether the creator's posts of 24 hours are used up, where limits are on."""
    rows = world.store.all("tiktok_publish") if world.pace("rate_limits") else []
    posts = [row for row in rows if row["flow"] == "v_pub_file" and row["uploaded_at"]]
    return sum(world.age_s(row["uploaded_at"]) < _DAY_S for row in posts) >= POSTS_PER_DAY


def _check_shape(body: Document, fields: Mapping[str, type], where: str = "") -> None:
    for name, value in body.items():
        if name not in fields:
            raise Refused(error(400, "invalid_params", f"Unknown field {where}{name}"))
        if type(value) is not fields[name]:
            raise Refused(error(400, "invalid_params", f"{where}{name} must be of type {fields[name].__name__}"))


async def init_post(call: Call) -> Response:
    """Answer the direct post init."""
    body = await _checked(call)
    post_info = body.get("post_info")
    if not isinstance(post_info, dict):
        raise Refused(error(400, "invalid_param", "post_info is required"))
    _check_shape(body, {"post_info": dict, "source_info": dict})
    if _is_day_full(call.world):
        raise Refused(error(403, "spam_risk_too_many_posts"))
    _check_post(call.world, post_info)
    source = _check_source(body.get("source_info"))
    return _start(call, post_info, source, flow="v_pub_file")


async def init_inbox(call: Call) -> Response:
    """Answer the inbox init: no caption, the owner finishes in the app."""
    body = await _checked(call, "inbox")
    if "post_info" in body:
        raise Refused(error(400, "invalid_param", "post_info is not supported for inbox uploads"))
    _check_shape(body, {"source_info": dict})
    pending = [row for row in call.world.store.all("tiktok_publish") if row["flow"] == "v_inbox_file"]
    if sum(call.world.age_s(row["created_at"]) < _DAY_S for row in pending) >= 5:  # noqa: PLR2004
        raise Refused(error(403, "spam_risk_too_many_pending_share"))
    return _start(call, {}, _check_source(body.get("source_info")), flow="v_inbox_file")


def _start(call: Call, post_info: Document, source: Document, *, flow: str) -> Response:
    id_ = f"{flow}~v2-1.{call.world.new_number('tiktok_publish', 19)}"
    call.world.store.put(
        "tiktok_publish",
        id_,
        {
            "id": id_,
            "flow": flow,
            "post_info": post_info,
            "source": source,
            "created_at": call.world.now().isoformat(),
            "uploaded": 0,
            "uploaded_at": None,
            "fail_reason": "internal" if call.has("completed_with_error") else None,
            "post_id": None,
            "stuck": call.has("stuck"),
        },
    )
    token = call.world.new_digest("tiktok_upload")[:24]
    address = f"{call.origin}/tiktok/upload/{urllib.parse.quote(id_)}?upload_id={token}&upload_token={token}"
    call.world.store.merge("tiktok_publish", id_, token=token)
    return answer({"publish_id": id_, "upload_url": address})


def _check_post(world: SandboxWorld, post: Document) -> None:
    """Refuse a post_info the real API would not take.

    Raises:
        Refused: with TikTok's code.
    """
    _check_shape(post, POST_INFO, "post_info.")
    privacy = post.get("privacy_level")
    if privacy not in {*PUBLIC_OPTIONS, *PRIVATE_OPTIONS}:
        raise Refused(error(400, "invalid_param", "privacy_level is required and must be one of the known values"))
    if not world.pace("tiktok_audited") and (privacy != "SELF_ONLY" or not world.pace("tiktok_private_account")):
        raise Refused(error(403, "unaudited_client_can_only_post_to_private_accounts"))
    if privacy not in _options(world):
        raise Refused(error(403, "privacy_level_option_mismatch"))
    if "brand_content_toggle" not in post:
        raise Refused(error(400, "invalid_param", "brand_content_toggle is required"))
    if post["brand_content_toggle"] and privacy == "SELF_ONLY":
        raise Refused(error(400, "invalid_param", "Branded content cannot be posted as SELF_ONLY"))
    if len(post.get("title", "").encode("utf-16-le")) // 2 > TITLE_LIMIT:
        raise Refused(error(400, "invalid_param", "title has at most 2200 UTF-16 units"))
    if post.get("video_cover_timestamp_ms", 0) < 0:
        raise Refused(error(400, "invalid_param", "video_cover_timestamp_ms must not be negative"))


def _check_source(source: Any) -> Document:
    """Return a valid source_info.

    Raises:
        Refused: with TikTok's code.
    """
    if not isinstance(source, dict) or source.get("source") not in SOURCES:
        raise Refused(error(400, "invalid_param", "source_info.source must be FILE_UPLOAD or PULL_FROM_URL"))
    _check_shape(source, SOURCES[source["source"]], "source_info.")
    if source["source"] == "PULL_FROM_URL":
        raise Refused(error(403, "url_ownership_unverified", "Verify the URL prefix in the developer portal first."))
    numbers = [source.get(name) for name in ("video_size", "chunk_size", "total_chunk_count")]
    if any(number is None or number < 1 for number in numbers):
        raise Refused(error(400, "invalid_params", "video_size, chunk_size and total_chunk_count are required"))
    problem = chunk_problem(source["video_size"], source["chunk_size"], source["total_chunk_count"])
    if problem:
        raise Refused(error(400, "invalid_params", problem))
    return source


def chunk_problem(size: int, chunk: int, count: int) -> str | None:
    """Return what is wrong with a division into chunks, or None: one chunk is the whole file of at most 64 MB."""
    is_one, last = count == 1, size - (count - 1) * chunk
    rules = (
        (size > MAX_FILE, "The video size is invalid"),
        (chunk > min(size, MAX_CHUNK), "The chunk size is invalid"),
        (is_one and chunk != size, "The chunk size is invalid"),
        (not is_one and chunk < MIN_CHUNK, "The chunk size is invalid"),
        (size // chunk != count, "The total chunk count is invalid"),
        (count > 1000, "The total chunk count is invalid"),  # noqa: PLR2004
        (last > MAX_LAST_CHUNK, "The chunk size is invalid"),
    )
    return next((text for is_wrong, text in rules if is_wrong), None)


# -- bytes ------------------------------------------------------------------------------------------------


def _file(world: SandboxWorld, publish_id: str) -> Path:
    return world.folder("uploads", "tiktok") / f"{publish_id.rsplit('.', 1)[-1]}.mp4"


async def upload(call: Call) -> Response:
    """Take one chunk; 206 for more to come, 201 when complete, 416 with the position when it does not fit."""
    publish = call.world.store.get("tiktok_publish", call.request.path_params["publish_id"])
    if publish is None or call.request.query_params.get("upload_token") != publish["token"]:
        raise Refused(Response(status_code=404))
    if call.world.age_s(publish["created_at"]) > UPLOAD_URL_LIFE_S:
        raise Refused(Response(status_code=403))
    first, last = _chunk_range(call, publish)
    path, whole = _file(call.world, publish["id"]), int(publish["source"]["video_size"])
    got = await receive_file(call, path, offset=first)
    if got.is_broken:
        raise BrokenOff
    if got.size_bytes != last - first + 1:
        raise Refused(Response("The body does not have the length of its Content-Range.", 400))
    call.world.store.merge("tiktok_publish", publish["id"], uploaded=last + 1)
    headers = {"content-range": f"bytes 0-{last}/{whole}"}
    if last + 1 < whole:
        return Response(status_code=206, headers=headers)
    await asyncio.to_thread(_ingest, call.world, publish["id"])
    return Response(status_code=201, headers=headers)


def _chunk_range(call: Call, publish: Document) -> tuple[int, int]:
    """Return the first and last byte of a chunk that fits.

    Raises:
        Refused: 400 for bad headers, 416 for a wrong position.
    """
    headers, source = call.request.headers, publish["source"]
    if headers.get("authorization"):
        raise Refused(Response("Do not send your token to the upload host.", 400))
    if headers.get("content-type") not in ("video/mp4", "video/quicktime", "video/webm"):
        raise Refused(Response("The Content-Type must be a video type.", 400))
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("content-range", ""))
    whole, done = int(source["video_size"]), int(publish["uploaded"])
    if not match or int(match[3]) != whole or not int(match[1]) <= int(match[2]) < whole:
        raise Refused(Response("The Content-Range is malformed.", 400))
    first, last = int(match[1]), int(match[2])
    if headers.get("content-length") != str(last - first + 1):
        raise Refused(Response("The Content-Length does not match the Content-Range.", 400))
    if first != done:
        position = f"bytes 0-{done - 1}/{whole}" if done else f"bytes */{whole}"
        raise Refused(Response(status_code=416, headers={"content-range": position}))
    number = first // int(source["chunk_size"])
    is_last = number == int(source["total_chunk_count"]) - 1
    expected = whole - first if is_last else int(source["chunk_size"])
    if last - first + 1 != expected:
        raise Refused(Response(f"Chunk {number} must have {expected} bytes.", 400))
    return first, last


def _ingest(world: SandboxWorld, publish_id: str) -> None:
    """Look at the whole file and write down what became of it."""
    publish = world.store.get("tiktok_publish", publish_id) or {}
    path = _file(world, publish_id)
    reason: str | None = publish["fail_reason"]
    facts: MediaFacts | None = None
    try:
        facts = inspect(path)
        reason = reason or _objection(facts)
    except MediaError:
        reason = reason or "file_format_check_failed"
    world.store.merge(
        "tiktok_publish",
        publish_id,
        fail_reason=reason,
        uploaded_at=world.now().isoformat(),
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        duration_s=facts.duration_s if facts else 0.0,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
    )


def _objection(facts: MediaFacts) -> str | None:
    """Return TikTok's fail_reason for a file, or None."""
    checks: tuple[tuple[bool, str], ...] = (
        (facts.video_codec not in ("h264", "hevc", "vp8", "vp9"), "file_format_check_failed"),
        (not 22.9 <= facts.fps <= 60.1, "frame_rate_check_failed"),  # noqa: PLR2004
        (not all(360 <= side <= 4096 for side in (facts.width, facts.height)), "picture_size_check_failed"),  # noqa: PLR2004
        (not 1 <= facts.duration_s <= MAX_DURATION_S, "duration_check_failed"),
    )
    return next((reason for is_wrong, reason in checks if is_wrong), None)


# -- what became of it ------------------------------------------------------------------------------------


def settle(world: SandboxWorld) -> None:
    """Let every upload whose processing time is over go live."""
    for publish in world.store.all("tiktok_publish"):
        _settle_one(world, publish)


def _settle_one(world: SandboxWorld, publish: Document) -> Document:
    is_due = publish["uploaded_at"] and world.age_s(publish["uploaded_at"]) >= world.pace("tiktok_processing_s")
    if not is_due or publish["post_id"] or publish["fail_reason"] or publish["stuck"]:
        return publish
    if publish["flow"] != "v_pub_file":
        return publish
    post_id = world.new_number("tiktok_post", 19)
    post_info = publish["post_info"]
    world.go_live(
        platform="tiktok",
        id_=post_id,
        path=f"/tiktok/@{credentials.TIKTOK_USERNAME}/video/{post_id}",
        caption=post_info.get("title", ""),
        privacy=post_info["privacy_level"],
        ai_label=bool(post_info.get("is_aigc")),
        cover_ms=post_info.get("video_cover_timestamp_ms", 0),
        sha256=publish["sha256"],
        size_bytes=publish["size_bytes"],
        duration_s=publish["duration_s"],
        width=publish["width"],
        height=publish["height"],
        publish_id=publish["id"],
    )
    return world.store.merge("tiktok_publish", publish["id"], post_id=post_id, complete_at=world.now().isoformat())


def _is_public(world: SandboxWorld, publish: Document) -> bool:
    """Return whether moderation has passed a public post, which is when its id is handed out."""
    is_meant_for_all = publish["post_info"].get("privacy_level") == "PUBLIC_TO_EVERYONE"
    return is_meant_for_all and world.age_s(publish["complete_at"]) >= float(world.pace("tiktok_public_id_s"))


async def fetch_status(call: Call) -> Response:
    """Answer the status of a post."""
    body = await _checked(call)
    publish = call.world.store.get("tiktok_publish", str(body.get("publish_id", "")))
    if publish is None:
        raise Refused(error(400, "invalid_publish_id", "The publish_id does not exist."))
    if call.has("completed_with_error"):
        publish = call.world.store.merge(
            "tiktok_publish", publish["id"], fail_reason="internal", uploaded_at=publish["created_at"]
        )
    publish = _settle_one(call.world, publish)
    data: Document = {"status": _state(call, publish), "uploaded_bytes": publish["uploaded"], "downloaded_bytes": 0}
    if data["status"] == "FAILED":
        data["fail_reason"] = publish["fail_reason"]
    if data["status"] == "PUBLISH_COMPLETE":
        is_public = _is_public(call.world, publish)
        data["publicaly_available_post_id"] = [int(publish["post_id"])] if is_public else []
    return answer(data)


def _state(call: Call, publish: Document) -> str:
    if call.has("stuck") or publish["stuck"]:
        return "PROCESSING_UPLOAD"
    if publish["fail_reason"] and publish["uploaded_at"]:
        return "FAILED"
    if publish["post_id"]:
        return "PUBLISH_COMPLETE"
    is_inbox = publish["flow"] == "v_inbox_file" and publish["uploaded_at"]
    return "SEND_TO_USER_INBOX" if is_inbox else "PROCESSING_UPLOAD"


async def user_info(call: Call) -> Response:
    """Answer the wanted fields of the account, each by its own scope."""
    await _checked(call)
    wanted = [name for name in call.request.query_params.get("fields", "").split(",") if name]
    unknown = [name for name in wanted if name not in USER_FIELDS]
    if not wanted or unknown:
        raise Refused(error(400, "invalid_params", f"fields is required; unknown: {unknown}"))
    if {USER_FIELDS[name] for name in wanted} - _granted(call):
        raise Refused(error(401, "scope_not_authorized", "The user did not authorize the scope required."))
    posts = call.world.posts("tiktok")
    known: Document = {
        **dict.fromkeys(USER_FIELDS, ""),
        "open_id": credentials.TIKTOK_OPEN_ID,
        "display_name": "Sandbox Creator",
        "follower_count": followers("tiktok", posts, call.world.now(), typical_views=TYPICAL_VIEWS),
        "following_count": 7,
        "likes_count": 0,
        "video_count": len(posts),
    }
    return answer({"user": {name: known[name] for name in wanted}})


# -- videos -----------------------------------------------------------------------------------------------


def _visible(world: SandboxWorld, posts: list[Document]) -> list[Document]:
    """Return those of some posts that the Display API shows at all."""
    if world.pace("tiktok_list_private"):
        return posts
    return [post for post in posts if post["privacy"] == "PUBLIC_TO_EVERYONE"]


def _fields(call: Call) -> list[str]:
    """Return the fields wanted in the query.

    Raises:
        Refused: none or unknown ones.
    """
    wanted = [name for name in call.request.query_params.get("fields", "").split(",") if name]
    unknown = [name for name in wanted if name not in VIDEO_FIELDS]
    if not wanted or unknown:
        raise Refused(error(400, "invalid_params", f"fields is required; unknown: {unknown}"))
    return wanted


def _video(call: Call, post: Document, wanted: list[str]) -> Document:
    created = datetime.fromisoformat(post["created_at"])
    counted = counters(
        f"tiktok/{post['id']}",
        call.world.age_s(post["created_at"]),
        post["duration_s"],
        typical_views=TYPICAL_VIEWS,
    )
    known: Document = {
        "id": post["id"],
        "create_time": int(created.timestamp()),
        "cover_image_url": "",
        "share_url": call.origin + post["path"],
        "video_description": post["caption"],
        "duration": round(post["duration_s"]),
        "height": post["height"],
        "width": post["width"],
        "title": post["caption"],
        "embed_html": "",
        "embed_link": call.origin + post["path"],
        "like_count": counted.likes,
        "comment_count": counted.comments,
        "share_count": counted.shares,
        "view_count": counted.views,
    }
    return {name: known[name] for name in wanted}


async def list_videos(call: Call) -> Response:
    """Answer the creator's own videos, newest first, older than the cursor (milliseconds)."""
    body = await _checked(call)
    wanted = _fields(call)
    most = body.get("max_count", 10)
    if type(most) is not int or not 1 <= most <= 20:  # noqa: PLR2004
        raise Refused(error(400, "invalid_params", "max_count must be between 1 and 20"))
    before = body.get("cursor")
    posts = [
        post
        for post in _visible(call.world, call.world.listed_posts("tiktok"))
        if before is None or _millis(post) < before
    ]
    page = posts[:most]
    videos = [_video(call, post, wanted) for post in page]
    cursor = _millis(page[-1]) if page else before or 0
    return answer({"videos": videos, "cursor": cursor, "has_more": len(posts) > most})


def _millis(post: Document) -> int:
    return int(datetime.fromisoformat(post["created_at"]).timestamp() * 1000)


async def query_videos(call: Call) -> Response:
    """Answer up to 20 videos by id; ids it does not know are left out."""
    body = await _checked(call)
    wanted = _fields(call)
    ids = (body.get("filters") or {}).get("video_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= 20:  # noqa: PLR2004
        raise Refused(error(400, "invalid_params", "filters.video_ids must hold 1 to 20 ids"))
    posts = [post for post in _visible(call.world, call.world.posts("tiktok")) if post["id"] in set(map(str, ids))]
    return answer({"videos": [_video(call, post, wanted) for post in posts]})


# -- tokens -----------------------------------------------------------------------------------------------


async def oauth_token(call: Call) -> Response:
    """Answer a code, or the refresh; the refresh token changes too, and must be kept."""
    form = await call.fields()
    grant, refresh = form.get("grant_type"), str(form.get("refresh_token"))
    if form.get("client_key") != credentials.TIKTOK_CLIENT_KEY:
        return _token_error("invalid_client", "Client key is incorrect.")
    if form.get("client_secret") != credentials.TIKTOK_CLIENT_SECRET:
        return _token_error("invalid_client", "Client secret is incorrect.")
    known: Document | str
    if grant == "authorization_code":
        known = CONSENT.redeem(call, form)
    elif grant != "refresh_token":
        return _token_error("unsupported_grant_type", "Only authorization_code and refresh_token here.")
    elif _is_refreshable(call.world, refresh):
        known = call.world.store.merge("tiktok_refresh", refresh, is_used=True)
    else:
        known = "Refresh token is invalid or expired."
    if isinstance(known, str):
        return _token_error("invalid_grant", known)
    facts: Document = {"account": account_of(known), "scopes": known.get("scopes", list(CONSENT.scopes))}
    digest = call.world.new_digest("tiktok_token")
    access, fresh = f"act.sandbox-{digest[:24]}", f"rft.sandbox-{digest[24:48]}"
    issued_at = call.world.now().isoformat()
    call.world.store.put("tiktok_token", access, {**facts, "issued_at": issued_at})
    call.world.store.put("tiktok_refresh", fresh, {**facts, "is_used": False})
    is_ours = facts["account"] == ACCOUNTS[0]
    return JSONResponse(
        {
            "access_token": access,
            "expires_in": TOKEN_LIFE_S,
            "open_id": credentials.TIKTOK_OPEN_ID if is_ours else "sandbox-open-id-0002",
            "refresh_token": fresh,
            "refresh_expires_in": REFRESH_LIFE_S,
            "scope": ",".join(facts["scopes"]),
            "token_type": "Bearer",
        }
    )


def _token_error(code: str, text: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": code, "error_description": text, "log_id": "SANDBOX"}, status)


def _is_refreshable(world: SandboxWorld, token: str) -> bool:
    known = world.store.get("tiktok_refresh", token)
    if known is None:
        return token == credentials.TIKTOK_REFRESH_TOKEN
    is_spent = known["is_used"] and world.pace("tiktok_single_use_refresh")
    return not is_spent
