"""Stand-in for the Instagram Graph API: containers, rupload, status, publish, media, quota, insights, tokens."""

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.errors import MediaError
from dayreel.sandbox import credentials
from dayreel.sandbox.consent import ACCOUNTS, ConsentPage, account_of
from dayreel.sandbox.counters import SandboxCounters, counters, followers
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.instagram_checks import (
    DAY_S,
    SPEC,
    check_extras,
    check_parameters,
    cover_problem,
    error,
    granted,
    issued_token,
    kind_of,
    login_of,
    need,
    trial_of,
    words_of,
)
from dayreel.sandbox.media_check import MediaFacts, inspect
from dayreel.sandbox.wire import BrokenOff, Call, Handler, Place, Refused, fetch_here, receive_file, routes, sha256_of
from dayreel.sandbox.world import Document, SandboxWorld

LIMIT_BYTES: Final = 1_000_000_000  # Meta's own sample, June 2026
CAPTION_LIMIT: Final = 2200
REEL_METRICS: Final = (
    *("views", "reach", "likes", "comments", "shares", "saved", "reposts", "total_interactions"),
    *("ig_reels_avg_watch_time", "ig_reels_video_view_total_time", "reels_skip_rate"),
)
FACEBOOK_LOGIN_METRICS: Final = ("total_views", "total_likes", "total_comments")
_NEED_CROSSPOST: Final = ("facebook_views", "crossposted_views")
_FETCHES: Final[set[asyncio.Task[None]]] = set()
TYPICAL_VIEWS: Final = 2400.0
OTHER_ACCOUNT_ID: Final = "17841400000000002"
SHORT_LIFE_S: Final = 3600
LOGIN_CONSENT: Final = ConsentPage(
    name="instagram",
    app_id=credentials.INSTAGRAM_APP_ID,
    scopes=(
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_insights",
    ),
    pkce=None,
    separator=",",
    fragment="#_",
    denied={
        "error": "access_denied",
        "error_reason": "user_denied",
        "error_description": "The user denied your request",
    },
)
FACEBOOK_CONSENT: Final = ConsentPage(
    name="facebook",
    app_id=credentials.FACEBOOK_APP_ID,
    scopes=(
        "pages_show_list",
        "instagram_basic",
        "instagram_content_publish",
        "pages_read_engagement",
        "instagram_manage_insights",
    ),
    pkce=None,
    separator=",",
    fragment="#_=_",
    denied=LOGIN_CONSENT.denied,
)
SPECIAL_FAULTS: Final = {
    "stuck": ("container", "status"),
    "completed_with_error": ("container", "status"),
    "break_off": ("rupload",),
}
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/instagram/graph` (with and without a version) and `/instagram/rupload`."""
    edges: dict[Place, Handler] = {
        ("GET", "refresh_access_token", "token"): refresh_token,
        ("GET", "access_token", "token"): exchange_login_token,
        ("GET", "oauth/access_token", "token"): facebook_token,
        ("GET", "me/accounts", "account"): pages,
        ("GET", "debug_token", "token"): debug_token,
        ("GET", "{node}/content_publishing_limit", "quota"): quota,
        ("GET", "{node}/insights", "insights"): insights,
        ("POST", "{node}/media_publish", "publish"): publish,
        ("POST", "{node}/media", "container"): create_container,
        ("GET", "{node}/media", "list"): list_media,
        ("GET", "{node}", _node_route): read_node,
    }
    table: dict[Place, Handler] = {}
    for (method, path, name), handler in edges.items():
        for prefix in ("/instagram/graph/{version:version}", "/instagram/graph"):
            table[method, f"{prefix}/{path}", name] = handler
    table["POST", "/instagram/rupload/ig-api-upload/{version}/{container}", "rupload"] = rupload
    table["GET,POST", "/instagram/oauth/authorize", "authorize"] = LOGIN_CONSENT.answer
    table["GET,POST", "/instagram/dialog/oauth", "authorize"] = FACEBOOK_CONSENT.answer
    table["POST", "/instagram/oauth/access_token", "token"] = login_token
    world.offer("instagram", ("status", "media", "account"))  # which of them a node is, its id says
    redirects = "https://localhost:8711/callback/ https://desk.example/connect/instagram/callback"
    pace = {
        "instagram_processing_s": 0.6,
        "instagram_listing_s": 0.0,
        "instagram_quota_total": 100,
        "instagram_app_live": True,
        "instagram_has_role": True,
        "instagram_account_type": "MEDIA_CREATOR",
        "instagram_followers": 5000,
        "instagram_scopes": "basic content_publish manage_insights",
        "instagram_lacks_metrics": "",
        "instagram_redirects": redirects,
        "facebook_redirects": redirects,
        "facebook_pages": 1,
    }
    return routes(world, "instagram", _fault_answer, table, special_faults=SPECIAL_FAULTS, pace=pace)


def _fault_answer(route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return error(190, "Error validating access token: Session has expired.", subcode=463)
    if fault.kind == "quota":
        if route in ("publish", "container"):
            return error(9, "The user has exceeded the number of posts allowed today.", subcode=2207042)
        return error(4, "Application request limit reached", is_transient=True)
    if route == "rupload":
        info = {"retriable": True, "type": "ProcessingFailedError", "message": "Armed in the sandbox world."}
        return JSONResponse({"debug_info": info}, fault.status or 500)
    code, _, subcode = str(fault.code or 2).partition("/")
    status = fault.status or (500 if fault.code is None else 400)
    return error(
        int(code),
        "Armed in the sandbox world.",
        subcode=int(subcode) if subcode else None,
        status=status,
        is_transient=int(code) in (1, 2),
    )


# -- who is asking ----------------------------------------------------------------------------------------


def _account(call: Call, fields: Document, what: str) -> None:
    node = call.request.path_params["node"]
    if node not in (_account_id(account_of(issued_token(call.world, fields["access_token"]))), "me"):
        raise Refused(_no_object(what, node))


def _no_object(what: str, node: str) -> JSONResponse:
    message = f"Unsupported {what} request. Object with ID '{node}' does not exist or needs other permissions."
    return error(100, message, subcode=33)


# -- containers -------------------------------------------------------------------------------------------


async def create_container(call: Call) -> Response:
    """Answer `POST /{ig}/media`."""
    login, fields = await login_of(call)
    _account(call, fields, "post")
    need(call, login, fields, "content_publish")
    check_parameters(fields, SPEC["container"])
    is_resumable = _check_container(fields, login)
    check_extras(call.world, fields)
    id_ = call.world.new_number("instagram_container", 17)
    container = call.world.store.put(
        "instagram_container",
        id_,
        {
            "id": id_,
            "caption": str(fields.get("caption", "")),
            "ai_label": str(fields.get("is_ai_generated", "")).lower() == "true",
            "share_to_feed": str(fields.get("share_to_feed", "true")).lower() == "true",
            "thumb_offset": int(fields.get("thumb_offset", 0)),
            "cover_url": fields.get("cover_url"),
            "cover_sha256": None,
            "collaborators": words_of(fields.get("collaborators", "")),
            "trial": trial_of(fields),
            "threads": str(fields.get("cross_post_to_threads", "")).lower() == "true",
            "created_at": call.world.now().isoformat(),
            "video_url": None if is_resumable else fields["video_url"],
            "login": login,
            "received_at": None,
            "problem": None,
            "published": None,
            "stuck": call.has("stuck"),
        },
    )
    if call.has("completed_with_error"):
        call.world.store.merge("instagram_container", id_, problem="2207053: unknown upload error")
    if not is_resumable:
        _fetch_later(call.world, container)
        return JSONResponse({"id": id_})
    version = call.request.path_params.get("version", "v27.0")
    return JSONResponse({"id": id_, "uri": f"{call.origin}/instagram/rupload/ig-api-upload/{version}/{id_}"})


def _check_container(fields: Document, login: str) -> bool:
    """Return whether the bytes will be uploaded.

    Raises:
        Refused: what the real API would not take.
    """
    if fields.get("media_type") != "REELS":
        raise Refused(error(100, "Only media_type REELS is a video here.", subcode=2207023))
    is_resumable = fields.get("upload_type") == "resumable"
    if is_resumable and login != "facebook":
        raise Refused(error(100, "upload_type=resumable is only for apps with Facebook Login.", subcode=2207023))
    if not is_resumable and not fields.get("video_url"):
        raise Refused(error(100, "The parameter video_url is required.", subcode=2207067))
    caption = str(fields.get("caption", ""))
    if len(caption) > CAPTION_LIMIT:
        raise Refused(error(36004, "The caption was too long.", subcode=2207010))
    if len(re.findall(r"#\w+", caption)) > 30 or len(re.findall(r"(?<!\w)@\w+", caption)) > 20:  # noqa: PLR2004
        raise Refused(error(100, "At most 30 hashtags and 20 mentions are allowed.", subcode=2207040))
    if not str(fields.get("thumb_offset", 0)).isdigit():
        raise Refused(error(100, "(#100) Param thumb_offset must be an integer greater than or equal to zero"))
    return is_resumable


def _file(world: SandboxWorld, container_id: str) -> Path:
    return world.folder("uploads", "instagram") / f"{container_id}.mp4"


def _fetch_later(world: SandboxWorld, container: Document) -> None:
    """Fetch the video in the background, as Meta does after it has answered."""

    async def work() -> None:
        await asyncio.to_thread(_fetch, world, container["id"], container["video_url"])

    task = asyncio.create_task(work(), name=container["id"])
    _FETCHES.add(task)
    task.add_done_callback(_FETCHES.discard)


def _fetch(world: SandboxWorld, container_id: str, url: str) -> None:
    """Fetch a video from this machine; anything farther away is not reachable from the sandbox."""
    problem = _download(url, _file(world, container_id))
    if problem:
        world.store.merge("instagram_container", container_id, problem=problem)
    else:
        _ingest(world, container_id)


def _download(url: str, path: Path) -> str | None:
    """Write what an address of this machine answers into `path`; return why that was not possible, or None."""
    try:
        fetch_here(url, path)
    except (OSError, ValueError) as caught:
        return f"2207052: the media could not be fetched from this URI ({caught})"
    return None


def _fetch_cover(world: SandboxWorld, container: Document) -> str | None:
    """Fetch the picture that is to be the cover; return why it cannot be, or None."""
    path = _file(world, container["id"]).with_suffix(".jpg")
    problem = _download(container["cover_url"], path)
    if problem:
        return problem
    problem = cover_problem(path.read_bytes())
    world.store.merge("instagram_container", container["id"], cover_sha256=sha256_of(path))
    return problem


def _ingest(world: SandboxWorld, container_id: str) -> None:
    """Look at a whole file and write down what became of it."""
    container = world.store.get("instagram_container", container_id) or {}
    path = _file(world, container_id)
    problem: str | None = container.get("problem")
    duration_s = 0.0
    try:
        facts = inspect(path)
        duration_s = facts.duration_s
        problem = problem or _objection(facts)
        if not problem and container["thumb_offset"] >= 1000 * facts.duration_s:
            problem = "2207057: thumb_offset is out of range"
        if not problem and container["cover_url"]:
            problem = _fetch_cover(world, container)
    except MediaError as unreadable:
        problem = f"2207026: unsupported video format ({unreadable.message})"
    world.store.merge(
        "instagram_container",
        container_id,
        problem=problem,
        received_at=world.now().isoformat(),
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        duration_s=duration_s,
    )


def _objection(facts: MediaFacts) -> str | None:
    """Return why a Reel cannot be made from a file, or None."""
    rules = (
        (not facts.video_codec, "there is no video stream"),
        ("mp4" not in facts.container, f"container {facts.container}"),
        (facts.video_codec not in ("h264", "hevc"), f"codec {facts.video_codec}"),
        (not facts.is_chroma_420, f"pixel format {facts.pixel_format}"),
        (not 22.9 <= facts.fps <= 60.1, f"{facts.fps:.2f} frames a second"),  # noqa: PLR2004
        (facts.width > 1920, f"width {facts.width}"),  # noqa: PLR2004
        (bool(facts.audio_codec) and facts.audio_codec != "aac", f"sound {facts.audio_codec}"),
        (facts.audio_rate_hz > 48_000, f"sample rate {facts.audio_rate_hz}"),  # noqa: PLR2004
        (facts.channels > 2, f"{facts.channels} channels"),  # noqa: PLR2004
        (not 3 <= facts.duration_s <= 900, f"{facts.duration_s:.1f} seconds"),  # noqa: PLR2004
        (facts.size_bytes > LIMIT_BYTES, f"{facts.size_bytes} bytes"),
        (not facts.is_faststart, "the moov atom is not at the front"),
    )
    return next((f"2207026: unsupported video format ({why})" for is_wrong, why in rules if is_wrong), None)


async def rupload(call: Call) -> Response:
    """Take the bytes of a resumable container, or the address to fetch them from."""
    container_id = call.request.path_params["container"]
    headers = call.request.headers
    if kind_of(call.world, call.bearer("OAuth")) != "facebook":
        raise Refused(_upload_error("This token may not upload.", 401))
    container = call.world.store.get("instagram_container", container_id)
    if container is None or container["video_url"] is not None:
        raise Refused(_upload_error(f"No resumable container {container_id}.", 404))
    if headers.get("file_url"):
        call.world.store.merge("instagram_container", container_id, video_url=headers["file_url"])
        _fetch_later(call.world, {**container, "video_url": headers["file_url"]})
        return JSONResponse({"success": True, "message": "Upload successful."})
    if not headers.get("offset", "").isdigit() or not headers.get("file_size", "").isdigit():
        raise Refused(_upload_error("The headers offset and file_size are required.", 400))
    path, offset, size = _file(call.world, container_id), int(headers["offset"]), int(headers["file_size"])
    stored = path.stat().st_size if path.exists() else 0
    if offset not in (stored, 0):
        raise Refused(_upload_error(f"The offset {offset} does not match the {stored} bytes stored.", 412))
    got = await receive_file(call, path, offset=offset)
    call.world.store.merge("instagram_container", container_id, bytes_transferred=offset + got.size_bytes)
    if got.is_broken:
        raise BrokenOff
    if offset + got.size_bytes != size:
        message = f"Got {offset + got.size_bytes} bytes, but file_size said {size}."
        raise Refused(_upload_error(message, 400, type_="PartialRequestError"))
    await asyncio.to_thread(_ingest, call.world, container_id)
    return JSONResponse({"success": True, "message": "Upload successful."})


def _upload_error(message: str, status: int, *, type_: str = "ProcessingFailedError") -> JSONResponse:
    is_retriable = type_ == "PartialRequestError"
    return JSONResponse({"debug_info": {"retriable": is_retriable, "type": type_, "message": message}}, status)


def status_of(world: SandboxWorld, container: Document) -> tuple[str, str]:
    """Return a container's status_code and the sentence beside it."""
    if container["published"]:
        return "PUBLISHED", "Published: Media has been successfully published."
    if container["problem"]:
        return "ERROR", f"Error: Media upload has failed with error code {container['problem']}"
    if world.age_s(container["created_at"]) > DAY_S:
        return "EXPIRED", "Expired: The container was not published within 24 hours."
    received = container["received_at"]
    is_done = received and world.age_s(received) >= world.pace("instagram_processing_s")
    if is_done and not container["stuck"]:
        return "FINISHED", "Finished: Media has been uploaded and it is ready to be published."
    return "IN_PROGRESS", "In Progress: Media is still being processed."


# -- nodes and edges --------------------------------------------------------------------------------------


def _node_route(world: SandboxWorld, request: Request) -> str:
    node = request.path_params["node"]
    if world.store.get("instagram_container", node):
        return "status"
    return "account" if node in ("me", credentials.INSTAGRAM_ACCOUNT_ID, OTHER_ACCOUNT_ID) else "media"


async def read_node(call: Call) -> Response:
    """Answer `GET /{id}` for a container, a media or the account."""
    login, fields = await login_of(call)
    node = call.request.path_params["node"]
    wanted = [name for name in str(fields.get("fields", "")).split(",") if name] or ["id"]
    if call.route == "status":
        known = _container_fields(call, node)
    elif call.route == "account":
        name = account_of(issued_token(call.world, fields["access_token"]))
        if node not in (_account_id(name), "me"):
            raise Refused(_no_object("get", node))
        known = {
            "id": _account_id(name),
            "user_id": _account_id(name),
            "username": name,
            "account_type": call.world.pace("instagram_account_type"),
            "media_count": len(call.world.posts("instagram")),
            "followers_count": _followers(call),
        }
        if login == "facebook":
            known = {field: value for field, value in known.items() if field in SPEC["account"]}
    else:
        post = call.world.post("instagram", node)
        if post is None:
            raise Refused(_no_object("get", node))
        known = _media_fields(call, post, login)
    return JSONResponse(_chosen(known, wanted))


def _container_fields(call: Call, node: str) -> Document:
    container = call.world.store.get("instagram_container", node) or {}
    if call.has("completed_with_error"):
        container = call.world.store.merge("instagram_container", node, problem="2207053: unknown upload error")
    is_lost = container["video_url"] and not container["received_at"] and not container["problem"]
    if is_lost and all(task.get_name() != node for task in _FETCHES):  # a restart lost the one who fetched
        _fetch_later(call.world, container)
    code, text = ("IN_PROGRESS", "In Progress") if call.has("stuck") else status_of(call.world, container)
    uploading = {"status": "complete" if container["received_at"] else "in_progress"}
    return {
        "id": node,
        "status_code": code,
        "status": text,
        "video_status": {
            "uploading_phase": {**uploading, "bytes_transferred": container.get("bytes_transferred", 0)},
            "processing_phase": {"status": "complete" if code in ("FINISHED", "PUBLISHED") else "not_started"},
        },
    }


def _chosen(known: Document, wanted: list[str]) -> Document:
    """Return the wanted fields.

    Raises:
        Refused: a field the node does not have.
    """
    for name in wanted:
        if name not in known:
            raise Refused(error(100, f"(#100) Tried accessing nonexisting field ({name})"))
    return {"id": known["id"], **{name: known[name] for name in wanted}}


def _counted(call: Call, post: Document) -> SandboxCounters:
    return counters(
        f"instagram/{post['id']}",
        call.world.age_s(post["created_at"]),
        post["duration_s"],
        typical_views=TYPICAL_VIEWS,
    )


def _followers(call: Call) -> int:
    return followers("instagram", call.world.posts("instagram"), call.world.now(), typical_views=TYPICAL_VIEWS)


def _media_fields(call: Call, post: Document, login: str) -> Document:
    counted = _counted(call, post)
    fields: Document = {
        "id": post["id"],
        "caption": post["caption"],
        "permalink": call.origin + post["path"],
        "shortcode": post["path"].strip("/").rsplit("/", 1)[-1],
        "media_product_type": "REELS",
        "media_type": "VIDEO",
        "timestamp": datetime.fromisoformat(post["created_at"]).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "username": credentials.INSTAGRAM_USERNAME,
        "like_count": counted.likes,
        "comments_count": counted.comments,
        "is_shared_to_feed": post["share_to_feed"],
        "view_count": counted.views,
    }
    return fields | ({"total_views_count": counted.views} if login == "facebook" else {})


async def list_media(call: Call) -> Response:
    """Answer `GET /{ig}/media`, newest first."""
    login, fields = await login_of(call)
    _account(call, fields, "get")
    wanted = [name for name in str(fields.get("fields", "")).split(",") if name] or ["id"]
    given, after = str(fields.get("limit", 25)), str(fields.get("after") or 0)
    if not given.isdigit() or int(given) < 1:
        raise Refused(error(100, "(#100) Param limit must be a positive integer"))
    if not after.isdigit():
        raise Refused(error(100, "Invalid cursor: the after cursor specified is not valid"))
    limit, start = min(100, int(given)), int(after)
    posts = call.world.listed_posts("instagram")
    page = posts[start : start + limit]
    body: Document = {"data": [_chosen(_media_fields(call, post, login), wanted) for post in page]}
    if page:
        body["paging"] = {"cursors": {"before": str(start), "after": str(start + len(page))}}
    return JSONResponse(body)


async def quota(call: Call) -> Response:
    """Answer how many posts of the rolling day are used."""
    _, fields = await login_of(call)
    _account(call, fields, "get")
    config = {"quota_total": call.world.pace("instagram_quota_total"), "quota_duration": DAY_S}
    return JSONResponse({"data": [{"config": config, "quota_usage": _used(call.world)}]})


def _used(world: SandboxWorld) -> int:
    return sum(world.age_s(post["created_at"]) < DAY_S for post in world.posts("instagram"))


async def publish(call: Call) -> Response:
    """Answer `POST /{ig}/media_publish`: from here on the post is live."""
    login, fields = await login_of(call)
    _account(call, fields, "post")
    need(call, login, fields, "content_publish")
    check_parameters(fields, SPEC["publish"])
    container = call.world.store.get("instagram_container", str(fields.get("creation_id", "")))
    if container is None:
        raise Refused(error(24, "The requested resource does not exist", subcode=2207006, title="Media not found"))
    state, _ = status_of(call.world, container)
    if state == "EXPIRED":
        raise Refused(error(24, "The container has expired.", subcode=2207008, title="Media not found"))
    if state != "FINISHED":
        message = "The media is not ready for publishing, please wait for a moment"
        raise Refused(error(9007, "Media ID is not available", subcode=2207027, title=message))
    if _used(call.world) >= call.world.pace("instagram_quota_total"):
        message = "The user has exceeded the number of posts allowed today."
        raise Refused(error(9, message, subcode=2207042))
    id_ = call.world.new_number("instagram_media", 17)
    call.world.store.merge("instagram_container", container["id"], published=id_)
    shortcode = "DR" + call.world.new_digest("instagram_shortcode")[:9]
    call.world.go_live(
        platform="instagram",
        id_=id_,
        path=f"/instagram/p/{shortcode}/",
        caption=container["caption"],
        privacy="public",
        ai_label=container["ai_label"],
        share_to_feed=container["share_to_feed"],
        **{name: container[name] for name in ("thumb_offset", "cover_sha256", "collaborators", "trial", "threads")},
        sha256=container["sha256"],
        size_bytes=container["size_bytes"],
        duration_s=container["duration_s"],
        container_id=container["id"],
    )
    return JSONResponse({"id": id_})


async def insights(call: Call) -> Response:
    """Answer `GET /{media}/insights`; one metric it does not have fails the whole call."""
    login, fields = await login_of(call)
    need(call, login, fields, "manage_insights")
    post = call.world.post("instagram", call.request.path_params["node"])
    if post is None:
        raise Refused(_no_object("get", call.request.path_params["node"]))
    wanted = words_of(fields.get("metric", ""))
    allowed = (*REEL_METRICS, *(FACEBOOK_LOGIN_METRICS if login == "facebook" else ()))
    if not wanted:
        raise Refused(error(100, "(#100) The parameter metric is required"))
    lacking = str(call.world.pace("instagram_lacks_metrics")).split()
    allowed = tuple(name for name in allowed if name not in lacking)
    for index, name in enumerate(wanted):
        if name in _NEED_CROSSPOST:
            raise Refused(error(10, f"({name}) is only available for media that was shared to Facebook"))
        if name not in allowed:
            message = f"(#100) metric[{index}] must be one of the following values: {', '.join(allowed)}"
            raise Refused(error(100, message))
    values = _metric_values(_counted(call, post))
    return JSONResponse(
        {
            "data": [
                {
                    "name": name,
                    "period": "lifetime",
                    "values": [{"value": values[name]}],
                    "title": name.replace("_", " "),
                    "description": f"{name} of this reel",
                    "id": f"{post['id']}/insights/{name}/lifetime",
                }
                for name in wanted
            ]
        }
    )


def _metric_values(counted: SandboxCounters) -> dict[str, Any]:
    watch_ms = round(1000 * counted.average_watch_s)
    return {
        "views": counted.views,
        "reach": counted.reach,
        "likes": counted.likes,
        "comments": counted.comments,
        "shares": counted.shares,
        "saved": counted.saves,
        "reposts": counted.reposts,
        "total_interactions": counted.likes + counted.comments + counted.shares + counted.saves,
        "ig_reels_avg_watch_time": watch_ms,
        "ig_reels_video_view_total_time": watch_ms * counted.views,
        "reels_skip_rate": round(100 * counted.skip_rate, 1),
        "total_views": counted.views,
        "total_likes": counted.likes,
        "total_comments": counted.comments,
    }


# -- tokens -----------------------------------------------------------------------------------------------


def _account_id(name: str) -> str:
    return credentials.INSTAGRAM_ACCOUNT_ID if name == ACCOUNTS[0] else OTHER_ACCOUNT_ID


def _issue(world: SandboxWorld, kind: str, *, life_s: int, **facts: Any) -> str:
    prefix = "IGAAsandbox" if kind == "instagram_token" else "EAAsandbox"
    token = f"{prefix}-{world.new_digest(kind)[:24]}"
    world.store.put(kind, token, {**facts, "issued_at": world.now().isoformat(), "life_s": life_s})
    return token


def _renewed(world: SandboxWorld, token: str) -> str:
    """Return another token of Instagram Login for whose that one is and what it may, for 60 days."""
    issued = issued_token(world, token) or {}
    facts = {name: issued[name] for name in ("account", "scopes") if name in issued}
    return _issue(world, "instagram_token", life_s=60 * DAY_S, **facts)


async def login_token(call: Call) -> Response:
    """Answer a code of Instagram Login: a token for an hour."""
    form = await call.fields()
    known: Document | str = "Invalid platform app"
    if form.get("client_id") == credentials.INSTAGRAM_APP_ID:
        known = "Error validating client secret."
    if form.get("client_secret") == credentials.INSTAGRAM_APP_SECRET and form.get("grant_type") == "authorization_code":
        known = LOGIN_CONSENT.redeem(call, form)
    if isinstance(known, str):
        return JSONResponse({"error_type": "OAuthException", "code": 400, "error_message": known}, 400)
    facts = {"account": known["account"], "scopes": known["scopes"]}
    token = _issue(call.world, "instagram_token", life_s=SHORT_LIFE_S, **facts)
    row = {"access_token": token, "user_id": int(_account_id(known["account"])), "permissions": known["scopes"]}
    return JSONResponse({"data": [row]})


async def exchange_login_token(call: Call) -> Response:
    """Answer the exchange of an hour's token for one of 60 days."""
    login, fields = await login_of(call)
    if fields.get("grant_type") != "ig_exchange_token" or login != "instagram":
        raise Refused(error(100, "grant_type must be ig_exchange_token, with an Instagram user token."))
    if fields.get("client_secret") != credentials.INSTAGRAM_APP_SECRET:
        raise Refused(error(101, "Error validating client secret."))
    token = _renewed(call.world, fields["access_token"])
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": 60 * DAY_S})


async def facebook_token(call: Call) -> Response:
    """Answer a code of Facebook Login with a token for an hour, and that one with one for 60 days."""
    fields = await call.fields()
    if (fields.get("client_id"), fields.get("client_secret")) != (
        credentials.FACEBOOK_APP_ID,
        credentials.FACEBOOK_APP_SECRET,
    ):
        raise Refused(error(101, "Error validating application. Cannot get application info due to a system error."))
    if fields.get("grant_type") == "fb_exchange_token":
        known: Document | str | None = call.world.store.get("facebook_token", str(fields.get("fb_exchange_token")))
        life_s = 60 * DAY_S
    else:
        known, life_s = FACEBOOK_CONSENT.redeem(call, fields), SHORT_LIFE_S
    if known is None or isinstance(known, str):
        raise Refused(error(100, known or "Invalid OAuth access token.", subcode=36009))
    facts = {"account": account_of(known), "scopes": known["scopes"], "type": "USER"}
    token = _issue(call.world, "facebook_token", life_s=life_s, **facts)
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": life_s})


async def pages(call: Call) -> Response:
    """Answer the Pages of a user, each with a token of its own and its professional account."""
    _, fields = await login_of(call)
    issued = call.world.store.get("facebook_token", fields["access_token"]) or {}
    rows = []
    for number in range(int(call.world.pace("facebook_pages"))):
        name = account_of(issued) if number == 0 else ACCOUNTS[number]
        facts = {"account": name, "scopes": issued.get("scopes", []), "type": "PAGE"}
        # A Page's token ends with the user's where that one is short; of a long one it has no end.
        life_s = SHORT_LIFE_S if issued.get("life_s") == SHORT_LIFE_S else 100 * 365 * DAY_S
        token = _issue(call.world, "facebook_token", life_s=life_s, **facts)
        account = {"id": _account_id(name), "username": name}
        rows.append(
            {"name": f"Page of {name}", "access_token": token, "instagram_business_account": account, "id": "1"}
        )
    return JSONResponse({"data": rows})


async def refresh_token(call: Call) -> Response:
    """Answer the refresh of an Instagram-Login token: a new one for another 60 days."""
    login, fields = await login_of(call)
    if fields.get("grant_type") != "ig_refresh_token" or login != "instagram":
        raise Refused(error(100, "grant_type must be ig_refresh_token, with an Instagram user token."))
    token = _renewed(call.world, fields["access_token"])
    permissions = ",".join(granted(call.world, login, token))
    return JSONResponse(
        {"access_token": token, "token_type": "bearer", "expires_in": 60 * DAY_S, "permissions": permissions}
    )


async def debug_token(call: Call) -> Response:
    """Answer what a token may do, what kind it is, and until when; 0 is for ever."""
    _, fields = await login_of(call)
    token = str(fields.get("input_token", ""))
    login = kind_of(call.world, token)
    issued = call.world.store.get("facebook_token", token)
    now, life_s = int(call.world.now().timestamp()), 60 * DAY_S
    if issued is not None:
        life_s = int(issued["life_s"]) - int(call.world.age_s(issued["issued_at"]))
    return JSONResponse(
        {
            "data": {
                "is_valid": True,
                "expires_at": 0 if life_s > 10 * 365 * DAY_S else now + life_s,
                "data_access_expires_at": now + 90 * DAY_S,
                "scopes": granted(call.world, login, token),
                "type": (issued or {}).get("type", "PAGE"),
            }
        }
    )
