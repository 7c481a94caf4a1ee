"""The effect ledger: an act happens once, whoever asks, however often, whatever dies."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, update

from dayreel.errors import (
    BusyError,
    ConfigurationError,
    GateClosedError,
    LeaseLostError,
    PermanentError,
    StoreError,
    TransientError,
    UnknownOutcomeError,
)
from dayreel.processes import in_words, owner_of, this_process
from dayreel.providers.http import Http
from dayreel.schemas.effect import EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent, VendorFailed
from dayreel.services.effects.ledger import EffectLedger
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import effects
from dayreel.stores.leases import EXPIRY_S
from tests.fakes.clock import FakeClock
from tests.fakes.rows import add_content
from tests.unit.services.ledger import HALF, brings, configure, intent, ledger_of, raises, row_of

LOST = UnknownOutcomeError(attempted="buy", answer="the connection closed")
DOWN = TransientError(attempted="buy", answer="HTTP 503")
NO = PermanentError(attempted="buy", answer="HTTP 422 the prompt is too long")
FAR = "another-host:17:1700000000.00"


class Killed(BaseException):
    """As if the process was gone."""


@pytest.fixture
def ready(sqlite_catalog: Catalog) -> Catalog:
    """A catalog with a content."""
    add_content(sqlite_catalog)
    return sqlite_catalog


@pytest.fixture
def either(catalog: Catalog) -> Catalog:
    """The same on each database, for what hangs on commits, locks or moments."""
    add_content(catalog)
    return catalog


@pytest.fixture
def living() -> Iterator[str]:
    """The owner's name of another process that is alive."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield owner_of(process.pid)
        process.communicate()


def gone() -> str:
    """The owner's name of a process of this machine that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return f"{this_process().rsplit(':', 2)[0]}:{process.pid}:1700000000.00"


def sent_by(catalog: Catalog, owner: str, *, handle: dict[str, Any] | None = None, **more: Any) -> None:
    """Leave an effect behind as a process leaves it that dies between its call and the answer."""
    with pytest.raises(Killed):
        ledger_of(catalog, owner=owner).perform(intent(**more), raises(Killed(), after=handle))


# -- the plain ways ----------------------------------------------------------------------------------------------


def test_a_successful_effect_is_confirmed_with_its_real_price(ready: Catalog) -> None:
    effect = ledger_of(ready, run_id="run-1").perform(intent(), brings(Decimal("0.4"), file="a.mp4"))
    assert (effect.state, effect.result, effect.settled_usd) == ("confirmed", {"file": "a.mp4"}, Decimal("0.4"))
    row = row_of(ready)
    assert (row["attempts"], row["owner"], row["run_id"], row["error"]) == (1, None, "run-1", None)
    assert row["request"] == {"prompt": "clay"}
    assert row["sent_at"] == row["settled_at"] == row["created_at"]


def test_the_row_and_reservation_are_committed_before_the_call(either: Catalog) -> None:
    def look(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        row = row_of(either)
        assert (row["state"], row["reserved_usd"], row["owner"]) == ("sent", HALF, this_process())
        assert (row["fence"], row["lease_until_at"]) == (1, None)
        assert (permit.effect_id, permit.key, permit.reserved_usd) == (row["id"], intent().key, HALF)
        assert handle == {}
        record({"request_id": "r1"})
        assert row_of(either)["handle"] == {"request_id": "r1"}
        record({"also": 2})
        assert row_of(either)["handle"] == {"request_id": "r1", "also": 2}
        return Done({}, HALF)

    assert ledger_of(either).perform(intent(), look).state == "confirmed"


def test_a_confirmed_effect_is_returned_and_not_done_again(either: Catalog) -> None:
    ledger = ledger_of(either)
    first = ledger.perform(intent(), brings())
    again = ledger.perform(intent(), raises(AssertionError("done twice")))
    assert again == first
    assert ledger.find(intent().key) == first == ledger.get(first.id)


@pytest.mark.parametrize("change", ["content_id", "kind", "target", "sequence", "fingerprint"])
def test_another_key_is_another_effect(ready: Catalog, change: str) -> None:
    add_content(ready, "crafts-2026-11-20-t2")
    other = {"content_id": "crafts-2026-11-20-t2", "kind": "llm", "target": "kling", "sequence": 2, "fingerprint": "e"}
    key = EffectKey(**{**vars(intent().key), change: other[change]})
    ledger = ledger_of(ready)
    first = ledger.perform(intent(), brings())
    assert ledger.find(key) is None
    assert ledger.perform(Intent(key, intent().channel, intent().day, "video"), brings()).id != first.id


def test_a_refused_effect_stays_refused_and_says_how_to_retry(ready: Catalog) -> None:
    ledger = ledger_of(ready)
    with pytest.raises(PermanentError, match="HTTP 422"):
        ledger.perform(intent(), raises(NO))
    row = row_of(ready)
    assert (row["state"], row["settled_usd"], row["attempts"]) == ("refused", 0, 1)
    with pytest.raises(PermanentError, match=r"refused earlier: .*HTTP 422.*dayreel retry crafts-2026-11-20"):
        ledger.perform(intent(), raises(AssertionError("sent again")))


# -- certainly not delivered -------------------------------------------------------------------------------------


def test_an_undelivered_call_is_tried_three_times_with_backoff(ready: Catalog) -> None:
    clock, tries = FakeClock(), []

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        tries.append(row_of(ready)["attempts"])
        if len(tries) < 3:
            raise DOWN
        return Done({}, HALF)

    assert ledger_of(ready, clock).perform(intent(), act).state == "confirmed"
    assert tries == [1, 2, 3]
    assert clock.slept == [1, 2]


def test_the_last_try_releases_money_and_a_later_call_retries(ready: Catalog) -> None:
    clock = FakeClock()
    with pytest.raises(TransientError):
        ledger_of(ready, clock).perform(intent(), raises(DOWN))
    row = row_of(ready)
    assert (row["state"], row["reserved_usd"], row["settled_usd"], row["spent_on"]) == ("intended", 0, None, None)
    assert (row["attempts"], clock.slept) == (3, [1, 2])
    assert ledger_of(ready, clock).perform(intent(), brings()).state == "confirmed"


def test_retry_after_is_honoured_up_to_a_minute(ready: Catalog) -> None:
    clock = FakeClock()
    soon = TransientError(attempted="buy", answer="HTTP 429", retry_after_s=30)
    with pytest.raises(TransientError):
        ledger_of(ready, clock).perform(intent(), raises(soon))
    assert clock.slept == [30, 30]
    later = TransientError(attempted="buy", answer="HTTP 429", retry_after_s=61)
    with pytest.raises(TransientError):
        ledger_of(ready, clock).perform(intent(), raises(later))
    assert clock.slept == [30, 30]


def test_an_error_of_ours_before_sending_releases_the_money(ready: Catalog) -> None:
    with pytest.raises(ConfigurationError):
        ledger_of(ready).perform(intent(), raises(ConfigurationError("no such model")))
    assert (row_of(ready)["state"], row_of(ready)["reserved_usd"]) == ("intended", 0)


# -- unknown -----------------------------------------------------------------------------------------------------


def test_a_lost_answer_parks_and_keeps_its_reservation(either: Catalog) -> None:
    clock = FakeClock()
    ledger = ledger_of(either, clock)
    with pytest.raises(UnknownOutcomeError):
        ledger.perform(intent(), raises(LOST))
    row = row_of(either)
    assert (row["state"], row["reserved_usd"], row["settled_usd"]) == ("unknown", HALF, None)
    for _ in range(2):
        with pytest.raises(UnknownOutcomeError, match=f"effect {row['id']}.*dayreel reconcile"):
            ledger.perform(intent(), raises(AssertionError("sent again")))
    assert clock.slept == []


@pytest.mark.slow
def test_a_dead_process_without_a_handle_is_an_unknown_outcome(ready: Catalog) -> None:
    sent_by(ready, gone())
    with pytest.raises(UnknownOutcomeError, match="died before the answer came"):
        ledger_of(ready).perform(intent(), raises(AssertionError("sent again")))
    row = row_of(ready)
    assert (row["state"], row["owner"], row["reserved_usd"]) == ("unknown", None, HALF)


def test_a_call_whose_handle_was_not_stored_is_not_repeated(ready: Catalog) -> None:
    """The request was accepted, and then the catalog was locked: buying again would be buying twice."""
    ledger = ledger_of(ready)
    with pytest.raises(StoreError):
        ledger.perform(intent(), raises(StoreError("the catalog is locked")))
    assert (row_of(ready)["state"], row_of(ready)["reserved_usd"]) == ("unknown", HALF)
    with pytest.raises(UnknownOutcomeError):
        ledger.perform(intent(), raises(AssertionError("sent again")))


def test_recording_a_handle_waits_out_a_brief_catalog_outage(ready: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, write, away = FakeClock(), ready.write, [True, True, False]

    def act(_permit: Permit, _handle: dict[str, Any], record: RecordHandle) -> Done:
        monkeypatch.setattr(ready, "write", lambda subject: down() if away.pop(0) else write(subject))
        record({"request_id": "r1"})
        monkeypatch.undo()
        return Done({}, HALF)

    assert ledger_of(ready, clock).perform(intent(), act).handle == {"request_id": "r1"}
    assert (clock.slept, away) == ([1.0, 2.0], [])


def test_an_id_that_could_not_be_stored_is_at_least_reported(ready: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(_permit: Permit, _handle: dict[str, Any], record: RecordHandle) -> Done:
        monkeypatch.setattr(ready, "write", lambda _subject: down())
        record({"request_id": "r1", "status_url": "http://not-for-messages"})
        raise AssertionError("went on")

    with pytest.raises(StoreError, match="request_id r1") as raised:
        ledger_of(ready).perform(intent(), act)
    monkeypatch.undo()
    assert "--found ID" in raised.value.next_step
    assert "not-for-messages" not in str(raised.value)
    assert (row_of(ready)["state"], row_of(ready)["reserved_usd"]) == ("sent", HALF)
    with pytest.raises(UnknownOutcomeError):
        ledger_of(ready).perform(intent(), raises(AssertionError("sent again")))


def down() -> Any:
    raise StoreError("The database is away.")


# -- going on where another one died ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_handle_left_by_a_dead_process_keeps_its_reservation(ready: Catalog) -> None:
    sent_by(ready, gone(), handle={"request_id": "r1"})

    def go_on(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        assert handle == {"request_id": "r1"}
        assert permit.reserved_usd == HALF
        return Done({"file": "r1.mp4"}, HALF)

    effect = ledger_of(ready, owner="here:1:1").perform(intent(), go_on)
    assert (effect.state, effect.reserved_usd, row_of(ready)["attempts"]) == ("confirmed", HALF, 1)


@pytest.mark.slow
def test_an_effect_that_records_first_resumes_without_a_handle(ready: Catalog) -> None:
    sent_by(ready, gone(), records_first=True)
    seen: list[dict[str, Any]] = []

    def go_on(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        seen.append(handle)
        return Done({})

    assert ledger_of(ready).perform(intent(records_first=True), go_on).state == "confirmed"
    assert seen == [{}]


def test_our_own_interrupted_process_resumes_by_itself(ready: Catalog) -> None:
    """Ctrl-C in a notebook or a killed thread: the owner is this very process, and nobody is at it."""
    sent_by(ready, this_process(), handle={"request_id": "r1"})
    assert ledger_of(ready).perform(intent(), brings()).state == "confirmed"


@pytest.mark.slow
def test_a_living_process_is_not_disturbed(ready: Catalog, living: str) -> None:
    sent_by(ready, living, handle={"request_id": "r1"})
    with pytest.raises(BusyError, match=f"{in_words(living)}.*nothing was sent from here"):
        ledger_of(ready).perform(intent(), raises(AssertionError("sent twice")))
    assert row_of(ready)["owner"] == living


def test_another_hosts_process_is_assumed_alive_until_lease_end(either: Catalog) -> None:
    clock = FakeClock()
    sent_by(either, FAR, handle={"request_id": "r1"})
    ledger = ledger_of(either, clock)
    clock.move(seconds=EXPIRY_S - 1)
    with pytest.raises(BusyError):
        ledger.perform(intent(), raises(AssertionError("sent twice")))
    clock.move(seconds=1)
    assert ledger.perform(intent(), brings()).state == "confirmed"


def test_a_suspended_process_that_lost_its_lease_sends_no_more(either: Catalog) -> None:
    """A suspended laptop wakes up after another host has taken its work over."""
    clock = FakeClock()

    def wake_up_late(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        clock.move(hours=1)
        with pytest.raises(BusyError):
            # On the same machine it is still seen at work; the other host only sees the lease.
            ledger_of(either, clock).perform(intent(), brings())
        with either.write() as connection:
            connection.execute(update(effects).values(owner=FAR))
        record({"request_id": "late"})
        pytest.fail("went on although it was taken over")

    with pytest.raises(BusyError, match=f"taken over by {FAR}"):
        ledger_of(either, clock, owner="here:1:1").perform(intent(), wake_up_late)
    with either.read() as connection:
        taken, late = connection.execute(effects.select().order_by(effects.c.id)).mappings()
    assert (taken["state"], taken["owner"], taken["handle"]) == ("sent", FAR, {})
    assert (late["state"], late["owner"], late["handle"]) == ("sent", None, {"request_id": "late"})
    assert (late["reserved_usd"], late["attempts"]) == (HALF, 0), "its sends are counted in the row that it came from"


def test_who_was_paused_sends_nothing_more(either: Catalog) -> None:
    """Between its claim and its request; taken over and looked up meanwhile, so that another one has bought it."""

    def wake_up(_permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        clock.move(seconds=EXPIRY_S)
        with either.write() as connection:
            connection.execute(update(effects).values(owner=FAR, fence=effects.c.fence + 1))
        Http("fal").send("POST", "http://127.0.0.1:9", attempted="submit segment 1 to fal", has_side_effects=True)
        pytest.fail("sent although it was taken over")

    clock = FakeClock()
    with pytest.raises(LeaseLostError, match=f"taken over by {FAR}"):
        ledger_of(either, clock).perform(intent(), wake_up)
    row = row_of(either)
    assert (row["state"], row["owner"], row["fence"], row["reserved_usd"]) == ("sent", FAR, 2, HALF)


def test_who_was_paused_before_it_acts_does_not_act(either: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors' SDKs do not send through `Http`: a question to a language model was paid for a second time."""

    def slept(self: EffectLedger, *claim: Any) -> Any:
        claimed = real(self, *claim)
        with either.write() as connection:
            connection.execute(update(effects).values(owner=FAR, fence=effects.c.fence + 1))
        return claimed

    real = EffectLedger._claim
    monkeypatch.setattr(EffectLedger, "_claim", slept)
    with pytest.raises(LeaseLostError, match=f"taken over by {FAR}"):
        ledger_of(either).perform(intent(kind="llm"), raises(AssertionError("sent although it was taken over")))
    row = row_of(either)
    assert (row["state"], row["owner"], row["fence"]) == ("sent", FAR, 2)


def test_a_catalog_away_before_an_act_leaves_no_doubt(either: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent yet: that was parked as unknown, for a person to look up what never left."""

    def away(*_: object) -> None:
        raise StoreError("The database is away.")

    monkeypatch.setattr(EffectLedger, "_require_ours", away)
    with pytest.raises(StoreError):
        ledger_of(either).perform(intent(), raises(AssertionError("sent")))
    row = row_of(either)
    assert (row["state"], row["reserved_usd"], row["owner"]) == ("intended", 0, None)


@pytest.mark.parametrize("meanwhile", ["unknown", "intended"])
def test_an_id_that_comes_late_is_followed(either: Catalog, meanwhile: str) -> None:
    """The process was taken for dead, and what it had sent was parked or let go."""

    def wake_up_late(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        with either.write() as connection:
            connection.execute(update(effects).values(state=meanwhile, owner=None, reserved_usd=0))
        record({"request_id": "late"})
        pytest.fail("went on although it was taken over")

    with pytest.raises(BusyError):
        ledger_of(either).perform(intent(), wake_up_late)
    row = row_of(either)
    assert (row["state"], row["owner"], row["handle"], row["reserved_usd"]) == (
        "sent",
        None,
        {"request_id": "late"},
        HALF,
    )


def test_a_second_thread_is_refused_while_the_first_is_working(either: Catalog) -> None:
    begun, go_on, errors = threading.Event(), threading.Event(), []

    def slow(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        begun.set()
        assert go_on.wait(120)
        return Done({}, HALF)

    first = threading.Thread(target=lambda: errors.append(ledger_of(either).perform(intent(), slow).state))
    first.start()
    assert begun.wait(120)
    with pytest.raises(BusyError):
        ledger_of(either).perform(intent(), raises(AssertionError("sent twice")))
    go_on.set()
    first.join()
    assert errors == ["confirmed"]


def test_many_threads_that_want_the_same_effect_do_it_once(either: Catalog) -> None:
    done: list[int] = []
    together = threading.Barrier(8)

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        done.append(permit.effect_id)
        return Done({}, HALF)

    def want() -> None:
        together.wait(120)
        with contextlib.suppress(BusyError):
            ledger_of(either).perform(intent(), act)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert (row_of(either)["state"], row_of(either)["attempts"]) == ("confirmed", 1)


# -- a live handle -----------------------------------------------------------------------------------------------


def test_a_live_handle_keeps_its_reservation_when_a_read_fails(ready: Catalog) -> None:
    """Asking how a bought clip stands failed: the clip is still being made and will be paid."""
    clock = FakeClock()
    with pytest.raises(TransientError):
        ledger_of(ready, clock).perform(intent(), raises(DOWN, after={"request_id": "r1"}))
    row = row_of(ready)
    assert (row["state"], row["reserved_usd"], row["attempts"]) == ("sent", HALF, 1)
    assert clock.slept == [1, 2]
    assert ledger_of(ready).perform(intent(), brings()).state == "confirmed"


def test_a_post_that_broke_off_goes_on_from_its_handle(ready: Catalog) -> None:
    """A second upload session beside the first would be a second video as soon as both are filled."""
    handles: list[dict[str, Any]] = []

    def act(_permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        handles.append(handle)
        record({"session_uri": "s1"})
        raise DOWN

    for _call in range(2):
        with pytest.raises(TransientError):
            ledger_of(ready).perform(intent(kind="post", target="youtube", records_first=True), act)
    assert handles == [{}, *[{"session_uri": "s1"}] * 5]
    assert (row_of(ready)["state"], row_of(ready)["reserved_usd"]) == ("intended", 0)


def test_a_refused_read_does_not_forget_a_live_handle_either(ready: Catalog) -> None:
    with pytest.raises(PermanentError):
        ledger_of(ready).perform(intent(), raises(NO, after={"request_id": "r1"}))
    assert (row_of(ready)["state"], row_of(ready)["handle"]) == ("sent", {"request_id": "r1"})


@pytest.mark.parametrize(("error", "state", "settled"), [(DOWN, "intended", None), (NO, "refused", Decimal(0))])
def test_only_the_services_own_word_lets_go_of_a_handle(
    ready: Catalog, error: TransientError | PermanentError, state: str, settled: Decimal | None
) -> None:
    with pytest.raises(type(error)):
        ledger_of(ready).perform(intent(), raises(VendorFailed(error), after={"request_id": "r1"}))
    row = row_of(ready)
    assert (row["state"], row["handle"], row["settled_usd"]) == (state, {}, settled)


# -- guards and the kill switch ------------------------------------------------------------------------------------


def test_a_guard_runs_inside_the_claim_and_reserves_nothing(either: Catalog) -> None:
    seen: list[str] = []

    def guard(connection: Connection) -> None:
        seen.append(connection.execute(effects.select()).mappings().one()["state"])
        raise GateClosedError("the window is closed")

    with pytest.raises(GateClosedError):
        ledger_of(either).perform(intent(guards=(guard,)), raises(AssertionError("sent")))
    assert seen == ["intended"]
    assert ledger_of(either).find(intent().key) is None


@pytest.mark.slow
def test_a_guard_runs_again_when_work_is_taken_over(ready: Catalog) -> None:
    sent_by(ready, gone(), handle={"container": "c1"}, records_first=True)

    def guard(connection: Connection) -> None:
        raise GateClosedError("the approval is void")

    with pytest.raises(GateClosedError):
        ledger_of(ready).perform(intent(guards=(guard,), records_first=True), raises(AssertionError("sent")))
    assert row_of(ready)["state"] == "sent"


@pytest.mark.parametrize("kind", ["llm", "segment", "post", "delete"])
def test_the_kill_switch_stops_every_send(ready: Catalog, kind: Any) -> None:
    configure(ready, switch="off")
    for price in (HALF, Decimal(0)):
        with pytest.raises(GateClosedError, match="kill switch has stopped everything"):
            ledger_of(ready).perform(intent(kind=kind, most_usd=price), raises(AssertionError("sent")))
    configure(ready, switch="on")
    assert ledger_of(ready).perform(intent(kind=kind), brings()).state == "confirmed"


def test_the_kill_switch_lets_people_be_notified(ready: Catalog) -> None:
    configure(ready, switch="off")
    wanted = intent(kind="notification", target="slack", most_usd=Decimal(0))
    assert ledger_of(ready).perform(wanted, brings(Decimal(0))).state == "confirmed"


@pytest.mark.slow
def test_the_kill_switch_holds_work_already_queued_or_begun(ready: Catalog) -> None:
    with ready.write("money") as connection:
        ledger_of(ready).intend(connection, intent(1).key, channel="crafts", day=intent().day, layer="video")
    sent_by(ready, gone(), handle={"request_id": "r2"}, sequence=2)
    configure(ready, switch="off")
    for sequence in (1, 2):
        with pytest.raises(GateClosedError):
            ledger_of(ready).perform(intent(sequence), raises(AssertionError("sent")))
    assert (row_of(ready, 1)["state"], row_of(ready, 2)["state"]) == ("intended", "sent")


def test_the_kill_switch_holds_between_two_tries(ready: Catalog) -> None:
    tries: list[int] = []

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        tries.append(1)
        configure(ready, switch="off")
        raise DOWN

    with pytest.raises(GateClosedError):
        ledger_of(ready).perform(intent(), act)
    assert len(tries) == 1


# -- rulings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "cost", "reserved", "settled"),
    [
        ("confirmed", Decimal("0.4"), HALF, Decimal("0.4")),
        ("confirmed", None, HALF, Decimal(0)),
        ("refused", None, HALF, Decimal(0)),
        ("intended", None, Decimal(0), None),
        ("unknown", None, HALF, None),
        ("sent", None, HALF, None),
    ],
)
def test_a_ruling_settles_releases_or_keeps_the_money(
    ready: Catalog, state: Any, cost: Decimal | None, reserved: Decimal, settled: Decimal | None
) -> None:
    ledger = ledger_of(ready)
    with pytest.raises(UnknownOutcomeError):
        ledger.perform(intent(), raises(LOST))
    ledger.record_outcome(row_of(ready)["id"], state, "ana looked", handle={"request_id": "r9"}, cost_usd=cost)
    row = row_of(ready)
    assert (row["state"], row["reserved_usd"], row["settled_usd"]) == (state, reserved, settled)
    assert (row["error"], row["handle"]) == ("ana looked", {"request_id": "r9"})


@pytest.mark.slow
def test_nobody_rules_on_what_is_known_or_under_way(ready: Catalog, living: str) -> None:
    ledger = ledger_of(ready)
    done = ledger.perform(intent(), brings())
    with pytest.raises(BusyError, match="is confirmed now"):
        ledger.record_outcome(done.id, "intended", "looked")
    sent_by(ready, living, sequence=2)
    with pytest.raises(BusyError, match="is sent now"):
        ledger.record_outcome(row_of(ready, 2)["id"], "intended", "looked")
