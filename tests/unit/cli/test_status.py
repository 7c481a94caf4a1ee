"""The shape that `dayreel status --json` promises."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dayreel.cli import run
from dayreel.cli.output import print_paged
from dayreel.clock import SystemClock
from dayreel.errors import UnknownOutcomeError
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.open_content import open_content
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from tests.days import days_ago
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, ledger_rows, reviewable, status_documents
from tests.fakes.rows import add_content, add_effect

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]


def test_an_empty_catalog_has_an_empty_status(make_project: MakeProject) -> None:
    assert status_documents(make_project()) == []


def test_a_content_is_shown_in_the_promised_shape(make_project: MakeProject) -> None:
    project = make_project()
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea())]))
    reviewable(project)
    (waiting,) = status_documents(project)
    assert {
        "content_id": ID,
        "channel": "crafts",
        "date": "2026-11-20",
        "take": 1,
        "state": "review_pending",
        "world": "sandbox",
        "revision": 1,
        "cost_usd": "0.0070",
        "cost_by_layer_usd": {"idea": "0.007000"},
        "caption": "Clay, patience",
        "final_video": f"{ID}/final_video.mp4",
        "review": {"deadline_at": "2026-11-21T09:00:00+00:00", "verdict": None},
        "posts": {},
        "unknown": [],
        "error": None,
        "next": f"dayreel review approve {ID}",
    }.items() <= waiting.items()
    decide(project, ID, "approved", by="ana", via="cli", note="lovely")
    publish_post(project, channel_of(project), ID, "instagram", provider=FakePlatform())
    (posted,) = status_documents(project)
    assert posted["state"] == "posted"
    assert posted["posts"] == {
        "instagram": {"state": "posted", "url": "https://instagram.example/p/p-c1", "post_id": "p-c1"}
    }
    assert {"verdict": "approved", "by": "ana", "via": "cli", "revision": 1, "note": "lovely"}.items() <= posted[
        "review"
    ].items()
    assert posted["next"] is None


def test_an_unknown_outcome_is_shown_with_the_reconcile_command(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)
    decide(project, ID, "approved", by="ana", via="cli")
    with pytest.raises(UnknownOutcomeError):
        publish_post(project, channel_of(project), ID, "instagram", provider=FakePlatform(steps=["lost_answer"]))
    (documents,) = status_documents(project)
    (parked,) = documents["unknown"]
    assert (parked["effect_id"], parked["kind"], parked["target"]) == (
        ledger_rows(project)[0]["id"],
        "post",
        "instagram",
    )
    assert (documents["posts"]["instagram"]["state"], documents["posts"]["instagram"]["url"]) == ("unknown", None)
    assert documents["next"] == "dayreel reconcile"


def test_money_that_may_have_been_spent_is_shown(make_project: MakeProject) -> None:
    project = make_project()
    lost = UnknownOutcomeError(attempted="ask", answer="lost")
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([lost]))
    reserved = sum((row["settled_usd"] or row["reserved_usd"] for row in ledger_rows(project)), Decimal(0))
    (documents,) = status_documents(project)
    assert documents["cost_usd"] == str(reserved.quantize(Decimal("0.0001")))
    assert reserved > Decimal("0.007")


def test_status_filters_by_day_channel_and_state_newest_first(make_project: MakeProject) -> None:
    project = make_project(channels={"glass": {}, "crafts": {}})
    for name in ("glass", "crafts"):
        for day in (DAY - timedelta(days=1), DAY):
            open_content(project, channel_of(project, name), day)

    def ids_where(**where: Any) -> list[str]:
        return [document["content_id"] for document in status_documents(project, **where)]

    assert ids_where() == ["crafts-2026-11-20", "glass-2026-11-20", "crafts-2026-11-19", "glass-2026-11-19"]
    assert ids_where(day=DAY, channels=["glass"]) == ["glass-2026-11-20"]
    assert ids_where(states=["posted"]) == []


def test_the_text_holds_80_columns_with_the_most_urgent_first(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    for state, day in (("posted", 21), ("review_pending", 20), ("failed", 19), ("approved", 18), ("rendering", 17)):
        add_content(project.catalog, f"crafts-2026-11-{day}", state)
    add_effect(project.catalog, "crafts-2026-11-18")
    monkeypatch.chdir(project.settings.root)
    assert run(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    contents = [line for line in lines if line.startswith("crafts-")][:5]
    assert [line.split("  ")[0] for line in contents] == [f"crafts-2026-11-{day}" for day in (18, 19, 20, 17, 21)]
    assert [line.split("  ")[1] for line in contents] == [
        "unknown outcome",
        "failed",
        "review pending",
        "rendering",
        "posted",
    ]
    assert max(map(len, lines[: lines.index("")])) <= 80
    assert "  dayreel retry crafts-2026-11-19" in lines


def test_what_does_not_fit_on_the_screen_goes_to_the_pager(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paged: list[str] = []
    monkeypatch.setattr("click.echo_via_pager", paged.append)
    monkeypatch.setenv("LINES", "24")
    print_paged(["short"] * 23)
    print_paged(["piped"] * 30)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_paged(["long"] * 24)
    assert [text.split("\n")[0] for text in paged] == ["long"]
    assert capsys.readouterr().out.count("piped") == 30


def test_a_missed_day_is_listed_with_what_can_be_done(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(clock=SystemClock())
    add_content(project.catalog, f"crafts-{days_ago(2)}", "posted")
    monkeypatch.chdir(project.settings.root)
    assert run(["status", "--date", str(days_ago(1))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"crafts  {days_ago(1)}  missed: nothing is made of it",
        f"  `dayreel run --channel crafts --date {days_ago(1)}`",
        f"  or `dayreel channels skip crafts {days_ago(1)}`",
    ]
