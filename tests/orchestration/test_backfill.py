"""Backfills: what is planned, what is left out and why, what it costs, and that the command makes exactly that."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import insert

from dayreel.cli import run as dayreel
from dayreel.errors import UsageError
from dayreel.services.configure import write_config
from dayreel.services.upkeep.plan_backfill import BackfillPlan, expected_cost, plan_backfill
from dayreel.stores.catalog.tables import content, effects
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.project import CRAFTS, NOTES, Project, days_ago, failures, metadata_of, today


def _content(project: Project, channel: str, day: Any, state: str, *, take: int = 1, world: str = "sandbox") -> str:
    now = datetime.now(UTC)
    content_id = f"{channel}-{day}" + (f"-t{take}" if take > 1 else "")
    with project.studio() as room, room.catalog.write() as connection:
        connection.execute(
            insert(content).values(
                id=content_id,
                channel=channel,
                day=day,
                take=take,
                world=world,
                state=state,
                version=1,
                revision=0,
                storage_path=content_id,
                created_at=now,
                updated_at=now,
            )
        )
    return content_id


def _plan(project: Project, first: int, last: int, *names: str) -> BackfillPlan:
    with project.studio() as room:
        channels = [room.channels.load(name) for name in names or room.channels.names()]
        return plan_backfill(room, channels, days_ago(first), days_ago(last))


def _reasons(plan: BackfillPlan) -> dict[str, str]:
    return {f"{one.channel} {one.day}": one.reason for one in plan.left_out}


def test_only_missing_failed_and_unfinished_days_are_planned(project: Project) -> None:
    _content(project, "notes", days_ago(5), "failed")
    _content(project, "notes", days_ago(4), "rendering")
    _content(project, "notes", days_ago(3), "posted")
    _content(project, "notes", days_ago(2), "rejected")
    _content(project, "notes", days_ago(1), "rejected")
    _content(project, "notes", days_ago(1), "failed", take=2)
    plan = _plan(project, 6, 0)
    assert [(one.day, one.why) for one in plan.days] == [
        (days_ago(6), "missing"),
        (days_ago(5), "failed"),
        (days_ago(4), "unfinished"),
        (days_ago(1), "failed"),
        (today(), "missing"),
    ]
    assert "is already made (posted)" in _reasons(plan)[f"notes {days_ago(3)}"]
    assert "--new-take" in _reasons(plan)[f"notes {days_ago(2)}"]


def test_days_outside_the_schedule_are_left_out_with_a_reason(make_project: Callable[..., Project]) -> None:
    weekday = days_ago(2).strftime("%a").lower()
    others = [day for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") if day != weekday]
    span = {"active_from": days_ago(4).isoformat(), "active_until": days_ago(1).isoformat()}
    project = make_project(notes={**NOTES, **span, "weekdays": others})
    reasons = _reasons(_plan(project, 5, -1))
    assert "before active_from" in reasons[f"notes {days_ago(5)}"]
    assert f"is a {weekday}" in reasons[f"notes {days_ago(2)}"]
    assert "after active_until" in reasons[f"notes {today()}"]
    assert "is in the future" in reasons[f"notes {days_ago(-1)}"]


def test_a_day_in_doubt_or_of_the_other_world_is_left_out(bought: Project) -> None:
    content_id = _content(bought, "crafts", days_ago(2), "failed")
    _content(bought, "crafts", days_ago(1), "failed", world="live")
    now = datetime.now(UTC)
    with bought.studio() as room, room.catalog.write() as connection:
        connection.execute(
            insert(effects).values(
                content_id=content_id,
                kind="segment",
                target="fal",
                sequence=1,
                fingerprint="f",
                channel="crafts",
                day=days_ago(2),
                layer="video",
                world="sandbox",
                state="unknown",
                request={},
                handle={},
                result={},
                reserved_usd=Decimal(1),
                created_at=now,
            )
        )
    reasons = _reasons(_plan(bought, 2, 1))
    assert "dayreel reconcile" in reasons[f"crafts {days_ago(2)}"]
    assert "begun in the live world" in reasons[f"crafts {days_ago(1)}"]


def test_the_expected_cost_is_segments_and_words(bought: Project) -> None:
    with bought.studio() as room:
        channel = room.channels.load("crafts")
        segments = 2 * 5 * Decimal("0.05")
        assert segments < expected_cost(room, channel) < segments + Decimal("0.05")
    assert _plan(bought, 2, 0).expected_usd == sum((one.expected_usd for one in _plan(bought, 2, 0).days), Decimal(0))


def test_what_a_failed_day_has_paid_is_not_expected_again(bought: Project) -> None:
    content_id = _content(bought, "crafts", days_ago(1), "failed")
    now = datetime.now(UTC)
    with bought.studio() as room, room.catalog.write() as connection:
        connection.execute(
            insert(effects).values(
                content_id=content_id,
                kind="segment",
                target="fal",
                sequence=1,
                fingerprint="f",
                channel="crafts",
                day=days_ago(1),
                layer="video",
                world="sandbox",
                state="confirmed",
                request={},
                handle={},
                result={},
                reserved_usd=Decimal("0.25"),
                settled_usd=Decimal("0.25"),
                spent_on=today(),
                created_at=now,
            )
        )
    failed, missing = _plan(bought, 1, 0).days
    assert missing.expected_usd - failed.expected_usd == Decimal("0.25")


def test_days_beyond_the_cap_are_left_out_instead_of_failing(bought: Project) -> None:
    with bought.studio() as room, room.catalog.write() as connection:
        write_config(connection, "cap.day_usd", "1.20", by="ana", at=room.clock.now())
    plan = _plan(bought, 3, 0)
    assert [one.day for one in plan.days] == [days_ago(3), days_ago(2)]
    assert "the caps leave $1.20 today" in _reasons(plan)[f"crafts {today()}"]


def test_a_range_that_runs_backwards_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="no range"):
        _plan(project, 1, 2)


def test_a_dry_run_makes_nothing(
    bought: Project, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bought.root)
    assert dayreel(["backfill", "--from", str(days_ago(2)), "--to", str(today()), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["why"] for one in told["days"]] == ["missing"] * 3
    assert sandbox.effects()["generations"] == []
    assert not (bought.root / "dagster_home").exists()


def test_nothing_is_made_before_somebody_says_yes(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    arguments = ["backfill", "--from", str(days_ago(1)), "--to", str(today())]
    assert dayreel([*arguments, "--json"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert dayreel(arguments) == 1
    assert not project.settings.content_dir.exists()


@pytest.mark.slow
def test_a_ten_day_backfill_with_three_days_made_makes_seven(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(notes={**NOTES, "segments": {"count": 1, "duration_s": 1, "resolution": "480p"}})
    for number in (9, 5, 0):
        _content(project, "notes", days_ago(number), "review_pending")
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("DAGSTER_HOME", str(project.root / "dagster_home"))
    capsys.readouterr()
    assert dayreel(["backfill", "--from", str(days_ago(9)), "--to", str(today()), "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told) == 7
    assert {one["state"] for one in told} == {"review_pending"}
    with dg.DagsterInstance.get() as real:
        runs = real.get_runs()
    assert len(runs) == 7
    assert len({run.tags["dayreel/backfill"] for run in runs}) == 1
    assert all(run.tags["dayreel/actor"].endswith(" by ana") for run in runs)


@pytest.mark.slow
def test_a_ui_backfill_refuses_and_skips_like_the_command(
    make_project: Callable[..., Project], instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    """What the UI launches for a day that the command leaves out: the same refusal, and nothing is bought."""
    project = make_project(crafts={**CRAFTS, "active_from": days_ago(1).isoformat()})
    assert project.run(instance, "make_day", days_ago(1), tags={"dagster/backfill": "abc"}).success
    paid = sandbox.effects()["generations"]
    again = project.run(instance, "make_day", days_ago(1), tags={"dagster/backfill": "abc"})
    assert metadata_of(again, "crafts", "final_video")["reused"]
    assert metadata_of(again, "crafts", "final_video")["trigger"] == "backfill abc"
    refused = project.run(instance, "make_day", days_ago(2), tags={"dagster/backfill": "abc"})
    assert "before active_from" in failures(refused)["crafts/ideas"]
    assert sandbox.effects()["generations"] == paid


def test_a_backfill_never_posts(project: Project) -> None:
    """Backfilled days stop at their review: no making job has a post in it."""
    jobs = project.defs.get_repository_def().get_all_jobs()
    for job in (job for job in jobs if job.name.startswith("make_day")):
        assert not [key for key in job.asset_layer.selected_asset_keys if "posts" in key.path], job.name
