"""Opening a day: only days that are made, one take at a time, one world each."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dayreel.errors import UsageError
from dayreel.services.making.open_content import open_content, open_new_take
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.review_status import require_decision
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, reviewable

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]


def test_a_day_is_opened_once(make_project: MakeProject) -> None:
    project = make_project()
    first = open_content(project, channel_of(project), DAY)
    assert (first.id, first.state, first.take) == (ID, "pending", 1)
    assert open_content(project, channel_of(project), DAY) == first
    manifest = project.contents.manifest(ID)
    assert (manifest.world, manifest.simulated, manifest.day) == ("sandbox", True, DAY)


@pytest.mark.parametrize(("days", "words"), [(1, "in the future"), (-30, "before active_from")])
def test_a_day_that_is_not_made_leaves_nothing_behind(make_project: MakeProject, days: int, words: str) -> None:
    project = make_project()
    with pytest.raises(UsageError, match=words):
        open_content(project, channel_of(project), DAY + timedelta(days=days))
    assert not project.contents.root.exists()
    assert ledger_rows(project) == []


def test_a_process_that_died_before_the_manifest_is_recovered(make_project: MakeProject) -> None:
    project = make_project()
    open_content(project, channel_of(project), DAY)
    (project.contents.folder(ID) / "metadata.json").unlink()
    open_content(project, channel_of(project), DAY)
    assert project.contents.manifest(ID).content_id == ID


def test_what_one_world_began_the_other_does_not_go_on_with(make_project: MakeProject) -> None:
    open_content(make_project(), channel_of(make_project()), DAY)
    live = make_project(world="live")
    with pytest.raises(UsageError, match=r"begun in the sandbox world, and this is the live one.*--new-take"):
        open_content(live, channel_of(live), DAY)
    assert live.contents.manifest(ID).simulated is True
    take = open_new_take(live, content_row(live, ID))
    assert (take.id, take.world) == (f"{ID}-t2", "live")
    assert open_content(live, channel_of(live), DAY).id == take.id


def test_a_manifest_recovered_after_a_crash_has_its_rows_world(make_project: MakeProject) -> None:
    sandbox = make_project()
    open_content(sandbox, channel_of(sandbox), DAY)
    (sandbox.contents.folder(ID) / "metadata.json").unlink()
    live = make_project(world="live")
    with pytest.raises(UsageError):
        open_content(live, channel_of(live), DAY)
    manifest = live.contents.manifest(ID)
    assert (manifest.world, manifest.simulated) == ("sandbox", True)


def test_another_take_needs_the_present_one_to_be_done_with(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    with pytest.raises(UsageError, match=r"is review_pending, so it needs no new take.*review reject"):
        open_new_take(project, row)
    decide(project, ID, "rejected", by="ana", via="cli")
    assert open_new_take(project, content_row(project, ID)).id == f"{ID}-t2"
    with pytest.raises(UsageError, match="is not the newest take"):
        open_new_take(project, content_row(project, ID))


def test_a_decision_is_needed_before_it_is_recorded(make_project: MakeProject) -> None:
    project = make_project()
    with pytest.raises(UsageError, match=r"Nothing was made of 'crafts' for 2026-11-20.*dayreel run --date 2026-11-20"):
        require_decision(project, channel_of(project), DAY)
    reviewable(project)
    with pytest.raises(UsageError, match=r"Nobody has decided about crafts-2026-11-20 yet"):
        require_decision(project, channel_of(project), DAY)
    decide(project, ID, "rejected", by="ana", via="cli")
    assert require_decision(project, channel_of(project), DAY).verdict == "rejected"
