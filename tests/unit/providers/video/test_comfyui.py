"""A ComfyUI of one's own: made once, found by our own id, made again after a restart, and never paid."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.video.comfyui import ComfyUIVideo, prompt_id
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.sandbox import clips
from dayreel.schemas.effect import Permit
from dayreel.testing import Bench, Sample, bench, checks_of
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.registry import vendor_named
from tests.fakes.comfyui import WORKFLOW, write_workflow
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted
from tests.waiting import wait_until

COMFYUI = vendor_named("comfyui")
NOW = datetime.now(UTC)
REQUEST = SegmentRequest(model="workflow", prompt="Wet clay.", duration_s=5, resolution="720p")


@pytest.fixture
def comfyui(world: RunningSandbox, tmp_path: Path) -> Iterator[ComfyUIVideo]:
    world.reset()
    world.pace(comfyui_render_s=0, comfyui_custom_nodes=True)
    write_workflow(tmp_path)
    yield COMFYUI.connect(access_to(world, tmp_path))
    world.clear_faults()


def access_to(world: RunningSandbox, root: Path) -> Access:
    return Access("sandbox", world.credentials.get, world.url, SystemClock(), root)


def permit(sequence: int) -> Permit:
    return make_permit("segment", "comfyui", sequence=sequence)


def made(world: RunningSandbox) -> int:
    return len(world.effects()["generations"])


def until_over(comfyui: ComfyUIVideo, handle: dict[str, Any]) -> Job:
    return wait_until(lambda: job if (job := comfyui.follow(handle)).state in ("done", "failed") else None)


@pytest.mark.slow
@pytest.mark.parametrize("check", checks_of(COMFYUI), ids=lambda check: check.__name__)
def test_the_contract(check: Callable[[Bench], None], tmp_path: Path, monkeypatch: Any, tiny_clip: Path) -> None:
    def copied(wish: clips.ClipWish, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{wish.key}.mp4").write_bytes(tiny_clip.read_bytes())
        return folder / f"{wish.key}.mp4"

    monkeypatch.setattr(clips, "render", copied)
    write_workflow(tmp_path)
    with bench(COMFYUI, tmp_path, Sample(variables={"COMFYUI_TOKEN": "marked-token-0001"})) as running:
        check(running)


def test_placeholders_become_what_is_asked_for(tmp_path: Path) -> None:
    write_workflow(tmp_path)
    with scripted(Say(body={"prompt_id": "p-1", "number": 1, "node_errors": {}})) as server:
        client = ComfyUIVideo(url=server.url, models=ModelList(tmp_path), root=tmp_path, token="marked")
        assert client.submit(permit(1), replace(REQUEST, seed=7)) == {"prompt_id": "p-1", "model": "workflow"}
    (asked,) = server.asked
    graph = asked.json()["prompt"]
    assert graph["3"]["inputs"]["text"] == "Wet clay., film grain"
    assert graph["4"]["inputs"] == {"width": 720, "height": 1280, "length": 81, "batch_size": 1}
    assert graph["5"]["inputs"]["seed"] == 7
    assert asked.json()["prompt_id"] == prompt_id(permit(1).key)
    assert asked.headers["authorization"] == "Bearer marked"


def test_a_picture_is_uploaded_and_named(comfyui: ComfyUIVideo, world: RunningSandbox, tmp_path: Path) -> None:
    graph = {**WORKFLOW, "9": {"class_type": "LoadImage", "inputs": {"image": "{{first_frame}}"}}}
    write_workflow(tmp_path, graph)
    (tmp_path / "potter.png").write_bytes(b"a picture")
    asked = replace(REQUEST, first_frame=f"potter.png#sha256={hashlib.sha256(b'a picture').hexdigest()}")
    assert until_over(comfyui, comfyui.submit(permit(2), asked)).state == "done"
    with pytest.raises(ConfigurationError, match="do not agree about first_frame"):
        comfyui.check(REQUEST)
    with pytest.raises(ConfigurationError, match="has to be a file here"):
        comfyui.check(replace(REQUEST, first_frame="https://example.org/potter.png"))


def test_a_workflow_that_cannot_be_used_says_so(comfyui: ComfyUIVideo, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="do not agree about negative_prompt"):
        comfyui.check(replace(REQUEST, negative_prompt="text"))
    not_json = '{"1": {"class_type": "KSampler", "is_changed": [NaN]}}'
    for content, reason in (
        ("{}[", "for the API"),
        (not_json, "NaN stands in it"),
        ('{"nodes": []}', "not in ComfyUI's API format"),
    ):
        (tmp_path / "workflows" / "workflow.json").write_text(content, encoding="utf-8")
        with pytest.raises(ConfigurationError, match=reason):
            comfyui.check(REQUEST)


def test_a_slip_in_a_placeholder_or_a_row_is_named(tmp_path: Path) -> None:
    row = """[{provider: comfyui, family: video, model: workflow, durations_s: [5], resolutions: [720p], source: ours,
      checked_on: 2026-12-01}]"""
    (tmp_path / "models.yaml").write_text(row, encoding="utf-8")
    client = ComfyUIVideo(url="http://127.0.0.1:9", models=ModelList(tmp_path), root=tmp_path)
    write_workflow(tmp_path, json.loads(json.dumps(WORKFLOW).replace("{{seed}}", "{{sed}}")))
    with pytest.raises(ConfigurationError, match=r"do not agree about height, sed, width.*720x1280"):
        client.submit(permit(13), REQUEST)


def test_a_lost_answer_is_found_by_our_own_id(comfyui: ComfyUIVideo, world: RunningSandbox) -> None:
    world.arm("comfyui", "submit", "lose_answer")
    key = permit(3).key
    assert (comfyui.find(key, REQUEST, sent_at=NOW).handles, made(world)) == ((), 0)
    with pytest.raises(UnknownOutcomeError):
        comfyui.submit(permit(3), REQUEST)
    lookup = comfyui.find(key, REQUEST, sent_at=NOW)
    assert (lookup.handles, lookup.proves_absence) == (({"prompt_id": prompt_id(key)},), True)
    assert until_over(comfyui, lookup.handles[0]).state == "done"
    assert made(world) == 1


def test_what_a_restart_has_lost_is_made_again(comfyui: ComfyUIVideo, world: RunningSandbox) -> None:
    world.pace(comfyui_render_s=600)
    handle = comfyui.submit(permit(4), REQUEST)
    assert comfyui.follow(handle).state == "running"
    world.arm("comfyui", "queue", "restart")
    job = comfyui.follow(handle)
    assert (job.state, job.may_repeat, job.error_code) == ("failed", True, "lost")
    assert comfyui.find(permit(4).key, REQUEST, sent_at=NOW).proves_absence


def test_a_busy_gpu_makes_others_wait(comfyui: ComfyUIVideo, world: RunningSandbox) -> None:
    world.pace(comfyui_render_s=600)
    first, second = (comfyui.submit(permit(number), REQUEST) for number in (5, 6))
    assert comfyui.follow(first) == Job("running")
    assert comfyui.follow(second) == Job("queued", progress="1 before it")
    assert (comfyui.cancel(second), comfyui.cancel(first)) == (False, True)
    world.pace(comfyui_render_s=0)
    job = until_over(comfyui, first)
    assert (job.error_code, job.may_repeat) == ("interrupted", False)
    assert comfyui.cancel(first) is False


@pytest.mark.parametrize(
    ("raised", "code", "repeats"),
    [("torch.OutOfMemoryError", "out_of_memory", True), ("ValueError", "execution_error", False)],
)
def test_an_error_while_it_runs_leads_on(
    comfyui: ComfyUIVideo, world: RunningSandbox, raised: str, code: str, repeats: bool
) -> None:
    world.arm("comfyui", "submit", "completed_with_error", code=raised)
    job = until_over(comfyui, comfyui.submit(permit(7), REQUEST))
    assert (job.error_code, job.may_repeat, str(job.error).startswith("KSampler: Armed")) == (code, repeats, True)


def test_its_validation_names_node_and_input(comfyui: ComfyUIVideo, world: RunningSandbox, tmp_path: Path) -> None:
    broken = json.loads(json.dumps(WORKFLOW))
    broken["5"]["inputs"]["seed"] = "{{seed}} or so"
    write_workflow(tmp_path, broken)
    with pytest.raises(PermanentError, match=r"KSampler: Failed to convert.*seed.*Correct the workflow"):
        comfyui.submit(permit(8), REQUEST)
    custom = {**WORKFLOW, "8": {"class_type": "VHS_VideoCombine", "inputs": {"images": ["6", 0], "frame_rate": 16,
        "filename_prefix": "x"}}}  # fmt: skip
    write_workflow(tmp_path, custom)
    world.pace(comfyui_custom_nodes=False)
    assert COMFYUI.prove is not None
    assert "VHS_VideoCombine" in COMFYUI.prove(access_to(world, tmp_path), ["workflow"]).problem
    with pytest.raises(PermanentError, match=r"node VHS_VideoCombine does not exist.*Install the custom nodes"):
        comfyui.submit(permit(8), REQUEST)
    world.pace(comfyui_custom_nodes=True)
    assert "Sandbox GPU, 20.0 GB free" in COMFYUI.prove(access_to(world, tmp_path), ["workflow"]).found
    assert until_over(comfyui, comfyui.submit(permit(8), REQUEST)).state == "done"


def test_only_its_validation_proves_a_refusal(tmp_path: Path) -> None:
    write_workflow(tmp_path)
    for answer in (Say(400, b"<html>"), Say(400, {"error": "no"}), Say(502, b""), Say(200, {"number": 1})):
        with scripted(answer) as server:
            client = ComfyUIVideo(url=server.url, models=ModelList(tmp_path), root=tmp_path)
            with pytest.raises(UnknownOutcomeError):
                client.submit(permit(9), REQUEST)


def test_the_token_goes_nowhere_else(comfyui: ComfyUIVideo, world: RunningSandbox, tmp_path: Path) -> None:
    handle = comfyui.submit(permit(10), REQUEST)
    url = str(until_over(comfyui, handle).file_url)
    comfyui.fetch(url, tmp_path / "made.mp4")
    assert (tmp_path / "made.mp4").stat().st_size > 0
    with (
        scripted(Say(200, b"clip")) as elsewhere,
        scripted(Say(302, b"", headers={"location": elsewhere.url})) as server,
    ):
        client = ComfyUIVideo(url=server.url, models=ModelList(tmp_path), root=tmp_path, token="marked")
        client.fetch(f"{server.url}/view?filename=a.mp4", tmp_path / "a.mp4")
    assert server.asked[0].headers["authorization"] == "Bearer marked"
    assert ["authorization" in asked.headers for asked in elsewhere.asked] == [False]


def test_a_file_is_fetched_where_comfyui_is_by_now(comfyui: ComfyUIVideo, tmp_path: Path) -> None:
    url = str(until_over(comfyui, comfyui.submit(permit(12), REQUEST)).file_url)
    comfyui.fetch(f"http://127.0.0.1:9/view?{url.partition('?')[2]}", tmp_path / "made.mp4")
    assert (tmp_path / "made.mp4").stat().st_size > 0


def test_a_workflow_without_a_video_may_be_corrected(tmp_path: Path) -> None:
    outputs = {"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}}
    entry = {"p-1": {"outputs": outputs, "status": {"status_str": "success", "messages": []}}}
    with scripted(Say(body={"queue_running": [], "queue_pending": []}), Say(body=entry)) as server:
        job = ComfyUIVideo(url=server.url, models=ModelList(tmp_path), root=tmp_path).follow({"prompt_id": "p-1"})
    assert (job.state, job.error_code, job.may_repeat) == ("failed", "prompt_no_outputs", False)


def test_an_answer_that_is_late_is_only_late(comfyui: ComfyUIVideo, world: RunningSandbox) -> None:
    handle = comfyui.submit(permit(11), REQUEST)
    world.arm("comfyui", "history", "error", status=502)
    with pytest.raises(TransientError):
        wait_until(lambda: comfyui.follow(handle).state == "done")
    assert until_over(comfyui, handle).state == "done"
