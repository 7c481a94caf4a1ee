"""Our own vendors keep their families' contracts, and the kit notices who does not."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.sandbox import clips
from dayreel.testing import (
    Bench,
    ContractBrokenError,
    Sample,
    bench,
    checks_of,
    connections_have_deadlines,
    no_secret_is_shown,
    nothing_done_is_denied,
)
from dayreel.vendors.registry import names, vendor_named
from tests.fakes.espeak import make_espeak
from tests.fakes.receivers import BUCKET_KEY

BUCKET = {"STORAGE_BUCKET": "reels", "STORAGE_ACCESS_KEY_ID": BUCKET_KEY, "STORAGE_SECRET_ACCESS_KEY": "marked-secret"}
SAMPLES = {
    "anthropic": Sample(model="claude-haiku-5-5"),
    "openai": Sample(model="gpt-6-luna"),
    "gemini": Sample(model="gemini-3.5-flash-lite"),
    "openai_compatible": Sample(
        model="qwen3",
        address="OPENAI_COMPATIBLE_URL",
        path="/openai_compatible/v1",
        variables={"OPENAI_COMPATIBLE_API_KEY": "marked-compatible-key"},
        cleared={"openai_compatible_models": "qwen3:latest"},
    ),
    "fal": Sample(),
    "kling": Sample(),
    "runway": Sample(cleared={"runway_credits": 100_000}),
    "clips": Sample(),
    "edge": Sample(voice="en-GB-SoniaNeural"),
    "espeak": Sample(voice="en-us"),
    "fal_speech": Sample(voice="Rachel", model="fal-ai/elevenlabs/tts/eleven-v3"),
    "openai_speech": Sample(voice="coral", model="gpt-4o-mini-tts"),
    "elevenlabs": Sample(voice="JBFqnCBsd6RMkjVDRZzb", model="eleven_multilingual_v2"),
    "instagram": Sample(duration_s=4, cleared={"instagram_has_role": True}),
    "tiktok": Sample(fields={"privacy": "SELF_ONLY"}, duration_s=4, cleared={"tiktok_private_account": True}),
    "youtube": Sample(fields={"privacy": "private"}, duration_s=4, cleared={"youtube_api_enabled": True}),
    "outbox": Sample(duration_s=4, count=lambda root: len(list((root / "outbox").iterdir()))),
    "automation": Sample(duration_s=4, cleared={"automation_switched_on": True}),
    "quick_tunnel": Sample(),
    "presigned_s3": Sample(
        stand_in="tests.fakes.receivers:bucket", address="STORAGE_ENDPOINT", path="/s3", variables=BUCKET
    ),
    "tmdb": Sample(),
    "slack": Sample(cleared={"slack_in_channel": True}),
    "discord": Sample(cleared={"discord_has_access": True}),
    "ntfy": Sample(),
    "webhook": Sample(
        stand_in="tests.fakes.receivers:webhook",
        address="WEBHOOK_URL",
        path="/hook/marked-key",
        variables={"WEBHOOK_SECRET": "marked-webhook-secret"},
    ),
    "log": Sample(),
}
NOT_OVER_HTTP = {"email"}
"""The kit speaks HTTP; what a mail server may do is in `providers/notifiers/test_email.py`."""
pytestmark = pytest.mark.slow
CASES = [(name, check) for name, sample in SAMPLES.items() for check in checks_of(vendor_named(name), sample)]


def test_every_vendor_of_ours_is_kept_to_its_contract() -> None:
    providers = Path(__file__).parents[1] / "providers"
    by_own_test = {
        name for name in names() for path in providers.rglob(f"test_{name}.py") if "checks_of(" in path.read_text()
    }
    assert set(SAMPLES) | by_own_test | NOT_OVER_HTTP == set(names()), (
        "Test it with the kit, or add what the kit asks for to SAMPLES."
    )


class Faithless:
    """A notifier that breaks a promise."""

    name = "slack"

    def __init__(self, client: Any, act: Callable[[Any, Any], Any]) -> None:
        self._client, self._act = client, act

    def send(self, permit: Any, message: Any) -> Any:
        return self._act(self._client, (permit, message))


def denies(client: Any, asked: Any) -> Any:
    try:
        return client.send(*asked)
    except UnknownOutcomeError as error:
        raise TransientError(attempted="send", answer="lost") from error


def repeats(client: Any, asked: Any) -> Any:
    try:
        return client.send(*asked)
    except UnknownOutcomeError:
        return client.send(*asked)


def blabs(client: Any, asked: Any) -> Any:
    try:
        return client.send(*asked)
    except ProviderError as error:
        raise PermanentError(attempted="send", answer="your token xoxb-sandbox is wrong") from error


def waits(client: Any, asked: Any) -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as endless:
        endless.connect(server.getsockname())
    return client.send(*asked)


@pytest.mark.parametrize(
    ("act", "check", "seen"),
    [
        (denies, nothing_done_is_denied, "it was done, and is said not to be"),
        (repeats, nothing_done_is_denied, "done 2 times"),
        (blabs, no_secret_is_shown, "a secret is shown"),
        (waits, connections_have_deadlines, "connections without a timeout"),
    ],
)
def test_a_vendor_that_breaks_a_promise_is_noticed(
    act: Callable[[Any, Any], Any], check: Callable[[Bench], None], seen: str, tmp_path: Path
) -> None:
    slack = vendor_named("slack")
    broken = replace(slack, connect=lambda access: Faithless(slack.connect(access), act))
    with bench(broken, tmp_path, SAMPLES["slack"]) as running, pytest.raises(ContractBrokenError, match=seen):
        check(running)


@pytest.fixture(autouse=True)
def _espeak_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(make_espeak(tmp_path).parent), prepend=os.pathsep)


@pytest.fixture(autouse=True)
def _segments_are_copies(tiny_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copied(wish: clips.ClipWish, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{wish.key}.mp4"
        path.write_bytes(tiny_clip.read_bytes())
        return path

    monkeypatch.setattr(clips, "render", copied)


@pytest.mark.parametrize(("name", "check"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_a_vendor_of_ours_keeps_the_contract(
    name: str, check: Callable[[Bench], None], tmp_path: Path, video: Path
) -> None:
    sample = replace(SAMPLES[name], video=video)
    with bench(vendor_named(name), tmp_path, sample) as running:
        check(running)
