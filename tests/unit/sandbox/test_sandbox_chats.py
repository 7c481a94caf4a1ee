"""The stand-ins of Slack's forms and of Discord refuse what the real ones refuse, and people press in them."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from dayreel.sandbox import interactions
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted
from tests.waiting import WITHIN_S

SLACK = {"Authorization": f"Bearer {RunningSandbox.credentials['SLACK_BOT_TOKEN']}"}
CHANNEL = RunningSandbox.credentials["SLACK_CHANNEL_ID"]
DISCORD = {
    "Authorization": f"Bot {RunningSandbox.credentials['DISCORD_BOT_TOKEN']}",
    "User-Agent": "DiscordBot (https://dayreel.invalid, 0.1)",
}
ROOM = RunningSandbox.credentials["DISCORD_CHANNEL_ID"]
BUTTON = {"type": 2, "style": 1, "label": "Approve", "custom_id": "approve x"}
ROW = {"type": 1, "components": [BUTTON]}


@pytest.fixture(autouse=True)
def _three_seconds_do_not_pass(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(interactions, "DEADLINE_S", WITHIN_S)
    with sandbox.standing_still():
        yield


def discord(sandbox: RunningSandbox, method: str, path: str, headers: Any = None, **wish: Any) -> requests.Response:
    url = f"{sandbox.url}/discord/api/v10{path}"
    return requests.request(method, url, headers=DISCORD if headers is None else headers, timeout=10, **wish)


def say(sandbox: RunningSandbox, **wish: Any) -> requests.Response:
    return discord(sandbox, "POST", f"/channels/{ROOM}/messages", json={"content": "x", **wish})


def press(sandbox: RunningSandbox, **wish: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/_world/press", json=wish, timeout=10)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"content": ""}, 400, 50006),
        ({"content": "x" * 2001}, 400, 50035),
        ({"nonce": "n" * 26}, 400, 50035),
        ({"embeds": [{"description": "x" * 4097}]}, 400, 50035),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, 400, 50035),
        ({"embeds": [{"fields": [{"name": "n", "value": ""}]}]}, 400, 50035),
        ({"components": [{"type": 1, "components": [BUTTON] * 6}]}, 400, 50035),
        ({"components": [{"type": 1, "components": [BUTTON, BUTTON]}]}, 400, 50035),
        ({"components": [{"type": 1, "components": [{**BUTTON, "custom_id": "x" * 101}]}]}, 400, 50035),
        ({"components": [{"type": 1, "components": [{**BUTTON, "label": "x" * 81}]}]}, 400, 50035),
        ({"components": [BUTTON]}, 400, 50035),
    ],
)
def test_discord_refuses_a_message_that_breaks_its_limits(
    sandbox: RunningSandbox, wish: dict[str, Any], status: int, code: int
) -> None:
    answer = say(sandbox, **wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.effects()["messages"] == []


def test_discord_checks_token_user_agent_channel_and_message(
    sandbox: RunningSandbox,
) -> None:
    assert discord(sandbox, "GET", "/users/@me", {**DISCORD, "Authorization": "Bot no"}).status_code == 401
    assert discord(sandbox, "GET", "/users/@me", {**DISCORD, "User-Agent": "python"}).json()["code"] == 40333
    assert discord(sandbox, "GET", "/channels/1").json()["code"] == 10003
    assert discord(sandbox, "PATCH", f"/channels/{ROOM}/messages/1", json={"content": "x"}).json()["code"] == 10008
    assert discord(sandbox, "POST", "/webhooks/1/no", json={"content": "x", "flags": 64}).json()["code"] == 10015
    assert discord(sandbox, "POST", f"/channels/{ROOM}/messages", data=b"{").json()["code"] == 50109


def test_discord_refuses_a_file_above_ten_mebibytes(sandbox: RunningSandbox) -> None:
    files = {"payload_json": (None, "{}", "application/json"), "files[0]": ("a.mp4", bytes(10 * 1024 * 1024 + 1))}
    answer = discord(sandbox, "POST", f"/channels/{ROOM}/messages", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, 40005)


def test_an_enforced_nonce_returns_the_same_message_for_minutes(sandbox: RunningSandbox) -> None:
    first, again = (say(sandbox, nonce="n1", enforce_nonce=True).json()["id"] for _ in range(2))
    assert first == again
    assert say(sandbox, nonce="n1").json()["id"] != first
    sandbox.advance(301)
    assert say(sandbox, nonce="n1", enforce_nonce=True).json()["id"] != first


def test_an_interaction_needs_a_valid_answer_in_three_seconds(sandbox: RunningSandbox) -> None:
    message = say(sandbox, components=[ROW]).json()["id"]
    wish = {"service": "discord", "message": message, "button": "approve"}
    answers = {
        "": Say(body={"type": 6}),
        "Discord takes a JSON object with a type": Say(body={}),
        "the form is not as Discord wants it": Say(body=modal(max_length=4001)),
    }
    for problem, answer in answers.items():
        with scripted(answer) as server:
            body = press(sandbox, **wish, to=server.url).json()
        assert (body["status"], body["problem"]) == (200, problem)
    with scripted(Say(lost=True)) as server:
        assert "no answer" in press(sandbox, **wish, to=server.url).json()["problem"]
    with scripted(Say(body=modal())) as server:
        assert press(sandbox, **wish, to=server.url).json()["problem"] == ""


def modal(**changes: Any) -> dict[str, Any]:
    box = {"type": 4, "custom_id": "caption", "style": 2, "value": "x", "max_length": 2200, **changes}
    label = {"type": 18, "label": "Caption", "component": box}
    return {"type": 9, "data": {"custom_id": "caption x", "title": "Edit", "components": [label]}}


def test_only_existing_buttons_can_be_pressed_and_only_locally(sandbox: RunningSandbox) -> None:
    message = say(sandbox, components=[ROW]).json()["id"]
    for wish in (
        {"service": "discord", "message": "1", "button": "approve"},
        {"service": "discord", "message": message, "button": "burn"},
        {"service": "slack", "message": message, "button": "approve"},
        {"service": "slack", "form": "V0NONE"},
        {"service": "irc"},
        {"service": "discord", "message": message, "button": "approve", "to": "http://example.com/"},
    ):
        assert press(sandbox, **wish).status_code == 400


def slack(sandbox: RunningSandbox, method: str, **wish: Any) -> str:
    answer = requests.post(f"{sandbox.url}/slack/api/{method}", json=wish, headers=SLACK, timeout=10).json()
    return "ok" if answer["ok"] else str(answer["error"])


def test_a_slack_form_opens_once_and_only_within_three_seconds(sandbox: RunningSandbox) -> None:
    box = {"type": "plain_text_input", "action_id": "caption", "initial_value": "x", "max_length": 2200}
    block = {"type": "input", "label": {"type": "plain_text", "text": "Caption"}, "element": box}
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Edit"}, "blocks": [block]}

    def trigger() -> str:
        button = {"type": "button", "action_id": "dayreel_edit", "text": {"type": "plain_text", "text": "E"}}
        blocks = [{"type": "actions", "elements": [button]}]
        wish = {"channel": CHANNEL, "text": "x", "blocks": blocks}
        url = f"{sandbox.url}/slack/api/chat.postMessage"
        ts = requests.post(url, json=wish, headers=SLACK, timeout=10).json()["ts"]
        body = press(sandbox, service="slack", message=ts, button="edit").json()["body"]
        return str(json.loads(parse_qs(body)["payload"][0])["trigger_id"])

    first = trigger()
    assert slack(sandbox, "views.open", trigger_id="no", view=view) == "invalid_trigger_id"
    long = {**view, "title": {"type": "plain_text", "text": "x" * 25}}
    assert slack(sandbox, "views.open", trigger_id=first, view=long) == "invalid_arguments"
    tight = {**view, "blocks": [{**block, "element": {**box, "max_length": 3001}}]}
    assert slack(sandbox, "views.open", trigger_id=first, view=tight) == "invalid_arguments"
    assert slack(sandbox, "views.open", trigger_id=first, view=view) == "ok"
    assert slack(sandbox, "views.open", trigger_id=first, view=view) == "exchanged_trigger_id"
    second = trigger()
    sandbox.advance(4)
    assert slack(sandbox, "views.open", trigger_id=second, view=view) == "expired_trigger_id"
