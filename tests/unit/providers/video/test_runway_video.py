"""Runway through its SDK: made once, booked as billed, and every failure with one verdict."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Required, get_args, get_origin, get_type_hints

import pytest
from runwayml._utils import PropertyInfo
from runwayml.types import image_to_video_create_params, text_to_video_create_params

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.providers.video.runway import RunwayVideo
from dayreel.sandbox import runway as stand_in
from dayreel.sandbox.credentials import RUNWAYML_API_SECRET
from dayreel.sandbox.presets import NEW_DEVELOPER, PRESETS
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted
from tests.waiting import wait_until

RUNWAY = vendor_named("runway")
KNOWN = ModelList(Path("nowhere"))
PICTURE = "https://example.org/potter.png"
REQUEST = SegmentRequest(model="gen4.5", prompt="Wet clay on a wheel.", duration_s=5, resolution="720p")


@pytest.fixture
def runway(world: RunningSandbox) -> Iterator[RunwayVideo]:
    world.reset()
    world.pace(runway_render_s=0, runway_credits=100_000, runway_concurrency=20)
    yield RUNWAY.connect(access_to(world))
    world.clear_faults()


def access_to(world: RunningSandbox, root: Path | None = None) -> Access:
    return Access("sandbox", world.credentials.get, world.url, SystemClock(), root or world.root)


def permit(sequence: int) -> Permit:
    return make_permit("segment", "runway", sequence=sequence)


def billed_usd(world: RunningSandbox) -> Decimal:
    return sum((Decimal(made["cost_usd"]) for made in world.effects()["generations"]), Decimal(0))


def until_over(runway: RunwayVideo, handle: dict[str, Any]) -> Job:
    return wait_until(lambda: job if (job := runway.follow(handle)).state in ("done", "failed") else None)


@pytest.mark.parametrize("model", KNOWN.names("runway"))
def test_the_sandbox_takes_what_each_model_is_sent(runway: RunwayVideo, model: str, tmp_path: Path) -> None:
    row = KNOWN.video("runway", model)
    asked = replace(REQUEST, model=model, duration_s=row.durations_s[0], seed=7, first_frame=PICTURE)
    asked = replace(asked, last_frame=PICTURE) if "last_frame" in row.fields else asked
    if "first_frame" not in row.needs:
        assert runway.submit(permit(1), replace(asked, first_frame=None, last_frame=None))["task_id"]
    for sequence, resolution in enumerate(row.resolutions, start=2):
        job = until_over(runway, runway.submit(permit(sequence), replace(asked, resolution=resolution)))
        assert job.state == "done"
        assert job.cost_usd == row.durations_s[0] * (row.price[0].per_second_usd or 0)
    runway.fetch(str(job.file_url), tmp_path / "made.mp4")
    assert (tmp_path / "made.mp4").stat().st_size > 0


def typed(params: Any, model: str) -> tuple[dict[str, Any], set[str]]:
    """Return the fields of a model's type by their names on the wire, and which of them it requires."""
    hints = [get_type_hints(shape, include_extras=True) for shape in get_args(params)]
    of_model = next(hint for hint in hints if model in get_args(get_args(hint["model"])[0]))
    bare = {name: get_args(hint)[0] if get_origin(hint) is Required else hint for name, hint in of_model.items()}
    required = {wire_name(name, bare[name]) for name, hint in of_model.items() if get_origin(hint) is Required}
    return {wire_name(name, hint): hint for name, hint in bare.items()}, required


def wire_name(name: str, hint: Any) -> str:
    info = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, PropertyInfo)]
    return str(info[0].alias) if info else name


@pytest.mark.parametrize("model", stand_in.MODELS)
def test_the_sandbox_is_as_strict_as_the_sdks_types(model: str) -> None:
    rules = stand_in.MODELS[model]
    known = {"model", *rules.required, *rules.optional}
    pictured, _ = typed(image_to_video_create_params.ImageToVideoCreateParams, model)
    assert set(pictured) == (known - stand_in.ONLY_WITH_TEXT) | {"promptImage"}
    assert get_args(pictured["ratio"]) == rules.pictures
    if rules.text:
        fields, required = typed(text_to_video_create_params.TextToVideoCreateParams, model)
        assert (set(fields), required - {"model"}) == (known, set(rules.required))
        assert get_args(fields["ratio"]) == rules.text


def test_pictures_stand_where_they_are_wanted() -> None:
    with scripted(Say(body={"id": "t-1"})) as vendor:
        client = RunwayVideo(key=RUNWAYML_API_SECRET, models=KNOWN, base_url=vendor.url)
        asked = replace(REQUEST, model="veo3.1", duration_s=8, first_frame=PICTURE, negative_prompt="text")
        assert client.submit(permit(1), asked) == {"task_id": "t-1", "model": "veo3.1"}
        client.submit(permit(2), replace(asked, last_frame="https://example.org/end.png"))
    first, both = vendor.asked
    assert first.path == "/v1/image_to_video"
    assert first.json() == {
        "model": "veo3.1", "promptText": "Wet clay on a wheel.", "promptImage": PICTURE, "ratio": "720:1280",
        "duration": 8, "audio": True, "negativePrompt": "text",
    }  # fmt: skip
    assert [frame["position"] for frame in both.json()["promptImage"]] == ["first", "last"]
    assert first.headers["x-runway-version"] == stand_in.VERSION


def test_a_row_of_a_project_makes_another_model_work(
    world: RunningSandbox, runway: RunwayVideo, tmp_path: Path
) -> None:
    row = """[{provider: runway, family: video, model: wan3, durations_s: [6], resolutions: [720p],
      duration_form: integer, fields: {prompt: promptText, resolution: null, aspect_ratio: ratio, reference: references
      }, price: {per_second_usd: "0.1"}, source: its types, checked_on: 2026-12-01}]"""
    (tmp_path / "models.yaml").write_text(row, encoding="utf-8")
    client = RUNWAY.connect(access_to(world, tmp_path))
    asked = replace(REQUEST, model="wan3", duration_s=6, reference=PICTURE)
    assert until_over(client, client.submit(permit(1), asked)).state == "done"


def test_a_lost_submit_is_paid_once_and_a_person_looks(runway: RunwayVideo, world: RunningSandbox) -> None:
    world.arm("runway", "submit", "lose_answer")
    with pytest.raises(UnknownOutcomeError):
        runway.submit(permit(3), REQUEST)
    assert billed_usd(world) == Decimal("0.6")
    with pytest.raises(PermanentError, match=r"has no list of tasks.*2026-12-01 04:00:00 UTC.*Request History"):
        runway.find(permit(3).key, REQUEST, sent_at=datetime(2026, 12, 1, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("fault", "verdict", "message"),
    [
        ({"kind": "error", "status": 500}, UnknownOutcomeError, "Request History"),
        ({"kind": "error", "status": 503}, UnknownOutcomeError, "Request History"),
        ({"kind": "error", "status": 400}, PermanentError, "segment settings"),
        ({"kind": "error", "status": 429}, TransientError, "24 hours"),
        ({"kind": "expired_token"}, PermanentError, "RUNWAYML_API_SECRET"),
        ({"kind": "quota"}, PermanentError, "Buy credit"),
    ],
)
def test_every_fault_has_one_verdict(
    runway: RunwayVideo, world: RunningSandbox, fault: dict[str, Any], verdict: type[ProviderError], message: str
) -> None:
    world.arm("runway", "submit", times=1, **fault)
    with pytest.raises(verdict, match=message) as caught:
        runway.submit(permit(4), REQUEST)
    assert type(caught.value) is verdict
    assert billed_usd(world) == 0


@pytest.mark.parametrize(
    "answer",
    [
        Say(429, {"error": "Too many requests"}),  # what any gateway may say
        Say(400, {"message": "Bad request"}),
        Say(401, b"<html>401</html>"),
        Say(502, {"error": "Bad gateway", "docUrl": "https://docs.dev.runwayml.com"}),
        Say(200, {"status": "PENDING"}),
        Say(200, b"<html>200</html>"),
        Say(200, b'{"id":' * 5000),
        Say(302, b"", headers={"location": "http://127.0.0.1:9/"}),
    ],
)
def test_what_is_not_runways_own_refusal_proves_nothing(answer: Say) -> None:
    with scripted(answer) as vendor:
        client = RunwayVideo(key=RUNWAYML_API_SECRET, models=KNOWN, base_url=vendor.url)
        with pytest.raises(UnknownOutcomeError, match="may have happened"):
            client.submit(permit(5), REQUEST)
    assert len(vendor.asked) == 1, "the SDK tried again by itself"


def test_its_own_refusal_names_each_field(runway: RunwayVideo) -> None:
    with pytest.raises(PermanentError, match=r"Validation of body failed; promptText: Too big"):
        runway.submit(permit(6), replace(REQUEST, prompt="🏺" * 501))


@pytest.mark.parametrize(
    ("code", "kind", "cost_usd"),
    [
        ("SAFETY.INPUT.TEXT", "rewrite", "0.6"),
        ("SAFETY.OUTPUT.VIDEO", "rewrite", "0.6"),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "rewrite", "0"),
        ("INPUT_PREPROCESSING.INTERNAL", "repeat", "0"),
        ("INTERNAL.BAD_OUTPUT.CODE01", "repeat", "0"),
        ("THIRD_PARTY.UNAVAILABLE", "repeat", "0"),
        ("ASSET.INVALID", "stop", "0"),
        ("SOMETHING.NEW", "stop", "0"),
    ],
)
def test_each_failure_leads_on(runway: RunwayVideo, world: RunningSandbox, code: str, kind: str, cost_usd: str) -> None:
    world.arm("runway", "submit", "completed_with_error", code=code)
    job = until_over(runway, runway.submit(permit(7), REQUEST))
    assert (job.may_repeat, job.refuses_content) == (kind == "repeat", kind == "rewrite")
    assert (job.error_code, job.cost_usd, billed_usd(world)) == (code, Decimal(cost_usd), Decimal(cost_usd))


def test_what_failed_and_is_billed_is_not_repeated_by_itself() -> None:
    failed = {"status": "FAILED", "failure": "no", "cost": {"credits": 60}}
    with scripted(Say(body=failed), Say(body={**failed, "cost": {"credits": 0}})) as vendor:
        client = RunwayVideo(key=RUNWAYML_API_SECRET, models=KNOWN, base_url=vendor.url)
        assert [client.follow({"task_id": "t"}).may_repeat for _ in range(2)] == [False, True]


@pytest.mark.parametrize("credit", [b"NaN", b"Infinity", b"-5", b"true", b'"60"'])
def test_an_odd_bill_is_no_bill(credit: bytes) -> None:
    task = b'{"status": "SUCCEEDED", "output": ["https://x/a.mp4"], "cost": {"credits": %b}}' % credit
    with scripted(Say(200, task)) as vendor:
        client = RunwayVideo(key=RUNWAYML_API_SECRET, models=KNOWN, base_url=vendor.url)
        assert client.follow({"task_id": "t"}).cost_usd is None


def test_what_cannot_be_written_down_was_not_sent() -> None:
    with scripted(Say(body={"id": "t"})) as vendor:
        client = RunwayVideo(key=RUNWAYML_API_SECRET, models=KNOWN, base_url=vendor.url)
        with pytest.raises(ConfigurationError, match="nothing was sent"):
            client.submit(permit(12), replace(REQUEST, prompt="Wet \ud83d clay."))
    assert vendor.asked == []


def test_a_tier_that_is_used_up_makes_tasks_wait(runway: RunwayVideo, world: RunningSandbox) -> None:
    world.pace(runway_concurrency=1, runway_render_s=600)
    running = runway.submit(permit(8), REQUEST)
    world.advance(1)
    waiting = runway.submit(permit(9), REQUEST)
    assert runway.follow(running).state == "queued"
    assert runway.follow(waiting) == Job("queued", progress="waits: the tier's tasks at once are used up")


def test_an_address_ends_and_the_task_gives_another(runway: RunwayVideo, world: RunningSandbox, tmp_path: Path) -> None:
    handle = runway.submit(permit(10), REQUEST)
    job = until_over(runway, handle)
    world.advance(25 * 3600)
    with pytest.raises(PermanentError):
        runway.fetch(str(job.file_url), tmp_path / "made.mp4")
    runway.fetch(str(runway.follow(handle).file_url), tmp_path / "made.mp4")


def test_an_unknown_task_is_kept_and_stopping_is_not_offered(runway: RunwayVideo) -> None:
    with pytest.raises(PermanentError, match="organization that made the task"):
        runway.follow({"task_id": "none"})
    assert runway.cancel({"task_id": "none"}) is False


def test_a_new_developer_has_no_credit(runway: RunwayVideo, world: RunningSandbox) -> None:
    assert RUNWAY.prove is not None
    proof = RUNWAY.prove(access_to(world), ["gen4.5"])
    assert (proof.found, proof.problem) == ("100000 credits; gen4.5: 20 at once, 1000 a day", "")
    assert "no gen9" in RUNWAY.prove(access_to(world), ["gen9"]).problem
    world.pace(**{name: value for name, value in PRESETS[NEW_DEVELOPER].items() if name.startswith("runway_")})
    assert "no credit" in RUNWAY.prove(access_to(world), []).problem
    with pytest.raises(PermanentError, match=r"enough credits.*Buy credit"):
        runway.submit(permit(11), REQUEST)


def test_without_its_package_the_extra_is_named(world: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayreel.vendors.access.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"dayreel\[runway\]"):
        RUNWAY.connect(access_to(world))
