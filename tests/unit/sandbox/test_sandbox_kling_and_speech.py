"""Kling's own API, and the real edge-tts against the read-aloud stand-in."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import time
from typing import Any

import av
import edge_tts
import edge_tts.communicate
import edge_tts.voices
import pytest
import requests
from aiohttp import ClientError

from dayreel.sandbox import credentials
from dayreel.sandbox.speech import SsmlRequest, read_ssml, words_of
from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.conftest import wait_for


def jwt(secret: str = credentials.KLING_SECRET_KEY, *, lives_s: int = 1800) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"iss": credentials.KLING_ACCESS_KEY, "exp": now + lives_s, "nbf": now - 3600}
    head = f"{part(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"


def kling(sandbox: RunningSandbox, path: str = "", body: Any = None, token: str = "") -> requests.Response:
    url = f"{sandbox.url}/kling/v1/videos/text2video{path}"
    headers = {"authorization": f"Bearer {token or jwt()}"}
    if body is None:
        return requests.get(url, headers=headers, timeout=10)
    return requests.post(url, json=body, headers=headers, timeout=10)


GOOD = {"model_name": "kling-v2-6", "prompt": "x", "duration": "5", "aspect_ratio": "9:16", "external_task_id": "job-1"}


def test_a_kling_task_is_found_by_the_callers_own_id(sandbox: RunningSandbox) -> None:
    task_id = kling(sandbox, body=GOOD).json()["data"]["task_id"]
    done = wait_for(
        lambda: kling(sandbox, "/job-1").json()["data"], lambda data: data["task_status"] in ("succeed", "failed")
    )
    assert done["task_id"] == task_id
    assert requests.get(done["task_result"]["videos"][0]["url"], timeout=10).content[4:8] == b"ftyp"
    assert sandbox.effects()["generations"][0]["vendor"] == "kling"


def test_kling_refuses_bad_tokens_and_bad_input(sandbox: RunningSandbox) -> None:
    assert kling(sandbox, body=GOOD, token="x").json()["code"] == 1000
    assert kling(sandbox, body=GOOD, token=jwt("another secret")).json()["code"] == 1002
    assert kling(sandbox, body=GOOD, token=jwt(lives_s=-60)).json()["code"] == 1004
    assert kling(sandbox, body={**GOOD, "duration": 5}).json()["code"] == 1201
    assert kling(sandbox, "/nobody").status_code == 404
    sandbox.arm("kling", "submit", "completed_with_error")
    task_id = kling(sandbox, body=GOOD).json()["data"]["task_id"]
    assert kling(sandbox, f"/{task_id}").json()["data"]["task_status"] == "failed"
    assert sandbox.effects()["generations"] == []


TEXT = "A bear nobody shot became a toy & a friend. In 1902, somebody drew it."


@pytest.fixture
def speech(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> RunningSandbox:
    token = f"TrustedClientToken={credentials.SPEECH_CLIENT_TOKEN}"
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", f"{sandbox.url.replace('http', 'ws')}/speech/edge/v1?{token}")
    return sandbox


def spoken(**options: Any) -> tuple[bytes, list[dict[str, Any]]]:
    async def collect() -> tuple[bytes, list[dict[str, Any]]]:
        sound, marks = b"", []
        async for chunk in edge_tts.Communicate(TEXT, **options).stream():
            if chunk["type"] == "audio":
                sound += chunk["data"]
            else:
                marks.append(dict(chunk))
        return sound, marks

    return asyncio.run(collect())


def test_speech_comes_with_the_time_of_every_word(speech: RunningSandbox) -> None:
    sound, marks = spoken(boundary="WordBoundary")
    assert [mark["text"] for mark in marks] == [word.strip(".,") for word in TEXT.split()]
    ends = [mark["offset"] + mark["duration"] for mark in marks]
    assert all(end <= mark["offset"] for end, mark in zip(ends, marks[1:], strict=False))
    with av.open(io.BytesIO(sound)) as box:
        context = box.streams.audio[0].codec_context
        assert (context.name.startswith("mp3"), context.sample_rate, context.channels) == (True, 24_000, 1)
    length_s = len(sound) * 8 / 48_000
    assert ends[-1] / 10_000_000 < length_s < ends[-1] / 10_000_000 + 1
    (billed,) = speech.effects()["generations"]
    assert (billed["kind"], billed["cost_usd"], billed["characters"]) == ("speech", "0", len(TEXT))


def test_a_faster_rate_is_shorter(speech: RunningSandbox) -> None:
    assert len(spoken(rate="+50%")[0]) < 0.8 * len(spoken()[0])


def test_an_unknown_voice_or_a_lost_answer_gives_no_sound(speech: RunningSandbox) -> None:
    with pytest.raises(edge_tts.exceptions.NoAudioReceived):
        spoken(voice="en-US-NobodyNeural")
    speech.arm("speech", "synthesize", "lose_answer")
    with pytest.raises((edge_tts.exceptions.NoAudioReceived, ClientError)):
        spoken()
    speech.arm("speech", "synthesize", "error", status=503)
    with pytest.raises(ClientError):
        spoken()
    assert len(spoken()[0]) > 1000


def test_ssml_of_both_voice_spellings_is_understood() -> None:
    long_name = "Microsoft Server Speech Text to Speech Voice (en-US, AriaNeural)"
    ssml = f"<speak><voice name='{long_name}'><prosody pitch='+0Hz' rate='-25%' volume='+0%'>Hi &amp; bye</prosody>"
    assert read_ssml(ssml) == SsmlRequest("Hi & bye", "en-US-AriaNeural", 0.75)
    assert read_ssml("<speak/>") is None
    assert words_of(SsmlRequest("... !", "x", 1.0)) == []
