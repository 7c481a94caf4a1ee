"""The gates as a table: each one closed alone names itself, and nothing else is said to be closed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from dayreel.rules.approval import ApprovalScope
from dayreel.rules.calendar import WindowState
from dayreel.rules.gates import Facts, GateName, check_gates, closed
from dayreel.rules.quality import JudgedCheck
from tests.fakes.project import check_result

BOUND = ApprovalScope("a" * 64, "Clay", {"instagram": {"ai_disclosure": True}})
OPENS = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
OPEN = Facts(
    platform="instagram",
    state="approved",
    switch_on=True,
    made_in="live",
    world="live",
    live_allowed=True,
    account_problem=None,
    newest_verdict="approved",
    decided_by="ana",
    approved=BOUND,
    current=BOUND,
    window=WindowState(is_open=True, opens_at=None),
    posted_today=2,
    max_posts_per_day=3,
    quota_used=24,
    quota_total=25,
    same_video_at=None,
    paused=None,
    approvers=("ana",),
    approvals_needed=1,
    checks=(JudgedCheck(check_result("loudness", passed=True), None),),
)
FAILED = JudgedCheck(check_result("not_black"), None)

CLOSED: list[tuple[GateName, dict[str, Any], str]] = [
    ("switch", {"switch_on": False}, "dayreel switch on"),
    (
        "pause",
        {"paused": "channel 'crafts' is paused by Ben"},
        "paused by Ben: nothing of it is sent until it is resumed",
    ),
    ("world", {"made_in": "sandbox"}, "made in the sandbox world, which may never be posted to the live one"),
    ("world", {"world": "sandbox"}, "made in the live world"),
    ("hold", {"held": "1 acts were sent"}, "1 acts were sent; `dayreel reconcile` searches"),
    ("dry_run", {"live_allowed": False}, "dayreel config set publish.instagram live"),
    ("token", {"account_problem": "it ended at 2026-11-19"}, "the account cannot be used: it ended at 2026-11-19"),
    *(
        ("state", {"state": state}, f"the content is {state}")
        for state in ("pending", "composing", "review_pending", "rejected", "expired", "failed")
    ),
    ("approval", {"newest_verdict": None, "approved": None}, "nobody has approved it (newest decision: none)"),
    ("approval", {"approved": None}, "nobody has approved it (newest decision: approved)"),
    ("approval", {"newest_verdict": "edited"}, "the newest decision is edited, by ana"),
    ("approval", {"newest_verdict": "rejected"}, "the newest decision is rejected, by ana"),
    ("approval", {"current": replace(BOUND, video_sha256="b" * 64)}, "the final video (approved aaaaaaaaaaaa"),
    ("approval", {"current": replace(BOUND, caption="Clay!")}, "since then changed: the caption"),
    (
        "approval",
        {"current": replace(BOUND, fields={"instagram": {"ai_disclosure": False}})},
        "instagram.ai_disclosure (approved True, now False)",
    ),
    ("approval", {"current": replace(BOUND, fields={})}, "no longer a platform of the channel"),
    ("approval", {"newest_verdict": "held", "approved": None}, "the newest decision is held, by ana"),
    ("approval", {"newest_verdict": "endorsed", "approved": None}, "the newest decision is endorsed, by ana"),
    ("approval", {"approvals_needed": 2}, "1 of 2 people have approved exactly this: ana"),
    ("quality", {"checks": (FAILED,)}, "0 of 1 checks passed; not_black FAILED (It has 0.90 s black)"),
    ("window", {"window": WindowState(is_open=False, opens_at=OPENS)}, "the next opens at 2026-11-20T18:00+00:00"),
    ("window", {"window": WindowState(is_open=False, opens_at=None)}, "outside the publish windows"),
    ("per_day", {"posted_today": 3}, "3 of 3 posts of today are used"),
    ("per_day", {"posted_today": 4}, "4 of 3 posts of today are used"),
    ("quota", {"quota_used": 25}, "25 of 25 posts are used"),
    ("novelty", {"same_video_at": "crafts-2026-11-19 https://x"}, "already posted to this account: crafts-2026-11-19"),
]


def test_gates_are_checked_in_a_fixed_order_and_can_all_be_open() -> None:
    gates = check_gates(OPEN)
    assert [gate.name for gate in gates] == [
        "switch",
        "pause",
        "world",
        "hold",
        "dry_run",
        "token",
        "state",
        "approval",
        "quality",
        "window",
        "per_day",
        "quota",
        "novelty",
    ]
    assert {gate.name for gate in gates} == set(get_args(GateName))
    assert closed(gates) == []


@pytest.mark.parametrize(("name", "change", "words"), CLOSED, ids=lambda value: str(value)[:50])
def test_a_gate_that_is_closed_alone_names_itself(name: GateName, change: dict[str, Any], words: str) -> None:
    (gate,) = closed(check_gates(replace(OPEN, **change)))
    assert gate.name == name
    assert words in gate.message


def test_the_table_closes_every_gate_there_is() -> None:
    assert {name for name, _, _ in CLOSED} == set(get_args(GateName))


def test_all_of_them_can_be_closed_at_once_and_each_says_so() -> None:
    facts = replace(
        OPEN,
        switch_on=False,
        paused="channel 'crafts' is paused by Ben",
        made_in="sandbox",
        live_allowed=False,
        account_problem="HTTP 401",
        state="rejected",
        newest_verdict="rejected",
        window=WindowState(is_open=False, opens_at=OPENS),
        posted_today=9,
        quota_used=99,
        same_video_at="elsewhere",
        held="1 acts were sent",
        checks=(FAILED,),
    )
    assert len(closed(check_gates(facts))) == len(get_args(GateName))


def test_the_sandbox_needs_no_permission_to_post() -> None:
    assert closed(check_gates(replace(OPEN, world="sandbox", made_in="sandbox", live_allowed=False))) == []


@pytest.mark.parametrize("state", ["approved", "publishing", "posted"])
def test_the_second_platform_may_go_out_while_the_first_is_out(state: str) -> None:
    assert closed(check_gates(replace(OPEN, state=state))) == []


@pytest.mark.parametrize(("used", "total"), [(None, None), (None, 25), (25, None)])
def test_a_platform_without_a_quota_holds_nothing_back(used: int | None, total: int | None) -> None:
    assert closed(check_gates(replace(OPEN, quota_used=used, quota_total=total))) == []


def test_another_platforms_fields_do_not_matter() -> None:
    now = replace(BOUND, fields={**BOUND.fields, "tiktok": {"privacy": "SELF_ONLY"}})
    assert closed(check_gates(replace(OPEN, current=now))) == []


def test_only_the_window_says_when_waiting_helps() -> None:
    gates = check_gates(replace(OPEN, window=WindowState(is_open=False, opens_at=OPENS), posted_today=3))
    assert {gate.name: gate.opens_at for gate in closed(gates)} == {"window": OPENS, "per_day": None}
