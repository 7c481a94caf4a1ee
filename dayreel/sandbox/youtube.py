"""Stand-in for YouTube's Data API v3 and Google's token endpoint: uploads of three kinds, changes, lists, statistics.

Parameters, scopes and fields are checked against the discovery document (`shapes.SPECS`).
"""

import asyncio
import json
import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.errors import MediaError
from dayreel.sandbox import credentials
from dayreel.sandbox.consent import ACCOUNTS, ConsentPage, account_of
from dayreel.sandbox.counters import counters, followers
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.media_check import inspect
from dayreel.sandbox.wire import BrokenOff, Call, Refused, receive_file, routes, sha256_of
from dayreel.sandbox.world import Document, SandboxWorld
from dayreel.sandbox.youtube_analytics import LATE_S, reports
from dayreel.sandbox.youtube_changes import (
    add_subtitles,
    add_to_playlist,
    delete_video,
    items_of_playlist,
    list_subtitles,
    own_video,
    set_thumbnail,
)
from dayreel.sandbox.youtube_checks import (
    SCOPE,
    TOKEN_LIFE_S,
    authorized,
    bad_request,
    checked,
    checked_body,
    error,
    granted,
)

CHUNK_MULTIPLE: Final = 262_144
SESSION_LIFE_S: Final = 7 * 86_400
UPLOADS_PER_DAY: Final = 100
_MAX_IDS: Final = 50
TYPICAL_VIEWS: Final = 700.0
CONSENT: Final = ConsentPage(
    name="youtube",
    app_id=credentials.YOUTUBE_CLIENT_ID,
    scopes=(
        f"{SCOPE}youtube.upload",
        f"{SCOPE}youtube.readonly",
        f"{SCOPE}youtube.force-ssl",
        f"{SCOPE}yt-analytics.readonly",
    ),
    pkce="base64url",
    scopes_field="scope",
)
TESTING_LIFE_S: Final = 7 * 86_400
"""How long refresh tokens live of an app whose consent screen is in testing."""
SPECIAL_FAULTS: Final = {"break_off": ("upload",), "completed_with_error": ("session",)}
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/youtube` and `/google`."""
    v3 = "/youtube/youtube/v3"
    session = "/youtube/upload/youtube/v3/videos"
    return routes(
        world,
        "youtube",
        _fault_answer,
        {
            ("GET,POST", "/google/auth", "authorize"): CONSENT.answer,
            ("POST", "/google/token", "token"): token,
            ("POST", session, "session"): start_session,
            ("POST", session.replace("/upload/", "/resumable/upload/"), "session"): start_session,
            ("PUT", session, "upload"): upload,
            ("PUT", f"{v3}/videos", "update"): update_video,
            ("DELETE", f"{v3}/videos", "delete"): delete_video,
            ("GET", f"{v3}/videos:batchGetStats", "list"): batch_stats,
            ("POST,PUT", "/youtube/upload/youtube/v3/thumbnails/set", "thumbnail"): set_thumbnail,
            ("POST", "/youtube/upload/youtube/v3/captions", "subtitles"): add_subtitles,
            ("GET", f"{v3}/captions", "list"): list_subtitles,
            ("GET", f"{v3}/videos", "list"): list_videos,
            ("GET", f"{v3}/channels", "account"): channels,
            ("GET", f"{v3}/playlistItems", "list"): playlist_items,
            ("GET", "/youtubeanalytics/v2/reports", "reports"): partial(reports, typical_views=TYPICAL_VIEWS),
            ("POST", f"{v3}/playlistItems", "playlist"): add_to_playlist,
        },
        special_faults=SPECIAL_FAULTS,
        pace={
            "youtube_processing_s": 1.0,
            "youtube_listing_s": 0.0,
            "youtube_api_enabled": True,
            "youtube_locked_private": False,
            "youtube_has_channel": True,
            "youtube_verified": True,
            "youtube_playlists": "PLsandboxcrafts",
            "youtube_channel_suspended": False,
            "youtube_analytics_enabled": True,
            "youtube_analytics_lag_s": LATE_S,
            "youtube_scopes": "youtube.upload youtube.readonly yt-analytics.readonly",
            "youtube_hides_subscribers": False,
            "youtube_testing": False,
            "youtube_redirects": "http://127.0.0.1:*/callback/ http://127.0.0.1:*/connect/youtube/callback",
        },
    )


def _fault_answer(route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if route == "token":
        body = {"error": str(fault.code or "invalid_grant"), "error_description": "Token has been expired or revoked."}
        return JSONResponse(body, fault.status or 400)
    if fault.kind == "expired_token":
        return error(401, "authError", "Invalid Credentials", domain="global")
    if fault.kind == "quota":
        message = "The request cannot be completed because you have exceeded your quota."
        return error(403, "quotaExceeded", message, domain="youtube.quota")
    status = fault.status or (500 if fault.code is None else 400)
    typical = {401: "authError", 403: "forbidden", 429: "rateLimitExceeded", 404: "videoNotFound"}
    reason = str(fault.code or typical.get(status, "backendError"))
    return error(status, reason, "Armed in the sandbox world.", domain="global")


# -- tokens -----------------------------------------------------------------------------------------------


async def token(call: Call) -> Response:
    """Answer a code, or the refresh of an access token."""
    form = await call.fields()
    is_client = (form.get("client_id"), form.get("client_secret")) == (
        credentials.YOUTUBE_CLIENT_ID,
        credentials.YOUTUBE_CLIENT_SECRET,
    )
    if not is_client:
        return JSONResponse({"error": "invalid_client", "error_description": "The OAuth client was not found."}, 401)
    grant, refresh = form.get("grant_type"), str(form.get("refresh_token"))
    known: Document | str | None = None
    if grant == "authorization_code":
        known = CONSENT.redeem(call, form)
    elif grant != "refresh_token":
        return JSONResponse({"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}, 400)
    elif refresh != credentials.YOUTUBE_REFRESH_TOKEN:
        known = _consented(call, refresh) or "Token has been expired or revoked."
    if isinstance(known, str):
        return JSONResponse({"error": "invalid_grant", "error_description": known}, 400)
    facts: Document = {name: known[name] for name in ("account", "scopes") if name in known} if known else {}
    access = f"ya29.sandbox-{call.world.new_digest('youtube_token')[:32]}"
    call.world.store.put("youtube_token", access, {**facts, "issued_at": call.world.now().isoformat()})
    scope = " ".join(f"{SCOPE}{name}" for name in sorted(granted(call.world, facts)))
    body: Document = {"access_token": access, "expires_in": TOKEN_LIFE_S - 1, "scope": scope, "token_type": "Bearer"}
    if grant == "authorization_code" and known and known["is_offline"]:
        body["refresh_token"] = f"1//sandbox-{call.world.new_digest('youtube_refresh')[:32]}"
        life_s = TESTING_LIFE_S if call.world.pace("youtube_testing") else None
        issued = {**facts, "issued_at": call.world.now().isoformat(), "life_s": life_s}
        call.world.store.put("youtube_refresh", body["refresh_token"], issued)
        body |= {"refresh_token_expires_in": life_s - 1} if life_s else {}
    return JSONResponse(body)


def _consented(call: Call, refresh: str) -> Document | None:
    """Return what a refresh token is for that somebody has consented to; None when it has ended."""
    issued = call.world.store.get("youtube_refresh", refresh)
    is_over = issued and issued["life_s"] and call.world.age_s(issued["issued_at"]) > issued["life_s"]
    return None if is_over else issued


# -- upload -----------------------------------------------------------------------------------------------


async def start_session(call: Call) -> Response:
    """Answer an upload: of the metadata alone, which gets the address of a session, or of the whole video at once."""
    checked(call, "videos.insert")
    kind, media = call.request.query_params.get("uploadType"), b""
    if kind == "multipart":
        body, media = await _multipart(call)
    elif kind == "resumable":
        body = await _metadata(call)
    else:
        raise bad_request("uploadType must be resumable or multipart here.")
    checked_body(call, body)
    today = sum(call.world.age_s(post["created_at"]) < 86_400 for post in call.world.posts("youtube"))  # noqa: PLR2004
    if today >= UPLOADS_PER_DAY:
        raise Refused(error(403, "quotaExceeded", "You have exceeded your quota.", domain="youtube.quota"))
    length = call.request.headers.get("x-upload-content-length", "")
    session = _new_session(call, body, int(length) if length.isdigit() else None)
    if kind == "multipart":
        _file(call.world, session["id"]).write_bytes(media)
        return _video_answer(call, await asyncio.to_thread(_ingest, call.world, session))
    path = call.request.url.path.replace("/resumable/upload/", "/upload/")
    location = f"{call.origin}{path}?{call.request.url.query}&upload_id={session['id']}"
    return Response(status_code=200, headers={"location": location, "x-guploader-uploadid": session["id"]})


async def _metadata(call: Call) -> Document:
    headers = call.request.headers
    if not headers.get("content-type", "").startswith("application/json"):
        raise Refused(error(400, "badContent", "The metadata must be JSON.", domain="global"))
    if headers.get("x-upload-content-type", "video/*").split("/")[0] not in ("video", "application"):
        raise Refused(error(400, "mediaBodyRequired", "X-Upload-Content-Type must be a video type."))
    body = await call.json()
    if body is None:
        raise Refused(error(400, "parseError", "Parse Error", domain="global"))
    return body


async def _multipart(call: Call) -> tuple[Document, bytes]:
    """Return the metadata and the bytes of a `multipart/related` body."""
    boundary = re.search(r'boundary="?([^";]+)', call.request.headers.get("content-type", ""))
    if boundary is None:
        raise bad_request("Missing end boundary in multipart body.")
    parts = (await call.request.body()).split(b"--" + boundary[1].encode())[1:-1]
    contents = [re.split(rb"\r?\n\r?\n", part, maxsplit=1)[-1] for part in parts]
    if len(contents) != 2:  # noqa: PLR2004  metadata and media
        raise Refused(error(400, "mediaBodyRequired", "The request does not include the video content."))
    try:
        body = json.loads(contents[0])
    except ValueError:
        raise Refused(error(400, "parseError", "Parse Error", domain="global")) from None
    return body, re.sub(rb"\r?\n\Z", b"", contents[1])


def _new_session(call: Call, body: Document, length: int | None) -> Document:
    id_ = "AB" + call.world.new_digest("youtube_session")[:40]
    return call.world.store.put(
        "youtube_session",
        id_,
        {
            "id": id_,
            "video": body,
            "length": length,
            "created_at": call.world.now().isoformat(),
            "stored": 0,
            "video_id": None,
            "is_failing": call.has("completed_with_error"),
        },
    )


def _file(world: SandboxWorld, session_id: str) -> Path:
    return world.folder("uploads", "youtube") / f"{session_id}.mp4"


async def upload(call: Call) -> Response:
    """Take bytes of a session, or report how far it is; the Video once the last byte is in."""
    session = call.world.store.get("youtube_session", call.request.query_params.get("upload_id", ""))
    if session is None or call.world.age_s(session["created_at"]) > SESSION_LIFE_S:
        raise Refused(Response("Not Found", 404))
    if call.request.headers.get("authorization"):
        authorized(call)
    first, last, total = _range(call, session)
    if session["video_id"]:
        return _video_answer(call, session["video_id"])
    if first is None or last is None:
        return _progress(session["stored"])
    path = _file(call.world, session["id"])
    got = await receive_file(call, path, offset=first)
    stored = first + got.size_bytes
    is_last = total is not None and last + 1 == total
    if got.is_broken or stored != last + 1:
        kept = max(session["stored"], stored // CHUNK_MULTIPLE * CHUNK_MULTIPLE)
        call.world.store.merge("youtube_session", session["id"], stored=kept)
        if got.is_broken:
            raise BrokenOff
        raise bad_request("The body does not have the length of its range.")
    call.world.store.merge("youtube_session", session["id"], stored=stored)
    if not is_last:
        return _progress(stored)
    video_id = await asyncio.to_thread(_ingest, call.world, session)
    return _video_answer(call, video_id)


def _progress(stored: int) -> Response:
    """308 with what is stored; without a Range header when that is nothing."""
    return Response(status_code=308, headers={"range": f"bytes=0-{stored - 1}"} if stored else {})


def _range(call: Call, session: Document) -> tuple[int | None, int | None, int | None]:
    """Return first byte, last byte and total of a PUT; no first byte for a query.

    Raises:
        Refused: a range that is malformed, does not continue what is stored, or breaks the chunk rule.
    """
    headers = call.request.headers
    given, length = headers.get("content-range"), int(headers.get("content-length") or 0)
    if given is None:
        if not length:
            raise Refused(error(400, "mediaBodyRequired", "The request does not include the video content."))
        return 0, length - 1, length
    asked = re.fullmatch(r"bytes \*/(\d+|\*)", given)
    if asked:
        return None, None, None
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", given)
    if not match:
        raise bad_request("Failed to parse Content-Range header.")
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    size = last - first + 1
    is_final = total is not None and last + 1 == total
    problems = (
        (size != length, "Content-Length does not match Content-Range."),
        (total is not None and last >= total, "The range ends after the file."),
        (session["length"] not in (None, total), "The total is not the X-Upload-Content-Length."),
        (first != session["stored"] and not session["video_id"], f"The range must start at {session['stored']}."),
        (not is_final and size % CHUNK_MULTIPLE != 0, "Chunks must be multiples of 262144 bytes."),
    )
    for is_wrong, message in problems:
        if is_wrong:
            raise bad_request(f"Invalid request. {message}")
    return first, last, total


def _ingest(world: SandboxWorld, session: Document) -> str:
    """Make the video of a finished session: it is live from now on."""
    path = _file(world, session["id"])
    reason: str | None = "conversion" if session["is_failing"] else None
    duration_s, size = 0.0, path.stat().st_size
    try:
        facts = inspect(path)
        duration_s = facts.duration_s
        reason = reason or (None if facts.video_codec else "codec")
    except MediaError:
        reason = "invalidFile" if size else "emptyFile"
    body = session["video"]
    snippet, status = body.get("snippet") or {}, body.get("status") or {}
    video_id = "Sb" + world.new_digest("youtube_video")[:9]
    world.store.merge("youtube_session", session["id"], video_id=video_id)
    world.go_live(
        platform="youtube",
        id_=video_id,
        path=f"/youtube/shorts/{video_id}",
        caption=snippet.get("description", ""),
        title=snippet["title"],
        snippet=snippet,
        privacy="private" if world.pace("youtube_locked_private") else status.get("privacyStatus", "public"),
        ai_label=bool(status.get("containsSyntheticMedia")),
        made_for_kids=status.get("selfDeclaredMadeForKids"),
        sha256=sha256_of(path),
        size_bytes=size,
        duration_s=duration_s,
        failure=reason,
    )
    return video_id


# -- reading ----------------------------------------------------------------------------------------------


def _video(call: Call, post: Document) -> Document:
    """Return the Video resource of a post, all parts."""
    counted = counters(
        f"youtube/{post['id']}",
        call.world.age_s(post["created_at"]),
        post["duration_s"],
        typical_views=TYPICAL_VIEWS,
    )
    is_done = call.world.age_s(post["created_at"]) >= call.world.pace("youtube_processing_s")
    state = "failed" if post["failure"] else "processed"
    status: Document = {
        "uploadStatus": state if is_done else "uploaded",
        "privacyStatus": post["privacy"],
        "license": "youtube",
        "embeddable": True,
        "publicStatsViewable": True,
        "madeForKids": bool(post["made_for_kids"]),
        "containsSyntheticMedia": post["ai_label"],
    }
    if is_done and post["failure"]:
        status["failureReason"] = post["failure"]
    processing = {"failed": "failed", "processed": "succeeded"}[state] if is_done else "processing"
    seconds = round(post["duration_s"])
    return {
        "kind": "youtube#video",
        "etag": "sandbox",
        "id": post["id"],
        "snippet": _snippet(post),
        "status": status,
        "statistics": {
            "viewCount": str(counted.views),
            "likeCount": str(counted.likes),
            "favoriteCount": "0",
            "commentCount": str(counted.comments),
        },
        "contentDetails": {
            "duration": f"PT{seconds // 60}M{seconds % 60}S",
            "definition": "hd",
            "hasCustomThumbnail": "thumbnail_sha256" in post,
        },
        "processingDetails": {"processingStatus": processing},
    }


def _snippet(post: Document) -> Document:
    snippet = post["snippet"]
    return {
        "publishedAt": _iso(post["created_at"]),
        "channelId": credentials.YOUTUBE_CHANNEL_ID,
        "title": snippet["title"],
        "description": snippet.get("description", ""),
        "channelTitle": "Sandbox Creator",
        "tags": snippet.get("tags", []),
        "categoryId": snippet.get("categoryId", "22"),
        **{name: snippet[name] for name in ("defaultLanguage", "defaultAudioLanguage") if name in snippet},
    }


def _iso(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def _video_answer(call: Call, video_id: str) -> Response:
    post = call.world.post("youtube", video_id) or {}
    video = _video(call, post)
    shown = ("kind", "etag", "id", "snippet", "status")
    return JSONResponse({name: video[name] for name in shown}, 200)


def _parts(call: Call) -> list[str]:
    parts = [part for part in call.request.query_params.get("part", "").split(",") if part]
    if not parts:
        raise Refused(error(400, "missingRequiredParameter", "No filter selected: part", domain="global"))
    return [part for part in parts if part != "id"]


def _ids(call: Call) -> list[str]:
    ids = [id_ for id_ in call.request.query_params.get("id", "").split(",") if id_]
    if not ids:
        raise Refused(error(400, "missingRequiredParameter", "No filter selected.", domain="youtube.parameter"))
    if len(ids) > _MAX_IDS:
        raise Refused(error(400, "invalidFilters", "At most 50 ids.", domain="youtube.parameter"))
    return ids


def _list(kind: str, items: list[Document]) -> JSONResponse:
    page = {"totalResults": len(items), "resultsPerPage": len(items)}
    return JSONResponse({"kind": f"youtube#{kind}", "etag": "sandbox", "items": items, "pageInfo": page})


def _requested_videos(call: Call, parts: list[str]) -> list[Document]:
    posts = [call.world.post("youtube", id_) for id_ in _ids(call)]
    videos = [_video(call, post) for post in posts if post]
    shown = ("kind", "etag", "id", *parts)
    return [{name: video[name] for name in shown if name in video} for video in videos]


async def list_videos(call: Call) -> Response:
    """Answer up to 50 videos by id; ids it does not know are left out."""
    checked(call, "videos.list")
    return _list("videoListResponse", _requested_videos(call, _parts(call)))


async def channels(call: Call) -> Response:
    """Answer the channel of the token; an account without one has none in the list."""
    checked(call, "channels.list")
    parts = _parts(call)
    if call.request.query_params.get("mine") != "true":
        raise Refused(error(400, "missingRequiredParameter", "No filter selected.", domain="youtube.parameter"))
    name = account_of(call.world.store.get("youtube_token", call.bearer()))
    is_ours = name == ACCOUNTS[0]
    posts = call.world.posts("youtube")
    subscribers = followers("youtube", posts, call.world.now(), typical_views=TYPICAL_VIEWS)
    channel: Document = {
        "snippet": {"title": "Sandbox Creator" if is_ours else "Other Creator", "customUrl": f"@{name}"},
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": credentials.YOUTUBE_UPLOADS_ID}},
        "statistics": {
            "videoCount": str(len(posts)),
            "subscriberCount": str(three_figures(subscribers)),
            "hiddenSubscriberCount": bool(call.world.pace("youtube_hides_subscribers")),
        },
        "status": {"privacyStatus": "public", "isLinked": True, "longUploadsStatus": "allowed"},
    }
    id_ = credentials.YOUTUBE_CHANNEL_ID if is_ours else "UCothercreator0000000000"
    item = {"kind": "youtube#channel", "etag": "sandbox", "id": id_}
    if not call.world.pace("youtube_has_channel"):
        return _list("channelListResponse", [])
    return _list("channelListResponse", [item | {part: channel[part] for part in parts if part in channel}])


def three_figures(count: int) -> int:
    """Return a count as YouTube shows subscribers: rounded down to three figures."""
    unit = int(10 ** max(0, len(str(count)) - 3))
    return count // unit * unit


async def playlist_items(call: Call) -> Response:
    """Answer the uploads playlist, newest first."""
    checked(call, "playlistItems.list")
    query, parts = call.request.query_params, _parts(call)
    if query.get("playlistId") != credentials.YOUTUBE_UPLOADS_ID:
        return items_of_playlist(call, query.get("playlistId", ""))
    given, token = query.get("maxResults", "5"), query.get("pageToken", "0")
    if not given.isdigit() or int(given) > _MAX_IDS:
        raise Refused(error(400, "invalidValue", "Values must be within the range: [0, 50]", domain="global"))
    if not token.isdigit():
        raise Refused(error(400, "invalidPageToken", "The request specifies an invalid page token.", domain="global"))
    most, start = int(given), int(token)
    posts = call.world.listed_posts("youtube")
    items = []
    for post in posts[start : start + most]:
        known: Document = {
            "snippet": {**_snippet(post), "resourceId": {"kind": "youtube#video", "videoId": post["id"]}},
            "contentDetails": {"videoId": post["id"], "videoPublishedAt": _iso(post["created_at"])},
            "status": {"privacyStatus": post["privacy"]},
        }
        item = {"kind": "youtube#playlistItem", "etag": "sandbox", "id": f"PL{post['id']}"}
        items.append(item | {part: known[part] for part in parts if part in known})
    answer = {"kind": "youtube#playlistItemListResponse", "etag": "sandbox", "items": items}
    page: Document = {"pageInfo": {"totalResults": len(posts), "resultsPerPage": most}}
    if start + most < len(posts):
        page["nextPageToken"] = str(start + most)
    return JSONResponse({**answer, **page})


async def batch_stats(call: Call) -> Response:
    """Answer the counters of up to 50 videos; ids it does not know are left out."""
    checked(call, "videos.batchGetStats")
    return _list("batchGetStatsResponse", _requested_videos(call, _parts(call)))


async def update_video(call: Call) -> Response:
    """Change the parts of a video that are named, each as a whole."""
    checked(call, "videos.update")
    body = await call.json()
    if body is None:
        raise Refused(error(400, "parseError", "Parse Error", domain="global"))
    checked_body(call, body)
    post = own_video(call, str(body.get("id", "")))
    changed: Document = {}
    if "snippet" in body:
        snippet = body["snippet"]
        changed |= {"snippet": snippet, "title": snippet["title"], "caption": snippet.get("description", "")}
    if "status" in body:
        status = body["status"]
        changed |= {"privacy": status.get("privacyStatus", post["privacy"])}
        changed |= {"ai_label": bool(status.get("containsSyntheticMedia"))}
    call.world.store.merge("post", f"youtube:{post['id']}", **changed)
    return _video_answer(call, post["id"])
