"""A post that a webhook's receiver confirms: posted at most once, and known only by what the receiver itself says."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from dayreel.errors import ConfigurationError, PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Reply
from dayreel.providers.platforms.automation import AutomationPlatform
from dayreel.providers.signed_webhook import SignedWebhook
from dayreel.queries.rows import posts_of
from dayreel.services.measure_posts import measurable_posts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep import take_report as take_report_module
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.stores.catalog.tables import effects
from tests.fakes.clock import FakeClock
from tests.fakes.desk import desk_on
from tests.fakes.prepared import files_of, lay_out
from tests.fakes.project import channel_of, content_row, ledger_rows, reviewable, today
from tests.fakes.project import make_project as make_one
from tests.fakes.rows import add_post

ID = "crafts-2026-11-20"
POSTED = {"status": "posted", "url": "https://instagram.example/reel/1", "id": 17}
FAILED = {"status": "failed", "reason": "the connection has expired"}
STATUS_URL = "https://hooks.example/status"
LOST = UnknownOutcomeError(attempted="hand it over", answer="the answer was lost")


class Killed(BaseException):
    """The process is gone."""


class Receiver(SignedWebhook):
    """A webhook whose answers are given; `during` is what happens before it answers."""

    def __init__(self, clock: FakeClock) -> None:
        url, hook = "https://hooks.example/catch/marked-hook", "PUBLISH_WEBHOOK_URL"
        super().__init__(url=url, variable=hook, vendor="the webhook", clock=clock, secret="marked-secret")
        self.documents: list[dict[str, Any]] = []
        self.answers: list[bytes | BaseException] = []
        self.status: Mapping[str, Any] = FAILED
        self.during: Callable[[Mapping[str, Any]], object] = lambda _document: None

    def post(self, document: Mapping[str, Any], *, key: str, attempted: str, hidden: tuple[str, ...] = ()) -> Reply:
        assert document["idempotency_key"] == key
        assert hidden[0] in document["callback_url"]
        self.documents.append(dict(document))
        self.during(document)
        answer = self.answers.pop(0) if self.answers else b"Accepted"
        if isinstance(answer, BaseException):
            raise answer
        return Reply(200, {}, answer, attempted, has_side_effects=True)

    def ask(self, url: str, *, params: Mapping[str, str], attempted: str) -> Reply:
        self.during(self.documents[-1])
        if url != STATUS_URL:
            raise ConfigurationError("The address cannot be used.")
        return Reply(200, {}, json.dumps({**params, **self.status}).encode(), attempted, has_side_effects=False)


class Hook:
    """A project whose channel posts through a webhook, and the desk that its receiver calls back."""

    def __init__(self, project: Project, clock: FakeClock, desk: TestClient) -> None:
        self.project, self.clock, self.desk = project, clock, desk
        self.receiver = Receiver(clock)
        self.connect()

    def connect(self, *, opening: Callable[[], object] = lambda: None, status_url: str | None = None) -> None:
        def public_url(_video: Path) -> Any:
            opening()
            return nullcontext("https://public.example/video.mp4")

        self.platform = AutomationPlatform(
            webhook=self.receiver,
            public_url=public_url,
            clock=self.clock,
            callback_origin="https://desk.example",
            status_url=status_url,
            longest_hold_s=5,
        )
        self.project.providers["automation"] = self.platform

    def publish(self, content_id: str = ID) -> str:
        return publish_post(
            self.project, channel_of(self.project), content_id, "automation", provider=self.platform
        ).state

    def call_back(self, report: Any, *, document: int = -1, path: str | None = None) -> int:
        url = path or urlsplit(self.receiver.documents[document]["callback_url"]).path
        body = report if isinstance(report, bytes) else json.dumps(report).encode()
        return self.desk.post(url, content=body).status_code

    def post(self) -> Any:
        with self.project.catalog.read() as connection:
            (post,) = posts_of(connection, [ID])
        return post

    def effect(self) -> dict[str, Any]:
        (row,) = ledger_rows(self.project, kind="post", content_id=ID)
        return row

    @property
    def standing(self) -> tuple[str, str]:
        return self.effect()["state"], self.post().state


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A project whose only content was approved for a webhook."""
    root = tmp_path_factory.mktemp("prepared")
    project = make_one(root, channels={"crafts": {"platforms": {"automation": {}}}})
    decide(project, reviewable(project).id, "approved", by="ana", via="cli")
    project.catalog.close()
    return files_of(root)


@pytest.fixture
def hook(prepared: Mapping[str, bytes], make_project: Callable[..., Project], tmp_path: Path) -> Iterator[Hook]:
    clock = FakeClock()
    lay_out(prepared, tmp_path)
    project = make_project(channels={}, clock=clock)
    with TestClient(desk_on(project), base_url="http://127.0.0.1:8700") as desk:
        yield Hook(project, clock, desk)


def test_a_2xx_is_no_post_until_it_is_confirmed(hook: Hook) -> None:
    assert hook.publish() == "processing"
    assert hook.standing == ("confirmed", "processing")
    assert hook.publish() == "processing"
    assert hook.call_back(POSTED) == 200
    assert hook.standing == ("confirmed", "posted")
    assert (hook.post().post_id, hook.post().post_url) == ("17", POSTED["url"])
    assert content_row(hook.project, ID).state == "posted"
    assert hook.call_back(POSTED) == 200, "the same again"
    assert hook.standing == ("confirmed", "posted")
    (document,) = hook.receiver.documents
    assert (document["content_id"], document["channel"], document["day"]) == (ID, "crafts", "2026-11-20")
    assert document["caption"].endswith("#craft")
    assert document["hashtags"] == ["#craft"]
    assert measurable_posts(hook.project, today(hook.project)) == [], "it reports no counters"


@pytest.mark.parametrize(
    ("reports", "statuses", "standing"),
    [
        ([FAILED, FAILED], [200, 200], ("refused", "failed")),
        ([FAILED, POSTED], [200, 200], ("confirmed", "posted")),
        ([POSTED, FAILED], [200, 409], ("confirmed", "posted")),
        ([POSTED, {**POSTED, "url": "https://instagram.example/reel/2"}], [200, 409], ("confirmed", "posted")),
        ([{**POSTED, "content_id": "crafts-2026-11-21"}], [422], ("confirmed", "processing")),
        ([{**POSTED, "idempotency_key": "another"}], [422], ("confirmed", "processing")),
        ([{"status": "posted"}, {"status": "posted", "url": ""}], [422, 422], ("confirmed", "processing")),
        ([{"status": "posted", "url": "javascript:alert(1)"}], [422], ("confirmed", "processing")),
        ([{"status": "approved", "id": 1}, {}], [422, 422], ("confirmed", "processing")),
        ([b"status=posted", b"[1]", b"[" * 9000], [400, 400, 400], ("confirmed", "processing")),
        ([b"x" * 200_000], [413], ("confirmed", "processing")),
    ],
)
def test_each_report_has_its_outcome(
    hook: Hook, reports: list[Any], statuses: list[int], standing: tuple[str, str]
) -> None:
    hook.publish()
    assert [hook.call_back(report) for report in reports] == statuses
    assert hook.standing == standing
    reconcile(hook.project)
    assert hook.standing == standing
    assert len(hook.receiver.documents) == 1
    if 409 in statuses:
        assert hook.post().post_url == POSTED["url"]
        assert "reported as posted, and later" in hook.post().error_message


def test_a_key_is_for_one_delivery_and_ends(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.publish()
    path = urlsplit(hook.receiver.documents[0]["callback_url"]).path
    number, _, key = path.rpartition("/")[2].partition(".")
    other = int(number) + 1
    forged = [f"automation/{number}.{key[:-1]}", f"automation/{other}.{key}", f"instagram/{number}.{key}"]
    forged += [
        f"automation/{number}",
        f"automation/{number}.",
        f"automation/{'9' * 30}.{key}",
        f"nobody/{number}.{key}",
    ]
    assert {hook.call_back(POSTED, path=f"/callbacks/{each}") for each in forged} == {404}
    assert hook.standing == ("confirmed", "processing")
    hook.clock.move(hours=6, days=7)
    assert hook.call_back(POSTED) == 404, "it is over"
    assert key not in caplog.text


@pytest.mark.parametrize("answer", [b"Accepted", LOST], ids=["taken", "lost"])
def test_a_callback_before_the_answer_counts(hook: Hook, answer: bytes | BaseException) -> None:
    hook.receiver.answers = [answer]
    hook.receiver.during = lambda _document: hook.call_back(POSTED)
    assert hook.publish() == "posted"
    assert hook.standing == ("confirmed", "posted")


def test_a_lost_answer_is_unknown_until_it_is_confirmed(hook: Hook) -> None:
    hook.receiver.answers = [LOST]
    with pytest.raises(UnknownOutcomeError):
        hook.publish()
    reconcile(hook.project)
    assert hook.standing == ("unknown", "unknown")
    with pytest.raises(UnknownOutcomeError):
        hook.publish()
    assert hook.call_back(POSTED) == 200
    assert hook.standing == ("confirmed", "posted")
    assert hook.publish() == "posted"
    assert len(hook.receiver.documents) == 1


def test_nobody_confirms_it_in_time(hook: Hook) -> None:
    hook.publish()
    hook.clock.move(hours=5.9)
    reconcile(hook.project)
    assert hook.standing == ("confirmed", "processing")
    hook.clock.move(hours=0.2)
    (outcome,) = reconcile(hook.project)
    assert (outcome.outcome, hook.standing) == ("parked", ("unknown", "unknown"))
    assert "did not confirm it" in outcome.evidence
    assert hook.call_back(POSTED) == 200, "late, and still believed"
    assert hook.standing == ("confirmed", "posted")


def test_a_persons_word_is_corrected_by_a_late_callback(hook: Hook) -> None:
    hook.receiver.answers = [LOST]
    with pytest.raises(UnknownOutcomeError):
        hook.publish()
    resolve(hook.project, hook.effect()["id"], reference=None, by="ana")
    assert hook.standing == ("intended", "failed")
    assert hook.call_back(POSTED) == 200
    assert hook.publish() == "posted"
    assert len(hook.receiver.documents) == 1


def test_a_persons_found_post_is_not_taken_back(hook: Hook) -> None:
    hook.receiver.answers = [LOST]
    with pytest.raises(UnknownOutcomeError):
        hook.publish()
    resolve(hook.project, hook.effect()["id"], reference="reel-9", by="ana")
    assert hook.call_back(FAILED) == 200
    assert hook.standing == ("confirmed", "posted")
    assert hook.post().post_id == "reel-9"


def test_a_failed_delivery_is_sent_again_under_another_key(hook: Hook) -> None:
    hook.receiver.during = lambda _document: hook.call_back(FAILED)
    with pytest.raises(PermanentError, match="the connection has expired"):
        hook.publish()
    with pytest.raises(PermanentError, match="refused earlier"):
        hook.publish()
    hook.receiver.during = lambda _document: None
    assert reopen_refused(hook.project, ID)
    assert hook.publish() == "processing"
    first, second = (document["idempotency_key"] for document in hook.receiver.documents)
    assert first != second
    assert hook.call_back(POSTED, document=0) == 200, "the first one was posted after all"
    assert "the next one may be out as well" in hook.post().error_message
    assert hook.call_back({**POSTED, "id": 18, "url": "https://instagram.example/reel/2"}) == 200
    assert "posted twice" in hook.post().error_message


def test_a_late_report_stops_the_next_delivery(hook: Hook) -> None:
    """A tunnel takes its time to open, and an upload to a bucket more."""
    hook.receiver.during = lambda _document: hook.call_back(FAILED)
    with pytest.raises(PermanentError):
        hook.publish()
    reopen_refused(hook.project, ID)
    hook.connect(opening=lambda: hook.call_back(POSTED, document=0))
    assert hook.publish() == "posted"
    assert (len(hook.receiver.documents), hook.post().error_message) == (1, None)


def test_a_report_that_kills_its_taker_is_settled_later(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    hook.publish()
    hook.call_back(FAILED)
    assert hook.standing == ("refused", "failed")
    monkeypatch.setattr(take_report_module, "settle_reported", die)
    key = urlsplit(hook.receiver.documents[0]["callback_url"]).path.rpartition("/")[2]
    with pytest.raises(Killed):
        take_report_module.take_report(hook.project, "automation", key, POSTED)
    reconcile(hook.project)
    assert hook.standing == ("confirmed", "posted")


def test_a_callback_during_a_look_stands(hook: Hook) -> None:
    hook.publish()
    hook.connect(status_url=STATUS_URL)
    hook.receiver.during = lambda _document: hook.call_back(POSTED)
    (outcome,) = reconcile(hook.project)
    assert (outcome.outcome, hook.standing) == ("at_work", ("confirmed", "posted"))


def test_a_report_outlives_an_older_look(hook: Hook) -> None:
    """What a look has read before a report is written back after it."""
    hook.receiver.answers = [LOST]
    with pytest.raises(UnknownOutcomeError):
        hook.publish()
    read_before = hook.effect()
    handle = {**read_before["handle"], "reports": {read_before["handle"]["delivery"]: POSTED}}
    with hook.project.catalog.write("money") as connection:
        connection.execute(update(effects).values(handle=handle))
    hook.project.ledger.record_outcome(read_before["id"], "refused", "it failed", handle=read_before["handle"])
    assert hook.effect()["handle"] == handle


def test_a_wrong_status_address_refuses_nothing(hook: Hook) -> None:
    hook.connect(status_url="https://a..b/status")
    assert hook.publish() == "processing"
    assert hook.standing == ("confirmed", "processing")
    hook.call_back(POSTED)
    assert hook.standing == ("confirmed", "posted")


def test_what_never_arrived_goes_again_under_its_key(hook: Hook) -> None:
    hook.receiver.answers = [TransientError(attempted="hand it over", answer="no connection")]
    assert hook.publish() == "processing"
    first, second = hook.receiver.documents
    assert first["idempotency_key"] == second["idempotency_key"]
    assert hook.call_back(POSTED, document=0) == 404, "its address never left"
    assert hook.call_back(POSTED) == 200


def test_a_process_that_dies_sends_nothing_twice(hook: Hook) -> None:
    hook.receiver.answers = [Killed()]
    with pytest.raises(Killed):
        hook.publish()
    with hook.project.catalog.write("money") as connection:
        connection.execute(update(effects).values(owner="another-boot:1:1", lease_until_at=hook.clock.now()))
    hook.clock.move(hours=1)
    reconcile(hook.project)
    assert hook.standing == ("unknown", "unknown")
    assert hook.call_back(POSTED) == 200
    assert hook.standing == ("confirmed", "posted")
    assert len(hook.receiver.documents) == 1


def test_another_contents_post_is_not_this_ones(hook: Hook) -> None:
    hook.publish()
    add_post(hook.project.catalog, "crafts-2026-11-19", 99, "automation")
    assert hook.call_back({**POSTED, "id": "p99"}) == 422
    assert hook.standing == ("confirmed", "processing")


def test_a_status_address_may_not_name_another_contents_post(hook: Hook) -> None:
    hook.publish()
    hook.connect(status_url=STATUS_URL)
    hook.receiver.status = {**POSTED, "id": "p99"}
    add_post(hook.project.catalog, "crafts-2026-11-19", 99, "automation")
    (outcome,) = reconcile(hook.project)
    assert (outcome.outcome, hook.standing) == ("parked", ("unknown", "unknown"))
    assert "the post of crafts-2026-11-19" in outcome.evidence


def test_an_answer_that_repeats_the_key_is_a_report(hook: Hook) -> None:
    def answer(document: Mapping[str, Any]) -> None:
        report = {**POSTED, "idempotency_key": document["idempotency_key"]}
        hook.receiver.answers = [json.dumps(report).encode()]

    hook.receiver.during = answer
    assert hook.publish() == "posted"
    assert hook.post().post_url == POSTED["url"]


def test_one_posted_after_all_beside_its_edit_is_shown(hook: Hook) -> None:
    hook.receiver.during = lambda _document: hook.call_back(FAILED)
    with pytest.raises(PermanentError):
        hook.publish()
    hook.receiver.during = lambda _document: None
    for verdict in ("edited", "approved"):
        decide(hook.project, ID, verdict, by="ana", via="cli", caption="A jar of ink.")
    assert hook.publish() == "processing"
    assert hook.call_back(POSTED, document=0) == 200
    assert "more than once" in str(hook.post().error_message)
    assert hook.call_back({**POSTED, "id": 18, "url": "https://instagram.example/reel/2"}) == 200
    assert "more than once" in str(hook.post().error_message)
