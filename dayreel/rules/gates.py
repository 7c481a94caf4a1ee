"""The publishing gates: every condition under which one content may go out on one platform, as a list of sentences.

Pure: `Facts` is everything they look at, gathered by `services.publishing.publish_post`, and again inside the
transaction that claims the send.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dayreel.rules.approval import ApprovalScope, what_changed
from dayreel.rules.calendar import WindowState
from dayreel.rules.kill_switch import ALLOWED, STOPPED
from dayreel.rules.quality import JudgedCheck, failed_checks, summary

GateName = Literal[
    "switch",
    "pause",
    "world",
    "hold",
    "dry_run",
    "token",
    "approval",
    "quality",
    "window",
    "per_day",
    "quota",
    "novelty",
    "state",
]


@dataclass(frozen=True)
class Facts:
    """What the gates of one platform look at.

    Attributes:
        made_in: the world the content was made in.
        world: the world that would be posted to.
        live_allowed: whether a person has turned off the dry run for this platform in the live world.
        account_problem: why the account cannot be used (its token has ended or was refused), or None.
        newest_verdict: verdict of the newest decision that is not an edit, or None.
        posted_today: the channel's posts there on the local day that are out or may be, this one not counted.
        same_video_at: where the same bytes were already posted to the same account, or None.
        paused: why the channel is paused, or None when it is not.
        approvers: who has approved exactly what would go out.
        approvals_needed: how many people have to.
        checks: those of the video, each with its waiver.
        distribution_off: why nothing is posted from here at all, or None.
        held: why nothing is posted there until somebody has looked, or None.
        other_account: that the approval is for another account than the keys are those of, or None.
    """

    platform: str
    state: str
    switch_on: bool
    made_in: str
    world: str
    live_allowed: bool
    account_problem: str | None
    newest_verdict: str | None
    decided_by: str | None
    approved: ApprovalScope | None
    current: ApprovalScope
    window: WindowState
    posted_today: int
    max_posts_per_day: int
    quota_used: int | None
    quota_total: int | None
    same_video_at: str | None
    paused: str | None
    approvers: tuple[str, ...]
    approvals_needed: int
    checks: tuple[JudgedCheck, ...]
    other_account: str | None = None
    distribution_off: str | None = None
    held: str | None = None


@dataclass(frozen=True)
class Gate:
    """One gate: whether it is open, and why in a sentence. `opens_at` is set where waiting opens it."""

    name: GateName
    is_open: bool
    message: str
    opens_at: datetime | None = None


def check_gates(facts: Facts) -> list[Gate]:
    """Return every gate, open or not, in the order a person would want to read them."""
    return [
        _switch(facts),
        _pause(facts),
        _world(facts),
        _hold(facts),
        _dry_run(facts),
        _token(facts),
        _state(facts),
        _approval(facts),
        _quality(facts),
        _window(facts),
        _per_day(facts),
        _quota(facts),
        _novelty(facts),
    ]


def closed(gates: Sequence[Gate]) -> list[Gate]:
    """Return those that hold the post back."""
    return [gate for gate in gates if not gate.is_open]


def _open(name: GateName, message: str) -> Gate:
    return Gate(name, is_open=True, message=message)


def _closed(name: GateName, message: str, opens_at: datetime | None = None) -> Gate:
    return Gate(name, is_open=False, message=message, opens_at=opens_at)


def _switch(facts: Facts) -> Gate:
    if facts.switch_on:
        return _open("switch", ALLOWED)
    return _closed("switch", STOPPED)


def _pause(facts: Facts) -> Gate:
    if facts.paused is None:
        return _open("pause", "the channel is not paused")
    return _closed("pause", f"{facts.paused}: nothing of it is sent until it is resumed")


def _world(facts: Facts) -> Gate:
    if facts.made_in == facts.world:
        return _open("world", f"made in and posted to the {facts.world} world")
    return _closed("world", f"made in the {facts.made_in} world, which may never be posted to the {facts.world} one")


def _hold(facts: Facts) -> Gate:
    if facts.held is None:
        return _open("hold", "everything that was sent from here is known")
    return _closed("hold", f"{facts.held}; `dayreel reconcile` searches, and says what takes a person")


def _dry_run(facts: Facts) -> Gate:
    if facts.distribution_off is not None:
        return _closed("dry_run", facts.distribution_off)
    if facts.world == "sandbox" or facts.live_allowed:
        return _open("dry_run", "posting is allowed for this account")
    return _closed(
        "dry_run",
        f"{facts.platform} is in dry run; `dayreel config set publish.{facts.platform} live` allows real posts",
    )


def _token(facts: Facts) -> Gate:
    if facts.account_problem is None:
        return _open("token", "the account answers to its token, as far as can be checked without posting")
    return _closed("token", f"the account cannot be used: {facts.account_problem}")


def _state(facts: Facts) -> Gate:
    fits = facts.state in ("approved", "publishing", "posted")
    return Gate("state", fits, f"the content is {facts.state}")


def _approval(facts: Facts) -> Gate:
    if facts.newest_verdict not in (None, "approved"):
        return _closed("approval", f"the newest decision is {facts.newest_verdict}, by {facts.decided_by}")
    if facts.newest_verdict is None or facts.approved is None:
        return _closed("approval", f"nobody has approved it (newest decision: {facts.newest_verdict or 'none'})")
    changes = what_changed(facts.approved, facts.current, facts.platform)
    changes += [facts.other_account] if facts.other_account else []
    if changes:
        return _closed("approval", f"approved by {facts.decided_by}, but since then changed: {'; '.join(changes)}")
    if len(facts.approvers) < facts.approvals_needed > 1:
        who = ", ".join(facts.approvers) or "nobody"
        return _closed(
            "approval", f"{len(facts.approvers)} of {facts.approvals_needed} people have approved exactly this: {who}"
        )
    by = " and ".join(facts.approvers) or facts.decided_by
    return _open("approval", f"approved by {by}, and nothing has changed since")


def _quality(facts: Facts) -> Gate:
    return Gate("quality", is_open=not failed_checks(facts.checks), message=summary(facts.checks))


def _window(facts: Facts) -> Gate:
    if facts.window.is_open:
        return _open("window", "inside a publish window")
    opens = facts.window.opens_at
    when = f"; the next opens at {opens.isoformat(timespec='minutes')}" if opens else ""
    return _closed("window", f"outside the publish windows{when}", opens)


def _per_day(facts: Facts) -> Gate:
    fits = facts.posted_today < facts.max_posts_per_day
    return Gate("per_day", fits, f"{facts.posted_today} of {facts.max_posts_per_day} posts of today are used")


def _quota(facts: Facts) -> Gate:
    if facts.quota_used is None or facts.quota_total is None:
        return _open("quota", "the platform reports no quota")
    fits = facts.quota_used < facts.quota_total
    return Gate("quota", fits, f"the platform says {facts.quota_used} of {facts.quota_total} posts are used")


def _novelty(facts: Facts) -> Gate:
    if facts.same_video_at is None:
        return _open("novelty", "this video was not posted to this account before")
    return _closed("novelty", f"the same video was already posted to this account: {facts.same_video_at}")
