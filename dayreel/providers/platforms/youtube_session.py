"""YouTube's resumable upload: one session, whose URI is the guard against a second video (protocol reference, 6.2).

A session without bytes makes no video, and a session makes at most one. So the URI is committed before the first byte,
and every doubt is settled by asking it. What is uploaded, and what becomes of it, is `youtube.py`.
"""

import re
from dataclasses import dataclass
from typing import IO, Any, Literal

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Reply, secret_parts
from dayreel.providers.platforms.approved import FileSlice, Progress, approved_file
from dayreel.providers.platforms.contract import PostRequest
from dayreel.providers.platforms.youtube_api import YouTubeApi
from dayreel.providers.platforms.youtube_errors import BY_REASON

CHUNK_UNIT = 262_144
_HELD = re.compile(r"bytes=0-(\d+)")
_STANDSTILLS = 3
_UPLOADING = "upload the video to YouTube"


@dataclass(frozen=True)
class SessionState:
    """What the session says: `open` with so many bytes held, `complete` with the Video, or `gone`."""

    state: Literal["open", "complete", "gone"]
    held_bytes: int = 0
    video: dict[str, Any] | None = None


def start_session(api: YouTubeApi, request: PostRequest, body: dict[str, Any], params: dict[str, str | int]) -> str:
    """Open a session and return its URI. Safe to repeat: nothing exists before the bytes do.

    Raises:
        TransientError, PermanentError: as the error table says.
    """
    reply = api.send(
        "POST",
        f"{api.url}/upload/youtube/v3/videos",
        attempted="open a YouTube upload",
        params=params,
        json=body,
        headers={"X-Upload-Content-Type": "video/mp4", "X-Upload-Content-Length": str(request.size_bytes)},
    )
    if not reply.ok:
        raise api.error(reply)
    uri = reply.headers.get("Location")
    if not uri:
        raise TransientError(attempted="open a YouTube upload", answer="no address for the upload")
    return str(uri)


def ask_session(api: YouTubeApi, uri: str, *, total: int) -> SessionState:
    """Ask the session where it stands, without sending a byte.

    Raises:
        TransientError, PermanentError: it did not answer that.
    """
    reply = api.send(
        "PUT",
        uri,
        attempted="ask the YouTube upload where it stands",
        headers={"Content-Range": f"bytes */{total}", "Content-Length": "0"},
        secrets=secret_parts(uri),
    )
    return _read(api, reply)


def _read(api: YouTubeApi, reply: Reply, *, is_publishing: bool = False) -> SessionState:
    if reply.status == 308:  # noqa: PLR2004  "resume incomplete"; without Range nothing is stored yet
        held = _HELD.match(reply.headers.get("Range") or "")
        return SessionState("open", held_bytes=int(held[1]) + 1 if held else 0)
    if reply.ok:
        video = reply.document()
        if not video.get("id"):
            kind = UnknownOutcomeError if is_publishing else TransientError
            raise kind(attempted=reply.attempted, answer=f"HTTP {reply.status} without a video id")
        return SessionState("complete", video=video)
    if reply.status in (404, 410):
        return SessionState("gone")
    raise api.error(reply, is_publishing=is_publishing)


def send_bytes(
    api: YouTubeApi, request: PostRequest, progress: Progress, *, start: int, chunk_bytes: int
) -> SessionState:
    """Send the bytes from `start` on and return `complete` or `gone`.

    Before the PUT that completes the file, `finishing` is committed: from then on the video may exist.

    Raises:
        TransientError: broke off before the last chunk, or YouTube takes no further bytes; continue from the handle.
        PermanentError: refused.
        UnknownOutcomeError: the answer to the last chunk was lost.
        UsageError: the file is not the approved one.
    """
    position, standstills = start, 0
    with approved_file(request) as file:
        while True:
            answer = _send_chunk(api, request, progress, file, first=position, chunk_bytes=chunk_bytes)
            if answer.state != "open":
                return answer
            standstills = standstills + 1 if answer.held_bytes <= position else 0
            if standstills > _STANDSTILLS:
                raise TransientError(
                    attempted=_UPLOADING, answer=f"no progress beyond byte {position}", retry_after_s=60
                )
            position = answer.held_bytes


def _send_chunk(
    api: YouTubeApi, request: PostRequest, progress: Progress, file: IO[bytes], *, first: int, chunk_bytes: int
) -> SessionState:
    total = request.size_bytes
    last = min(first + chunk_bytes, total) - 1
    is_final = last == total - 1
    if is_final and not progress["finishing"]:
        progress.commit(finishing=True)
    uri = str(progress["session_uri"])
    reply = api.send(
        "PUT",
        uri,
        attempted=_UPLOADING,
        is_publishing=is_final,
        headers={"Content-Type": "video/mp4", "Content-Range": f"bytes {first}-{last}/{total}"},
        data=FileSlice(file, first=first, length=last - first + 1),
        secrets=secret_parts(uri),
    )
    if reply.ok or reply.status == 308:  # noqa: PLR2004  taken, wholly or so far
        return _read(api, reply, is_publishing=is_final)
    if is_final:
        return _ask_after_the_last(api, reply, uri, total=total)
    if reply.status == 401 or reply.status >= 500:  # noqa: PLR2004  answered, but where do we stand? The session knows
        return ask_session(api, uri, total=total)
    return _read(api, reply)


def _ask_after_the_last(api: YouTubeApi, reply: Reply, uri: str, *, total: int) -> SessionState:
    """Ask the session what became of the last byte: its answer was an error, and even a listed one proves nothing.

    Raises:
        TransientError, PermanentError: the session is open, so there is no video, and the error was a listed one.
        UnknownOutcomeError: the session could not be asked.
    """
    try:
        state = ask_session(api, uri, total=total)
    except (TransientError, PermanentError) as error:
        raise UnknownOutcomeError(
            attempted=_UPLOADING,
            answer=f"HTTP {reply.status}, and asking the upload where it stands: {error.answer}",
            next_step="`dayreel reconcile` asks again.",
            code=error.code,
        ) from error
    refusal = api.error(reply)
    is_listed = refusal.code in BY_REASON and refusal.code not in ("authError", "backendError")
    if state.state == "open" and is_listed:
        raise refusal
    return state
