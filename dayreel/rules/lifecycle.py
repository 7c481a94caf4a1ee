"""The lifecycles as tables: `(state, event) -> state`. Nothing else decides where something may go next.

Moving a row from one state to the next is `dayreel.services.transitions`; what an event is worth doing for is up to the
use case that fires it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dayreel.errors import UsageError

CONTENT_STATES = (
    "pending",
    "scripting",
    "voicing",
    "rendering",
    "composing",
    "review_pending",
    "approved",
    "publishing",
    "posted",
    "rejected",
    "expired",
    "failed",
)
WORKING = ("pending", "scripting", "voicing", "rendering", "composing")

_STAGES = {"script": "scripting", "voice": "voicing", "render": "rendering", "compose": "composing"}
# Stages are steps of a graph: they may be repeated, and those that do not need one another come in any order. New work
# after a decision voids it and leads back to review.
_WORK: dict[tuple[str, str], str] = {
    (state, event): target
    for state in (*WORKING, "review_pending", "approved", "rejected", "expired")
    for event, target in _STAGES.items()
}
_DECIDED: dict[tuple[str, str], str] = {
    ("composing", "request_review"): "review_pending",
    ("review_pending", "approve"): "approved",
    ("review_pending", "reject"): "rejected",
    ("review_pending", "edit"): "review_pending",
    ("review_pending", "endorse"): "review_pending",
    ("review_pending", "hold"): "review_pending",
    ("review_pending", "recall"): "review_pending",
    ("review_pending", "expire"): "expired",
    ("approved", "edit"): "review_pending",
    ("approved", "reject"): "rejected",
    ("approved", "hold"): "review_pending",
    ("approved", "recall"): "review_pending",
    ("approved", "publish"): "publishing",
    # What is out stays out: a hold stops the rest, and an approval lets it continue.
    ("publishing", "hold"): "publishing",
    ("publishing", "endorse"): "publishing",
    ("publishing", "approve"): "publishing",
    ("publishing", "finish"): "posted",
    # Where one platform will not have it, a person must be able to change the caption or to let it be. What is out by
    # then stays out, and what is being sent is settled as ever; nothing further goes out without a new approval.
    ("publishing", "edit"): "review_pending",
    ("publishing", "reject"): "rejected",
    ("rejected", "approve"): "approved",
    ("rejected", "endorse"): "review_pending",
    ("expired", "request_review"): "review_pending",
    ("expired", "reject"): "rejected",
}
_FAIL = {(state, "fail"): "failed" for state in CONTENT_STATES if state not in ("posted", "rejected", "failed")}

CONTENT: Mapping[tuple[str, str], str] = {**_WORK, **_DECIDED, **_FAIL}

# Seed 004. A worker's job goes through the same states.
RENDER_STATES = ("idle", "queued", "rendering", "completed", "failed")
UNDER_WAY = ("queued", "rendering")
"""States of a render or job whose end is still to come."""
RENDER: Mapping[tuple[str, str], str] = {
    ("idle", "start"): "queued",
    ("queued", "progress"): "rendering",
    ("queued", "fail"): "failed",
    ("queued", "cancel"): "failed",
    ("rendering", "progress"): "rendering",
    ("rendering", "complete"): "completed",
    ("rendering", "fail"): "failed",
    ("rendering", "cancel"): "failed",
    ("failed", "start"): "queued",
    ("completed", "start"): "queued",
}

# Seed 002: own footage from disc to library. A stage may be made again later; what followed from it is then made again.
ItemStage = Literal["rip", "remux", "transcode", "file"]
STATE_OF: Mapping[ItemStage, str] = {
    "rip": "ripped",
    "remux": "remuxed",
    "transcode": "transcoded",
    "file": "in_library",
}
"""The state an item is in once a stage is done; a stage is also the event that leads there and a job's role."""
ITEM_STATES = ("quarantined", *STATE_OF.values())
MEDIA_ITEM: Mapping[tuple[str, str], str] = {
    (state, event): target
    for event, target in STATE_OF.items()
    for state in ITEM_STATES[ITEM_STATES.index(target) - 1 :]
}

TABLES: Mapping[str, Mapping[tuple[str, str], str]] = {
    "content": CONTENT,
    "render": RENDER,
    "media_item": MEDIA_ITEM,
    "job": RENDER,
}


@dataclass(frozen=True)
class Move:
    """One allowed step of a lifecycle."""

    source: str
    event: str
    target: str


def move(entity: str, state: str, event: str, *, last_good_state: str | None = None) -> Move:
    """Return the step that `event` makes from `state`.

    `retry` leads a failed content back to `last_good_state`, which no table can name.

    Raises:
        UsageError: the event is not possible in this state; the message lists those that are.
    """
    if entity == "content" and (state, event) == ("failed", "retry") and last_good_state is not None:
        return Move(state, event, last_good_state)
    target = TABLES[entity].get((state, event))
    if target is None:
        possible = sorted(name for (source, name) in TABLES[entity] if source == state)
        raise UsageError(
            f"A {entity} that is {state!r} cannot {event!r}.",
            next_step=f"Possible from here: {', '.join(possible) or 'nothing, it is final'}.",
        )
    return Move(state, event, target)
