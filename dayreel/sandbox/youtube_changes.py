"""What of YouTube's stand-in changes a video that is there: delete, thumbnail."""

import hashlib

from starlette.responses import JSONResponse, Response

from dayreel.sandbox.wire import Call, Refused
from dayreel.sandbox.world import Document
from dayreel.sandbox.youtube_checks import SPEC, checked, error


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
    is_opened = query.get("uploadType") == "resumable" and call.request.method == "POST"
    kind = headers.get("x-upload-content-type" if is_opened else "content-type", "")
    if not query.get("upload_id") and kind not in spec["accept"]:
        message = "The thumbnail is a JPEG or PNG picture."
        raise Refused(error(400, "mediaBodyRequired", message, domain="youtube.thumbnail"))
    if is_opened:
        location = f"{call.origin}{call.request.url.path}?{call.request.url.query}&upload_id=thumbnail"
        return Response(status_code=200, headers={"location": location})
    picture = await call.request.body()
    if not 0 < len(picture) <= spec["max_size"]:
        raise Refused(error(400, "invalidImage", "The provided image content is invalid.", domain="youtube.thumbnail"))
    call.world.store.merge("post", f"youtube:{post['id']}", thumbnail_sha256=hashlib.sha256(picture).hexdigest())
    url = f"{call.origin}/youtube/thumbnails/{post['id']}.jpg"
    items = [{"default": {"url": url, "width": 120, "height": 90}}]
    return JSONResponse({"kind": "youtube#thumbnailSetResponse", "etag": "sandbox", "items": items})
