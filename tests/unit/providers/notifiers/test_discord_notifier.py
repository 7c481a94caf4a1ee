"""Discord: one message per send, every error with one verdict, cards within its limits, no secret in any sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.notifiers.contract import Card, Interaction, Message, ReviewNotifier
from dayreel.providers.notifiers.discord import DiscordNotifier
from dayreel.providers.notifiers.slack import SlackNotifier
from dayreel.sandbox.discord import problems_of
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import Say, scripted, unused_url

TOKEN = "marked.discord.token"
PERMIT = make_permit("notification", "discord")
MESSAGE = Message("Ready: *pots* @everyone", marker="m-1", link="http://127.0.0.1:8700/x")
POSTED = {"id": "1300000000000000001"}
CARD = Card("c/r1", "c 1.2.abc", "Crafts · c", "A *jar* [rises](http://x)", "Clay & <b>", ("revision 1",), "http://d/c")
PRESS = Interaction("approve", "c 1.2.abc", "42", "ana", "C0TEST", way_back={"application": "11", "token": "tok.en"})


def at(url: str) -> ReviewNotifier:
    return DiscordNotifier(token=f"{TOKEN}\n", channel_id="120", base_url=f"{url}/api", timeout_s=5)


def test_a_message_has_a_marker_and_a_nonce_but_no_mentions() -> None:
    with scripted(Say(body=POSTED)) as server:
        assert at(server.url).send(PERMIT, MESSAGE) == {"channel": "120", "id": POSTED["id"]}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/channels/120/messages")
    assert asked.headers["authorization"] == f"Bot {TOKEN}"
    assert asked.headers["user-agent"].startswith("DiscordBot (")
    sent = asked.json()
    assert sent["embeds"][0]["footer"] == {"text": "m-1"}
    assert (len(sent["nonce"]), sent["enforce_nonce"], sent["allowed_mentions"]) == (25, True, {"parse": []})


def test_the_same_message_keeps_its_nonce_and_others_differ() -> None:
    with scripted(Say(body=POSTED)) as server:
        for marker in ("m-1", "m-1", "m-2"):
            at(server.url).send(PERMIT, Message("x", marker=marker))
    nonces = [asked.json()["nonce"] for asked in server.asked]
    assert nonces[0] == nonces[1] != nonces[2]


def test_a_preview_rides_on_the_card(tmp_path: Path) -> None:
    preview = tmp_path / "final_video.mp4"
    preview.write_bytes(b"moving pictures")
    with scripted(Say(body=POSTED)) as server:
        at(server.url).ask(PERMIT, CARD, preview=preview)
    body = server.asked[0].body
    assert b"moving pictures" in body
    document = json.loads(body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0])
    assert document["attachments"] == [{"id": 0, "filename": "final_video.mp4"}]
    assert [component["custom_id"] for component in document["components"][0]["components"]] == [
        "approve c 1.2.abc",
        "reject c 1.2.abc",
        "edit c 1.2.abc",
    ]


def test_a_long_card_fits_the_limits_and_its_markup_is_escaped() -> None:
    long = Card("c/r1", "t" * 90, "T" * 999, "*" * 5000, "🫖[x](http://y)" * 500, ("f",) * 50, "http://d", "o" * 5000)
    with scripted(Say(body=POSTED)) as server:
        at(server.url).ask(PERMIT, long, preview=None)
        at(server.url).ask(PERMIT, CARD, preview=None)
    assert list(problems_of(server.asked[0].json())) == []
    assert "A \\*jar\\* \\[rises\\](http://x)" in server.asked[1].json()["embeds"][0]["description"]


@pytest.mark.parametrize(
    ("status", "body", "verdict", "step"),
    [
        (401, {"code": 0, "message": f"401: Unauthorized {TOKEN}"}, PermanentError, "DISCORD_BOT_TOKEN"),
        (403, {"code": 50001, "message": "Missing Access"}, PermanentError, "View Channel"),
        (403, {"code": 50013, "message": "Missing Permissions"}, PermanentError, "Send Messages"),
        (403, b"<html>cloudflare</html>", UnknownOutcomeError, "Invite the bot"),
        (404, {"code": 10003, "message": "Unknown Channel"}, PermanentError, "DISCORD_CHANNEL_ID"),
        (413, {"code": 40005, "message": "Request entity too large"}, PermanentError, "too large"),
        (400, {"code": 50035, "message": "Invalid Form Body", "errors": {}}, PermanentError, "Report it"),
        (429, {"message": "slow", "retry_after": 3.0, "global": False}, TransientError, "later"),
        (503, b"", UnknownOutcomeError, ""),
        (500, {"code": 0, "message": "500: Internal Server Error"}, UnknownOutcomeError, ""),
        (502, b"<html>bad gateway</html>", UnknownOutcomeError, ""),
        (200, b"<html>hello</html>", UnknownOutcomeError, ""),
        (200, {}, UnknownOutcomeError, ""),
        (200, [], UnknownOutcomeError, ""),
    ],
)
def test_every_error_has_one_verdict(status: int, body: Any, verdict: type[ProviderError], step: str) -> None:
    with scripted(Say(status, body, {"Retry-After": "3"})) as server, pytest.raises(ProviderError) as caught:
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
    with pytest.raises(TransientError, match="no connection to Discord"):
        at(unused_url()).send(PERMIT, MESSAGE)


@pytest.mark.parametrize("say", [Say(lost=True), Say(500, {"message": "oh"}), Say(429, {"message": "slow"})])
def test_what_is_safe_to_repeat_is_never_in_doubt(say: Say) -> None:
    with scripted(say) as server:
        acts: tuple[Callable[[], object], ...] = (
            lambda: at(server.url).redraw(PERMIT, {"channel": "120", "id": "1"}, CARD),
            lambda: at(server.url).reply_ephemeral(PRESS, "no"),
            lambda: at(server.url).find("m-1"),
        )
        for act in acts:
            with pytest.raises(TransientError):
                act()


def test_an_ephemeral_reply_hides_the_interaction_token_it_uses() -> None:
    with scripted(Say(404, {"code": 10015, "message": "Unknown Webhook tok.en"})) as server:
        with pytest.raises(PermanentError) as caught:
            at(server.url).reply_ephemeral(PRESS, "no")
        assert server.asked[0].path == "/api/webhooks/11/tok.en"
        assert "authorization" not in server.asked[0].headers
    assert "tok.en" not in str(caught.value) + repr(PRESS)


@pytest.mark.parametrize(
    "way_back", [{}, {"application": "11", "token": "../../x"}, {"application": "x", "token": "t"}]
)
def test_a_way_back_that_is_none_is_not_followed(way_back: dict[str, str]) -> None:
    with scripted(Say()) as server, pytest.raises(PermanentError, match="no way back"):
        at(server.url).reply_ephemeral(Interaction("approve", "t", "42", "ana", "120", way_back=way_back), "no")
    assert server.asked == []


def page(first: int, count: int, marker: str = "other") -> Say:
    return Say(body=[{"id": str(first - n), "embeds": [{"footer": {"text": marker}}]} for n in range(count)])


def test_a_message_is_found_by_its_footer_in_a_bounded_search() -> None:
    with scripted(page(900, 100), page(800, 3, "m-1")) as server:
        assert at(server.url).find("m-1") == {"channel": "120", "id": "800"}
    assert server.asked[1].path == "/api/channels/120/messages?limit=100&before=801"
    with scripted(page(900, 100)) as server:
        assert at(server.url).find("m-1") is None
    assert len(server.asked) == 5


def test_both_chats_follow_the_contract_of_reviews() -> None:
    slack = SlackNotifier(token="xoxb-x", channel_id="C0")
    assert isinstance(slack, ReviewNotifier)
    assert isinstance(at("http://127.0.0.1:9"), ReviewNotifier)
