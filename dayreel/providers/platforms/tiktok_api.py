"""How dayreel speaks to TikTok: one JSON call with its errors typed, and the chunked PUT (reference, 5.2, 5.3).

Here belongs the wire and nothing of what a post is; that is `tiktok.py`.
"""

from typing import Any, Literal

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, Reply, readable, reveal, secret_parts
from dayreel.providers.platforms.approved import FileSlice, Progress, approved_file
from dayreel.providers.platforms.contract import PostRequest
from dayreel.providers.platforms.tiktok_chunks import ChunkPlan, held_bytes
from dayreel.providers.platforms.tiktok_errors import find_row
from dayreel.providers.platforms.verdicts import to_error

_URL_GONE = (403, 404)
_CORRECTIONS = 3
_UPLOADING = "upload the video to TikTok"


class TikTokApi:
    """One token's view of the API; every error has TikTok's `error.code`."""

    def __init__(self, *, access_token: SecretStr | str, base_url: str, clock: Clock) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the token is empty or cannot be in a header.
        """
        self._token = reveal(access_token, name="TIKTOK_ACCESS_TOKEN")
        self.url = base_url.rstrip("/")
        self._clock = clock
        self._http = Http(
            "TikTok", headers={"Authorization": f"Bearer {self._token}"}, secrets=(self._token,), clock=clock
        )

    def call(
        self,
        path: str,
        *,
        attempted: str,
        method: Literal["GET", "POST"] = "POST",
        json: dict[str, Any] | None = None,
        params: dict[str, str | int] | None = None,
        reference: str | None = None,
    ) -> dict[str, Any]:
        """Make one call and return its `data`. No call of ours publishes; only the last byte of an upload does.

        Raises:
            TransientError, PermanentError: as the error table says.
        """
        reply = self._http.send(
            method,
            f"{self.url}{path}",
            attempted=attempted,
            has_side_effects=False,
            json=json,
            params=params,
            headers={"Content-Type": "application/json; charset=UTF-8"},
            reference=reference,
        )
        answer = reply.json()
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict) and error.get("code") == "ok" and reply.ok:
            return answer.get("data") or {}
        raise self._error(reply, error if isinstance(error, dict) else {}, reference)

    def _error(self, reply: Reply, error: dict[str, Any], reference: str | None) -> ProviderError:
        code = str(error.get("code") or reply.status)
        log = f", log_id {error['log_id']}" if error.get("log_id") else ""
        message = readable(str(error["message"]), secrets=(self._token,)) if error.get("message") else reply.words
        return to_error(
            find_row(code, status=reply.status),
            attempted=reply.attempted,
            answer=readable(f"HTTP {reply.status}, {code}: {message}{log}", secrets=(self._token,)),
            code=code,
            reference=reference,
            retry_after_s=reply.wait_s,
        )

    def upload(self, request: PostRequest, progress: Progress, plan: ChunkPlan, *, start: int) -> bool:
        """Send the bytes from `start` on, in order; return False when the upload address is no longer good.

        Before the PUT that completes the file, `finishing` is committed: from then on the post may become public.

        Raises:
            TransientError: broke off before the last chunk; the post continues from the handle.
            PermanentError: TikTok refused the bytes.
            UnknownOutcomeError: the answer to the last chunk was lost, or is not an acceptance: no document says of any
                error there that it comes before TikTok has the file.
            UsageError: the file is not the approved one.
        """
        position, corrections = start, 0
        with approved_file(request) as file:
            while position < plan.size_bytes:
                first, last = plan.chunk_from(position)
                if last == plan.size_bytes - 1 and not progress["finishing"]:
                    progress.commit(finishing=True)
                body = FileSlice(file, first=first, length=last - first + 1)
                reply = self._put(request, progress, body, first=first, last=last, total=plan.size_bytes)
                if reply.status in _URL_GONE:
                    return False
                held = held_bytes(reply.headers.get("Content-Range"))
                if reply.status == 416 and held is not None:  # noqa: PLR2004  range does not match the progress
                    position, corrections = held, corrections + 1
                elif reply.ok:
                    position = last + 1
                if not (reply.ok or held is not None) or corrections > _CORRECTIONS:
                    raise _put_error(reply, progress["publish_id"])
        return True

    def _put(
        self, request: PostRequest, progress: Progress, body: FileSlice, *, first: int, last: int, total: int
    ) -> Reply:
        # No Authorization here: the address itself is the key, so it is a secret and never in a message.
        url = str(progress["upload_url"])
        http = Http("TikTok", secrets=(self._token, *secret_parts(url)), read_s=120, clock=self._clock)
        return http.send(
            "PUT",
            url,
            attempted=_UPLOADING,
            has_side_effects=last == total - 1,
            reference=progress["publish_id"],
            headers={
                "Content-Type": _CONTENT_TYPES.get(request.video.suffix.lower(), "video/mp4"),
                "Content-Range": f"bytes {first}-{last}/{total}",
            },
            data=body,
        )


_CONTENT_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"}


def _put_error(reply: Reply, publish_id: str) -> ProviderError:
    kind: type[ProviderError] = PermanentError
    if reply.has_side_effects:
        kind = UnknownOutcomeError
    elif reply.status in (408, 416, 425, 429) or reply.status >= 500:  # noqa: PLR2004  HTTP's own borders
        kind = TransientError
    return kind(
        attempted=_UPLOADING,
        answer=f"HTTP {reply.status}: {reply.words}",
        reference=publish_id,
        code=str(reply.status),
        retry_after_s=reply.wait_s,
    )
