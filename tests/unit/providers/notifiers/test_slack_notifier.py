"""Slack: one message per send, every error with one verdict, a lost one found by its marker."""

import logging
from typing import Any

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.notifiers.contract import Message, Notifier
from dayreel.providers.notifiers.log import LogNotifier
from dayreel.providers.notifiers.slack import SlackNotifier
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

TOKEN = "xoxb-marked-token"
PERMIT = make_permit("notification", "slack")
MESSAGE = Message("Ready for review: <pots> & pans", marker="m-1", link="http://127.0.0.1:3001/x")
POSTED = {"ok": True, "channel": "C0TEST", "ts": "1700000000.000100"}


@pytest.fixture(autouse=True)
def _quiet_sdk(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="slack_sdk")


def at(url: str) -> Notifier:
    return SlackNotifier(token=f"{TOKEN}\n", channel_id="C0TEST", base_url=f"{url}/api/", timeout_s=5)


def test_a_message_carries_its_marker_and_returns_its_location() -> None:
    with scripted(Say(body=POSTED)) as server:
        assert at(server.url).send(PERMIT, MESSAGE) == {"channel": "C0TEST", "ts": "1700000000.000100"}
    asked = server.asked[0]
    assert asked.path == "/api/chat.postMessage"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    sent = asked.json()
    assert sent["text"] == "Ready for review: &lt;pots&gt; &amp; pans\n<http://127.0.0.1:3001/x>"
    assert sent["metadata"]["event_payload"] == {"marker": "m-1"}


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_is_not_followed_and_proves_nothing(status: int) -> None:
    """A GET followed it, with the token; its `not_authed` counted as a refusal of a message that was out."""
    with scripted(Say(body={"ok": False, "error": "not_authed"})) as elsewhere:
        answer = Say(status=status, body=b"", headers={"Location": f"{elsewhere.url}/login"})
        with scripted(answer) as server, pytest.raises(UnknownOutcomeError):
            at(server.url).send(PERMIT, MESSAGE)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("status", "body", "verdict", "step"),
    [
        (200, {"ok": False, "error": "invalid_auth"}, PermanentError, "SLACK_BOT_TOKEN"),
        (200, {"ok": False, "error": "token_revoked"}, PermanentError, "SLACK_BOT_TOKEN"),
        (200, {"ok": False, "error": "missing_scope", "needed": "chat:write"}, PermanentError, "scopes"),
        (200, {"ok": False, "error": "channel_not_found"}, PermanentError, "SLACK_CHANNEL_ID"),
        (200, {"ok": False, "error": "not_in_channel"}, PermanentError, "/invite"),
        (200, {"ok": False, "error": "is_archived"}, PermanentError, "archived"),
        (200, {"ok": False, "error": "msg_too_long"}, PermanentError, "Shorten"),
        (200, {"ok": False, "error": "something_new"}, UnknownOutcomeError, ""),
        (200, {"ok": False, "error": "ratelimited"}, TransientError, "later"),
        (200, {"ok": False, "error": "fatal_error"}, UnknownOutcomeError, ""),
        (200, {"ok": False, "error": "internal_error"}, UnknownOutcomeError, ""),
        (429, {"ok": False, "error": "ratelimited"}, TransientError, "later"),
        (503, {"ok": False, "error": "service_unavailable"}, UnknownOutcomeError, ""),
        (500, {"ok": False, "error": "internal_error"}, UnknownOutcomeError, ""),
        (502, b"<html>bad gateway</html>", UnknownOutcomeError, ""),
        (200, b"<html>hello</html>", UnknownOutcomeError, ""),
        (200, {"ok": True}, UnknownOutcomeError, ""),
        (200, [], UnknownOutcomeError, ""),
    ],
)
def test_every_error_has_one_verdict(status: int, body: Any, verdict: type[ProviderError], step: str) -> None:
    with scripted(Say(status, body, {"Retry-After": "3"})) as server, pytest.raises(verdict) as caught:
        at(server.url).send(PERMIT, MESSAGE)
    assert type(caught.value) is verdict
    assert len(server.asked) == 1
    assert step in caught.value.next_step
    assert "asmr_crafts-2026-11-20" in str(caught.value)
    assert TOKEN not in str(caught.value)
    if status == 429:
        assert caught.value.retry_after_s == 3


@pytest.mark.parametrize("say", [Say(lost=True), Say(body=POSTED, cut=5)])
def test_a_lost_answer_is_in_doubt_and_not_sent_again(say: Say) -> None:
    with scripted(say) as server, pytest.raises(UnknownOutcomeError):
        at(server.url).send(PERMIT, MESSAGE)
    assert len(server.asked) == 1


def test_a_connection_that_never_stood_sent_nothing() -> None:
    with pytest.raises(TransientError, match="no connection to Slack"):
        at(unused_url()).send(PERMIT, MESSAGE)


def history(*markers: str | None, cursor: str = "") -> Say:
    messages = [
        {"ts": f"17.{number}", "text": "x"}
        | ({"metadata": {"event_type": "e", "event_payload": {"marker": marker}}} if marker else {})
        for number, marker in enumerate(markers)
    ]
    return Say(body={"ok": True, "messages": messages, "response_metadata": {"next_cursor": cursor}})


def test_a_message_is_found_by_its_marker_on_any_page() -> None:
    with scripted(history("other", None, cursor="next"), history(None, "m-1")) as server:
        assert at(server.url).find("m-1") == {"channel": "C0TEST", "ts": "17.1"}
    assert b"include_all_metadata=1" in server.asked[0].body
    assert b"cursor=next" in server.asked[1].body


def test_a_missing_message_is_none_after_a_bounded_search() -> None:
    with scripted(history("other")) as server:
        assert at(server.url).find("m-1") is None
    with scripted(history("other", cursor="again")) as server:
        assert at(server.url).find("m-1") is None
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("say", "verdict"),
    [
        (Say(lost=True), TransientError),
        (Say(500, b"oh"), TransientError),
        (Say(body={"ok": False, "error": "internal_error"}), TransientError),
        (Say(body={"ok": False, "error": "missing_scope", "needed": "channels:history"}), PermanentError),
    ],
)
def test_a_search_that_fails_is_never_taken_for_absence(say: Say, verdict: type[ProviderError]) -> None:
    with scripted(say) as server, pytest.raises(verdict):
        at(server.url).find("m-1")


def test_the_log_notifier_writes_a_line(caplog: pytest.LogCaptureFixture) -> None:
    notifier: Notifier = LogNotifier()
    with caplog.at_level(logging.INFO, logger="dayreel.notifications"):
        assert notifier.send(PERMIT, MESSAGE) == {"logged": "m-1"}
    assert caplog.messages == ["asmr_crafts-2026-11-20: Ready for review: <pots> & pans http://127.0.0.1:3001/x"]
    assert notifier.find("m-1") is None
