"""Files made elsewhere: a marker that a shell script wrote is found, checked, taken over, and the chain goes on."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dayreel.rules.markers import spec_hash
from dayreel.services.making.adopt_marker import read_markers
from dayreel.services.reviewing.waive import waive_check
from tests.days import days_ago, today
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import Deployment, failures, make_footage, mark, metadata_of, reason_of

DAY = today()
NOTES_ID = f"notes-{DAY}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("elsewhere") / "finished.mp4", duration_s=2)


def _marker(deployment: Deployment, file: str, **changes: Any) -> dict[str, Any]:
    with deployment.project() as project:
        spec = spec_hash(project.channels.load("notes").segments)
    data = (deployment.settings.content_dir / NOTES_ID / file).read_bytes()
    document = {"file": file, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "producer": "x"}
    return {**document, "spec": spec, **changes}


def _drop(deployment: Deployment, name: str, text: str | dict[str, Any]) -> None:
    path = deployment.settings.content_dir / NOTES_ID / ".pipeline" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")


def test_an_external_final_video_is_kept_reviewed_and_posted(
    made: Deployment, instance: dg.DagsterInstance, finished: Path
) -> None:
    mark(made, NOTES_ID, "final_video", finished)
    tick = made.tick(instance, "marker_found_sensor")
    (request,) = tick.run_requests
    assert [key.to_user_string() for key in request.asset_selection] == ["notes/final_video"]
    result = made.obey(instance, request, "make_day")
    assert result.success, failures(result)
    shown = metadata_of(result, "notes", "final_video")
    assert (shown["mode"], shown["made_elsewhere_by"]) == ("adopted", "render-farm-2")
    assert shown["sha256"] == hashlib.sha256(finished.read_bytes()).hexdigest()
    assert shown["trigger"] == "marker final_video by render-farm-2"
    assert made.tick(instance, "marker_found_sensor", cursor=tick.cursor).run_requests == []
    again = made.run(instance, "make_day_notes", DAY)
    assert again.success, failures(again)
    kept = metadata_of(again, "notes", "final_video")
    assert (kept["mode"], kept["reused"]) == ("adopted", True)
    with made.project() as project:  # the render farm's film is quieter than the channel asks for
        waive_check(project, NOTES_ID, "loudness", by="ana", via="cli", reason="quiet on purpose")
    made.decide(NOTES_ID, "approved", revision=2)
    assert made.run(instance, "publish", DAY, ["notes", "posts", "outbox"]).success


def test_segments_made_elsewhere_are_bought_by_nobody(
    bought: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """All are needed: until the last marker is there the sensor says how many are missing."""
    content_id = f"crafts-{DAY}"
    segment = make_footage(tmp_path / "one.mp4", duration_s=2, size="720x1280")
    first = mark(bought, content_id, "raw_segment_1", segment)
    tick = bought.tick(instance, "marker_found_sensor")
    assert "1 of 2 segments are marked" in reason_of(tick)
    mark(bought, content_id, "raw_segment_2", Path(shutil.copy(segment, tmp_path / "two.mp4")))
    (request,) = bought.tick(instance, "marker_found_sensor", cursor=tick.cursor).run_requests
    result = bought.obey(instance, request, "make_day")
    assert result.success, failures(result)
    assert [generation["kind"] for generation in sandbox.effects()["generations"]] == [
        "llm"
    ]  # the idea, for its caption
    with bought.project() as project:
        segments = project.contents.manifest(content_id).segments
    assert [recorded.origin for recorded in segments] == ["render-farm-2"] * 2
    assert first.exists()
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["one_per_segment"].passed
    assert checks["one_per_segment"].severity is dg.AssetCheckSeverity.WARN


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("final_video.done", '{"file": "incoming/fin', "half-written"),
        ("final_video.done", "", "half-written"),
        ("final_video.done", '{"file": "../../../etc/passwd"}', "must lie inside"),
        ("remux.done", "{}", "no stage of dayreel has this name"),
    ],
)
def test_a_partial_or_foreign_marker_is_reported_once_and_kept(
    made: Deployment, instance: dg.DagsterInstance, name: str, text: str, reason: str
) -> None:
    _drop(made, name, text)
    tick = made.tick(instance, "marker_found_sensor")
    assert reason in reason_of(tick)
    assert tick.run_requests == []
    assert reason_of(made.tick(instance, "marker_found_sensor", cursor=tick.cursor)) == "no new marker"
    assert (made.settings.content_dir / NOTES_ID / ".pipeline" / name).read_text(encoding="utf-8") == text


def test_a_marker_for_another_spec_is_left_alone(made: Deployment, instance: dg.DagsterInstance) -> None:
    _drop(made, "final_video.done", _marker(made, "final_video.mp4", spec="0" * 64))
    assert "another spec" in reason_of(made.tick(instance, "marker_found_sensor"))
    with made.project() as project:
        assert not read_markers(project, project.channels.load("notes"), NOTES_ID).usable


def test_a_marker_whose_file_is_still_being_copied_waits_for_it(
    made: Deployment, instance: dg.DagsterInstance, finished: Path
) -> None:
    incoming = made.settings.content_dir / NOTES_ID / "incoming.mp4"
    incoming.write_bytes(finished.read_bytes())
    whole = _marker(made, "incoming.mp4")
    incoming.write_bytes(finished.read_bytes()[:1000])
    _drop(made, "final_video.done", whole)
    tick = made.tick(instance, "marker_found_sensor")
    assert "has 1000 bytes, not" in reason_of(tick)
    incoming.write_bytes(finished.read_bytes())
    assert len(made.tick(instance, "marker_found_sensor", cursor=tick.cursor).run_requests) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-9] + b"123456789", "its SHA-256 is"),
        (lambda data: b"<html>502 Bad Gateway</html>".ljust(len(data), b" "), "its SHA-256 is"),
    ],
)
def test_a_file_that_does_not_match_its_marker_changes_nothing(
    made: Deployment, instance: dg.DagsterInstance, finished: Path, change: Any, reason: str
) -> None:
    incoming = made.settings.content_dir / NOTES_ID / "incoming.mp4"
    incoming.write_bytes(finished.read_bytes())
    _drop(made, "final_video.done", _marker(made, "incoming.mp4"))
    incoming.write_bytes(change(finished.read_bytes()))
    (request,) = made.tick(instance, "marker_found_sensor").run_requests
    before = (made.settings.content_dir / NOTES_ID / "final_video.mp4").read_bytes()
    result = made.obey(instance, request, "make_day")
    assert reason in failures(result)["notes/final_video"]
    assert (made.settings.content_dir / NOTES_ID / "final_video.mp4").read_bytes() == before
    with made.project() as project:
        assert project.contents.manifest(NOTES_ID).final_video is not None
    made.decide(NOTES_ID, "approved", revision=1)  # what was there can still be decided on


@pytest.mark.parametrize(
    ("picture", "reason"),
    [({"duration_s": 3}, "It lasts"), ({"duration_s": 2, "size": "640x360"}, "640x360")],
)
def test_a_video_that_is_not_what_the_channel_makes_is_refused(
    made: Deployment, instance: dg.DagsterInstance, picture: dict[str, Any], reason: str
) -> None:
    make_footage(made.settings.content_dir / NOTES_ID / "odd.mp4", **picture)
    _drop(made, "final_video.done", _marker(made, "odd.mp4"))
    (request,) = made.tick(instance, "marker_found_sensor").run_requests
    assert reason in failures(made.obey(instance, request, "make_day"))["notes/final_video"]


def test_a_video_for_a_day_without_an_idea_needs_a_caption(
    deployment: Deployment, instance: dg.DagsterInstance, finished: Path
) -> None:
    marker = mark(deployment, NOTES_ID, "final_video", finished)
    (request,) = deployment.tick(instance, "marker_found_sensor").run_requests
    assert "has no caption" in failures(deployment.obey(instance, request, "make_day"))["notes/final_video"]
    document = {**json.loads(marker.read_text(encoding="utf-8")), "caption": "Frogs, filmed by Ben"}
    marker.write_text(json.dumps(document), encoding="utf-8")
    (request,) = deployment.tick(instance, "marker_found_sensor").run_requests
    result = deployment.obey(instance, request, "make_day")
    assert result.success, failures(result)
    with deployment.project() as project:
        idea = project.contents.manifest(NOTES_ID).idea
    assert idea is not None
    assert idea.caption == "Frogs, filmed by Ben"


def test_markers_of_posted_or_old_contents_are_ignored(
    made: Deployment, instance: dg.DagsterInstance, finished: Path
) -> None:
    old = f"notes-{days_ago(20)}"
    mark(made, old, "final_video", finished)
    assert reason_of(made.tick(instance, "marker_found_sensor")) == "no new marker"
