"""Looking first: what is found is written down with its evidence, and nothing is ever sent. Then people rule."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dayreel.errors import ConfigurationError, PermanentError, TransientError, UnknownOutcomeError, UsageError
from dayreel.processes import this_process
from dayreel.providers.platforms.contract import PostFinding, Receipt
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.queries.rows import posts_of
from dayreel.schemas.effect import EffectKey, EffectKind, RecordHandle
from dayreel.services.effects.intent import Intent
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.request_review import notify_reviewers
from dayreel.services.upkeep.chores import Chore, due_chores
from dayreel.services.upkeep.reconcile import Reconciled, reconcile, resolve
from dayreel.stores.catalog.tables import effects
from tests.fakes.clock import FakeClock
from tests.fakes.holders import ELSEWHERE, beat_elsewhere
from tests.fakes.notifier import FakeNotifier
from tests.fakes.platform import FakePlatform, Killed
from tests.fakes.prepared import lay_out, reviewable_project
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, status_documents, write_channel
from tests.fakes.video_generator import DONE, FakeVideoGenerator, cannot_look_up

ID = "crafts-2026-11-20"
LOST = UnknownOutcomeError(attempted="send", answer="the connection closed")
DEAD = f"{this_process().rsplit(':', 2)[0]}:4000000:1.00"


@pytest.fixture
def project(make_project: Callable[..., Project], tmp_path: Path) -> Project:
    lay_out(reviewable_project(), tmp_path)
    return make_project(channels={})


def leave(
    project: Project,
    kind: EffectKind,
    target: str,
    *,
    error: BaseException = LOST,
    handle: dict[str, Any] | None = None,
    sequence: int = 1,
) -> int:
    """Leave an effect whose outcome is not known, and return its number."""
    key = EffectKey(ID, kind, target, sequence, "f")
    segment = {"model": "m", "prompt": "clay", "duration_s": 5, "resolution": "720p"}
    request = segment if kind == "segment" else {"model": "m", "marker": "the-marker"}
    wanted = Intent(key, channel_of(project), DAY, "video", most_usd=Decimal("0.5"), request=request)

    def act(_permit: object, _handle: object, record: RecordHandle) -> Any:
        if handle is not None:
            record(handle)
        raise error

    with pytest.raises(type(error)):
        project.ledger.perform(wanted, act)
    return int(ledger_rows(project, kind=kind, sequence=sequence)[-1]["id"])


def leave_post(project: Project, platform: FakePlatform) -> None:
    decide(project, ID, "approved", by="ana", via="cli")
    project.providers["instagram"] = platform
    with pytest.raises((UnknownOutcomeError, Killed)):
        publish_post(project, channel_of(project), ID, "instagram", provider=platform)


def only(outcomes: list[Reconciled]) -> Reconciled:
    (outcome,) = outcomes
    return outcome


def looks_due(project: Project) -> list[Chore]:
    return [chore for chore in due_chores(project, targets=everything_to("log")) if chore.name == "reconcile"]


def effect(project: Project, number: int) -> dict[str, Any]:
    return next(row for row in ledger_rows(project) if row["id"] == number)


def post(project: Project) -> dict[str, Any]:
    with project.catalog.read() as connection:
        (row,) = posts_of(connection, [ID])
    return vars(row)


def test_with_nothing_in_doubt_nothing_is_asked(project: Project) -> None:
    assert reconcile(project) == []


# -- posts ---------------------------------------------------------------------------------------------------------


def test_a_post_that_is_there_is_confirmed_with_its_address(project: Project) -> None:
    platform = FakePlatform(steps=["lost_answer"])
    leave_post(project, platform)
    outcome = only(reconcile(project))
    assert (outcome.outcome, outcome.kind, outcome.evidence) == ("confirmed", "post", "found p-c1 by its words")
    assert (post(project)["state"], post(project)["post_url"]) == ("posted", "https://instagram.example/p/p-c1")
    assert content_row(project, ID).state == "posted"
    assert reconcile(project) == []
    assert len(platform.posted) == 1


def test_a_post_that_is_certainly_not_there_is_released(project: Project) -> None:
    leave_post(project, FakePlatform(steps=["lost_request"]))
    outcome = only(reconcile(project))
    assert (outcome.outcome, outcome.next_step) == ("released", f"dayreel publish {ID}")
    row = ledger_rows(project, kind="post")[0]
    assert (row["state"], row["handle"], post(project)["state"]) == ("intended", {}, "failed")


def test_a_post_that_is_half_way_goes_on_from_its_handle(project: Project) -> None:
    finding = PostFinding("resumable", "the upload has 3 of 9 chunks", handle={"session": "s1"})
    leave_post(project, FakePlatform(steps=["lost_answer"], sees=finding))
    outcome = only(reconcile(project))
    assert (outcome.outcome, outcome.evidence) == ("goes_on", "the upload has 3 of 9 chunks")
    row = ledger_rows(project, kind="post")[0]
    assert (row["state"], row["handle"]) == ("intended", {"session": "s1"})


@pytest.mark.parametrize(
    "sees",
    [
        PostFinding("unclear", "two posts can be it"),
        TransientError(attempted="look", answer="HTTP 500"),
        PermanentError(attempted="look", answer="HTTP 401 the token has expired"),
    ],
    ids=["unclear", "down", "expired"],
)
def test_an_unclear_outcome_is_parked_with_its_evidence(project: Project, sees: Any) -> None:
    leave_post(project, FakePlatform(steps=["lost_answer"], sees=sees))
    for _ in range(2):
        outcome = only(reconcile(project))
        assert outcome.outcome == "parked"
        assert outcome.next_step.endswith(f"dayreel reconcile --effect {outcome.effect_id} --found ID (or --not-there)")
    row = effect(project, outcome.effect_id)
    assert (row["state"], row["error"]) == ("unknown", outcome.evidence)
    assert (post(project)["state"], post(project)["error_message"]) == ("unknown", outcome.evidence)


def test_a_killed_post_is_looked_up_too(project: Project) -> None:
    leave_post(project, FakePlatform(steps=["killed_after_publish"]))
    assert only(reconcile(project)).outcome == "confirmed"


def test_a_processing_post_is_checked_until_it_is_public(project: Project) -> None:
    decide(project, ID, "approved", by="ana", via="cli")
    slow = FakePlatform(steps=["processing"], sees=PostFinding("resumable", "still processing"))
    project.providers["instagram"] = slow
    publish_post(project, channel_of(project), ID, "instagram", provider=slow)
    outcome = only(reconcile(project))
    assert (outcome.outcome, post(project)["state"]) == ("goes_on", "processing")
    project.providers["instagram"] = FakePlatform(world=slow.world)
    assert only(reconcile(project)).outcome == "confirmed"
    assert (post(project)["state"], content_row(project, ID).state) == ("posted", "posted")


@pytest.mark.parametrize(
    ("verdict", "outcome", "state"), [("absent", "released", "failed"), ("unclear", "parked", "unknown")]
)
def test_a_post_its_platform_gave_up_does_not_stay_processing(
    project: Project, verdict: Any, outcome: str, state: str
) -> None:
    decide(project, ID, "approved", by="ana", via="cli")
    slow = FakePlatform(steps=["processing"], sees=PostFinding(verdict, "the platform refused the file"))
    project.providers["instagram"] = slow
    publish_post(project, channel_of(project), ID, "instagram", provider=slow)
    reconciled = only(reconcile(project))
    assert (reconciled.outcome, post(project)["state"]) == (outcome, state)
    assert post(project)["error_message"] == "the platform refused the file"


@pytest.mark.parametrize(("reference", "state"), [("17900", "posted"), (None, "failed")])
def test_a_person_says_what_became_of_a_post(project: Project, reference: str | None, state: str) -> None:
    leave_post(project, FakePlatform(steps=["lost_answer"], sees=PostFinding("unclear", "?")))
    number = only(reconcile(project)).effect_id
    outcome = resolve(project, number, reference=reference, by="ana", note="looked at the app")
    assert outcome.outcome == ("confirmed" if reference else "released")
    assert outcome.evidence.startswith("ana looked: ")
    assert outcome.evidence.endswith("(looked at the app)")
    assert (post(project)["state"], post(project)["post_id"]) == (state, reference)


# -- segments ------------------------------------------------------------------------------------------------------


def test_a_segment_nobody_can_look_up_keeps_its_money_reserved(project: Project, tiny_clip: Path) -> None:
    number = leave(project, "segment", "fal")
    project.providers["fal"] = FakeVideoGenerator(tiny_clip, finds=cannot_look_up())
    assert only(reconcile(project)).outcome == "parked"
    assert (effect(project, number)["state"], effect(project, number)["reserved_usd"]) == ("unknown", Decimal("0.5"))


def test_a_segment_that_its_service_has_goes_on(project: Project, tiny_clip: Path) -> None:
    number = leave(project, "segment", "kling")
    source = FakeVideoGenerator(tiny_clip, name="kling", finds={"task_id": "t1"})
    project.providers["kling"] = source
    outcome = only(reconcile(project))
    assert (outcome.outcome, outcome.next_step) == ("goes_on", f"dayreel retry {ID}")
    row = effect(project, number)
    assert (row["state"], row["handle"], row["reserved_usd"]) == (
        "sent",
        {"model": "m", "task_id": "t1"},
        Decimal("0.5"),
    )
    assert source.looked_for[0].sequence == 1


@pytest.mark.parametrize(
    "handles",
    [(), ({"task_id": "t1"}, {"task_id": "t2"}), ({"task_id": "of-another"},)],
    ids=["none", "two", "another's"],
)
def test_only_one_request_that_is_nobodys_is_the_lost_one(
    project: Project, tiny_clip: Path, handles: tuple[dict[str, Any], ...]
) -> None:
    leave(project, "segment", "kling", sequence=2, handle={"task_id": "of-another"})
    number = leave(project, "segment", "kling")
    lookup = Lookup(handles, proves_absence=False, evidence="what is listed")
    project.providers["kling"] = FakeVideoGenerator(
        tiny_clip, name="kling", finds=lookup, jobs={2: [RUNNING], 1: [RUNNING]}
    )
    with project.catalog.write() as connection:
        connection.execute(update(effects).where(effects.c.id != number).values(state="confirmed"))
    outcome = only(reconcile(project))
    assert (outcome.outcome, outcome.evidence) == ("parked", "what is listed")
    assert (effect(project, number)["state"], effect(project, number)["handle"]) == ("unknown", {})


def test_a_request_that_is_not_written_down_stops_no_other(project: Project, tiny_clip: Path) -> None:
    number = leave(project, "segment", "kling")
    with project.catalog.write() as connection:
        connection.execute(update(effects).values(request={"model": "m"}))
    project.providers["kling"] = FakeVideoGenerator(tiny_clip, name="kling", finds={"task_id": "t1"})
    assert "not written down whole" in only(reconcile(project)).evidence
    assert effect(project, number)["state"] == "unknown"


def test_a_segment_that_its_service_does_not_know_is_released(project: Project, tiny_clip: Path) -> None:
    number = leave(project, "segment", "kling")
    project.providers["kling"] = FakeVideoGenerator(tiny_clip, name="kling", finds=None)
    outcome = only(reconcile(project))
    assert (outcome.outcome, "only just now" in outcome.evidence, outcome.next_step) == (
        "parked",
        True,
        "dayreel reconcile",
    )
    assert isinstance(project.clock, FakeClock)
    project.clock.move(minutes=2)
    assert only(reconcile(project)).outcome == "released"
    assert (effect(project, number)["state"], effect(project, number)["reserved_usd"]) == ("intended", 0)


RUNNING = Job("running")
LUCKLESS = Job("failed", error="worker lost", error_code="internal_error", retry_helps=True)
FLAGGED = Job("failed", error="flagged", error_code="content_policy_violation")
BUSY = TransientError(attempted="read", answer="HTTP 503")
DENIED = PermanentError(attempted="read", answer="HTTP 404")


@pytest.mark.parametrize(
    ("says", "outcome", "state", "settled", "handle"),
    [
        (DONE, "confirmed", "confirmed", Decimal("0.5"), {"request_id": "r1-s1"}),
        (RUNNING, "goes_on", "sent", None, {"request_id": "r1-s1"}),
        (LUCKLESS, "released", "intended", None, {}),
        (FLAGGED, "refused", "refused", Decimal(0), {"request_id": "r1-s1"}),
        (BUSY, "goes_on", "sent", None, {"request_id": "r1-s1"}),
        (DENIED, "parked", "sent", None, {"request_id": "r1-s1"}),
    ],
)
def test_the_service_is_asked_about_a_segment_whose_id_is_known(
    project: Project, tiny_clip: Path, says: Any, outcome: str, state: str, settled: Decimal | None, handle: Any
) -> None:
    number = leave(project, "segment", "fal", error=Killed(), handle={"request_id": "r1-s1"})
    source = FakeVideoGenerator(tiny_clip, jobs={1: [says]})
    project.providers["fal"] = source
    reconciled = only(reconcile(project))
    row = effect(project, number)
    assert (reconciled.outcome, row["state"], row["settled_usd"], row["handle"]) == (outcome, state, settled, handle)
    assert reconciled.next_step.startswith(f"dayreel retry {ID}")
    assert (source.submitted, source.followed) == ([], ["r1-s1"])
    if says is DONE:
        assert row["result"] == {"file_url": "file://done", "seed": 7, "request_id": "r1-s1"}


def test_a_person_cannot_give_two_segments_the_same_request(project: Project) -> None:
    first, second = leave(project, "segment", "fal"), leave(project, "segment", "fal", sequence=2)
    resolve(project, first, reference="r7", by="ana")
    with pytest.raises(UsageError, match=f"'r7' is the request of effect {first} already"):
        resolve(project, second, reference="r7", by="ana")
    assert effect(project, second)["state"] == "unknown"


@pytest.mark.parametrize(
    ("target", "handle"),
    [("fal", {"request_id": "r7", "model": "m"}), ("kling", {"task_id": "r7", "model": "m"})],
)
def test_a_person_finds_a_segment_on_the_dashboard(project: Project, target: str, handle: dict[str, Any]) -> None:
    number = leave(project, "segment", target)
    assert resolve(project, number, reference="r7", by="ana").outcome == "goes_on"
    assert (effect(project, number)["state"], effect(project, number)["handle"]) == ("sent", handle)


def test_a_person_says_that_a_segment_is_not_there(project: Project) -> None:
    number = leave(project, "segment", "fal")
    outcome = resolve(project, number, reference=None, by="ana")
    assert (outcome.outcome, outcome.next_step) == ("released", f"dayreel retry {ID}")
    assert effect(project, number)["reserved_usd"] == 0


# -- texts and messages ----------------------------------------------------------------------------------------------


def test_a_lost_llm_answer_is_written_off_at_its_maximum_cost(project: Project) -> None:
    number = leave(project, "llm", "anthropic")
    outcome = only(reconcile(project))
    assert (outcome.outcome, "$0.5000" in outcome.evidence) == ("written_off", True)
    row = effect(project, number)
    assert (row["state"], row["settled_usd"], row["result"]) == ("confirmed", Decimal("0.5"), {"lost": True})


def test_an_llm_answer_a_person_has_seen_is_billed_but_lost(project: Project) -> None:
    number = leave(project, "llm", "anthropic")
    assert resolve(project, number, reference="msg_1", by="ana").outcome == "written_off"
    assert (effect(project, number)["settled_usd"], effect(project, number)["result"]) == (
        Decimal("0.5"),
        {"lost": True},
    )


def test_a_message_sent_only_just_now_may_still_arrive(project: Project) -> None:
    notifier = FakeNotifier([LOST])
    project.providers["log"] = notifier
    notify_reviewers(project, channel_of(project), content_row(project, ID), notifiers=[notifier])
    outcome = only(reconcile(project))
    assert (outcome.outcome, "only just now" in outcome.evidence, outcome.next_step) == (
        "parked",
        True,
        "dayreel reconcile",
    )
    assert "was not notified" in notify_reviewers(
        project, channel_of(project), content_row(project, ID), notifiers=[notifier]
    )
    assert notifier.messages == []


@pytest.mark.parametrize(("delivered", "outcome"), [(True, "confirmed"), (False, "released")])
def test_a_lost_message_is_looked_up_by_its_marker(project: Project, delivered: bool, outcome: str) -> None:
    notifier = FakeNotifier([LOST], delivered=delivered)
    project.providers["log"] = notifier
    notified = notify_reviewers(project, channel_of(project), content_row(project, ID), notifiers=[notifier])
    assert "was not notified" in notified
    assert isinstance(project.clock, FakeClock)
    project.clock.move(minutes=2)
    assert only(reconcile(project)).outcome == outcome
    again = notify_reviewers(project, channel_of(project), content_row(project, ID), notifiers=[notifier])
    assert again == "log was notified"
    assert len(notifier.messages) == 1


# -- everything ------------------------------------------------------------------------------------------------------


def test_whoever_is_at_work_is_left_alone(project: Project) -> None:
    leave(project, "segment", "fal", error=Killed(), handle={"request_id": "r1"})
    with project.catalog.write() as connection:
        beat_elsewhere(connection)
        connection.execute(update(effects).values(owner=ELSEWHERE))
    before = ledger_rows(project)
    assert reconcile(project) == []
    assert ledger_rows(project) == before


def test_the_other_world_is_not_looked_at(project: Project, make_project: Callable[..., Project]) -> None:
    leave(project, "llm", "anthropic")
    assert reconcile(make_project(world="live", channels={})) == []


def test_an_unreachable_vendor_does_not_block_the_others(project: Project) -> None:
    class NoKey(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            raise ConfigurationError("FAL_KEY is not set, and the live world needs it.")

    leave(project, "segment", "fal")
    leave(project, "llm", "anthropic")
    object.__setattr__(project, "providers", NoKey())
    assert [outcome.outcome for outcome in reconcile(project)] == ["parked", "written_off"]


def test_a_broken_channel_file_does_not_hold_the_others_back(project: Project) -> None:
    leave_post(project, FakePlatform(steps=["lost_answer"]))
    leave(project, "llm", "anthropic")
    (project.settings.channels_dir / "crafts.yaml").write_text("title: [")
    assert [outcome.outcome for outcome in reconcile(project)] == ["parked", "written_off"]
    write_channel(project.settings.root, "crafts")
    assert [outcome.outcome for outcome in reconcile(project)] == ["confirmed"]
    assert post(project)["state"] == "posted"


def test_a_post_without_a_public_id_stays_posted_and_is_polled(project: Project) -> None:
    nameless = Receipt("posted", None, None, {"publish_id": "v_pub_1", "public_id_pending": True})
    platform = FakePlatform(steps=["lost_answer"], sees=PostFinding("live", "PUBLISH_COMPLETE", nameless))
    leave_post(project, platform)
    assert only(reconcile(project)).outcome == "confirmed"
    assert (post(project)["state"], post(project)["post_id"]) == ("posted", "v_pub_1")
    (shown,) = status_documents(project)
    told_post = shown["posts"]["instagram"]
    assert (told_post["state"], told_post["public_id"]) == ("posted", "pending")
    assert told_post["since"] == "2026-11-20T09:00:00+00:00"
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=30)
    outcome = only(reconcile(project))
    assert (outcome.outcome, "30.0 h after it was sent" in outcome.evidence) == ("goes_on", True)
    assert [chore.about for chore in looks_due(project)] == ["public id of post 1"]
    named = Receipt("posted", "77", "https://t.example/77", {})
    project.providers["instagram"] = FakePlatform(sees=PostFinding("live", "PUBLISH_COMPLETE", named))
    assert only(reconcile(project)).outcome == "confirmed"
    assert (post(project)["post_id"], post(project)["post_url"]) == ("77", "https://t.example/77")
    assert (reconcile(project), looks_due(project)) == ([], [])
    assert "public_id" not in status_documents(project)[0]["posts"]["instagram"]


def test_a_post_that_is_never_named_is_left_alone_after_a_week(project: Project) -> None:
    nameless = Receipt("posted", None, None, {"publish_id": "v_pub_1", "public_id_pending": True})
    leave_post(project, FakePlatform(steps=["lost_answer"], sees=PostFinding("live", "PUBLISH_COMPLETE", nameless)))
    reconcile(project)
    assert isinstance(project.clock, FakeClock)
    project.clock.move(days=8)
    assert (reconcile(project), looks_due(project)) == ([], [])
    assert status_documents(project)[0]["posts"]["instagram"]["public_id"] == "pending"


def test_an_effect_settled_meanwhile_does_not_block_the_others(project: Project, tiny_clip: Path) -> None:
    number = leave(project, "segment", "kling")
    leave(project, "llm", "anthropic")

    class Meanwhile(FakeVideoGenerator):
        def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:
            project.ledger.record_outcome(number, "confirmed", "somebody else was quicker")
            return super().find(key, request, sent_at=sent_at)

    project.providers["kling"] = Meanwhile(tiny_clip, name="kling")
    assert [outcome.outcome for outcome in reconcile(project)] == ["at_work", "written_off"]
    assert effect(project, number)["state"] == "confirmed"


@pytest.mark.parametrize("number", [999, None])
def test_a_person_cannot_rule_on_what_is_known_or_not_there(project: Project, number: int | None) -> None:
    leave(project, "llm", "anthropic")
    reconcile(project)
    known = number or int(ledger_rows(project)[0]["id"])
    with pytest.raises(UsageError, match="not there, not unknown" if number else "is confirmed, not unknown"):
        resolve(project, known, reference=None, by="ana")
