"""Checks decide: what failed is neither approved nor published until somebody waives exactly that, with a reason."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.cli.why_command import document_of, page
from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.queries.review import review_of
from dayreel.queries.story import story_of
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.waive import waive_check
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, check_result, content_row, make_project, reviewable, write_channel

ID = "crafts-2026-11-20"
PASSED, BLACK, BROKEN = (
    check_result("loudness", passed=True),
    check_result("not_black"),
    check_result("decodes_fully", value="3 errors"),
)
MakeProject = Callable[..., Project]


def waive(
    project: Project, check: str = "not_black", *, by: str = "ana", reason: str = "the title card is black"
) -> None:
    waive_check(project, ID, check, by=by, via="cli", reason=reason)


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    project = make_project()
    reviewable(project, checks=(PASSED, BLACK))
    return project


def test_a_failed_check_is_not_approved_and_is_named(project: Project) -> None:
    with pytest.raises(
        GateClosedError, match=r"was not approved: .*not_black FAILED \(It has 0.90 s black\)"
    ) as refused:
        decide(project, ID, "approved", by="ana", via="cli")
    assert f"dayreel review waive {ID} not_black --reason" in refused.value.next_step
    assert content_row(project, ID).state == "review_pending"
    assert "approve" not in review_of(project, ID).possible


def test_a_waived_check_lets_it_out_and_the_story_says_who(project: Project) -> None:
    waive(project)
    decide(project, ID, "approved", by="ben", via="cli")
    assert publish_post(project, channel_of(project), ID, "instagram", provider=FakePlatform()).state == "posted"
    text = "\n".join(page(document_of(story_of(project, ID))))
    assert "ana waived not_black (0.90 s black; asked: at most 0.5 s) via cli: the title card is black" in text
    (waived,) = (moment for moment in review_of(project, ID).history if "waived" in moment.what)
    assert (waived.who, waived.note) == ("ana", "the title card is black")


def test_one_waiver_leaves_another_failed_check_in_force(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project, checks=(PASSED, BLACK, BROKEN))
    waive(project)
    with pytest.raises(GateClosedError, match=r"decodes_fully FAILED") as refused:
        decide(project, ID, "approved", by="ana", via="cli")
    assert "not_black" not in str(refused.value)


def test_a_failed_check_holds_an_adopted_video_alike(project: Project) -> None:
    final = project.contents.manifest(ID).final_video
    assert final is not None
    project.contents.update(ID, final_video=final.model_copy(update={"mode": "adopted"}))
    with pytest.raises(GateClosedError, match="not_black FAILED"):
        decide(project, ID, "approved", by="ana", via="cli")


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
def test_a_waiver_needs_a_reason(project: Project, reason: str) -> None:
    with pytest.raises(UsageError, match="needs a name and a reason"):
        waive(project, reason=reason)


def test_a_waiver_needs_a_name(project: Project) -> None:
    with pytest.raises(UsageError, match="needs a name and a reason"):
        waive(project, by=" ")


@pytest.mark.parametrize("check", ["loudness", "no_such_check"])
def test_only_a_failed_check_is_waived(project: Project, check: str) -> None:
    with pytest.raises(UsageError, match=f"has no failed check '{check}'") as refused:
        waive(project, check)
    assert "not_black" in refused.value.next_step


def test_who_may_not_decide_may_not_waive(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review={"who": ["ben"]})
    with pytest.raises(GateClosedError, match="'ana' may not decide"):
        waive(project)


def test_a_second_waiver_of_the_same_check_is_refused(project: Project) -> None:
    waive(project)
    with pytest.raises(StaleState, match="waived already, by 'ana'"):
        waive(project, by="ben")


def test_other_bytes_and_another_measure_are_not_waived(project: Project) -> None:
    waive(project)
    reviewable(project, video=b"rendered again", checks=(PASSED, BLACK))
    with pytest.raises(GateClosedError, match="not_black FAILED"):
        decide(project, ID, "approved", by="ana", via="cli")
    waive(project)
    reviewable(project, video=b"and again", checks=(PASSED, check_result("not_black", value="5.00 s black")))
    with pytest.raises(GateClosedError, match=r"not_black FAILED \(It has 5.00 s black\)"):
        decide(project, ID, "approved", by="ana", via="cli")


def test_an_approval_older_than_the_gate_waits_for_a_waiver(project: Project) -> None:
    """An approval from before checks decided: the gate holds the post until the check is waived."""
    waive(project)
    decide(project, ID, "approved", by="ana", via="cli")
    with project.catalog.write() as connection:
        connection.exec_driver_sql("DELETE FROM waivers")
    platform = FakePlatform()
    with pytest.raises(GateClosedError, match="not_black FAILED"):
        publish_post(project, channel_of(project), ID, "instagram", provider=platform)
    assert platform.posted == []
    waive(project)
    assert publish_post(project, channel_of(project), ID, "instagram", provider=platform).state == "posted"


def test_of_two_waivers_at_once_one_is_recorded(catalog: Catalog, tmp_path: Path) -> None:
    project = make_project(tmp_path, catalog=catalog)
    reviewable(project, checks=(BLACK,))
    outcomes: list[str] = []

    def waive_as(name: str) -> None:
        try:
            waive(project, by=name)
            outcomes.append("recorded")
        except StaleState:
            outcomes.append("refused")

    threads = [threading.Thread(target=waive_as, args=(name,)) for name in ("ana", "ben", "cy", "di")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["recorded", "refused", "refused", "refused"]
