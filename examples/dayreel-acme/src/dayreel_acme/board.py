"""Acme's board: a video pinned to a wall that people walk by. One request posts; a field nobody sees finds it again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from dayreel.clock import Clock
from dayreel.errors import ProviderError
from dayreel.providers.platforms.approved import approved_file, read_fields, require_within_limits, sent_caption
from dayreel.providers.platforms.contract import Counters, PlannedCall, PostFinding, PostRequest, Receipt
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import PlatformAccount, PostFields
from dayreel.vendors.access import Access
from dayreel.vendors.record import CaptionRules, Platform, PlatformLimits, Vendor
from dayreel_acme.api import KEY, Acme

LIMITS = PlatformLimits(max_size_bytes=50_000_000, max_duration_s=60)


class BoardPost(PostFields):
    """How a content is pinned to a board."""

    wall: str = Field(description="which wall")


class AcmeBoard:
    """A board."""

    name = "acme_board"
    counters_per_call = 100

    def __init__(self, api: Acme, clock: Clock) -> None:
        """Take Acme's API and a clock."""
        self._api, self._clock = api, clock

    def account(self) -> str:
        """Return the account's id."""
        return "acme"

    def read_account(self) -> PlatformAccount:
        """Return the account: Acme's keys have one each."""
        return PlatformAccount(self.account(), "Acme")

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the one request of a post."""
        return [PlannedCall("POST", "https://api.acme.example/pins", self._body(request), "makes it public")]

    def quota(self) -> None:
        """Return None: Acme reports no quota."""
        return

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:  # noqa: ARG002  the contract's parameters
        """Post once. See the contract for the errors."""
        require_within_limits(self.name, LIMITS, request)
        with approved_file(request) as video:
            body = {**self._body(request), "size_bytes": len(video.read())}
        id_ = self._api.begin("/pins", attempted=f"pin {request.content_id}", json=body)
        record({"pin_id": id_})
        return Receipt("posted", id_, f"https://acme.example/pins/{id_}")

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:  # noqa: ARG002  the contract's parameters
        """Look for a pin with the request's marker."""
        try:
            path = f"/pins?marker={request.marker}"
            body = self._api.call("GET", path, attempted="look for a pin", has_side_effects=False).document()
        except ProviderError as error:
            return PostFinding("unclear", error.message)
        if not body.get("id"):
            return PostFinding("absent", "Acme knows no pin with this marker")
        id_ = str(body["id"])
        return PostFinding("live", f"pin {id_}", Receipt("posted", id_, f"https://acme.example/pins/{id_}"))

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return how many people walked by."""
        path = f"/counters?ids={','.join(post_ids)}"
        seen = self._api.call("GET", path, attempted="count who walked by", has_side_effects=False).document()
        return [Counters(id_, self._clock.now(), views=int(seen[id_])) for id_ in post_ids if id_ in seen]

    def _body(self, request: PostRequest) -> dict[str, Any]:
        fields = read_fields(BoardPost, request)
        caption = sent_caption(self.name, request, fields)
        return {
            "wall": fields.wall,
            "text": caption.text,
            "marker": request.marker,
            "made_with_ai": fields.ai_disclosure,
        }


def connect(access: Access) -> AcmeBoard:
    """Return the board of this world; needs ACME_KEY."""
    return AcmeBoard(Acme(access), access.clock)


VENDOR = Vendor(
    name="acme_board",
    label="Acme Board",
    family="platforms",
    about="A wall that people walk by.",
    connect=connect,
    settings=(KEY,),
    can=("posts", "looks up lost posts", "counters"),
    where_to_look="the wall itself",
    stand_in="dayreel_acme.stand_in:board",
    platform=Platform(BoardPost, CaptionRules(limit=500, unit="characters"), LIMITS),
)
