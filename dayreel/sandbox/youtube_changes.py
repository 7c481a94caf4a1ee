"""What of YouTube's stand-in changes a video that is there: delete, thumbnail, playlist, subtitles."""

import hashlib
import json
from email.parser import BytesParser
from typing import Final

from starlette.responses import JSONResponse, Response

from dayreel.sandbox.shapes import schema_problem
from dayreel.sandbox.wire import Call, Refused
from dayreel.sandbox.world import Document
from dayreel.sandbox.youtube_checks import SPEC, bad_request, checked, error

MOST_BYTES: Final = 2 * 1024 * 1024
"""YouTube's help; the discovery document has a larger number since November 2026."""

_PARTS_OF_A_TRACK: Final = 2
_TRACK_FIELDS: Final = frozenset({"videoId", "language", "name", "isDraft"})


def own_video(call: Call, id_: str) -> Document:
    """Return the post of a video, or refuse."""
    post = call.world.post("youtube", id_)
    if post is None:
        raise Refused(error(404, "videoNotFound", "The video that you are trying to change cannot be found."))
    return post


async def delete_video(call: Call) -> Response:
    """Delete a video."""
    checked(call, "videos.delete")
    post = own_video(call, call.request.query_params.get("id", ""))
    call.world.store.delete("post", f"youtube:{post['id']}")
    return Response(status_code=204)


async def set_thumbnail(call: Call) -> Response:
    """Take a picture as a video's thumbnail, at once or by a session; Shorts have one since 2026-11-03."""
    checked(call, "thumbnails.set")
    query, headers = call.request.query_params, call.request.headers
    spec = SPEC["methods"]["thumbnails.set"]
    post = own_video(call, query.get("videoId", ""))
    if not call.world.pace("youtube_verified"):
        message = "The authenticated user doesn't have permissions to upload and set custom video thumbnails."
        raise Refused(error(403, "forbidden", message, domain="youtube.thumbnail"))
    is_opened = query.get("uploadType") == "resumable" and call.request.method == "POST"
    kind = headers.get("x-upload-content-type" if is_opened else "content-type", "")
    if not query.get("upload_id") and kind not in spec["accept"]:
        message = "The thumbnail is a JPEG or PNG picture."
        raise Refused(error(400, "mediaBodyRequired", message, domain="youtube.thumbnail"))
    if is_opened:
        location = f"{call.origin}{call.request.url.path}?{call.request.url.query}&upload_id=thumbnail"
        return Response(status_code=200, headers={"location": location})
    picture = await call.request.body()
    is_picture = picture.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
    if not is_picture or len(picture) > min(spec["max_size"], MOST_BYTES):
        raise Refused(error(400, "invalidImage", "The provided image content is invalid.", domain="youtube.thumbnail"))
    call.world.store.merge("post", f"youtube:{post['id']}", thumbnail_sha256=hashlib.sha256(picture).hexdigest())
    url = f"{call.origin}/youtube/thumbnails/{post['id']}.jpg"
    items = [{"default": {"url": url, "width": 120, "height": 90}}]
    return JSONResponse({"kind": "youtube#thumbnailSetResponse", "etag": "sandbox", "items": items})


def known_playlist(call: Call, playlist: str) -> None:
    """Refuse a playlist that the channel does not have; a world's are those of its pace."""
    if playlist not in str(call.world.pace("youtube_playlists")).split():
        message = "The playlist identified with the request's playlistId parameter cannot be found."
        raise Refused(error(404, "playlistNotFound", message, domain="youtube.playlistItem"))


async def add_to_playlist(call: Call) -> Response:
    """Add a video to a playlist, as often as it is asked: YouTube takes a video there twice."""
    checked(call, "playlistItems.insert")
    body = await call.json()
    if body is None or "snippet" not in call.request.query_params.get("part", "").split(","):
        raise bad_request("Invalid JSON payload received.")
    if problem := schema_problem(body, SPEC["schemas"], "PlaylistItem", "playlist_item"):
        raise bad_request(f"Invalid JSON payload received. {problem}")
    snippet = body.get("snippet") or {}
    resource = snippet.get("resourceId") or {}
    known_playlist(call, str(snippet.get("playlistId", "")))
    if resource.get("kind") != "youtube#video":
        message = "The request does not properly specify the resource that is to be added."
        raise Refused(error(400, "resourceIdRequired", message, domain="youtube.playlistItem"))
    post = own_video(call, str(resource.get("videoId", "")))
    id_ = "UExz" + call.world.new_digest("youtube_playlist_item")[:20]
    item = {"id": id_, "playlist": snippet["playlistId"], "video": post["id"]}
    call.world.store.put("youtube_playlist_item", id_, item)
    return JSONResponse({"kind": "youtube#playlistItem", "etag": "sandbox", "id": id_, "snippet": snippet})


def items_of_playlist(call: Call, playlist: str) -> Response:
    """Answer a playlist that videos were added to; with `videoId`, where that one is in it."""
    known_playlist(call, playlist)
    video = call.request.query_params.get("videoId")
    items = [
        {
            "kind": "youtube#playlistItem",
            "etag": "sandbox",
            "id": item["id"],
            "snippet": {"playlistId": playlist, "resourceId": {"kind": "youtube#video", "videoId": item["video"]}},
        }
        for item in call.world.store.all("youtube_playlist_item")
        if item["playlist"] == playlist and video in (None, item["video"])
    ]
    page = {"totalResults": len(items), "resultsPerPage": len(items)}
    return JSONResponse(
        {"kind": "youtube#playlistItemListResponse", "etag": "sandbox", "items": items, "pageInfo": page}
    )


async def add_subtitles(call: Call) -> Response:
    """Take a subtitle track with its metadata in one multipart/related body; one of each language and name."""
    checked(call, "captions.insert")
    query, kind = call.request.query_params, call.request.headers.get("content-type", "")
    if query.get("part") != "snippet":
        raise Refused(error(400, "missingRequiredParameter", "Required parameter: part", domain="global"))
    if query.get("uploadType") != "multipart" or not kind.startswith("multipart/related; boundary="):
        raise Refused(error(400, "mediaBodyRequired", "The request does not include the media.", domain="global"))
    envelope = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + await call.request.body())
    parts = [part.get_payload(decode=True) for part in envelope.walk() if not part.is_multipart()]
    if len(parts) != _PARTS_OF_A_TRACK:
        raise Refused(
            error(400, "contentRequired", "The caption track contents are missing.", domain="youtube.caption")
        )
    metadata, track = (part if isinstance(part, bytes) else b"" for part in parts)
    snippet = json.loads(metadata).get("snippet") or {}
    if not snippet.get("language") or "name" not in snippet or set(snippet) - _TRACK_FIELDS:
        raise Refused(error(400, "invalidMetadata", "The metadata values are invalid.", domain="youtube.caption"))
    if not track.strip():
        raise Refused(
            error(400, "contentRequired", "The caption track contents are missing.", domain="youtube.caption")
        )
    post = own_video(call, snippet.get("videoId", ""))
    id_ = f"{post['id']}-{snippet['language']}-{snippet['name']}"
    if call.world.store.get("youtube_captions", id_) is not None:
        message = "The specified video already has a caption track with the given language and name."
        raise Refused(error(409, "captionExists", message, domain="youtube.caption"))
    kept = {"id": id_, "video": post["id"], "snippet": {**snippet, "trackKind": "standard"}, "text": track.decode()}
    call.world.store.put("youtube_captions", id_, kept)
    return JSONResponse({"kind": "youtube#caption", "etag": "sandbox", "id": id_, "snippet": kept["snippet"]})


async def list_subtitles(call: Call) -> Response:
    """Answer the subtitle tracks of a video."""
    checked(call, "captions.list")
    post = own_video(call, call.request.query_params.get("videoId", ""))
    items = [
        {"kind": "youtube#caption", "etag": "sandbox", "id": track["id"], "snippet": track["snippet"]}
        for track in call.world.store.all("youtube_captions")
        if track["video"] == post["id"]
    ]
    return JSONResponse({"kind": "youtube#captionListResponse", "etag": "sandbox", "items": items})
