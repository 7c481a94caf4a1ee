"""The lifecycle tables, pair by pair: whatever is not written here is refused."""

import pytest

from dayreel.errors import UsageError
from dayreel.rules.lifecycle import CONTENT_STATES, MEDIA_ITEM, RENDER, TABLES, move

# Written out by hand from the plan and the seeds, so that a change of the code's tables has to be made twice.
WORKING = ("pending", "scripting", "voicing", "rendering", "composing")
OPEN_AGAIN = ("review_pending", "approved", "rejected", "expired")
STAGES = {"script": "scripting", "voice": "voicing", "render": "rendering", "compose": "composing"}
CONTENT = {
    **{(state, event): target for state in (*WORKING, *OPEN_AGAIN) for event, target in STAGES.items()},
    **{(state, "fail"): "failed" for state in (*WORKING, "review_pending", "approved", "publishing", "expired")},
    ("composing", "request_review"): "review_pending",
    ("expired", "request_review"): "review_pending",
    ("review_pending", "approve"): "approved",
    ("review_pending", "reject"): "rejected",
    ("review_pending", "edit"): "review_pending",
    ("review_pending", "expire"): "expired",
    ("review_pending", "endorse"): "review_pending",
    ("review_pending", "hold"): "review_pending",
    ("review_pending", "recall"): "review_pending",
    ("approved", "hold"): "review_pending",
    ("approved", "recall"): "review_pending",
    ("publishing", "hold"): "publishing",
    ("publishing", "endorse"): "publishing",
    ("publishing", "approve"): "publishing",
    ("rejected", "endorse"): "review_pending",
    ("approved", "edit"): "review_pending",
    ("approved", "reject"): "rejected",
    ("approved", "publish"): "publishing",
    ("publishing", "finish"): "posted",
    ("publishing", "edit"): "review_pending",
    ("publishing", "reject"): "rejected",
    ("rejected", "approve"): "approved",
    ("expired", "reject"): "rejected",
}
RENDERING = {
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
EXPECTED = {
    "content": CONTENT,
    "render": RENDERING,
    "job": RENDERING,
    "media_item": {
        **{(state, "rip"): "ripped" for state in ("quarantined", "ripped", "remuxed", "transcoded", "in_library")},
        **{(state, "remux"): "remuxed" for state in ("ripped", "remuxed", "transcoded", "in_library")},
        **{(state, "transcode"): "transcoded" for state in ("remuxed", "transcoded", "in_library")},
        **{(state, "file"): "in_library" for state in ("transcoded", "in_library")},
    },
}
EVENTS = {event for table in EXPECTED.values() for _, event in table} | {"retry", "nonsense"}
STATES = {
    "content": CONTENT_STATES,
    "render": ("idle", "queued", "rendering", "completed", "failed"),
    "job": ("idle", "queued", "rendering", "completed", "failed"),
    "media_item": ("quarantined", "ripped", "remuxed", "transcoded", "in_library"),
}
PAIRS = [(entity, state, event) for entity, states in STATES.items() for state in states for event in sorted(EVENTS)]


@pytest.mark.parametrize("entity", EXPECTED)
def test_every_state_and_event_pair_moves_as_planned_or_fails(entity: str) -> None:
    for state in STATES[entity]:
        for event in sorted(EVENTS):
            target = EXPECTED[entity].get((state, event))
            if target is not None:
                step = move(entity, state, event)
                assert (step.source, step.event, step.target) == (state, event, target)
                continue
            with pytest.raises(UsageError) as refusal:
                move(entity, state, event)
            assert repr(state) in refusal.value.message
            assert repr(event) in refusal.value.message


def test_the_tables_hold_nothing_but_the_expected_pairs() -> None:
    assert {name: dict(table) for name, table in TABLES.items()} == EXPECTED
    assert len(PAIRS) > 300


def test_a_refusal_lists_what_is_possible() -> None:
    with pytest.raises(
        UsageError, match="approve, compose, edit, endorse, expire, fail, hold, recall, reject, render, script, voice"
    ):
        move("content", "review_pending", "publish")
    with pytest.raises(UsageError, match="nothing, it is final"):
        move("content", "posted", "script")


@pytest.mark.parametrize("state", WORKING)
def test_a_failed_content_goes_back_to_where_it_was(state: str) -> None:
    assert move("content", "failed", "retry", last_good_state=state).target == state


def test_only_a_failed_content_that_remembers_can_be_retried() -> None:
    for state in CONTENT_STATES:
        with pytest.raises(UsageError):
            move("content", state, "retry", last_good_state="scripting" if state != "failed" else None)


def test_posted_content_is_final_and_publishing_locks_it() -> None:
    assert not [event for state, event in CONTENT if state == "posted"]
    stops_the_rest = {"hold", "endorse", "approve", "edit", "reject"}
    events = {event for state, event in TABLES["content"] if state == "publishing"}
    assert events == {"finish", "fail", *stops_the_rest}


def test_every_catalog_state_is_initial_or_reachable() -> None:
    assert {"pending", *TABLES["content"].values()} == set(CONTENT_STATES)
    assert {"idle", *RENDER.values()} == set(STATES["render"])
    assert {"quarantined", *MEDIA_ITEM.values()} == set(STATES["media_item"])
