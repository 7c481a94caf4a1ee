"""What every platform reads the same way from an approved request: its fields, its file, and how far a post has come.

Nothing here knows a platform; what a field means to a vendor lives in the vendor's file.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError, UsageError
from dayreel.providers.platforms.contract import PostRequest
from dayreel.rules.captions import FormattedCaption, carries_marker, format_caption
from dayreel.schemas.effect import RecordHandle
from dayreel.schemas.posts import FrameCover, PostFields
from dayreel.vendors.record import PlatformLimits

Fields = TypeVar("Fields", bound=BaseModel)
Answer = TypeVar("Answer")
_BLOCK_BYTES = 1024 * 1024
_MAGIC = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}


def read_fields(model: type[Fields], request: PostRequest) -> Fields:
    """Return the request's channel fields as their schema.

    Raises:
        UsageError: a field is missing or has a value that is not allowed.
    """
    try:
        return model.model_validate(request.fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise UsageError(
            f"The platform fields of {request.content_id!r} cannot be used: {wrong}.",
            next_step="Correct them in the channel's file and approve again.",
        ) from None


def require_within_limits(platform: str, limits: PlatformLimits, request: PostRequest) -> None:
    """Refuse a video that the platform would refuse.

    Raises:
        UsageError: too large, too short or too long; says by how much.
    """
    shortest, longest = limits.min_duration_s or 0.0, limits.max_duration_s or inf
    if limits.max_size_bytes is not None and request.size_bytes > limits.max_size_bytes:
        wrong = f"has {request.size_bytes} bytes and {platform} takes {limits.max_size_bytes}"
    elif not shortest <= request.duration_s <= longest:
        takes = f"{shortest:g} to {longest:g} s"
        wrong = f"lasts {request.duration_s:g} s and {platform} takes {takes}"
    else:
        return
    raise UsageError(
        f"The video of {request.content_id!r} {wrong}.", next_step="Change the channel's segments and make it again."
    )


def cover_ms(request: PostRequest, fields: FrameCover) -> int | None:
    """Return the moment of the frame that is the cover, in milliseconds; None where none is asked for.

    Raises:
        UsageError: the video is over by then.
    """
    if fields.cover_at_s is None:
        return None
    if fields.cover_at_s >= request.duration_s:
        raise UsageError(
            f"The cover of {request.content_id!r} is to be the frame at {fields.cover_at_s:g} s, and its video lasts "
            f"{request.duration_s:g} s.",
            next_step=f"`dayreel review edit {request.content_id} --set PLATFORM.cover_at_s=SECONDS`, then approve it "
            "again.",
        )
    return round(fields.cover_at_s * 1000)


def cover_problem(path: Path, limits: PlatformLimits) -> str | None:
    """Return why a picture cannot be a cover on a platform, as a clause; None where it can."""
    try:
        with path.open("rb") as file:
            start, size = file.read(8), file.seek(0, 2)
    except OSError as error:
        return "it is not there" if isinstance(error, FileNotFoundError) else f"it cannot be read ({error.strerror})"
    if not any(start.startswith(_MAGIC[kind]) for kind in limits.cover_formats):
        return f"it is not {' or '.join(kind.upper() for kind in limits.cover_formats)}"
    if limits.cover_bytes is not None and size > limits.cover_bytes:
        return f"it has {size} bytes, and at most {limits.cover_bytes} are taken"
    return None


def read_cover(cover: Path | None, sha256: str | None, limits: PlatformLimits, *, whose: str) -> bytes | None:
    """Return the picture that was approved as the cover; None where there is none.

    Args:
        sha256: of the approved bytes; None or empty where they are made of the approved video.
        whose: the post it is the cover of, for people.

    Raises:
        UsageError: it is missing, is not what was approved, or is nothing that the platform takes.
    """
    if cover is None:
        return None
    problem = cover_problem(cover, limits)
    data = b"" if problem else cover.read_bytes()
    if not problem and sha256 and hashlib.sha256(data).hexdigest() != sha256:
        problem = "it is not the picture that was approved"
    if problem:
        raise UsageError(
            f"The cover {str(cover)!r} of {whose} is not sent: {problem}.",
            next_step="Put the approved picture back, or choose another one and approve again.",
        )
    return data


def sent_caption(platform: str, request: PostRequest, fields: PostFields) -> FormattedCaption:
    """Return the caption as it goes out; the marker is in it only where it was approved with it.

    Raises:
        UsageError: the platform does not take it.
    """
    marker = request.marker if carries_marker(request.caption, request.marker) else ""
    return format_caption(platform, request.caption, hashtags=fields.hashtags, marker=marker)


@contextmanager
def approved_file(request: PostRequest) -> Iterator[IO[bytes]]:
    """Open the video and yield it once it has proved to be the approved one.

    The same open file is then streamed, so that a video rendered again under the same name cannot get in between.

    Raises:
        UsageError: the file is missing or is not the one that was approved; nothing was sent.
    """
    try:
        file = request.video.open("rb")
    except OSError as error:
        raise _not_approved(request, f"cannot be read ({error.strerror})") from error
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.seek(0, 2)
        if size != request.size_bytes or digest != request.video_sha256:
            raise _not_approved(
                request,
                f"has {size} bytes and SHA-256 {digest[:12]}…, while {request.size_bytes} bytes and "
                f"{request.video_sha256[:12]}… were approved",
            )
        yield file


def _not_approved(request: PostRequest, why: str) -> UsageError:
    return UsageError(
        f"The video {str(request.video)!r} {why}; it is not sent.",
        next_step=f"Put that file back; or `dayreel review reject {request.content_id}`, and `dayreel run` for its day "
        "composes it again for another review. What is out stays out.",
    )


class FileSlice:
    """A part of an open file as a request body: streamed, with a length, never in memory as a whole."""

    def __init__(self, file: IO[bytes], *, first: int, length: int) -> None:
        """Point at `length` bytes of `file` from `first` on."""
        file.seek(first)
        self._file = file
        self._length = length
        self._left = length

    def __len__(self) -> int:
        """Return how many bytes the slice has, for Content-Length."""
        return self._length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size` and at most a block."""
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._file.read(min(wanted, _BLOCK_BYTES))
        self._left -= len(block)
        return block

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks."""
        while block := self.read(_BLOCK_BYTES):
            yield block


class Progress:
    """How far a post has come: every id is committed before the next call.

    The whole handle is handed on each time, so that it does not matter whether the caller replaces or merges.
    """

    def __init__(self, handle: dict[str, Any], record: RecordHandle) -> None:
        """Go on from `handle`."""
        self._known = dict(handle)
        self._record = record

    def __getitem__(self, key: str) -> Any:
        """Return what is known under `key`, or None."""
        return self._known.get(key)

    @property
    def handle(self) -> dict[str, Any]:
        """All that is known, as it was handed on last."""
        return dict(self._known)

    def commit(self, **changes: Any) -> None:
        """Add `changes` and have the handle committed; returns once it is durable, and knows what was added to it."""
        self._known.update(changes)
        self._known.update(self._record(dict(self._known)) or {})


@contextmanager
def doubt_remains(is_in_doubt: object) -> Iterator[None]:
    """Turn a read that did not work into an unknown outcome, where the post may already be public."""
    try:
        yield
    except (TransientError, PermanentError) as error:
        if not is_in_doubt:
            raise
        raise UnknownOutcomeError(
            attempted=error.attempted,
            answer=error.answer,
            reference=error.reference,
            next_step="`dayreel reconcile` looks it up again.",
            retry_after_s=error.retry_after_s,
            code=error.code,
        ) from error


def belongs_to(url: str, owner_urls: tuple[str, ...]) -> bool:
    """Say whether `url` is on the host, or below the registered domain, of one of `owner_urls`.

    A token goes only where it was meant to go, also when the address comes out of an answer.
    """
    target = urlsplit(url)
    for owner in map(urlsplit, owner_urls):
        if target.scheme != owner.scheme or target.hostname is None or owner.hostname is None:
            continue
        if target.netloc == owner.netloc:
            return True
        domain = ".".join(owner.hostname.split(".")[-2:])
        if not domain.replace(".", "").isdigit() and target.hostname.endswith(f".{domain}"):
            return True
    return False
