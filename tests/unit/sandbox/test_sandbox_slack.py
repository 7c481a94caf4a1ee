"""The real slack_sdk against the stand-in."""

from pathlib import Path

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.fakes.sandbox import RunningSandbox

CHANNEL = RunningSandbox.credentials["SLACK_CHANNEL_ID"]
METADATA = {"event_type": "dayreel_review", "event_payload": {"content_id": "a-2026-11-20"}}


@pytest.fixture
def slack(sandbox: RunningSandbox) -> WebClient:
    return WebClient(token=sandbox.credentials["SLACK_BOT_TOKEN"], base_url=sandbox.url + "/slack/api/")


def code_of(caught: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(caught.value.response["error"])


def test_a_message_is_posted_found_by_its_metadata_and_updated(sandbox: RunningSandbox, slack: WebClient) -> None:
    button = {"type": "button", "action_id": "ok", "text": {"type": "plain_text", "text": "Approve"}, "value": "1"}
    blocks = [{"type": "actions", "elements": [button]}]
    ts = slack.chat_postMessage(channel=CHANNEL, text="please look", blocks=blocks, metadata=METADATA)["ts"]
    messages = slack.conversations_history(channel=CHANNEL, include_all_metadata=True)["messages"]
    assert [(message["ts"], message["metadata"]) for message in messages] == [(ts, METADATA)]
    slack.chat_update(channel=CHANNEL, ts=ts, text="approved", blocks=[])
    (message,) = sandbox.effects()["messages"]
    assert (message["text"], message["edits"]) == ("approved", 1)


def test_a_preview_is_uploaded_into_the_thread(sandbox: RunningSandbox, slack: WebClient, reel: Path) -> None:
    ts = slack.chat_postMessage(channel=CHANNEL, text="please look")["ts"]
    slack.files_upload_v2(file=str(reel), filename="preview.mp4", title="Preview", channel=CHANNEL, thread_ts=ts)
    messages = slack.conversations_replies(channel=CHANNEL, ts=ts)["messages"]
    assert [message.get("files", [{}])[0].get("title") for message in messages] == [None, "Preview"]


def test_scopes_and_the_channel_decide(sandbox: RunningSandbox, slack: WebClient, reel: Path) -> None:
    sandbox.pace(slack_scopes="chat:write")
    with pytest.raises(SlackApiError) as caught:
        slack.files_upload_v2(file=str(reel), filename="preview.mp4", channel=CHANNEL)
    assert (code_of(caught), caught.value.response["needed"]) == ("missing_scope", "files:write")
    sandbox.pace(slack_in_channel=False)
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert code_of(caught) == "not_in_channel"


def test_wrong_calls_are_ok_false(sandbox: RunningSandbox, slack: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel="C404", text="x")
    assert code_of(caught) == "channel_not_found"
    with pytest.raises(SlackApiError) as caught:
        slack.chat_update(channel=CHANNEL, ts="1.0", text="x")
    assert code_of(caught) == "message_not_found"
    with pytest.raises(SlackApiError) as caught:
        WebClient(token="xoxb-no", base_url=slack.base_url).auth_test()
    assert code_of(caught) == "invalid_auth"
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    with pytest.raises(SlackApiError) as caught:
        slack.api_call("chat.postMessage", json={"channel": CHANNEL, "text": "x", "blocks": [long]})
    assert code_of(caught) == "invalid_blocks"


@pytest.mark.parametrize(
    "block",
    [
        {},
        {"type": "section", "text": {"type": "mrkdwn", "text": " "}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "actions", "elements": []},
        {"type": "actions", "elements": [{"type": "button", "action_id": "a" * 256}]},
        {"type": "actions", "elements": [{"type": "button", "action_id": "a", "value": "v" * 2001}]},
    ],
)
def test_blocks_that_slack_would_not_take_are_refused(slack: WebClient, block: dict[str, object]) -> None:
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=CHANNEL, text="x", blocks=[block])
    assert code_of(caught) == "invalid_blocks"


def test_faults_look_like_slacks(sandbox: RunningSandbox, slack: WebClient) -> None:
    sandbox.arm("slack", "post", "quota")
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=CHANNEL, text="x")
    assert caught.value.response.headers["retry-after"] == "1"
    sandbox.arm("slack", "post", "error", code="not_in_channel")
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=CHANNEL, text="x")
    assert code_of(caught) == "not_in_channel"


def test_the_sdk_posts_twice_after_a_lost_answer(sandbox: RunningSandbox, slack: WebClient) -> None:
    sandbox.arm("slack", "post", "lose_answer")
    slack.chat_postMessage(channel=CHANNEL, text="once?")
    assert len(sandbox.effects()["messages"]) == 2
