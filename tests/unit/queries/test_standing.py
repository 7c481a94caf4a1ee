"""How a content stands for people: what failed, is in doubt or is on hold is called that on every face."""

from collections.abc import Callable

import pytest

from dayreel.cli import run
from dayreel.queries.contents import ContentStatus, status_of, urgent_first
from dayreel.queries.queue import dashboard
from dayreel.queries.review import review_of
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from tests.fakes.desk import desk_on, person
from tests.fakes.project import reviewable
from tests.fakes.rows import add_content, add_decision, add_try

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]
REFUSED = "Instagram refused it: the caption breaks its rules. Change the caption, then approve it again."


def with_post(project: Project, *, state: str, effect: str) -> ContentStatus:
    """Return a content that is going out, with one post in this state by an effect in that one."""
    add_try(project.catalog, ID, state=state, effect=effect, error=REFUSED)
    [status] = status_of(project).contents
    return status


@pytest.mark.parametrize(
    ("state", "effect", "standing", "next_step"),
    [
        ("failed", "refused", "post failed", f"dayreel why {ID}"),
        ("failed", "intended", "post failed", f"dayreel retry {ID}"),
        ("unknown", "unknown", "unknown outcome", "dayreel reconcile"),
        ("processing", "confirmed", "publishing", f"dayreel publish {ID}"),
    ],
)
def test_a_post_that_failed_is_not_called_publishing(
    make_project: MakeProject, state: str, effect: str, standing: str, next_step: str
) -> None:
    status = with_post(make_project(), state=state, effect=effect)
    assert (status.standing, status.next_step) == (standing, next_step)


def test_a_refused_post_is_red_with_its_error_on_every_face(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    with_post(project, state="failed", effect="refused")
    vera = person(desk_on(project), "Vera", "viewer")
    for path in ("/?view=leaving", f"/content/{ID}"):
        page = vera.open(path)
        assert '<span class="state state-post_failed" data-field="state">post failed</span>' in page
        assert REFUSED in page
    assert "is-post_failed" in vera.open("/calendar?channel=crafts&month=2026-11")
    monkeypatch.chdir(project.settings.root)
    assert run(["status"]) == 0
    printed = capsys.readouterr().out
    assert "post failed" in printed
    assert f"not out on instagram: {REFUSED}" in printed


def test_what_has_a_newer_take_is_not_urgent(make_project: MakeProject) -> None:
    """What is advised must not be refused: only the newest take of a day goes on, or is followed by another."""
    project = make_project()
    for day, state in (("11", "rejected"), ("12", "failed"), ("13", "expired")):
        add_content(project.catalog, f"crafts-2026-11-{day}", state)
        add_content(project.catalog, f"crafts-2026-11-{day}-t2", "posted")
    add_content(project.catalog, "crafts-2026-11-14", "failed")
    contents = {status.row.id[-5:]: status for status in urgent_first(status_of(project).contents)}
    stopped = {name: (status.standing, status.next_step, status.can_continue) for name, status in contents.items()}
    assert stopped == {
        "11-14": ("failed", "dayreel retry crafts-2026-11-14", True),
        "11-13": ("expired", None, False),
        "11-11": ("rejected", None, False),
        "11-12": ("superseded", None, False),
        "13-t2": ("posted", None, False),
        "12-t2": ("posted", None, False),
        "11-t2": ("posted", None, False),
    }
    assert next(iter(contents)) == "11-14"
    assert [group.standing for group in dashboard(project).groups] == list(
        dict.fromkeys(status.standing for status in contents.values())
    )


def test_a_hold_of_what_goes_out_ends_by_an_approval(make_project: MakeProject) -> None:
    project = make_project()
    add_content(project.catalog, ID, "publishing")
    add_decision(project.catalog, ID, verdict="held")
    [status] = status_of(project).contents
    assert (status.standing, status.next_step) == ("on hold", f"dayreel review approve {ID}")
    assert "Publish now" not in person(desk_on(project), "Olga", "operator").open(f"/content/{ID}")


def test_a_failed_post_of_what_is_held_is_not_tried_again(make_project: MakeProject) -> None:
    project = make_project()
    assert with_post(project, state="failed", effect="refused").can_continue
    add_decision(project.catalog, ID, verdict="held")
    assert not status_of(project).contents[0].can_continue
    olga, page = person(desk_on(project), "Olga", "operator"), f"/content/{ID}"
    assert "Try again" not in olga.open(page)
    assert olga.submit(f"{page}/retry", "/account").status_code == 400


def test_what_is_out_in_the_other_world_has_one_newer_take(make_project: MakeProject) -> None:
    project = make_project()
    add_content(project.catalog, ID, "posted", world="live")
    assert review_of(project, ID).can_retake
    add_content(project.catalog, f"{ID}-t2", "scripting")
    assert not review_of(project, ID).can_retake


def test_what_is_held_says_so_and_nothing_else_changes(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    assert status_of(project).contents[0].standing == "review pending"
    decide(project, row.id, "held", by="mia", via="desk")
    assert status_of(project).contents[0].standing == "on hold"
