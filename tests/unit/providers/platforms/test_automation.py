"""The webhook behind which something else posts: what each answer proves, and what its stand-in does at each fault."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.platforms.automation import AutomationPlatform
from dayreel.providers.platforms.contract import Receipt
from dayreel.providers.signed_webhook import SignedWebhook, sign
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.clock import FakeClock
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, ScriptedServer, scripted, unused_url
from tests.unit.providers.platforms.posting import Recorder, WaitingClock, live_posts, make_request
from tests.waiting import wait_until

HOOK, SECRET, DESK = "marked-hook-7f3a", "marked-publish-secret", "https://desk.example"
PAGE = b"<html>Too many requests</html>"


def platform(url: str, **more: Any) -> AutomationPlatform:
    clock = FakeClock()
    address, variable = f"{url}/catch/{HOOK}", "PUBLISH_WEBHOOK_URL"
    webhook = SignedWebhook(
        url=address, variable=variable, vendor="the webhook", clock=clock, secret=SECRET, timeout_s=3
    )
    settings: dict[str, Any] = {"callback_origin": DESK, "longest_hold_s": 5, **more}
    return AutomationPlatform(
        webhook=webhook, public_url=lambda _: nullcontext("https://x/v.mp4"), clock=clock, **settings
    )


def post(made: AutomationPlatform, video: Path, record: Recorder | None = None, **handle: Any) -> Receipt:
    request, record = make_request("automation", video), record or Recorder()
    return made.post(make_permit("post", "automation"), request, handle=handle, record=record)


def test_the_document_is_signed_and_has_its_key(video: Path) -> None:
    with scripted(Say(body={"status": "success", "id": "z", "request_id": "z"})) as server:
        assert post(platform(server.url), video).state == "processing"
    (asked,) = server.asked
    assert asked.headers["x-dayreel-signature"] == sign(SECRET, asked.headers["x-dayreel-timestamp"], asked.body)
    assert asked.headers["idempotency-key"] == asked.json()["idempotency_key"]
    assert asked.json()["callback_url"].startswith(f"{DESK}/callbacks/automation/7.")


@pytest.mark.parametrize(
    ("say", "kind"),
    [
        (Say(410, b"There is no scenario listening for this webhook."), PermanentError),
        (Say(410, b"Webhook not found"), PermanentError),
        (Say(400, b"Queue is full."), TransientError),
        (Say(410, {"status": "error"}), UnknownOutcomeError),
        (Say(404, b"There is no scenario listening for this webhook."), UnknownOutcomeError),
        (Say(429, PAGE, {"Retry-After": "1"}), UnknownOutcomeError),
        (Say(503, {"status": "failed", "idempotency_key": "another"}), UnknownOutcomeError),
        (Say(302, b"", {"Location": "http://127.0.0.1:9/login"}), UnknownOutcomeError),
        (Say(307, b"", {"Location": "http://127.0.0.1:9/login"}), UnknownOutcomeError),
        (Say(401, {"error": f"{HOOK} {SECRET}"}), UnknownOutcomeError),
        (Say(lost=True), UnknownOutcomeError),
    ],
    ids=lambda part: f"{part.status}" if isinstance(part, Say) else part.__name__,
)
def test_only_the_receivers_own_words_are_a_refusal(say: Say, kind: type[ProviderError], video: Path) -> None:
    with scripted(say) as server, pytest.raises(ProviderError) as raised:
        post(platform(server.url), video)
    assert type(raised.value) is kind
    assert len(server.asked) == 1
    assert HOOK not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_receiver_that_says_all_back_shows_no_key(video: Path) -> None:
    with scripted(Say()) as server:
        server.next = lambda: Say(500, {"callback_url": server.asked[0].json()["callback_url"]})  # type: ignore[method-assign]
        with pytest.raises(UnknownOutcomeError, match="callback_url") as raised:
            post(platform(server.url), video)
    assert server.asked[0].json()["callback_url"].rpartition(".")[2] not in str(raised.value)


@pytest.mark.parametrize(("status", "kind"), [(400, PermanentError), (429, TransientError), (200, PermanentError)])
def test_a_refusal_repeats_the_key(status: int, kind: type[ProviderError], video: Path) -> None:
    """The key of a delivery that never arrived is known before it goes again."""
    record = Recorder()
    with pytest.raises(TransientError):
        post(platform(unused_url()), video, record)
    refusal = {"status": "failed", "idempotency_key": record.last["delivery"], "reason": "no caption"}
    with scripted(Say(status, refusal)) as server, pytest.raises(ProviderError, match="no caption") as raised:
        post(platform(server.url), video, **record.last)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("says", "state"),
    [
        ({"status": "posted", "url": "https://x/1"}, "posted"),
        ({"status": "pending"}, "processing"),
        ({"status": "posted", "url": "https://x/1", "idempotency_key": "another"}, "processing"),
        (None, "processing"),
    ],
)
def test_a_status_address_is_asked_and_not_redirected(says: Any, state: str, video: Path) -> None:
    def answer(server: ScriptedServer) -> Say:
        if len(server.asked) == 1:
            return Say()
        key = server.asked[0].json()["idempotency_key"]
        return Say(302, b"", {"Location": "/elsewhere"}) if says is None else Say(body={"idempotency_key": key, **says})

    with scripted(Say()) as server:
        server.next = lambda: answer(server)  # type: ignore[method-assign]
        receipt = post(platform(server.url, status_url=f"{server.url}/status/{HOOK}"), video)
    assert receipt.state == state
    assert not [asked for asked in server.asked if "elsewhere" in asked.path]
    assert HOOK not in repr(receipt)


def test_an_address_on_this_machine_is_refused_live(tmp_path: Path) -> None:
    connect = vendor_named("automation").connect

    def access(**given: str) -> Access:
        variables = {"PUBLISH_WEBHOOK_SECRET": SECRET, "PUBLISH_WEBHOOK_URL": f"https://hooks.example/{HOOK}", **given}
        return Access("live", variables.get, None, SystemClock(), tmp_path)

    assert connect(access()).account().startswith("hooks.example/")
    here = (
        "http://hooks.example/x",
        "https://localhost/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://0.0.0.0/x",
    )
    for url in (*here, "ftp://x/y", f"https:///{HOOK}"):
        for variable in ("PUBLISH_WEBHOOK_URL", "PUBLISH_WEBHOOK_STATUS_URL"):
            with pytest.raises(ConfigurationError, match=variable) as raised:
                connect(access(**{variable: url}))
            assert HOOK not in str(raised.value)
    other = connect(access(PUBLISH_WEBHOOK_URL="https://hooks.example/another"))
    assert other.account() != connect(access()).account(), "an approval is for one address"


@pytest.mark.parametrize("origin", [None, DESK])
def test_the_doctor_says_who_confirms(origin: str | None) -> None:
    proof = platform("https://hooks.example", callback_origin=origin).prove()
    assert ("DAYREEL_DESK_URL" in proof.next_step) == (origin is None)
    assert "not tried out" in proof.found


def test_a_plan_has_the_words_and_no_address(video: Path) -> None:
    (call,) = platform("https://hooks.example").plan(make_request("automation", video))
    assert call.url == "https://hooks.example/..."
    assert call.body["caption"] == "A quiet loom, wool and water."
    assert call.body["cover_at_s"] is None
    (call,) = platform("https://hooks.example").plan(make_request("automation", video, fields={"cover_at_s": 1.5}))
    assert call.body["cover_at_s"] == 1.5
    assert HOOK not in repr(call)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reports", "posts"),
    [
        (None, ["posted"], 1),
        ("early", ["posted"], 1),
        ("repeats", ["posted", "posted"], 1),
        ("contradicts", ["posted", "failed"], 1),
        ("fails", ["failed"], 0),
        ("forgets", [], 0),
    ],
)
def test_the_stand_in_calls_back(
    fault: str | None, reports: list[str], posts: int, running: RunningSandbox, video: Path
) -> None:
    running.reset()
    running.clear_faults()
    if fault is not None:
        running.arm("automation", "hook", fault)
    with scripted(Say()) as desk:
        access = Access("sandbox", running.credentials.get, running.url, WaitingClock(), Path(), desk.url)
        made = vendor_named("automation").connect(access)
        try:
            post(made, video)
        except PermanentError as error:
            assert "the connection has expired" in str(error)  # noqa: PT017  its status address says so
        wait_until(lambda: len(desk.asked) >= len(reports))
        assert [asked.json()["status"] for asked in desk.asked] == reports
    assert len(live_posts(running, "automation")) == posts
