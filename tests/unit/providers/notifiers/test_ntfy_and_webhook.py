"""ntfy and the webhook: one message per send, typed refusals, nothing secret in any sentence."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.notifiers.contract import Message, Notifier
from dayreel.providers.notifiers.ntfy import NtfyNotifier
from dayreel.providers.notifiers.webhook import WebhookNotifier
from dayreel.providers.signed_webhook import sign
from dayreel.schemas.effect import NO_CONTENT, EffectKey
from tests.fakes.clock import FakeClock
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

TOPIC, TOKEN, SECRET = "marked-topic-7f3a", "tk_marked", "marked-webhook-secret"
MESSAGE = Message("Zwölf Töpfe warten", marker="crafts-2026-11-20/r1", link="http://127.0.0.1:8700/x")
PERMIT = make_permit("notification", "ntfy")
Make = Callable[[str], Notifier]


def ntfy(url: str) -> Notifier:
    return NtfyNotifier(topic=TOPIC, server=url, token=TOKEN, timeout_s=3)


def webhook(url: str) -> Notifier:
    return WebhookNotifier(url=f"{url}/hook/{TOPIC}?key={TOKEN}", clock=FakeClock(), secret=SECRET, timeout_s=3)


BOTH = pytest.mark.parametrize("make", [ntfy, webhook])


def test_ntfy_gets_text_marker_and_link() -> None:
    with scripted(Say(body={"id": "abc", "event": "message"})) as server:
        assert ntfy(server.url).send(PERMIT, MESSAGE) == {"id": "abc"}
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    title, click = MESSAGE.marker, MESSAGE.link
    assert asked.json() == {"topic": TOPIC, "title": title, "message": MESSAGE.text, "click": click}


def test_ntfy_finds_a_message_by_its_marker() -> None:
    lines = [{"event": "open"}, {"event": "message", "id": "1", "title": "x"}, {"event": "message", "id": "2"}]
    kept = [*lines, {"event": "message", "id": "3", "title": MESSAGE.marker}]
    body = "\n".join(json.dumps(line) for line in kept).encode()
    with scripted(Say(body=body)) as server:
        assert ntfy(server.url).find(MESSAGE.marker) == {"id": "3"}
        assert ntfy(server.url).find("another") is None
    assert server.asked[0].path == f"/{TOPIC}/json?poll=1&since=12h"


def test_the_webhook_gets_a_signed_body_and_an_idempotency_key() -> None:
    with scripted(Say(204)) as server:
        assert webhook(server.url).send(PERMIT, MESSAGE)["status"] == 204
    (asked,) = server.asked
    assert asked.headers["idempotency-key"] == MESSAGE.marker
    assert asked.headers["x-dayreel-signature"] == sign(SECRET, asked.headers["x-dayreel-timestamp"], asked.body)
    assert asked.json()["text"] == MESSAGE.text


def test_a_webhook_without_content_sends_a_null_content_id() -> None:
    key = EffectKey(NO_CONTENT, "notification", "webhook", 1, "f")
    with scripted(Say(204)) as server:
        webhook(server.url).send(replace(PERMIT, key=key), MESSAGE)
    assert server.asked[0].json()["content_id"] is None


def test_a_lost_webhook_message_cannot_be_looked_up() -> None:
    with pytest.raises(PermanentError, match="cannot be asked"):
        webhook("http://127.0.0.1:9").find(MESSAGE.marker)


@BOTH
@pytest.mark.parametrize(
    ("say", "kind"),
    [
        (Say(401, {"code": 40101, "error": f"unauthorized {TOKEN}"}), PermanentError),
        (Say(403, {"code": 40301, "error": f"no, {TOPIC}"}), PermanentError),
        (Say(429, {"error": "too many", "code": 42901}, {"Retry-After": "7"}), TransientError),
        (Say(lost=True), UnknownOutcomeError),
    ],
)
def test_every_refusal_has_its_verdict_and_shows_nothing_secret(
    make: Make, say: Say, kind: type[ProviderError]
) -> None:
    with scripted(say) as server, pytest.raises(ProviderError) as refusal:
        make(server.url).send(PERMIT, MESSAGE)
    assert type(refusal.value) is kind
    assert not [secret for secret in (TOPIC, TOKEN, SECRET) if secret in str(refusal.value)]
    assert len(server.asked) == 1


@BOTH
def test_nobody_there_can_be_tried_again(make: Make) -> None:
    with pytest.raises(TransientError) as refusal:
        make(unused_url()).send(PERMIT, MESSAGE)
    assert TOPIC not in str(refusal.value)


def test_a_long_message_is_cut_between_letters() -> None:
    with scripted(Say(body={"id": "abc"})) as server:
        ntfy(server.url).send(PERMIT, Message("ö" * 5000, marker="m"))
    assert server.asked[0].json()["message"] == "ö" * 2000 + "…"


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        WebhookNotifier(url="ftp://marked-secret", clock=FakeClock())
    assert "marked-secret" not in str(refusal.value)
