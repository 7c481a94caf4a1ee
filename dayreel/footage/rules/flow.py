"""What happens next to an item of own footage: a job, a question to a person, or nothing. Pure.

    ripped → (remux job) → remuxed → [remux review] → (transcode job) → transcoded → [naming] → (file job) → in_library

Asking, submitting and recording are `dayreel.footage.library`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from dayreel.footage.rules.paths import ITEM_STAGES, STATE_OF, ItemStage

GateType = Literal["remux_review", "naming_confirm"]
GATE_ABOUT: Mapping[GateType, ItemStage] = {"remux_review": "remux", "naming_confirm": "transcode"}
"""The stage whose files a question is about; a yes opens the one after it."""
ASKED: Mapping[str, str] = {
    "remux_review": "are these the right streams?",
    "naming_confirm": "are these names right?",
}
"""A question as people read it, behind the item's title."""
GATE_AFTER: Mapping[str, GateType] = {STATE_OF[stage]: gate for gate, stage in GATE_ABOUT.items()}
STAGE_AFTER: Mapping[ItemStage, ItemStage] = dict(pairwise(ITEM_STAGES))
_NEXT: Mapping[str, ItemStage] = {STATE_OF[stage]: following for stage, following in STAGE_AFTER.items()}


@dataclass(frozen=True)
class NewestGate:
    """The newest question of a type about an item as it is now."""

    status: Literal["pending", "approved", "rejected"]
    response: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """A person is to be asked."""

    gate: GateType


@dataclass(frozen=True)
class Submit:
    """A job is to be submitted; `overrides` is what a person said about it."""

    role: ItemStage
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rest:
    """Nothing is to be done now, and why."""

    why: str


Step = Ask | Submit | Rest


def next_step(state: str, *, gate: NewestGate | None, asks: bool, jobs: Mapping[str, str]) -> Step:
    """Return what happens next to an item.

    Args:
        state: where the item is.
        gate: the newest question of the state's type about the item as it is now; None when none was asked.
        asks: whether the plan wants that question asked.
        jobs: state of the newest job of each role since the item came into `state`.
    """
    following = _NEXT.get(state)
    if following is None:
        return Rest("it is in the library" if state == "in_library" else f"it is {state}")
    gate_type = GATE_AFTER.get(state)
    if gate_type is not None and asks:
        if gate is None:
            return Ask(gate_type)
        if gate.status == "pending":
            return Rest(f"a person is asked: {gate_type}")
        if gate.status == "rejected":
            return _after_no(state, gate, jobs)
    return _job(following, dict(gate.response) if gate else {}, jobs)


def _after_no(state: str, gate: NewestGate, jobs: Mapping[str, str]) -> Step:
    """A remux that was refused with other streams is made again with those; any other refusal waits until somebody
    acts.
    """
    if state == "remuxed" and "keep" in gate.response:
        return _job("remux", {"keep": gate.response["keep"]}, jobs)
    return Rest("a person said no")


def _job(role: ItemStage, overrides: dict[str, Any], jobs: Mapping[str, str]) -> Step:
    known = jobs.get(role)
    if known is None:
        return Submit(role, overrides)
    return Rest(f"its {role} job is {known}")
