"""What every platform offers: say what would be sent, send it once, look up what happened, read counters.

A platform never decides whether a post may go out: that is `dayreel.rules.gates`. Every call that makes something
public needs a permit. Handles are JSON objects that the caller commits through `record` before the next call, so that
another process can continue where this one died.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from dayreel.errors import PermanentError
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.metric import METRICS
from dayreel.schemas.posts import PlatformAccount
from dayreel.vendors.record import PlatformMetric


@dataclass(frozen=True)
class PostRequest:
    """One content for one platform, as it was approved.

    Attributes:
        fields: the channel's fields for this platform (privacy, AI disclosure, ...), as JSON.
        marker: a token of this content alone; the caption ends with it where it was approved so.
        cover: the picture that `fields` name as the cover, with the hash of its bytes; or one made of the video.
    """

    content_id: str
    video: Path
    video_sha256: str
    size_bytes: int
    duration_s: float
    title: str
    caption: str
    fields: dict[str, Any]
    marker: str
    cover: Path | None = None


@dataclass(frozen=True)
class PlannedCall:
    """One request as it would be sent; `body` never holds a secret."""

    method: str
    url: str
    body: dict[str, Any]
    note: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a platform says about a post. `state` is `processing` until the platform itself says it is public.

    A `notice` in `raw` is shown with the post: it is out, and not as it was asked for.
    """

    state: Literal["posted", "processing"]
    post_id: str | None
    url: str | None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PostFinding:
    """What looking up a doubtful post found.

    `live`: it is there (see `receipt`). `absent`: it is certainly not there and sending is safe. `resumable`: not there
    yet, and sending may continue from the handle. `refused`: the platform took it and gave it up, so it is certainly
    not there, and sending it again unchanged cannot help. `unclear`: a person has to look.
    """

    verdict: Literal["live", "absent", "resumable", "refused", "unclear"]
    evidence: str
    receipt: Receipt | None = None
    handle: dict[str, Any] | None = None


@dataclass(frozen=True)
class PostReport:
    """What a platform has called back with about one delivery, see `Platform.read_report`."""

    status: Literal["posted", "failed"]
    post_id: str | None = None
    url: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Quota:
    """How many more posts the platform takes now."""

    used: int
    total: int
    window: str


@dataclass(frozen=True)
class Counters:
    """One post's counters at one moment, see `schemas.metric`. What the platform does not report is None, never 0.

    Attributes:
        refused: why the platform would not report a metric that it was asked for, by metric.
    """

    post_id: str
    observed_at: datetime
    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    watch_time_s: float | None = None
    engaged_views: int | None = None
    reposts: int | None = None
    follows: int | None = None
    average_watch_s: float | None = None
    skip_rate: float | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


def as_counted(metrics: Iterable[PlatformMetric], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a platform's own numbers, by its own names, as ours: what it left out is left out.

    Raises:
        PermanentError: one of them is not a number.
    """
    given = {metric: values.get(metric.theirs) for metric in metrics if metric.metric in METRICS}
    return {
        metric.metric: as_count(value, metric.theirs)
        if METRICS[metric.metric].kind == "int"
        else round(_as_number(value, metric.theirs) * metric.scale, 6)
        for metric, value in given.items()
        if value is not None
    }


def as_count(value: Any, name: str) -> int:
    """Return a platform's count under a name of its own.

    Raises:
        PermanentError: it is not a number.
    """
    return int(_as_number(value, name))


def _as_number(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise PermanentError(attempted=f"read {name!r}", answer=f"{str(value)[:80]!r} instead of a number")
    return number


@runtime_checkable
class CountsInDepth(Protocol):
    """A platform that reports some metrics elsewhere than the counters, and later: each may fail without the other.

    Attributes:
        in_depth: the metrics.
    """

    in_depth: Sequence[str]

    def count_in_depth(self, post_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return these metrics by post, see `as_counted`; a post of which nothing is reported yet is left out.

        Args:
            post_ids: at most `counters_per_call`.

        Raises:
            TransientError, PermanentError: not readable.
        """
        ...


@runtime_checkable
class CountsFollowers(Protocol):
    """A platform that reports how many follow the account."""

    def followers(self) -> int | None:
        """Return how many follow the account now; None where it does not say. One free read.

        Raises:
            TransientError, PermanentError: not readable.
        """
        ...


@runtime_checkable
class FollowsUp(Protocol):
    """A platform where something is done with a post once it is out, see `vendors.record.Platform.follow_ups`."""

    def follow_up(self, permit: Permit, asked: dict[str, Any], *, post_id: str, file: Path | None) -> dict[str, Any]:
        """Do one of them, once; return what is worth keeping.

        Args:
            permit: names the act by its effect's kind.
            asked: what is asked for, as the record's `follow_ups` has it.
            file: the picture, for a thumbnail; the SubRip file, for subtitles.

        Raises:
            UsageError: it cannot be asked for as it is.
            TransientError: it certainly did not happen, and may be repeated.
            PermanentError: refused.
            UnknownOutcomeError: it may have happened.
        """
        ...

    def is_followed_up(self, kind: str, asked: dict[str, Any], *, post_id: str) -> bool | None:
        """Return whether it has happened, None where the platform does not say. Sends nothing.

        Raises:
            TransientError, PermanentError: could not look.
        """
        ...


class PlatformProvider(Protocol):
    """A platform and one account on it.

    Attributes:
        counters_per_call: how many posts one request for counters may name.
    """

    name: str
    counters_per_call: int

    def account(self) -> str:
        """Return the account's id as the settings have it (no network)."""
        ...

    def read_account(self) -> PlatformAccount:
        """Ask the platform whose account this is; an approval is for this answer. A free read.

        Raises:
            TransientError, PermanentError: it could not be read.
        """
        ...

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the exact requests a post would make. Sends nothing."""
        ...

    def quota(self) -> Quota | None:
        """Return what the platform says is left, or None where it has no such answer."""
        ...

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Post once, continuing from `handle` (empty at first), committing every new id through `record` first.

        What `record` is given is always the whole handle, never a part of it.

        Raises:
            UsageError: the request cannot be posted as it is (caption, fields, file); nothing became public.
            TransientError: nothing became public and nothing can; the whole call may be repeated from the handle.
            PermanentError: refused; it is believed, where something was recorded, only after a `look_up` agrees.
            UnknownOutcomeError: it may be public; `look_up` before anything else.
        """
        ...

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Find out what became of a post, without sending anything that could publish. Safe to repeat.

        A refusal to let us look is `unclear`, not an error: it must not be taken for a refused post.

        Raises:
            TransientError: could not look now.
        """
        ...

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return the counters of these posts as of now; a post that the platform does not know is left out.

        Args:
            post_ids: at most `counters_per_call`: whoever asks keeps what came before a request that failed.

        Raises:
            TransientError, PermanentError: not readable.
        """
        ...
