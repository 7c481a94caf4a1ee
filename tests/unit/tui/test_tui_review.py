"""A whole review with the keyboard, on a real catalog; what two people and a new revision do to it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.widgets import Input, TextArea

from dayreel.queries.rows import decisions_after
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from tests.fakes.project import check_result, content_row, reviewable
from tests.fakes.rows import add_content
from tests.unit.tui.terminals import Keyboard, WatchedTerminal, run, running, terminal, text, until

MakeProject = Callable[..., Project]
NEVER_S = 3600.0


def decisions_of(project: Project) -> list[tuple[str, int, str, str, str | None]]:
    with project.catalog.read() as connection:
        rows = decisions_after(connection, 0, limit=10)
    return [(row.verdict, row.revision, row.decided_by, row.via, row.note) for row in rows]


async def open_review(app: WatchedTerminal, keyboard: Keyboard) -> None:
    await until(app, "review pending")
    await keyboard.press("enter")
    await until(app, "revision 1, review pending")


def test_editing_and_approving_needs_only_the_keyboard(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("e")
        await until(app, "Caption, without")
        await keyboard.press("end", "!", "ctrl+s")
        await until(app, "Clay, patience!", "edited by alma via tui", gone="Press u")
        await keyboard.press("s")
        await until(app, "A field of a post of")
        await keyboard.press(*"instagram.cover_at_s=1", "enter")
        await until(app, "cover_at_s: 1", gone="Press u")
        await keyboard.press("a")
        await until(app, f"Approve revision 1 of {row.id}")
        assert decisions_of(project) == [("edited", 1, "alma", "tui", None)] * 2
        await keyboard.press("y")
        await until(app, "revision 1, approved", "Recorded: revision 1 approved by alma")
        await keyboard.press("escape")
        await until(app, "approved (1)", "by alma")

    run(terminal(project), story)
    edited, approved = ("edited", 1, "alma", "tui", None), ("approved", 1, "alma", "tui", None)
    assert decisions_of(project) == [edited, edited, approved]
    now = content_row(project, row.id)
    assert (now.state, now.caption) == ("approved", "Clay, patience!")
    assert now.post_fields == {"instagram": {"cover_at_s": 1.0, "cover_file": None}}


def test_a_rejection_carries_its_reason(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("r")
        await until(app, "Why?")
        await keyboard.press("enter")  # without a reason nothing happens
        await until(app, "Why?")
        app.screen.query_one(Input).value = "the hands are wrong"
        await keyboard.press("enter")
        await until(app, "revision 1, rejected", "the hands are wrong")

    run(terminal(project), story)
    assert decisions_of(project) == [("rejected", 1, "alma", "tui", "the hands are wrong")]


def test_a_rejected_day_gets_another_take_after_its_price(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    started: list[tuple[Sequence[str], str]] = []

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("n")  # nothing is decided yet, so there is nothing to make again
        decide(project, row.id, "rejected", by="ben", via="cli", note="six fingers")
        await until(app, "revision 1, rejected", "New take")
        await keyboard.press("n")
        await until(app, "Make another take of Crafts, 2026-11-20, for about $1.58?")
        assert started == []
        await keyboard.press("y")
        await until(app, f"{row.id}-t2 is being made")

    run(terminal(project, start=lambda _project, line, by: started.append((line, by))), story)
    assert started == [(("run", "--date", "2026-11-20", "--channel", "crafts"), "alma")]


def test_a_failed_content_goes_on_with_what_is_paid(make_project: MakeProject) -> None:
    project = make_project()
    failed = add_content(project.catalog, "crafts-2026-11-18", "failed", error="the disk is full")
    started: list[tuple[Sequence[str], str]] = []

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "failed (1)")
        await keyboard.press("end", "enter")
        await until(app, "the disk is full", "Try again")
        await keyboard.press("t")
        await until(app, f"Try {failed} again? What is done and paid is kept.")
        assert started == []
        await keyboard.press("y")
        await until(app, f"{failed} goes on from where it stopped")

    run(terminal(project, start=lambda _project, line, by: started.append((line, by))), story)
    assert started == [(("retry", failed), "alma")]


def test_a_hold_with_its_reason_is_shown_and_recalled_again(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("c")  # there is nothing to recall yet
        await keyboard.press("h")
        await until(app, "Why?")
        app.screen.query_one(Input).value = "the client looks"
        await keyboard.press("enter")
        await until(app, "review pending, on hold", "the client looks")
        await keyboard.press("c")
        await until(app, f"Recall {row.id}?")
        await keyboard.press("y")
        await until(app, "review pending, 24 h 0 min left", "recalled by alma")

    run(terminal(project), story)
    assert [decision[0] for decision in decisions_of(project)] == ["held", "recalled"]


def test_going_back_or_changing_nothing_decides_nothing(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        for question, back in (("a", "escape"), ("r", "escape"), ("e", "escape"), ("e", "ctrl+s")):
            await keyboard.press(question)
            assert app.screen.is_modal
            await keyboard.press(back)
            assert not app.screen.is_modal

    run(terminal(project), story)
    assert decisions_of(project) == []


def test_a_decision_on_a_replaced_revision_is_refused_clearly(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("a")
        await until(app, "Approve revision 1")
        reviewable(project, video=b"another video")
        await keyboard.press("y")
        await until(app, "it is revision 2 now", "u Update")
        assert "revision 1, review pending" in text(app)
        await keyboard.press("u")
        await until(app, "revision 2, review pending", gone="Press u")

    run(terminal(project), story)
    assert decisions_of(project) == []


def test_the_refusal_is_shown_even_before_the_screen_refreshes(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        reviewable(project, video=b"another video")
        app.screen.look_now = lambda: None  # type: ignore[attr-defined]
        await keyboard.press("a", "y")
        await until(app, f"You saw revision 1 of {row.id}, and it is revision 2 now.", "nothing was recorded")

    run(terminal(project, every_s=NEVER_S), story)
    assert decisions_of(project) == []


def test_words_changed_since_they_were_shown_are_not_approved(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        decide(project, row.id, "edited", by="bob", via="desk", caption="Buy now")
        app.screen.look_now = lambda: None  # type: ignore[attr-defined]
        await keyboard.press("a", "y")
        await until(app, f"{row.id} has changed since you saw it: 'bob' edited it at 2026", "nothing was recorded")

    run(terminal(project, every_s=NEVER_S), story)
    assert [verdict for verdict, *_ in decisions_of(project)] == ["edited"]


def test_of_two_reviewers_the_second_sees_who_won_and_when(make_project: MakeProject, tmp_path: Path) -> None:
    mine = make_project()
    row = reviewable(mine)
    theirs = make_project(clock=mine.clock)

    async def story() -> None:
        alma, bob = terminal(mine, every_s=NEVER_S), terminal(theirs, person="bob", every_s=NEVER_S)
        async with running(alma) as at_alma, running(bob) as at_bob:
            await open_review(alma, at_alma)
            await open_review(bob, at_bob)
            bob.screen.look_now = lambda: None  # type: ignore[attr-defined]
            await at_alma.press("a", "y")
            await until(alma, "Recorded: revision 1 approved by alma")
            await at_bob.press("a", "y")
            await until(bob, f"{row.id} is approved already: 'alma' approved it at 2026-11-20")

    asyncio.run(story())
    assert decisions_of(mine) == [("approved", 1, "alma", "tui", None)]


def test_what_somebody_else_decided_appears_by_itself(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        decide(project, row.id, "rejected", by="bob", via="desk", note="too dark")
        await until(app, "revision 1, rejected", "rejected by bob via desk: too dark")

    run(terminal(project), story)


def test_somebody_who_may_not_decide_learns_who_may(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"review": {"who": ["bob"]}}})
    reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("a", "y")
        await until(app, "'alma' may not decide on channel 'crafts'. Those who may: bob")

    run(terminal(project), story)
    assert decisions_of(project) == []


def test_the_lengths_follow_while_a_caption_is_typed(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("e")
        await until(app, "/2200 characters", "/5000 bytes")
        app.screen.query_one(TextArea).text = "x" * 2300
        await until(app, "instagram The caption has 23", "youtube")
        app.screen.query_one(TextArea).text = "1 < 2"
        await until(app, "youtube The caption has '<'", "instagram")

    run(terminal(project), story)


def test_keys_that_cannot_decide_now_do_nothing(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    decide(project, row.id, "approved", by="bob", via="cli")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "approved (1)")
        await keyboard.press("enter")
        await until(app, "revision 1, approved")
        await keyboard.press("a", "y")
        await until(app, "revision 1, approved", gone="Approve revision")

    run(terminal(project), story)
    assert len(decisions_of(project)) == 1


def test_failed_checks_are_waived_one_by_one(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project, checks=(check_result("not_black"), check_result("decodes_fully", value="3 errors")))

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await open_review(app, keyboard)
        await keyboard.press("a")  # dimmed: nothing happens
        for check, reason in (("not_black", "a night scene"), ("decodes_fully", "only the last frame")):
            await keyboard.press("w")
            await until(app, f"Check {check} of {row.id} failed", "Why does it not matter?")
            app.screen.query_one(Input).value = reason
            await keyboard.press("enter")
            await until(app, f"Recorded: {check} waived by alma", f"Waived by alma: {reason}")
        await keyboard.press("a")
        await until(app, f"Approve revision 1 of {row.id}")
        await keyboard.press("y")
        await until(app, "revision 1, approved")

    run(terminal(project), story)
    assert [decision[0] for decision in decisions_of(project)] == ["approved"]
