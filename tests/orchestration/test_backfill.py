"""Backfills: what is planned, what is left out and why, what it costs, and that the command makes exactly that."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import dagster as dg
import pytest

from dayreel.cli import run as dayreel
from dayreel.errors import UsageError
from dayreel.queries.prices import expected_day_cost
from dayreel.services.audit import recent_acts
from dayreel.services.configure import write_config
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.dagster_server import BackfillStatus, DagsterServer
from dayreel.services.making.plan_days import skip_day
from dayreel.services.upkeep.plan_backfill import BackfillPlan, plan_backfill
from tests.days import days_ago, today
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import CRAFTS, NOTES, Deployment, failures, metadata_of


def _plan(deployment: Deployment, first: int, last: int, *names: str) -> BackfillPlan:
    with deployment.project() as project:
        channels = [project.channels.load(name) for name in names or project.channels.names()]
        return plan_backfill(project, channels, days_ago(first), days_ago(last))


def _reasons(plan: BackfillPlan) -> dict[str, str]:
    return {f"{skipped.channel} {skipped.day}": skipped.reason for skipped in plan.left_out}


def test_only_missing_failed_and_unfinished_days_are_planned(deployment: Deployment) -> None:
    deployment.add_content(f"notes-{days_ago(5)}", "failed")
    deployment.add_content(f"notes-{days_ago(4)}", "rendering")
    deployment.add_content(f"notes-{days_ago(3)}", "posted")
    deployment.add_content(f"notes-{days_ago(2)}", "rejected")
    deployment.add_content(f"notes-{days_ago(1)}", "rejected")
    deployment.add_content(f"notes-{days_ago(1)}-t2", "failed")
    plan = _plan(deployment, 6, 0)
    assert [(planned.day, planned.why) for planned in plan.days] == [
        (days_ago(6), "missing"),
        (days_ago(5), "failed"),
        (days_ago(4), "unfinished"),
        (days_ago(1), "failed"),
        (today(), "missing"),
    ]
    assert "is already made (posted)" in _reasons(plan)[f"notes {days_ago(3)}"]
    assert "--new-take" in _reasons(plan)[f"notes {days_ago(2)}"]


def test_days_outside_the_schedule_are_left_out_with_a_reason(make_deployment: Callable[..., Deployment]) -> None:
    weekday = days_ago(2).strftime("%a").lower()
    others = [day for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") if day != weekday]
    span = {"active_from": days_ago(4).isoformat(), "active_until": days_ago(1).isoformat()}
    deployment = make_deployment(notes={**NOTES, **span, "weekdays": others})
    deployment.add_content(f"notes-{days_ago(2)}", "failed")  # begun before the file said otherwise
    reasons = _reasons(_plan(deployment, 5, -1))
    assert "before active_from" in reasons[f"notes {days_ago(5)}"]
    assert f"is a {weekday}" in reasons[f"notes {days_ago(2)}"]
    assert "after active_until" in reasons[f"notes {today()}"]
    assert "is in the future" in reasons[f"notes {days_ago(-1)}"]


def test_a_day_in_doubt_or_of_the_other_world_is_left_out(bought: Deployment) -> None:
    content_id = bought.add_content(f"crafts-{days_ago(2)}", "failed")
    bought.add_content(f"crafts-{days_ago(1)}", "failed", world="live")
    bought.add_effect(content_id)
    reasons = _reasons(_plan(bought, 2, 1))
    assert "dayreel reconcile" in reasons[f"crafts {days_ago(2)}"]
    assert "begun in the live world" in reasons[f"crafts {days_ago(1)}"]


def test_the_expected_cost_is_segments_and_words(bought: Deployment) -> None:
    with bought.project() as project:
        channel = project.channels.load("crafts")
        segments = 2 * 2 * Decimal("0.10")
        assert segments < expected_day_cost(project, channel) < segments + Decimal("0.05")
    assert _plan(bought, 2, 0).expected_usd == sum(
        (planned.expected_usd for planned in _plan(bought, 2, 0).days), Decimal(0)
    )


def test_what_a_failed_day_has_paid_is_not_expected_again(bought: Deployment) -> None:
    content_id = bought.add_content(f"crafts-{days_ago(1)}", "failed")
    paid = Decimal("0.40")
    bought.add_effect(content_id, state="confirmed", reserved_usd=paid, settled_usd=paid)
    failed, missing = _plan(bought, 1, 0).days
    assert missing.expected_usd - failed.expected_usd == paid


def test_days_beyond_the_cap_are_left_out_instead_of_failing(bought: Deployment) -> None:
    with bought.project() as project, project.catalog.write() as connection:
        write_config(connection, "cap.day_usd", "1.20", by="ana", at=project.clock.now())
    plan = _plan(bought, 3, 0)
    assert [planned.day for planned in plan.days] == [days_ago(3), today()], "today's video comes first"
    assert "the caps leave $1.20 today" in _reasons(plan)[f"crafts {days_ago(2)}"]


def test_what_todays_videos_cost_is_kept_from_a_backfill(bought: Deployment, instance: dg.DagsterInstance) -> None:
    with bought.project() as project, project.catalog.write() as connection:
        write_config(connection, "cap.day_usd", "0.80", by="ana", at=project.clock.now())
    plan = _plan(bought, 3, 1)
    assert plan.days == ()
    assert f"beside ${plan.kept_usd:.2f} that are kept for today's videos" in _reasons(plan)[f"crafts {days_ago(3)}"]
    refused = bought.run(instance, "make_day_crafts", days_ago(3), tags={"dagster/backfill": "abc"})
    assert "are kept for today's videos" in failures(refused)["crafts/ideas"]
    with bought.project() as project:
        skip_day(project, "crafts", today(), by="ana", via="cli")
    assert [planned.day for planned in _plan(bought, 3, 1).days] == [days_ago(3)]


def test_a_range_that_runs_backwards_is_refused(deployment: Deployment) -> None:
    with pytest.raises(UsageError, match="not a range"):
        _plan(deployment, 1, 2)


def test_a_dry_run_makes_nothing(
    bought: Deployment, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bought.root)
    assert dayreel(["backfill", "--from", str(days_ago(2)), "--to", str(today()), "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [planned["why"] for planned in document["days"]] == ["missing"] * 3
    assert sandbox.effects()["generations"] == []
    assert not (bought.root / "dagster_home").exists()


def test_nothing_is_made_before_somebody_says_yes(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(deployment.root)
    arguments = ["backfill", "--from", str(days_ago(1)), "--to", str(today())]
    assert dayreel([*arguments, "--json"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert dayreel(arguments) == 1
    assert not deployment.settings.content_dir.exists()


def test_a_backfill_makes_exactly_the_days_that_are_not_made(
    make_deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = make_deployment(notes={**NOTES, "segments": {"count": 1, "duration_s": 1, "resolution": "480p"}})
    deployment.add_content(f"notes-{days_ago(1)}", "review_pending")
    monkeypatch.chdir(deployment.root)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.root / "dagster_home"))
    capsys.readouterr()
    assert dayreel(["backfill", "--from", str(days_ago(2)), "--to", str(today()), "--yes", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    made = [f"notes-{days_ago(2)}", f"notes-{today()}"]
    assert [(document["content_id"], document["state"]) for document in documents] == [
        (name, "review_pending") for name in made
    ]
    with dg.DagsterInstance.get() as real:
        runs = real.get_runs()
    assert len(runs) == 2
    assert len({run.tags["dayreel/backfill"] for run in runs}) == 1
    assert all(run.tags["dayreel/actor"].endswith(" by ana") for run in runs)


class FakeServer(DagsterServer):
    """A web server that takes whatever is launched, and makes nothing of it."""

    def __init__(self) -> None:
        super().__init__(DagsterAddress("http://127.0.0.1:1"), "")
        self.launched: list[tuple[str, list[str], dict[str, str]]] = []

    def launch(self, job: str, days: Sequence[str], *, title: str, tags: Mapping[str, str]) -> str:
        self.launched.append((job, list(days), dict(tags)))
        return "abc"

    def status(self, backfill_id: str) -> BackfillStatus:
        return BackfillStatus("COMPLETED", {"FAILURE": 2}, f"{backfill_id} could do nothing")


def test_where_a_web_server_runs_the_days_are_launched_there(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = FakeServer()
    monkeypatch.setattr("dayreel.cli.backfill_command.find_server", lambda *_: server)
    monkeypatch.chdir(deployment.root)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.root / "dagster_home"))
    failed = deployment.add_content(f"notes-{days_ago(1)}", "failed", error="No room is left. Free some.")
    capsys.readouterr()
    assert dayreel(["backfill", "--from", str(days_ago(1)), "--to", str(today()), "--yes"]) == 1
    tags = {"channel": "notes", "dayreel/actor": "backfill by ana"}
    assert server.launched == [("make_day_notes", [str(days_ago(1)), str(today())], tags)]
    with deployment.project() as project, project.catalog.read() as connection:
        (act, *_older) = recent_acts(connection)
    assert (act.via, act.act, act.target) == ("cli", "dagster", "launchPartitionBackfill make_day_notes")
    assert act.detail["outcome"] == "backfill abc"
    printed = capsys.readouterr()
    assert "http://127.0.0.1:1/runs/b/abc" in printed.err
    assert "notes: abc could do nothing" in printed.err
    assert f"notes {today()}: not begun. Its run says why in Dagster; `dayreel run --date {today()}" in printed.out
    assert f"{failed}: failed, $0.00. No room is left. Free some. `dayreel retry {failed}`\n" in printed.out
    assert "0 of 2 days are made" in printed.out


def test_a_ui_backfill_refuses_and_skips_like_the_command(
    made_crafts: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    """What the UI launches for a day that the command leaves out: the same refusal, and nothing is bought."""
    made_crafts.write_channel("crafts", {**CRAFTS, "active_from": today().isoformat()})
    again = made_crafts.run(instance, "make_day", today(), tags={"dagster/backfill": "abc"})
    assert metadata_of(again, "crafts", "final_video")["reused"]
    assert metadata_of(again, "crafts", "final_video")["trigger"] == "backfill abc"
    refused = made_crafts.run(instance, "make_day", days_ago(1), tags={"dagster/backfill": "abc"})
    assert "before active_from" in failures(refused)["crafts/ideas"]
    assert sandbox.effects()["generations"] == []


def test_a_backfill_never_posts(deployment: Deployment) -> None:
    """Backfilled days stop at their review: no making job has a post in it."""
    jobs = deployment.defs.get_repository_def().get_all_jobs()
    making = [job for job in jobs if job.name.startswith("make_day")]
    assert making != []
    for job in making:
        assert not [key for key in job.asset_layer.selected_asset_keys if "posts" in key.path], job.name
