"""fal: one submit per permit whatever happens, and every read ends. Against the sandbox; odd answers are scripted."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import (
    ConfigurationError,
    ContentRefusedError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
)
from dayreel.providers.video.contract import Job, SegmentRequest, VideoGenerator
from dayreel.providers.video.fal import FalVideo
from dayreel.providers.video.model_input import check_request, vendor_arguments
from dayreel.rules.pricing import video_cost
from dayreel.sandbox.fal import check
from dayreel.sandbox.fal_models import MODELS
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import PICTURES, VideoModel
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted, unused_url
from tests.waiting import wait_until

WAN = "fal-ai/wan-25-preview/text-to-video"
KNOWN = ModelList(Path("nowhere"))
REQUEST = SegmentRequest(model=WAN, prompt="A potter's hands on wet clay.", duration_s=5, resolution="480p", seed=11)
PERMIT = make_permit("segment", "fal", sequence=2)
ACCEPTED = {
    "request_id": "req-1",
    "status_url": "http://elsewhere/status",
    "response_url": "http://elsewhere",
    "cancel_url": "http://elsewhere/cancel",
    "queue_position": 0,
}
HANDLE = {"request_id": "req-1", "model": WAN}
KEY = RunningSandbox.credentials["FAL_KEY"]


@pytest.fixture
def fal(world: RunningSandbox) -> Iterator[FalVideo]:
    yield FalVideo(key=KEY, models=KNOWN, queue_url=f"{world.url}/fal/queue/")
    world.clear_faults()


def generations(world: RunningSandbox) -> int:
    return len(world.effects()["generations"])


def at(url: str) -> VideoGenerator:
    return FalVideo(key=KEY, models=KNOWN, queue_url=f"{url}/fal/queue/")


def until_over(fal: FalVideo, handle: dict[str, Any]) -> Job:
    return wait_until(lambda: job if (job := fal.follow(handle)).state in ("done", "failed") else None)


def test_a_submitted_segment_is_fetched_by_another_process(
    fal: FalVideo, world: RunningSandbox, tmp_path: Path
) -> None:
    handle = fal.submit(PERMIT, REQUEST)
    another = FalVideo(key=f"{KEY}\n", models=KNOWN, queue_url=f"{world.url}/fal/queue")
    job = until_over(another, {"request_id": handle["request_id"], "model": WAN})
    assert job.state == "done"
    assert job.seed == 11
    assert job.file_url is not None
    another.fetch(job.file_url, tmp_path / "video_1.mp4")
    assert (tmp_path / "video_1.mp4").read_bytes()[4:8] == b"ftyp"
    assert another.cancel(handle) is False, "it had finished"


@pytest.mark.parametrize(
    ("model", "duration_s", "resolution", "sent"),
    [
        (WAN, 5, "720p", {"duration": "5", "resolution": "720p", "seed": 11}),
        ("fal-ai/wan/v2.7/text-to-video", 7, "1080p", {"duration": 7, "resolution": "1080p", "seed": 11}),
        ("fal-ai/veo3.1", 8, "720p", {"duration": "8s", "resolution": "720p", "seed": 11, "generate_audio": True}),
        ("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", 10, "1080p", {"duration": "10"}),
    ],
)
def test_each_model_gets_its_own_spelling(model: str, duration_s: int, resolution: str, sent: dict[str, Any]) -> None:
    request = replace(REQUEST, model=model, duration_s=duration_s, resolution=resolution)
    with scripted(Say(body=ACCEPTED)) as server:
        handle = at(server.url).submit(PERMIT, request)
    assert handle["request_id"] == "req-1"
    assert server.asked[0].path == f"/fal/queue/{model}"
    assert server.asked[0].headers["authorization"] == f"Key {KEY}"
    assert server.asked[0].json() == {"prompt": REQUEST.prompt, "aspect_ratio": "9:16", **sent}


@pytest.mark.parametrize("model", KNOWN.names("fal"))
def test_the_sandbox_takes_what_each_model_is_sent(model: str) -> None:
    row = KNOWN.video("fal", model)
    rules = MODELS[model]
    for duration_s, resolution in product(row.durations_s, row.resolutions):
        request = request_for(row, duration_s=duration_s, resolution=resolution)
        check_request(request, row)
        sent = vendor_arguments(request, row, root=Path(), own_seed=7)
        assert check(rules, sent) == [], (duration_s, resolution)
        if row.price:
            cost = video_cost(row, duration_s=duration_s, resolution=resolution)
            sound = row.has_sound(resolution)
            assert cost == rules.price_usd(duration_s, row.resolutions[resolution], sound=sound) > 0


@pytest.mark.parametrize("model", KNOWN.names("fal"))
def test_a_longer_prompt_is_refused_by_the_sandbox_too(model: str) -> None:
    row = KNOWN.video("fal", model)
    if row.prompt_limit is None or row.is_second_hand("prompt_limit"):
        return
    request = replace(request_for(row), prompt="x" * (row.prompt_limit + 1))
    assert check(MODELS[model], vendor_arguments(request, row, root=Path()))[0]["type"] == "string_too_long"
    with pytest.raises(ConfigurationError, match="allowed: 1 to"):
        check_request(request, row)


def test_a_row_of_a_project_makes_a_new_model_work(world: RunningSandbox, tmp_path: Path) -> None:
    row = """
- {provider: fal, family: video, model: acme/brand-new/text-to-video, durations_s: [3], resolutions: {720p: HD},
   fields: {seed: rng, sound: with_audio}, duration_form: with_s, sound: true, constants: {tier: quick},
   price: {per_second_usd: "0.02"}, source: its page, checked_on: 2026-12-01}
"""
    (tmp_path / "models.yaml").write_text(row)
    access = Access("sandbox", world.credentials.get, world.url, SystemClock(), tmp_path)
    client = vendor_named("fal").connect(access)
    request = replace(REQUEST, model="acme/brand-new/text-to-video", duration_s=3, resolution="720p")
    client.check(request)
    job = until_over(client, handle := client.submit(PERMIT, request))
    assert job.state == "done"
    (lookup,) = client.find(PERMIT.key, request, sent_at=SystemClock().now()).handles
    assert lookup["request_id"] == handle["request_id"]
    sent = vendor_arguments(request, ModelList(tmp_path).video("fal", request.model), root=tmp_path)
    aspect = {"prompt": REQUEST.prompt, "aspect_ratio": "9:16"}
    assert sent == {**aspect, "duration": "3s", "resolution": "HD", "rng": 11, "with_audio": True, "tier": "quick"}


def request_for(row: VideoModel, **chosen: Any) -> SegmentRequest:
    """Return a request that has everything that the model takes."""
    asked: dict[str, Any] = {"duration_s": row.durations_s[0], "resolution": next(iter(row.resolutions)), **chosen}
    pictures: dict[str, Any] = {name: f"https://example.com/{name}.png" for name in PICTURES if name in row.fields}
    asked |= pictures
    if "negative_prompt" in row.fields:
        asked["negative_prompt"] = "blur"
    return SegmentRequest(model=row.model, prompt=REQUEST.prompt, **asked)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"duration_s": 7}, "segments.duration_s is 7, allowed: 5, 10"),
        ({"resolution": "4k"}, "segments.resolution is '4k', allowed: 480p, 720p, 1080p"),
        ({"prompt": "x" * 1501}, "1501 characters, allowed: 1 to 1500"),
        ({"prompt": "  "}, "the prompt is empty"),
        ({"negative_prompt": "x" * 501}, "negative prompt has 501 characters, allowed: 500"),
        ({"first_frame": "https://a.example/a.png"}, "it takes no first frame"),
        ({"aspect_ratio": "2:1"}, "aspect_ratio is '2:1'"),
        ({"model": "fal-ai/nonsense"}, "Nothing is known of what the fal model 'fal-ai/nonsense' takes"),
    ],
)
def test_what_a_model_cannot_make_is_refused_before_sending(
    fal: FalVideo, world: RunningSandbox, wrong: dict[str, Any], named: str
) -> None:
    before = generations(world)
    request = replace(REQUEST, **wrong)
    for call in (lambda: fal.check(request), lambda: fal.submit(PERMIT, request)):
        with pytest.raises(ConfigurationError, match=named):
            call()
    assert generations(world) == before


@pytest.mark.parametrize("kind", ["lose_answer", "error_after_accept"])
def test_a_submit_with_a_lost_answer_is_paid_once_and_in_doubt(fal: FalVideo, world: RunningSandbox, kind: str) -> None:
    before = generations(world)
    world.arm("fal", "submit", kind)
    with pytest.raises(UnknownOutcomeError):
        fal.submit(PERMIT, REQUEST)
    assert generations(world) == before + 1, "no retry bought it again"


@pytest.mark.parametrize(
    ("fault", "verdict", "step"),
    [
        ({"kind": "error", "status": 429}, TransientError, "later"),
        ({"kind": "error", "status": 429, "body": "<html>"}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 503}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 408}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 500}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 502}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 504}, UnknownOutcomeError, "dashboard"),
        ({"kind": "error", "status": 400, "code": "bad_request"}, PermanentError, ""),
        ({"kind": "error", "status": 422}, ContentRefusedError, "other prompts"),
        ({"kind": "error", "status": 402}, PermanentError, "Add credit"),
        ({"kind": "error", "status": 404, "code": "not_found"}, PermanentError, "`video.model`"),
        ({"kind": "expired_token"}, PermanentError, "FAL_KEY"),
        ({"kind": "quota"}, PermanentError, "Add credit"),
    ],
)
def test_every_row_of_the_error_table_has_one_verdict_on_submit(
    fal: FalVideo, world: RunningSandbox, fault: dict[str, Any], verdict: type[ProviderError], step: str
) -> None:
    before = generations(world)
    world.arm("fal", "submit", times=1, **fault)
    with pytest.raises(verdict) as caught:
        fal.submit(PERMIT, REQUEST)
    assert type(caught.value) is verdict
    assert "submit segment 2 of asmr_crafts-2026-11-20 to fal" in str(caught.value)
    assert step in caught.value.next_step
    assert KEY not in str(caught.value)
    assert generations(world) == before


@pytest.mark.parametrize(
    "answer",
    [
        Say(401, {"detail": "Unauthorized"}),
        Say(402, {"detail": "Payment Required"}),
        Say(403, {"detail": "Your gateway account is locked"}),
        Say(404, {"detail": "Not Found"}),
        Say(422, {"detail": [{"loc": ["header", "x-gateway"], "msg": "field required", "type": "missing"}]}),
    ],
    ids=lambda answer: str(answer.status),
)
def test_a_gateways_answer_in_fals_shape_proves_nothing(answer: Say) -> None:
    """Gateways that are written with the same framework answer so; fal's own have its error type or its words."""
    with scripted(answer) as server, pytest.raises(UnknownOutcomeError):
        at(server.url).submit(PERMIT, REQUEST)


def test_a_queue_that_does_not_answer_the_phone_took_nothing() -> None:
    with pytest.raises(TransientError, match="no connection to fal"):
        at(unused_url()).submit(PERMIT, REQUEST)


@pytest.mark.parametrize("body", [{}, {"request_id": None}, [], b"<html>"])
def test_an_acceptance_without_an_id_is_in_doubt(body: Any) -> None:
    with scripted(Say(body=body)) as server, pytest.raises(UnknownOutcomeError):
        at(server.url).submit(PERMIT, REQUEST)


@pytest.mark.parametrize(
    ("error_type", "retry_helps"),
    [
        ("internal_server_error", True),
        ("generation_timeout", True),
        ("runner_disconnected", True),
        ("startup_timeout", True),
        ("content_policy_violation", False),
        ("file_download_error", False),
        ("client_cancelled", False),
        ("a_new_one", False),
    ],
)
def test_completed_with_an_error_fails_and_says_if_retryable(error_type: str, retry_helps: bool) -> None:
    body = {"status": "COMPLETED", "logs": None, "error": "It went wrong.", "error_type": error_type}
    with scripted(Say(body=body)) as server:
        job = at(server.url).follow(HANDLE)
    assert (job.state, job.error_code, job.retry_helps) == ("failed", error_type, retry_helps)
    assert job.error is not None
    assert job.error.startswith("It went wrong")


def test_the_sandbox_lets_a_job_complete_with_an_error(fal: FalVideo, world: RunningSandbox) -> None:
    world.arm("fal", "submit", "completed_with_error")
    job = until_over(fal, fal.submit(PERMIT, REQUEST))
    assert (job.state, job.retry_helps) == ("failed", True)


def test_a_result_that_is_an_error_of_the_model_is_a_failure() -> None:
    problem = {"loc": ["body", "prompt"], "msg": "Flagged.", "type": "content_policy_violation"}
    done = {"status": "COMPLETED", "logs": None}
    with scripted(Say(body=done), Say(body=done), Say(422, {"detail": [problem]})) as server:
        job = at(server.url).follow(HANDLE)
    assert (job.state, job.error_code, job.retry_helps) == ("failed", "content_policy_violation", False)
    assert job.error is not None
    assert "body.prompt: Flagged" in job.error
    assert "other prompts" in job.error
    assert job.refuses_content


def test_an_empty_result_does_not_prove_that_nothing_was_made() -> None:
    """It was completed, and so it is billed: the request is kept, and a person looks."""
    done = {"status": "COMPLETED", "logs": None}
    says = (Say(body=done), Say(body=done), Say(body={"seed": 1}))
    with scripted(*says) as server, pytest.raises(PermanentError, match="done, without a video") as refusal:
        at(server.url).follow(HANDLE)
    assert refusal.value.code == "no_media_generated"


def test_a_stuck_job_stays_running_and_can_be_cancelled(fal: FalVideo, world: RunningSandbox) -> None:
    world.arm("fal", "submit", "stuck")
    handle = fal.submit(PERMIT, REQUEST)
    before = generations(world)
    assert fal.follow(handle).state == "running"
    assert fal.cancel(handle) is True
    assert generations(world) <= before
    job = until_over(fal, handle)
    assert job.error_code == "client_cancelled"


def test_progress_is_the_last_line_of_the_log() -> None:
    logs = [{"message": "denoising: 25%"}, {"message": "denoising: 50%"}]
    with scripted(
        Say(202, {"status": "IN_QUEUE", "queue_position": 4}), Say(202, {"status": "IN_PROGRESS", "logs": logs})
    ) as server:
        assert at(server.url).follow(HANDLE) == Job("queued", progress="position 4 in the queue")
        assert at(server.url).follow(HANDLE) == Job("running", progress="denoising: 50%")
    assert server.asked[0].path.startswith("/fal/queue/fal-ai/wan-25-preview/requests/req-1/status?logs=")


@pytest.mark.parametrize(
    ("say", "verdict"),
    [
        (Say(lost=True), TransientError),
        (Say(429, {"detail": "slow down"}, {"Retry-After": "9"}), TransientError),
        (Say(408, {"detail": "too slow"}), TransientError),
        (Say(502, b"<html>nginx</html>"), TransientError),
        (Say(500, {"detail": "oh", "error_type": "internal_error"}), TransientError),
        (Say(200, b"<html>"), TransientError),
        (Say(200, {"status": "SOMETHING"}), TransientError),
        (Say(200, {"status": "IN_QUEUE"}), TransientError),
        (Say(200, []), TransientError),
        (Say(401, {"detail": "no"}), PermanentError),
        (Say(404, {"status": "NOT_FOUND"}), PermanentError),
        (Say(403, {"detail": "User is locked. Exhausted balance."}), PermanentError),
    ],
)
def test_an_unreadable_status_is_typed_after_one_attempt(say: Say, verdict: type[ProviderError]) -> None:
    with scripted(say) as server, pytest.raises(verdict) as caught:
        at(server.url).follow(HANDLE)
    assert len(server.asked) == 1
    assert "req-1" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["lose_answer", "error"])
@pytest.mark.parametrize("route", ["status", "result"])
def test_a_read_that_fails_once_is_repeated_by_the_next_follow(
    fal: FalVideo, world: RunningSandbox, route: str, kind: str
) -> None:
    handle = fal.submit(PERMIT, REQUEST)
    until_over(fal, handle)
    before = generations(world)
    world.arm("fal", route, kind)
    with pytest.raises(TransientError):
        fal.follow(handle)
    assert fal.follow(handle).state == "done"
    assert generations(world) == before


def test_a_status_that_leaves_completed_does_not_loop_forever() -> None:
    done, running = {"status": "COMPLETED", "logs": None}, {"status": "IN_PROGRESS", "logs": None}
    with scripted(Say(body=done), Say(body=running)) as server, pytest.raises(TransientError, match="went back"):
        at(server.url).follow(HANDLE)
    assert len(server.asked) == 6


def test_a_read_has_a_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TransientError, match="ReadTimeout"):
            FalVideo(key=KEY, models=KNOWN, queue_url=url, read_s=0.05).follow(HANDLE)


def test_a_request_id_cannot_lead_elsewhere() -> None:
    with scripted(Say(404, {"status": "NOT_FOUND"})) as server, pytest.raises(PermanentError):
        at(server.url).follow({"request_id": "../../x?y=", "model": WAN})
    assert "/requests/..%2F..%2Fx%3Fy%3D/status" in server.asked[0].path


def test_a_file_that_is_gone_says_what_to_do(fal: FalVideo, world: RunningSandbox, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="made again"):
        fal.fetch(f"{world.url}/fal/files/nothing/output.mp4", tmp_path / "video_1.mp4")
    assert list(tmp_path.iterdir()) == []
