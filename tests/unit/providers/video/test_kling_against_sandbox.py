"""Kling in the sandbox world: made once, found again, and every fault with one verdict."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ContentRefusedError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.providers.video.kling import KlingVideo
from dayreel.sandbox.credentials import KLING_API_KEY
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.waiting import wait_until

NOW = datetime.now(UTC)
KNOWN = ModelList(Path("nowhere"))
REQUEST = SegmentRequest(model="kling-v2-6", prompt="Wet clay on a wheel.", duration_s=5, resolution="720p")


@pytest.fixture
def kling(world: RunningSandbox) -> Iterator[KlingVideo]:
    world.reset()
    access = Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root)
    yield vendor_named("kling").connect(access)
    world.clear_faults()


def permit(sequence: int) -> Permit:
    return make_permit("segment", "kling", sequence=sequence)


def paid(world: RunningSandbox) -> int:
    return len(world.effects()["generations"])


def until_over(kling: KlingVideo, handle: dict[str, Any]) -> Job:
    return wait_until(lambda: job if (job := kling.follow(handle)).state in ("done", "failed") else None)


@pytest.mark.parametrize("model", KNOWN.names("kling"))
def test_the_sandbox_takes_what_each_model_is_sent(kling: KlingVideo, world: RunningSandbox, model: str) -> None:
    world.arm("kling", "submit", "stuck", times=2)
    for sequence, resolution in enumerate(("720p", "1080p"), start=2):
        handle = kling.submit(permit(sequence), replace(REQUEST, model=model, resolution=resolution, duration_s=10))
        assert kling.follow(handle).state in ("queued", "running")


def test_an_api_key_opens_what_two_keys_open(world: RunningSandbox) -> None:
    variables = {"KLING_API_KEY": KLING_API_KEY}
    access = Access("sandbox", variables.get, world.url, SystemClock(), world.root)
    assert vendor_named("kling").needs_given(variables.get) == ()
    assert vendor_named("kling").needs_given(lambda _name: None) == ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
    handle = vendor_named("kling").connect(access).submit(permit(7), REQUEST)
    assert handle["task_id"]
    with pytest.raises(PermanentError, match="KLING_API_KEY"):
        KlingVideo(models=KNOWN, api_key="another", base_url=f"{world.url}/kling").submit(permit(8), REQUEST)


def test_a_lost_submit_is_paid_once_in_doubt_and_found(kling: KlingVideo, world: RunningSandbox) -> None:
    world.arm("kling", "submit", "lose_answer")
    lookup = kling.find(permit(3).key, REQUEST, sent_at=NOW)
    assert (lookup.handles, lookup.proves_absence) == ((), True)
    with pytest.raises(UnknownOutcomeError):
        kling.submit(permit(3), REQUEST)
    assert paid(world) == 1
    (handle,) = kling.find(permit(3).key, REQUEST, sent_at=NOW).handles
    assert kling.follow(handle).state in ("queued", "running", "done")
    with pytest.raises(UnknownOutcomeError, match="already exists"):
        kling.submit(permit(3), REQUEST)
    assert paid(world) == 1


@pytest.mark.parametrize(
    ("fault", "verdict", "message"),
    [
        ({"kind": "error", "status": 500}, UnknownOutcomeError, "console"),
        ({"kind": "error", "status": 429}, TransientError, "later"),
        ({"kind": "error", "status": 400, "code": 1301}, ContentRefusedError, "other prompts"),
        ({"kind": "expired_token"}, PermanentError, "KLING_SECRET_KEY"),
        ({"kind": "quota"}, PermanentError, "resource pack"),
    ],
)
def test_every_fault_has_one_verdict(
    kling: KlingVideo, world: RunningSandbox, fault: dict[str, Any], verdict: type[ProviderError], message: str
) -> None:
    world.arm("kling", "submit", times=1, **fault)
    with pytest.raises(verdict, match=message) as caught:
        kling.submit(permit(4), REQUEST)
    assert type(caught.value) is verdict
    assert paid(world) == 0


def test_a_failed_task_says_why(kling: KlingVideo, world: RunningSandbox) -> None:
    world.pace(kling_render_s=0)
    world.arm("kling", "submit", "completed_with_error")
    job = until_over(kling, kling.submit(permit(5), REQUEST))
    assert job.error == "Failure to pass the risk control system"


def test_a_wrong_key_is_refused(world: RunningSandbox) -> None:
    wrong = KlingVideo(models=KNOWN, access_key="nobody", secret_key="nothing", base_url=f"{world.url}/kling")
    with pytest.raises(PermanentError, match="KLING_ACCESS_KEY"):
        wrong.submit(permit(6), REQUEST)
