"""Any order of submits, claims, heartbeats, ends, silences, cancels, retries and crashes agrees with a plain model."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dayreel.errors import BusyError, LeaseLostError, StaleState, UsageError
from dayreel.footage.stores.job_queue import JobClaim
from tests.unit.footage.stores.job_queue.jobs import Shared, make_result, make_spec
from tests.unit.footage.stores.job_queue.shared_disks import CrashingQueueDisk
from tests.unit.stores.state.disks import Crash

ATTEMPTS = 3
SPECS = {name: make_spec(f"movie-{name}", max_attempts=ATTEMPTS) for name in ("a", "b", "c")}
names = st.sampled_from(sorted(SPECS))
steps = st.integers(min_value=1, max_value=14)
LONG_AGO_S = 100_000


@dataclass
class Known:
    """What the model knows of a job."""

    place: str
    fence: int
    is_cancelled: bool = False
    is_silent: bool = False


class QueueMachine(RuleBasedStateMachine):
    """The model: where each job is and under which fence; and every claim that was ever handed out, valid or not."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.shared = Shared(Path(self.folder.name))
        self.model: dict[str, Known] = {}
        self.claims: list[tuple[str, JobClaim]] = []
        self.finished: list[str] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize(name=names)
    def begin(self, name: str) -> None:
        self.submit(name)

    def valid(self, name: str, claim: JobClaim) -> bool:
        known = self.model[name]
        return (known.place, known.fence) == ("running", claim.fence)

    @rule(name=names)
    def submit(self, name: str) -> None:
        assert self.shared.queue.submit(SPECS[name]) == (name not in self.model)
        self.model.setdefault(name, Known("pending", 1))

    @rule()
    def claim(self) -> None:
        claim = self.shared.claim()
        pending = {name for name, known in self.model.items() if known.place == "pending"}
        if claim is None:
            assert not pending
            return
        name = claim.spec.item_id[-1]
        assert name in pending
        known = self.model[name]
        assert claim.fence == known.fence
        known.place, known.is_silent = "running", False
        self.claims.append((name, claim))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), outcome=st.sampled_from(["done", "failed", "cancelled", "returned", "stopping", "heartbeat"]))
    def act_under_a_claim(self, data: st.DataObject, outcome: str) -> None:
        """Any claim ever handed out: the valid one does what it says, all others can do nothing."""
        name, claim = data.draw(st.sampled_from(self.claims))
        known = self.model[name]
        is_valid = self.valid(name, claim)
        # What has ended stays ended: saying the same end again does no harm and changes nothing.
        has_ended_so = outcome in ("done", "failed", "cancelled") and self.has_result(name, claim, outcome)
        if not is_valid and not has_ended_so:
            with pytest.raises(LeaseLostError):
                self.do(claim, outcome)
            return
        self.do(claim, outcome)
        if is_valid:
            self.expect(name, known, outcome)

    def expect(self, name: str, known: Known, outcome: str) -> None:
        if outcome == "heartbeat":
            known.is_silent = False
        elif outcome in ("stopping", "returned") and known.is_cancelled:
            known.place = "failed"
        elif outcome == "stopping" or (outcome == "returned" and known.fence < ATTEMPTS):
            known.place, known.fence = "pending", known.fence + 1
        elif outcome == "done":
            assert name not in self.finished
            self.finished.append(name)
            known.place = "completed"
        else:
            known.place = "failed"

    def do(self, claim: JobClaim, outcome: str) -> None:
        if outcome == "heartbeat":
            claim.heartbeat()
        elif outcome in ("returned", "stopping"):
            claim.give_back(make_result(claim, "returned"), is_fault=outcome == "returned")
        else:
            claim.finish(make_result(claim, outcome))

    def has_result(self, name: str, claim: JobClaim, outcome: str) -> bool:
        info = self.shared.queue.find(SPECS[name].job)
        assert info is not None
        result = info.result
        place = "completed" if outcome == "done" else "failed"
        return (
            (info.place, info.fence) == (place, claim.fence)
            and result is not None
            and (result.outcome, result.worker) == (outcome, claim.worker)
        )

    @precondition(lambda self: any(known.place == "running" for known in self.model.values()))
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        running = sorted(name for name, known in self.model.items() if known.place == "running")
        name = data.draw(st.sampled_from(running))
        self.model[name].is_silent = True
        beat = self.path(name) / "heartbeat"
        os.utime(beat, (beat.stat().st_mtime - LONG_AGO_S,) * 2)

    def path(self, name: str) -> Path:
        known = self.model[name]
        return self.shared.jobs / known.place / f"{SPECS[name].job}.{known.fence}"

    @rule()
    def reap(self) -> None:
        moved = {info.item_id[-1]: info for info in self.shared.queue.reap() if info.item_id}
        silent = {name for name, known in self.model.items() if known.place == "running" and known.is_silent}
        assert set(moved) == silent
        for name in silent:
            known = self.model[name]
            if known.is_cancelled or known.fence >= ATTEMPTS:
                known.place = "failed"
            else:
                known.place, known.fence = "pending", known.fence + 1
            assert (moved[name].place, moved[name].fence) == (known.place, known.fence)

    @rule(name=names)
    def cancel(self, name: str) -> None:
        known = self.model.get(name)
        if known is None or known.place == "completed":
            with pytest.raises((UsageError, StaleState)):
                self.shared.queue.cancel(SPECS[name].job, by="maria")
            return
        self.shared.queue.cancel(SPECS[name].job, by="maria")
        if known.place == "pending":
            known.place = "failed"
        elif known.place == "running":
            known.is_cancelled = True

    @rule(name=names)
    def retry(self, name: str) -> None:
        known = self.model.get(name)
        if known is None or known.place != "failed":
            with pytest.raises((UsageError, StaleState)):
                self.shared.queue.retry(SPECS[name].job)
            return
        self.shared.queue.retry(SPECS[name].job)
        self.model[name] = Known("pending", known.fence + 1)

    @rule(name=names, at=steps, act=st.sampled_from(["submit", "claim", "reap", "cancel", "retry"]))
    def crash_in_an_act(self, name: str, at: int, act: str) -> None:
        """Nobody knows how far it came: the model learns where each job is, which must be one step on at most."""
        self.settle_cancels()
        victim = Shared(self.shared.root, CrashingQueueDisk(at)).queue
        acts: dict[str, Callable[[], object]] = {
            "submit": lambda: victim.submit(SPECS[name]),
            "claim": lambda: victim.claim(["remux"], worker="crashed", now=self.shared.clock.now()),
            "reap": victim.reap,
            "cancel": lambda: victim.cancel(SPECS[name].job, by="maria"),
            "retry": lambda: victim.retry(SPECS[name].job),
        }
        with suppress(Crash, BusyError, StaleState, UsageError):
            acts[act]()
        # What a crashed submit holds is taken over when it is old.
        self.shared.pass_hours(2)
        self.shared.queue.reap()
        self.shared.folder_clock.ahead_s -= 7200
        self.learn()

    def settle_cancels(self) -> None:
        """Let those that were asked to stop do so: what a crash leaves of a cancel looks the same otherwise."""
        for name, claim in self.claims:
            if self.valid(name, claim) and self.model[name].is_cancelled:
                claim.finish(make_result(claim, "cancelled"))
                self.model[name].place = "failed"

    def learn(self) -> None:
        for name, spec in SPECS.items():
            info = self.shared.queue.find(spec.job)
            before = self.model.get(name)
            if info is None:
                assert before is None, "a job is lost"
                continue
            if before is not None:
                assert info.fence in (before.fence, before.fence + 1, before.fence + 2)
                assert before.place != "completed" or info.place == "completed"
            self.model[name] = Known(info.place, info.fence, is_cancelled=info.cancelled_by is not None)
            if info.place == "pending" and info.cancelled_by is not None:
                self.shared.claim()  # whoever tries to claim it carries the cancel out, or takes another
                self.relearn()

    def relearn(self) -> None:
        self.shared.pass_lease()
        self.shared.queue.reap()
        self.shared.folder_clock.ahead_s -= 3600
        for name, spec in SPECS.items():
            info = self.shared.queue.find(spec.job)
            if info is not None:
                self.model[name] = Known(info.place, info.fence)

    @invariant()
    def every_job_is_in_one_place_and_where_the_model_says(self) -> None:
        places = self.shared.places() if self.shared.jobs.exists() else {}
        folders = sorted(
            (place, entry) for place, entries in places.items() for entry in entries if not entry.startswith(".")
        )
        assert folders == sorted(
            (known.place, f"{SPECS[name].job}.{known.fence}") for name, known in self.model.items()
        )


TestQueueAgainstAModel = pytest.mark.slow(QueueMachine.TestCase)
TestQueueAgainstAModel.settings = settings(
    max_examples=25,
    stateful_step_count=30,
)
