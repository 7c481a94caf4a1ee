"""How a content stands for people: what failed, is in doubt or is on hold is called that on every face."""

from collections.abc import Callable

import pytest

from dayreel.cli import run
from dayreel.queries.contents import ContentStatus, status_of
from dayreel.services.reviewing.decide import decide
from dayreel.services.studio import Studio
from tests.fakes.desk import desk_on, person
from tests.fakes.rows import add_try
from tests.fakes.studio import reviewable

ID = "crafts-2026-11-20"
MakeStudio = Callable[..., Studio]
REFUSED = "Instagram refused it: the caption breaks its rules. Change the caption, then approve it again."


def with_post(studio: Studio, *, state: str, effect: str) -> ContentStatus:
    """Return a content that is going out, with one post in this state by an effect in that one."""
    add_try(studio.catalog, ID, state=state, effect=effect, error=REFUSED)
    [status] = status_of(studio).contents
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
    make_studio: MakeStudio, state: str, effect: str, standing: str, next_step: str
) -> None:
    status = with_post(make_studio(), state=state, effect=effect)
    assert (status.standing, status.next_step) == (standing, next_step)


def test_a_refused_post_is_red_with_its_error_on_every_face(
    make_studio: MakeStudio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make_studio()
    with_post(studio, state="failed", effect="refused")
    vera = person(desk_on(studio), "Vera", "viewer")
    for path in ("/?view=leaving", f"/content/{ID}"):
        page = vera.open(path)
        assert '<span class="state state-post_failed" data-field="state">post failed</span>' in page
        assert REFUSED in page
    assert "is-post_failed" in vera.open("/calendar?channel=crafts&month=2026-11")
    monkeypatch.chdir(studio.settings.root)
    assert run(["status"]) == 0
    printed = capsys.readouterr().out
    assert "post failed" in printed
    assert f"not out on instagram: {REFUSED}" in printed


def test_what_is_held_says_so_and_nothing_else_changes(make_studio: MakeStudio) -> None:
    studio = make_studio()
    row = reviewable(studio)
    assert status_of(studio).contents[0].standing == "review pending"
    decide(studio, row.id, "held", by="mia", via="desk")
    assert status_of(studio).contents[0].standing == "on hold"
