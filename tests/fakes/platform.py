"""A platform that keeps what went live, and can be killed, lost or refused at each step of a post."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.platforms.contract import (
    Counters,
    PlannedCall,
    PostFinding,
    PostRequest,
    Quota,
    Receipt,
)
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import PlatformAccount
from dayreel.stores.files import sha256_of

Step = Literal[
    "post",
    "killed_before",
    "killed_with_container",
    "killed_after_publish",
    "lost_answer",
    "refused_after_publish",
    "lost_request",
    "transient",
    "refused",
    "processing",
]
MAYBE = "the connection closed before the answer"
AFTER_PUBLISH: Mapping[str, tuple[type[ProviderError], str]] = {
    "lost_answer": (UnknownOutcomeError, MAYBE),
    "refused_after_publish": (PermanentError, "HTTP 400 code 190"),
}


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass(frozen=True)
class Live:
    """One post as the public sees it."""

    post_id: str
    content_id: str
    video_sha256: str
    caption: str
    fields: dict[str, Any]


@dataclass
class World:
    """What exists on the platform, whatever process asked for it."""

    live: list[Live] = field(default_factory=list)
    containers: dict[str, PostRequest] = field(default_factory=dict)


class FakePlatform:
    """Follows `PlatformProvider`: a container is made, its id recorded, then it is published.

    Args:
        steps: what each call of `post` does, in order; after them every post works. An exception is raised.
        world: shared by the clients of several "processes".
        counts: counters by post id; None means that the platform cannot be asked.
        sees: what `look_up` says instead of looking.
    """

    counters_per_call = 20

    def __init__(
        self,
        name: str = "instagram",
        *,
        steps: Iterable[Step | Exception] = (),
        world: World | None = None,
        quota: Quota | None = None,
        account: str = "account-1",
        counts: Sequence[Counters] | Exception = (),
        sees: PostFinding | Exception | None = None,
    ) -> None:
        self.name = name
        self.world = world or World()
        self.posted: list[PostRequest] = []
        self.looked_up: list[str] = []
        self.counted: list[list[str]] = []
        self.steps = list(steps)
        self.notice: str | None = None
        self._quota = quota
        self._account = account
        self._counts = counts
        self._sees = sees

    def account(self) -> str:
        return self._account

    def read_account(self) -> PlatformAccount:
        return PlatformAccount(self.account(), f"@{self.account()}")

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        return [PlannedCall("POST", f"https://{self.name}.example/media", {"caption": request.caption})]

    def quota(self) -> Quota | None:
        return self._quota

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        self.posted.append(request)
        step = self.steps.pop(0) if self.steps else "post"
        if isinstance(step, Exception):
            raise step
        if step == "killed_before":
            raise Killed
        if step == "transient":
            raise TransientError(attempted="post", answer="HTTP 503")
        if step == "refused":
            raise PermanentError(attempted="post", answer="HTTP 400 the caption is not allowed")
        if step == "lost_request":
            raise UnknownOutcomeError(attempted="post", answer=MAYBE)
        container = handle.get("container")
        if container is None:
            container = f"c{len(self.world.containers) + 1}"
            self.world.containers[container] = request
            record({"container": container})
        if step == "killed_with_container":
            raise Killed
        live = self._publish(container)
        if step == "killed_after_publish":
            raise Killed
        if step in AFTER_PUBLISH:
            kind, answer = AFTER_PUBLISH[step]
            raise kind(attempted="publish", answer=answer, reference=container)
        return self._receipt(live, "processing" if step == "processing" else "posted")

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: object) -> PostFinding:
        self.looked_up.append(request.content_id)
        if isinstance(self._sees, Exception):
            raise self._sees
        if self._sees is not None:
            return self._sees
        for live in self.world.live:
            if (request.video_sha256, request.caption) == (live.video_sha256, live.caption):
                return PostFinding("live", f"found {live.post_id} by its words", receipt=self._receipt(live, "posted"))
        return PostFinding("absent", "neither the container nor a post with its words is there")

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        self.counted.append(list(post_ids))
        if isinstance(self._counts, Exception):
            raise self._counts
        return [count for count in self._counts if count.post_id in post_ids]

    def _publish(self, container: str) -> Live:
        post_id = f"p-{container}"
        for live in self.world.live:
            if live.post_id == post_id:  # a container can be published once
                return live
        request = self.world.containers[container]
        live = Live(post_id, request.content_id, sha256_of(Path(request.video)), request.caption, request.fields)
        self.world.live.append(live)
        return live

    def _receipt(self, live: Live, state: Literal["posted", "processing"]) -> Receipt:
        url = f"https://{self.name}.example/p/{live.post_id}" if state == "posted" else None
        notice = {} if self.notice is None else {"notice": self.notice}
        return Receipt(state, live.post_id, url, {"publish_id": live.post_id, **notice})
