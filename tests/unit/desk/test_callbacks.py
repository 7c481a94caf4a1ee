"""Presses in Slack and Discord: what they decide, what people see afterwards, and what hostile ones can do: nothing."""

import hashlib
import hmac
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from nacl.signing import SigningKey

from dayreel.desk import callbacks
from dayreel.providers.notifiers import slack_callbacks
from dayreel.queries.rows import DecisionRow, newest_verdict
from dayreel.sandbox import credentials, interactions
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.reviewing import chat_review
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.request_review import notify_reviewers
from dayreel.services.reviewing.review_cards import redraw_cards
from dayreel.services.reviewing.waive import waive_check
from dayreel.services.upkeep.chores import do_chore, due_chores
from tests.fakes.chats import CONTENT, Chat, chat_on
from tests.fakes.clock import FakeClock
from tests.fakes.project import channel_of, check_result, content_row, ledger_rows, reviewable, write_channel
from tests.fakes.sandbox import RunningSandbox
from tests.waiting import WITHIN_S, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as running, running.standing_still():
        yield running


@pytest.fixture(autouse=True)
def _patient_vendors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendors' three seconds are real time, and this machine may be busy."""
    monkeypatch.setattr(interactions, "DEADLINE_S", WITHIN_S)
    monkeypatch.setattr(slack_callbacks, "FORM_DEADLINE_S", WITHIN_S)


@pytest.fixture(params=["slack", "discord"])
def chat(request: pytest.FixtureRequest, project: Project, world: RunningSandbox) -> Chat:
    world.clear_faults()
    world.reset()
    made = chat_on(project, world, request.param)
    made.ask()
    return made


def decision(chat: Chat) -> DecisionRow | None:
    with chat.project.catalog.read() as connection:
        return newest_verdict(connection, CONTENT)


def body_of(payload: Any, chat: str) -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return (urlencode({"payload": text}) if chat == "slack" else text).encode()


def payload_of(chat: Chat, request: dict[str, Any]) -> Any:
    return json.loads(parse_qs(request["body"])["payload"][0] if chat.name == "slack" else request["body"])


def signed(chat: Chat, body: bytes, *, at: float | None = None) -> dict[str, Any]:
    """Return a request with any body, signed as the vendor would."""
    stamp = str(int(chat.project.clock.now().timestamp() if at is None else at))
    if chat.name == "slack":
        mac = hmac.new(credentials.SLACK_SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac.hexdigest()}"}
        return {"headers": {**headers, "Content-Type": "application/x-www-form-urlencoded"}, "body": body}
    key = SigningKey(bytes.fromhex(credentials.DISCORD_SIGNING_SEED))
    signature = key.sign(stamp.encode() + body).signature.hex()
    return {"headers": {"X-Signature-Timestamp": stamp, "X-Signature-Ed25519": signature}, "body": body}


def opened(chat: Chat, answer: Any) -> dict[str, Any]:
    """Return the form that a press opened."""
    if chat.name == "slack":
        return dict(chat.world.effects()["forms"][-1])
    return {"id": answer.json()["data"]["custom_id"], **answer.json()["data"]}


def test_a_review_is_asked_once_with_buttons_and_its_preview(chat: Chat) -> None:
    chat.ask()
    (message,) = chat.messages()
    assert chat.buttons() == ["Approve", "Reject", "Edit caption"]
    assert "A jar rises" in chat.words()
    assert "Clay, patience" in chat.words()
    assert f"/content/{CONTENT}" in chat.words()
    if chat.name == "slack":
        (upload,) = [reply for reply in chat.world.effects()["messages"] if reply.get("thread_ts")]
        assert upload["thread_ts"] == message["ts"]
        assert upload["files"][0]["title"] == f"{CONTENT}/r1/preview"
    else:
        assert message["attachments"][0]["size"] == len(b"a video")


def test_a_card_with_a_failed_check_offers_no_approval(chat: Chat) -> None:
    final = chat.project.contents.manifest(CONTENT).final_video
    assert final is not None
    chat.project.contents.update(CONTENT, final_video=final.model_copy(update={"checks": (check_result("not_black"),)}))
    chat.press("approve")
    assert decision(chat) is None
    assert "not_black FAILED" in chat.whispers()[-1]
    assert chat.buttons() == ["Reject", "Edit caption"]
    assert "not_black FAILED" in chat.words().replace("\\", "")
    waive_check(chat.project, CONTENT, "not_black", by="ana", via="desk", reason="a night scene")
    assert chat.buttons() == ["Approve", "Reject", "Edit caption"]
    assert "Waived by ana: a night scene" in chat.words().replace("\\", "")


@pytest.mark.parametrize(
    ("button", "verdict", "says"), [("approve", "approved", "Approved"), ("reject", "rejected", "Rejected")]
)
def test_a_press_decides_and_the_message_shows_it(chat: Chat, button: str, verdict: str, says: str) -> None:
    assert chat.press(button, user="42", name="ana").status_code == 200
    made = decision(chat)
    assert made is not None
    assert (made.verdict, made.via, made.decided_by) == (verdict, chat.name, f"ana ({chat.name} 42)")
    assert chat.buttons() == []
    assert f"{says} by ana ({chat.name} 42)" in chat.words().replace("\\\\", "")
    assert chat.whispers() == []


def test_an_edited_caption_is_shown_with_buttons_for_it(chat: Chat) -> None:
    answer = chat.press("edit")
    assert answer.status_code == 200
    form = opened(chat, answer)
    shown = (
        form["blocks"][0]["element"]["initial_value"] if chat.name == "slack" else form["components"][0]["component"]
    )
    assert (shown if chat.name == "slack" else shown["value"]) == "Clay, patience"
    assert chat.deliver(chat.sign(form=form["id"], caption="Neue Wörter 🫖")).status_code == 200
    assert content_row(chat.project, CONTENT).caption == "Neue Wörter 🫖"
    assert "Neue Wörter 🫖" in chat.words()
    assert chat.buttons() == ["Approve", "Reject", "Edit caption"]
    chat.press("approve")
    made = decision(chat)
    assert made is not None
    assert (made.verdict, made.caption) == ("approved", "Neue Wörter 🫖")


def test_a_blank_caption_is_reported_in_the_form_and_not_saved(chat: Chat) -> None:
    answer = chat.press("edit")
    answer = chat.deliver(chat.sign(form=opened(chat, answer)["id"], caption="  "))
    assert "A caption needs words." in answer.text
    assert decision(chat) is None


def test_a_decision_made_elsewhere_is_shown_in_the_message(chat: Chat) -> None:
    decide(chat.project, CONTENT, "rejected", by="ben", via="cli", note="the hands")
    assert redraw_cards(chat.project, CONTENT) == []
    assert redraw_cards(chat.project, CONTENT) == []
    assert chat.buttons() == []
    assert "Rejected by ben" in chat.words()
    assert f"/content/{CONTENT}" in chat.words(), "where another take is begun"
    assert re.search(r"Another take \(about \$1\.\d\d\)", chat.words())
    assert chat.messages()[0]["edits"] == 1


def test_pressing_a_superseded_message_is_refused_and_explained(chat: Chat) -> None:
    stale = chat.sign(button="approve")
    reviewable(chat.project, video=b"again")
    assert chat.deliver(stale).status_code == 200
    assert decision(chat) is None
    assert "You saw revision 1" in chat.whispers()[0]
    chat.ask()
    assert chat.buttons(0) == []
    assert "Superseded: revision 2" in chat.words(0)
    assert chat.buttons(1) == ["Approve", "Reject", "Edit caption"]
    chat.press("approve")
    assert decision(chat) is not None


def test_the_second_of_two_who_press_learns_who_was_first(chat: Chat) -> None:
    first, second = chat.sign(button="approve", user="1", name="ana"), chat.sign(button="reject", user="2", name="ben")
    assert chat.deliver(first).status_code == chat.deliver(second).status_code == 200
    made = decision(chat)
    assert made is not None
    assert (made.verdict, len(chat.whispers())) == ("approved", 1)
    assert f"ana ({chat.name} 1)" in chat.whispers()[0]


def test_an_edit_of_something_that_has_changed_opens_no_form(chat: Chat) -> None:
    stale = chat.sign(button="edit")
    decide(chat.project, CONTENT, "approved", by="ben", via="cli")
    answer = chat.deliver(stale)
    assert answer.status_code == 200
    assert "has changed since this message was made" in chat.whispers()[0]
    assert "components" not in answer.text
    assert chat.buttons() == []


def test_a_message_that_was_deleted_holds_no_decision_back(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    errors: dict[str, dict[str, Any]] = {
        "slack": {"code": "message_not_found"},
        "discord": {"code": 10008, "status": 404},
    }
    chat.world.arm(chat.name, "update", "error", **errors[chat.name])
    assert chat.press("approve").status_code == 200
    assert decision(chat) is not None
    assert "Somebody deleted the message" in caplog.text


def test_a_lost_answer_to_an_update_is_retried_immediately(chat: Chat) -> None:
    chat.world.arm(chat.name, "update", "lose_answer")
    chat.press("approve")
    assert chat.buttons() == []
    assert [row["state"] for row in ledger_rows(chat.project, target=chat.name)].count("unknown") == 0


def test_a_lost_question_is_found_by_its_marker_and_not_resent(
    project: Project, world: RunningSandbox, chat: Chat
) -> None:
    from dayreel.services.upkeep.reconcile import reconcile

    row = reviewable(chat.project, video=b"again")
    world.arm(chat.name, "post", "lose_answer")
    notifier = chat.project.connect(chat.name)
    notified = notify_reviewers(chat.project, channel_of(chat.project), row, notifiers=[notifier])
    assert "It may have happened" in notified
    assert [outcome.outcome for outcome in reconcile(chat.project)] == ["confirmed"]
    assert len(chat.messages()) == 2
    chat.press("approve")
    assert chat.buttons(1) == []


def test_only_the_people_of_the_channel_file_decide(chat: Chat) -> None:
    review = {"who": ["Ana"], "slack": {"42": "Ana", "43": "Zoe"}, "discord": {"42": "Ana", "43": "Zoe"}}
    write_channel(chat.project.settings.root, "crafts", review=review)
    for stranger in ("41", "43"):
        answer = chat.press("approve", user=stranger, name="Ana")
        # Discord shows nobody the reason of a 4xx, so there it is a private answer instead.
        assert answer.status_code == (403 if chat.name == "slack" else 200)
        reply = chat.whispers()[-1] if chat.name == "slack" else answer.json()["data"]["content"]
        assert "may not decide" in reply
        assert decision(chat) is None
    chat.press("approve", user="42", name="somebody else's handle")
    made = decision(chat)
    assert made is not None
    assert made.decided_by == "Ana"


def test_maintenance_updates_a_message_whose_update_failed(chat: Chat) -> None:
    def due() -> list[str]:
        return [chore.name for chore in due_chores(chat.project, targets=everything_to(chat.name))]

    assert due() == []
    chat.world.arm(chat.name, "update", "error", times=3, status=503)
    chat.press("approve")
    assert decision(chat) is not None
    assert (chat.buttons(), due()) == (["Approve", "Reject", "Edit caption"], ["messages"])
    report = do_chore(chat.project, "messages", notifiers=everything_to(chat.project.connect(chat.name)))
    assert report == [f"{CONTENT}: its message shows how it stands"]
    assert (chat.buttons(), due()) == ([], [])


def test_maintenance_sends_a_question_that_could_not_be_sent(chat: Chat) -> None:
    row = reviewable(chat.project, video=b"again")
    chat.world.arm(chat.name, "post", "error", times=1, status=503)
    notifier = chat.project.connect(chat.name)
    assert "was not notified" in notify_reviewers(chat.project, channel_of(chat.project), row, notifiers=[notifier])
    # A 503 may come from somebody in between: the question is looked up, and only then sent again.
    assert isinstance(chat.project.clock, FakeClock)
    chat.project.clock.move(minutes=15)
    done = []
    while due := due_chores(chat.project, targets=everything_to(chat.name)):
        done.append(due[0].name)
        do_chore(chat.project, due[0].name, notifiers=everything_to(notifier))
        assert len(done) <= 3, done
    assert done == ["reconcile", "messages"]
    assert (len(chat.messages()), chat.buttons(0)) == (2, [])
    assert due_chores(chat.project, targets=everything_to(chat.name)) == []


def test_with_two_approvals_needed_the_first_keeps_the_buttons(chat: Chat) -> None:
    two = {"approvals": 2, "who": ["ana", "ben"], chat.name: {"1": "ana", "2": "ben"}}
    write_channel(chat.project.settings.root, "crafts", review=two)
    chat.press("approve", user="1", name="ana")
    assert "approved by ana; 2 people have to approve" in chat.words().replace("\\\\", "")
    assert chat.buttons() == ["Approve", "Reject", "Edit caption"]
    chat.press("approve", user="1", name="ana")
    assert content_row(chat.project, CONTENT).state == "review_pending"
    chat.press("approve", user="2", name="ben")
    assert content_row(chat.project, CONTENT).state == "approved"
    assert chat.buttons() == []


def test_a_hold_or_recall_is_shown_and_can_be_decided_again(chat: Chat) -> None:
    decide(chat.project, CONTENT, "held", by="ben", via="cli")
    redraw_cards(chat.project, CONTENT)
    assert "on hold by ben" in chat.words()
    chat.press("approve")
    decide(chat.project, CONTENT, "recalled", by="ben", via="cli")
    redraw_cards(chat.project, CONTENT)
    assert "recalled by ben" in chat.words()
    chat.press("reject")
    assert content_row(chat.project, CONTENT).state == "rejected"


# -- hostile ones ------------------------------------------------------------------------------------------------


@dataclass
class Bent:
    """A good request to approve, and the means to bend it."""

    chat: Chat

    def __post_init__(self) -> None:
        self.good = self.chat.sign(button="approve")
        self.payload = payload_of(self.chat, self.good)
        self.now = self.chat.project.clock.now().timestamp()
        self.stamp, self.mark = list(self.good["headers"])[:2]

    def header(self, name: str, value: str | bytes) -> dict[str, Any]:
        return {**self.good, "headers": {**self.good["headers"], name: value}}

    def body(self, body: bytes, *, after_s: float = 0) -> dict[str, Any]:
        return signed(self.chat, body, at=self.now + after_s)

    def document(self, payload: Any) -> dict[str, Any]:
        return self.body(body_of(payload, self.chat.name))

    def button(self, **changes: str) -> dict[str, Any]:
        return self.document(with_button(self.chat, self.payload, **changes))


def last_changed(text: str) -> str:
    return text[:-1] + ("1" if text[-1] == "0" else "0")


ARABIC_DIGITS = "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660"
BENDS: dict[str, tuple[int, Callable[[Bent], dict[str, Any]]]] = {
    "no signature": (401, lambda b: {**b.good, "headers": {}}),
    "wrong signature": (401, lambda b: b.header(b.mark, last_changed(b.good["headers"][b.mark]))),
    "of another body": (401, lambda b: {**b.good, "body": b.good["body"].replace("approve", "reject")}),
    "two signatures": (401, lambda b: {**b.good, "headers": [*b.good["headers"].items(), (b.mark, "v0=00")]}),
    "odd digits in the timestamp": (401, lambda b: b.header(b.stamp, ARABIC_DIGITS.encode())),
    "odd bytes in the signature": (401, lambda b: b.header(b.mark, b"v0=\xff\xfe")),
    "old": (401, lambda b: b.body(b.good["body"].encode(), after_s=-301)),
    "from the future": (401, lambda b: b.body(b.good["body"].encode(), after_s=301)),
    "huge": (413, lambda b: b.body(b"x" * 1_000_001)),
    "huge, without a length": (413, lambda b: {**b.good, "body": iter([b"x" * 600_000, b"y" * 600_000])}),
    "no UTF-8": (400, lambda b: b.body(b"payload=\xff\xfe%ff")),
    "UTF-16": (400, lambda b: b.body(json.dumps(b.payload).encode("utf-16"))),
    "a byte order mark": (400, lambda b: b.body(b"\xef\xbb\xbf" + b.good["body"].encode())),
    "no JSON": (400, lambda b: b.document("{")),
    "deep JSON": (400, lambda b: b.document("[" * 100_000)),
    "a list": (400, lambda b: b.document([])),
    "nothing": (400, lambda b: b.body(b"")),
    "two payloads": (400, lambda b: b.body(b.good["body"].encode() + b"&payload=%7B%7D")),
    "another kind": (400, lambda b: b.document({**b.payload, "type": "shortcut" if b.chat.name == "slack" else 2})),
    "another button": (400, lambda b: b.button(act="publish")),
    "another state": (403, lambda b: b.document({**b.payload, "channel": {"id": "C0OTHER"}, "channel_id": "999"})),
    "unknown content": (404, lambda b: b.button(ticket=f"crafts-2020-01-01 {ticket_of(b.chat, b.payload)[-22:]}")),
    "a path": (404, lambda b: b.button(ticket="../../etc/passwd 1.1.x")),
    "no revision": (404, lambda b: b.button(ticket=f"{CONTENT} ")),
    "letters for a revision": (404, lambda b: b.button(ticket=f"{CONTENT} x.y.z")),
    "a null": (404, lambda b: b.button(ticket="\x00 1.1.x")),
    "another channel": (404, lambda b: b.button(ticket="otherchannel-2026-11-20 1.1.x")),
}


def ticket_of(chat: Chat, payload: Any) -> str:
    if chat.name == "slack":
        return str(payload["actions"][0]["value"])
    return str(payload["data"]["custom_id"]).partition(" ")[2]


def with_button(chat: Chat, payload: Any, *, act: str = "approve", ticket: str | None = None) -> Any:
    ticket = ticket_of(chat, payload) if ticket is None else ticket
    if chat.name == "slack":
        return {**payload, "actions": [{**payload["actions"][0], "action_id": f"dayreel_{act}", "value": ticket}]}
    return {**payload, "data": {**payload["data"], "custom_id": f"{act} {ticket}"}}


def test_what_is_hostile_is_refused_and_changes_nothing(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = (content_row(chat.project, CONTENT), ledger_rows(chat.project), chat.messages())
    for how, (status, bend) in BENDS.items():
        answer = chat.deliver(bend(Bent(chat)))
        if how == "another state" and chat.name == "discord":
            assert "another one" in answer.json()["data"]["content"]
        else:
            assert (answer.status_code, answer.text) == (status, "Refused.\n"), how
        assert (content_row(chat.project, CONTENT), ledger_rows(chat.project), chat.messages()) == before, how
        assert decision(chat) is None, how
    assert credentials.SLACK_SIGNING_SECRET not in caplog.text


def test_a_replay_is_refused_even_after_the_decision_is_revoked(chat: Chat) -> None:
    first = chat.sign(button="approve")
    assert chat.deliver(first).status_code == 200
    reviewable(chat.project, video=b"again")
    assert chat.deliver(first).status_code == 409
    assert content_row(chat.project, CONTENT).state == "review_pending"


def test_a_replay_in_another_process_changes_nothing_either(chat: Chat, project: Project) -> None:
    """What remembers repeats is gone with its process; the compare-and-set is not."""
    first = chat.sign(button="approve")
    chat.deliver(first)
    newer = chat_on(project, chat.world, chat.name)
    reviewable(newer.project, video=b"again")
    assert newer.deliver(first).status_code == 200
    assert content_row(newer.project, CONTENT).state == "review_pending"


def test_a_chat_that_is_not_set_up_has_no_address(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(chat.project), "variable", lambda _self, _name: None)
    assert chat.press("approve").status_code == 404
    assert decision(chat) is None


def test_a_ping_of_discord_is_answered_again_and_again(project: Project, world: RunningSandbox) -> None:
    chat = chat_on(project, world, "discord")
    ping = signed(chat, b'{"type": 1}')
    assert [chat.deliver(ping).json() for _ in range(2)] == [{"type": 1}] * 2


def test_the_form_is_one_that_the_chat_takes(chat: Chat) -> None:
    from tests.fakes.desk import served

    with served(chat.desk) as address:
        at = int(chat.project.clock.now().timestamp())
        wish = {"service": chat.name, "message": chat.message_id(-1), "button": "edit", "at": at}
        response = chat.world.press({**wish, "to": f"{address}/callbacks/{chat.name}"})
    assert (response["status"], response["problem"]) == (200, "")
    assert len(chat.world.effects()["forms"]) == (1 if chat.name == "slack" else 0)


def test_a_press_is_answered_before_it_is_done(
    project: Project, world: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendors wait three seconds for the answer; here, what is done afterwards is not begun before it is there."""
    from tests.fakes.desk import served

    world.reset()
    chat = chat_on(project, world, "slack")
    chat.ask()
    is_answered, act = threading.Event(), chat_review.act_on_press

    def act_later(*asked: Any) -> None:
        assert is_answered.wait(WITHIN_S)
        act(*asked)

    monkeypatch.setattr(callbacks, "act_on_press", act_later)
    with served(chat.desk) as address:
        at = int(chat.project.clock.now().timestamp())
        wish = {"service": "slack", "message": chat.message_id(-1), "button": "approve", "at": at}
        response = chat.world.press({**wish, "to": f"{address}/callbacks/slack"})
        assert (response["status"], response["answer"], response["problem"]) == (200, None, "")
        assert chat.buttons() != []
        is_answered.set()
        wait_until(lambda: chat.buttons() == [])
    assert decision(chat) is not None
