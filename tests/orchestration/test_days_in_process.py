"""A channel's day materialized in this process: what is made, shown, gated, and left alone the second time."""

import re
from collections.abc import Callable

import dagster as dg
import pytest
from sqlalchemy import insert

from dayreel.services.making.open_content import content_scope
from dayreel.stores.catalog.tables import leases
from dayreel.stores.leases import Leases
from pipeline_assets import steps
from tests.days import days_ago, today
from tests.fakes.holders import ELSEWHERE
from tests.fakes.project import content_row, status_documents
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import Made
from tests.orchestration.deployment import CRAFTS, NOTES, Deployment, failures, metadata_of

DAY = today()
NOTES_ID = f"notes-{DAY}"


def _status(deployment: Deployment, content_id: str) -> dict[str, object]:
    with deployment.project() as project:
        (document,) = [listed for listed in status_documents(project) if listed["content_id"] == content_id]
    return document


def test_a_day_of_own_footage_is_made_up_to_its_review(made_once: Made) -> None:
    events = made_once.result.get_asset_materialization_events()
    made = ["/".join(event.materialization.asset_key.path) for event in events]
    assert made == ["notes/ideas", "notes/raw_segments", "notes/final_video"]
    shown = metadata_of(made_once.result, "notes", "final_video")
    assert shown["content_id"] == NOTES_ID
    assert shown["video_s"] == pytest.approx(2, abs=0.1)
    assert shown["loudness_lufs"] == pytest.approx(-14, abs=1)
    assert (shown["cost_usd"], shown["reused"], shown["revision"]) == (0.0, False, 1)
    assert shown["video"] == f"[final_video.mp4](/media/{NOTES_ID}/final_video.mp4)"
    assert shown["desk"] == f"[{NOTES_ID}](/content/{NOTES_ID})"
    assert _status(made_once.deployment, NOTES_ID)["state"] == "review_pending"


def test_videos_are_shown_by_small_pictures_that_lead_to_them(made_once: Made) -> None:
    for asset, videos in (
        ("raw_segments", ["raw/video_1.mp4", "raw/video_2.mp4"]),
        ("final_video", ["final_video.mp4"]),
    ):
        shown = metadata_of(made_once.result, "notes", asset)["preview"]
        pictures = re.findall(r"\[!\[([^]]+)]\(/media/([^)]+)\)]\(/media/([^)]+)\)", shown)
        assert [(name, video) for name, _picture, video in pictures] == [(v, f"{NOTES_ID}/{v}") for v in videos]
        content_dir = made_once.deployment.settings.content_dir
        assert all((content_dir / picture).is_file() for _name, picture, _video in pictures)
        assert len(shown) < 1000


@pytest.mark.parametrize("waits", [1, 0])
def test_a_step_waits_for_whoever_holds_its_content(
    made: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, waits: int
) -> None:
    """A host that is lost holds its work for half a minute: that was a failed run, and is a step that begins again."""
    with made.project() as project, project.catalog.write() as connection:
        lease = {
            "scope": content_scope(NOTES_ID),
            "owner": ELSEWHERE,
            "what": "make it",
            "since_at": project.clock.now(),
        }
        connection.execute(insert(leases).values(**lease))
    lives = iter([True])
    monkeypatch.setattr(Leases, "_lives", lambda *_what, **_more: next(lives, False))
    monkeypatch.setattr(steps, "WAITS_S", (0,) * waits)
    result = made.run(instance, "make_day_notes", DAY)
    assert result.success is bool(waits)
    waited = [event.step_key for event in result.all_events if event.is_step_up_for_retry]
    assert waited == ["notes__ideas"] * waits
    assert _status(made, NOTES_ID)["state"] == "review_pending"


def test_materializing_a_made_day_again_changes_nothing(made: Deployment, instance: dg.DagsterInstance) -> None:
    video = made.settings.content_dir / NOTES_ID / "final_video.mp4"
    before = (video.stat().st_mtime_ns, _status(made, NOTES_ID))
    again = made.run(instance, "make_day_notes", DAY)
    assert again.success
    assert metadata_of(again, "notes", "raw_segments")["reused"]
    assert metadata_of(again, "notes", "final_video")["reused"]
    assert (video.stat().st_mtime_ns, _status(made, NOTES_ID)) == before


def test_data_versions_say_what_a_partition_is(made_once: Made) -> None:
    """The final video's is the hash of its bytes, so that whoever reads the lineage can check the file."""
    key = dg.AssetKey(["notes", "final_video"])
    record = made_once.instance.get_latest_data_version_record(key, None, DAY.isoformat())
    assert record is not None
    assert record.asset_materialization is not None
    tags = record.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == metadata_of(made_once.result, "notes", "final_video")["sha256"]
    assert "dagster/input_data_version/notes/raw_segments" in tags


def test_a_bought_day_shows_its_checks_costs_and_request_ids(bought_once: Made) -> None:
    assert (
        len([generation for generation in bought_once.effects["generations"] if generation["kind"] == "segment"]) == 2
    )
    shown = metadata_of(bought_once.result, "crafts", "raw_segments")
    assert shown["cost_usd"] > 0
    rows = [dict(record.data) for record in shown["segments"]] if isinstance(shown["segments"], list) else []
    assert all(row["request_id"] not in ("", "None") for row in rows)
    checks = {check.check_name: check.passed for check in bought_once.result.get_asset_check_evaluations()}
    assert checks.keys() >= {"differs_from_earlier", "caption_fits", "one_per_segment", "word_counts", "decodes_fully"}
    assert all(checks.values()), checks


def test_materializing_a_bought_day_again_buys_nothing(
    made_crafts: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    again = made_crafts.run(instance, "make_day_crafts", DAY)
    assert again.success
    assert sandbox.effects()["generations"] == []
    assert metadata_of(again, "crafts", "raw_segments")["cost_usd"] == 0.0


def test_days_outside_the_active_dates_are_refused_before_spend(
    make_deployment: Callable[..., Deployment], instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    deployment = make_deployment(
        crafts={
            **CRAFTS,
            "active_from": days_ago(3).isoformat(),
            "active_until": days_ago(1).isoformat(),
        }
    )
    for day, reason in ((days_ago(5), "before active_from"), (today(), "after active_until")):
        result = deployment.run(instance, "make_day_crafts", day)
        assert not result.success
        assert reason in failures(result)["crafts/ideas"]
    assert sandbox.effects()["generations"] == []
    with deployment.project() as project:
        assert status_documents(project) == []


def test_a_day_fails_for_what_a_stage_needs_first(deployment: Deployment, instance: dg.DagsterInstance) -> None:
    """Footage that is away was refused at every try, and nothing was `failed`."""
    clips = deployment.root / "channels" / "notes" / "clips"
    away = clips.rename(clips.with_name("away"))
    assert not deployment.run(instance, "make_day_notes", DAY).success
    with deployment.project() as project:
        row = content_row(project, NOTES_ID)
    assert (row.state, "does not exist" in str(row.error)) == ("failed", True)
    assert _status(deployment, NOTES_ID)["next"] == f"dayreel retry {NOTES_ID}"
    away.rename(clips)
    assert deployment.run(instance, "make_day_notes", DAY).success
    assert _status(deployment, NOTES_ID)["state"] == "review_pending"


def test_a_rejected_day_cannot_be_published_by_materializing(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "rejected", note="the frogs are out of focus")
    result = made.run(instance, "publish", DAY, ["notes", "reviews"], ["notes", "posts", "outbox"])
    assert not result.success
    assert "rejected" in failures(result)["notes/posts/outbox"]
    assert metadata_of(result, "notes", "reviews")["verdict"] == "rejected"
    assert not (made.root / "outbox").exists()


def test_a_day_nobody_decided_on_cannot_be_published(made: Deployment, instance: dg.DagsterInstance) -> None:
    result = made.run(instance, "publish", DAY, ["notes", "posts", "outbox"])
    assert "Nobody has decided" in failures(result)["notes/posts/outbox"]


def test_a_remade_video_voids_its_approval(
    made: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    made.decide(NOTES_ID, "approved")
    made.write_channel("notes", {**NOTES, "brand": {"loudness_lufs": -16}})
    assert made.run(instance, "make_day_notes", DAY).success
    result = made.run(instance, "publish", DAY, ["notes", "posts", "outbox"])
    assert "the final video (approved" in failures(result)["notes/posts/outbox"]
    assert _status(made, NOTES_ID)["state"] == "review_pending"
    made.decide(NOTES_ID, "approved")
    assert made.run(instance, "publish", DAY, ["notes", "reviews"], ["notes", "posts", "outbox"]).success
    asked = [message for message in sandbox.effects()["messages"] if "metadata" in message]
    (shown,) = [
        message["text"] for message in asked if message["metadata"]["event_payload"]["marker"] == f"{NOTES_ID}/r2"
    ]
    assert "Approved by ana" in shown


def test_materializing_an_approved_day_twice_posts_it_once(made: Deployment, instance: dg.DagsterInstance) -> None:
    made.decide(NOTES_ID, "approved")
    first = made.run(instance, "publish", DAY, ["notes", "reviews"], ["notes", "posts", "outbox"])
    assert first.success, failures(first)
    assert _status(made, NOTES_ID)["state"] == "posted"
    before = sorted(path.name for path in (made.root / "outbox").rglob("*"))
    second = made.run(instance, "publish", DAY, ["notes", "posts", "outbox"])
    assert metadata_of(second, "notes", "posts", "outbox")["reused"]
    assert sorted(path.name for path in (made.root / "outbox").rglob("*")) == before
