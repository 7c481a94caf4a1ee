"""Kling: signed with a token of its own, one submit per permit, every code with one verdict."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import (
    ConfigurationError,
    ContentRefusedError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
)
from dayreel.providers.video.contract import Job, SegmentRequest, VideoGenerator
from dayreel.providers.video.kling import CODES, KlingVideo, external_task_id
from dayreel.providers.video.model_input import doubts
from dayreel.vendors.model_list import ModelList
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

ACCESS, SECRET = "marked-access-key", "marked-secret-key-of-32-bytes-and-more"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KNOWN = ModelList(Path("nowhere"))
REQUEST = SegmentRequest(model="kling-v2-6", prompt="Wet clay.", duration_s=5, resolution="720p")
PERMIT = make_permit("segment", "kling", sequence=2)
HANDLE = {"task_id": "t-1", "external_task_id": "dayreel-x", "model": "kling-v2-6"}


class StoppedClock:
    """Half past nine, always."""

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def at(url: str) -> KlingVideo:
    return KlingVideo(models=KNOWN, access_key=ACCESS, secret_key=SECRET, base_url=url, clock=StoppedClock())


def task(state: str, **more: Any) -> Say:
    return Say(body={"code": 0, "message": "SUCCEED", "data": {"task_id": "t-1", "task_status": state, **more}})


def code(number: int, status: int, words: str = "no") -> Say:
    return Say(status, {"code": number, "message": words, "request_id": "r-1"})


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize(("resolution", "mode", "sound"), [("720p", "std", "off"), ("1080p", "pro", "on")])
def test_sound_is_asked_for_only_where_there_is_one(resolution: str, mode: str, sound: str) -> None:
    with scripted(task("submitted")) as server:
        at(server.url).submit(PERMIT, replace(REQUEST, resolution=resolution))
    asked = server.asked[0].json()
    assert (asked["mode"], asked["sound"]) == (mode, sound)


def test_a_submit_sends_what_kling_takes_signed_with_a_token() -> None:
    with scripted(task("submitted")) as server:
        generator: VideoGenerator = at(server.url)
        handle = generator.submit(PERMIT, REQUEST)
    own_id = external_task_id(PERMIT.key)
    assert handle == {"task_id": "t-1", "external_task_id": own_id, "model": "kling-v2-6"}
    asked = server.asked[0]
    assert asked.path == "/v1/videos/text2video"
    assert asked.json() == {
        "model_name": "kling-v2-6",
        "prompt": "Wet clay.",
        "mode": "std",
        "duration": "5",
        "aspect_ratio": "9:16",
        "external_task_id": own_id,
        "sound": "off",
    }
    head, claims, signature = asked.headers["authorization"].removeprefix("Bearer ").split(".")
    assert decoded(head) == {"alg": "HS256", "typ": "JWT"}
    now = int(StoppedClock().now().timestamp())
    assert decoded(claims) == {"iss": ACCESS, "exp": now + 1800, "nbf": now - 5}
    expected = hmac.digest(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) == expected


def test_our_own_id_is_stable_for_an_effect_and_unique_to_it() -> None:
    key = PERMIT.key
    assert external_task_id(key) == external_task_id(replace(key))
    assert external_task_id(key) != external_task_id(replace(key, sequence=3))
    assert external_task_id(key) != external_task_id(replace(key, fingerprint="e" * 64))


@pytest.mark.parametrize(
    ("say", "job"),
    [
        (task("submitted"), Job("queued")),
        (task("processing"), Job("running")),
        (
            task("succeed", task_result={"videos": [{"id": "v", "url": "http://cdn/a.mp4", "duration": "5"}]}),
            Job("done", file_url="http://cdn/a.mp4"),
        ),
        (
            task("failed", task_status_msg="Failure to pass the risk control system"),
            Job("failed", error="Failure to pass the risk control system", error_code="failed", refuses_content=True),
        ),
    ],
)
def test_a_status_becomes_a_job(say: Say, job: Job) -> None:
    with scripted(say) as server:
        assert at(server.url).follow(HANDLE) == job
    assert server.asked[0].path == "/v1/videos/text2video/t-1"


def test_an_empty_success_does_not_prove_that_nothing_was_made() -> None:
    says = task("succeed", task_result={"videos": []})
    with scripted(says) as server, pytest.raises(PermanentError, match="done, without a video"):
        at(server.url).follow(HANDLE)


STATUS = {10: 401, 11: 429, 12: 400, 13: 429, 50: 503}


@pytest.mark.parametrize("number", sorted(CODES))
@pytest.mark.parametrize("has_side_effects", [True, False])
def test_every_code_has_one_verdict(number: int, has_side_effects: bool) -> None:
    meaning, step = CODES[number]
    doubt = UnknownOutcomeError if has_side_effects else TransientError
    verdicts = {"retry": TransientError, "refuse": PermanentError, "content": ContentRefusedError, "doubt": doubt}
    verdict: type[ProviderError] = verdicts[meaning]
    say = code(number, STATUS[number // 100], f"no, {SECRET}, {ACCESS}")
    with scripted(say) as server, pytest.raises(verdict) as caught:
        at(server.url).submit(PERMIT, REQUEST) if has_side_effects else at(server.url).follow(HANDLE)
    assert type(caught.value) is verdict
    text = str(caught.value)
    assert f"code {number}" in text
    assert step in text
    assert SECRET not in text
    assert ACCESS not in text
    assert len(server.asked) == 1


def test_an_empty_resource_pack_is_not_a_rate_limit_despite_429() -> None:
    with scripted(code(1102, 429)) as server, pytest.raises(PermanentError, match="resource pack") as caught:
        at(server.url).submit(PERMIT, REQUEST)
    assert caught.value.code == "out_of_credit"


@pytest.mark.parametrize(
    "say",
    [
        Say(lost=True),
        Say(500, b"<html>"),
        Say(200, b"<html>"),
        Say(200, {"code": 0, "data": {}}),
        Say(200, {"code": 77, "message": "?"}),
    ],
)
def test_a_lost_or_unreadable_answer_to_a_submit_is_in_doubt(say: Say) -> None:
    with scripted(say) as server, pytest.raises(UnknownOutcomeError):
        at(server.url).submit(PERMIT, REQUEST)
    assert len(server.asked) == 1


@pytest.mark.parametrize("say", [Say(lost=True), Say(500, b"x"), Say(200, b"x"), task("somewhere")])
def test_a_status_that_cannot_be_read_can_be_read_again(say: Say) -> None:
    with scripted(say) as server, pytest.raises(TransientError):
        at(server.url).follow(HANDLE)


def test_a_connection_that_never_stood_took_nothing() -> None:
    with pytest.raises(TransientError, match="no connection to kling"):
        at(unused_url()).submit(PERMIT, REQUEST)


def test_a_lost_task_is_found_by_our_own_id() -> None:
    own_id = external_task_id(PERMIT.key)
    with scripted(task("processing")) as server:
        lookup = at(server.url).find(PERMIT.key, REQUEST, sent_at=NOW)
    assert lookup.handles == ({"task_id": "t-1", "external_task_id": own_id},)
    assert server.asked[0].path.endswith(own_id)
    with scripted(code(1203, 404)) as server:
        lookup = at(server.url).find(PERMIT.key, REQUEST, sent_at=NOW)
    assert (lookup.handles, lookup.proves_absence) == ((), True)
    with scripted(code(1002, 401)) as server, pytest.raises(PermanentError, match="KLING_ACCESS_KEY"):
        at(server.url).find(PERMIT.key, REQUEST, sent_at=NOW)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"resolution": "480p"}, "allowed: 720p, 1080p"),
        ({"model": "x"}, "'x'"),
        ({"last_frame": "https://a.example/a.png"}, "it takes no last frame"),
    ],
)
def test_what_kling_cannot_make_is_refused_before_sending(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        at(unused_url()).submit(PERMIT, replace(REQUEST, **wrong))


def test_a_limit_at_second_hand_warns_and_refuses_nothing() -> None:
    request = replace(REQUEST, duration_s=8, prompt="x" * 2501)
    at("http://nowhere").check(request)
    prompt, duration = sorted(doubts(request, KNOWN.video("kling", "kling-v2-6")), reverse=True)
    assert "2501 characters, allowed: 1 to 2500 (third parties' notes" in prompt
    assert "duration_s is 8, allowed: 5, 10" in duration


def test_a_fetch_sends_no_token_and_nothing_can_be_cancelled(tmp_path: Path) -> None:
    with scripted(Say(body=b"video")) as server:
        at(server.url).fetch(f"{server.url}/a.mp4", tmp_path / "a.mp4")
        assert at(server.url).cancel(HANDLE) is False
    assert (tmp_path / "a.mp4").read_bytes() == b"video"
    assert [asked.headers.get("authorization") for asked in server.asked] == [None]
