"""What is held is the same sentence on every face, with what ends it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from dayreel.cli import run
from dayreel.queries.holds import OTHER_TIME, holds
from dayreel.queries.queue import dashboard
from dayreel.rules.gates import closed
from dayreel.services.project import Project
from dayreel.services.publishing.plan_posts import plan_posts
from dayreel.services.reviewing.decide import decide
from dayreel.services.setting_up.examine import check_outcomes
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.recover import release
from dayreel.stores.catalog.epoch import count_send
from dayreel.stores.catalog.tables import epoch_holds, epochs
from tests.fakes.desk import desk_on, person
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, reviewable

DAYS = {DAY.isoformat()}
REASON = "2 acts were sent that are in neither catalog nor copies"


@pytest.fixture
def project(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A content that is approved and due."""
    monkeypatch.chdir(tmp_path)
    project = make_project(providers={"instagram": FakePlatform()})
    decide(project, reviewable(project).id, "approved", by="ana", via="desk")
    return project


def be_of_other_time(project: Project, _now: datetime) -> tuple[str, str]:
    with project.catalog.write() as connection:
        count_send(connection, at=project.clock.now())
    project.copies.write_project()
    with project.catalog.write() as connection:
        connection.execute(delete(epochs))
    return OTHER_TIME, "`dayreel reconcile` takes over"


def hold_vendors(project: Project, now: datetime) -> tuple[str, str]:
    with project.catalog.write() as connection:
        for target in ("fal", "instagram"):
            row = {"target": target, "reason": REASON, "missing": 2, "since_at": now}
            connection.execute(insert(epoch_holds).values(**row))
    return f"fal, instagram are held: {REASON}", "`dayreel reconcile --release VENDOR --note TEXT`"


@pytest.mark.parametrize("hold", [be_of_other_time, hold_vendors])
def test_every_face_says_what_is_held_and_what_ends_it(
    project: Project, hold: Callable[[Project, datetime], tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    reason, end = hold(project, project.clock.now())
    (sentence,) = holds(project).sentences()
    assert reason in sentence
    assert end in sentence

    assert dashboard(project).alarms.held == (sentence,)
    assert sentence in person(desk_on(project), "Vera", "viewer").open("/").replace("&#39;", "'")
    (check, _outcomes) = check_outcomes(project.settings)
    assert f"{check.found} {check.next_step}" == sentence
    for line in (["status"], ["status", "--json"]):
        capsys.readouterr()
        assert run(line) == 0
        shown = capsys.readouterr()
        assert sentence in (shown.err if "--json" in line else shown.out)
    left_out: list[str] = []
    assert due_posts(project, days=DAYS, left_out=left_out) == []
    assert left_out == [sentence]
    (plan,) = plan_posts(project, channel_of(project), "crafts-2026-11-20")
    (gate,) = closed(plan.gates)
    assert gate.name == "hold"
    assert reason.rpartition(": ")[2] in gate.message


def test_a_released_vendor_is_posted_to_again(project: Project) -> None:
    hold_vendors(project, project.clock.now())
    release(project, "instagram", by="ana")
    assert [hold.target for hold in holds(project).vendors] == ["fal"]
    assert [due.platform for due in due_posts(project, days=DAYS)] == ["instagram"]
