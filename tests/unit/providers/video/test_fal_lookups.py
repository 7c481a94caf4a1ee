"""A submit to fal whose answer was lost is looked for in fal's list: by own seed, input and time; only one counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.listings import CLOCK_SKEW
from dayreel.providers.video import fal as fal_module
from dayreel.providers.video.contract import Lookup, SegmentRequest
from dayreel.providers.video.fal import FalVideo, own_seed
from dayreel.vendors.model_list import ModelList
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted

WAN = "fal-ai/wan-25-preview/text-to-video"
SEEDLESS = "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
KNOWN = ModelList(Path("nowhere"))
REQUEST = SegmentRequest(model=WAN, prompt="A potter's hands on wet clay.", duration_s=5, resolution="480p")
PERMIT = make_permit("segment", "fal", sequence=2)
KEY = RunningSandbox.credentials["FAL_KEY"]


@pytest.fixture
def fal(world: RunningSandbox) -> FalVideo:
    world.reset()
    world.clear_faults()
    world.pace(fal_queue_s=0, fal_render_s=0)
    return FalVideo(key=KEY, models=KNOWN, queue_url=f"{world.url}/fal/queue/", api_url=f"{world.url}/fal/api/")


def lose(world: RunningSandbox, fal: FalVideo, request: SegmentRequest = REQUEST) -> str:
    """Submit, lose the answer, and return the id that nobody has been given."""
    world.arm("fal", "submit", "lose_answer")
    with pytest.raises(UnknownOutcomeError):
        fal.submit(PERMIT, request)
    return str(world.effects()["generations"][-1]["id"])


def look(fal: FalVideo, request: SegmentRequest = REQUEST, *, sent_at: datetime | None = None) -> Lookup:
    return fal.find(PERMIT.key, request, sent_at=sent_at or datetime.now(UTC))


def test_a_lost_request_is_found_and_followed(world: RunningSandbox, fal: FalVideo) -> None:
    lost = lose(world, fal)
    lookup = look(fal)
    assert lookup.handles == ({"request_id": lost, "model": WAN},)
    assert fal.follow(lookup.handles[0]).state in ("queued", "running", "done")
    assert len(world.effects()["generations"]) == 1


def test_nothing_listed_proves_nothing(world: RunningSandbox, fal: FalVideo) -> None:
    world.pace(fal_listing_s=300)
    lose(world, fal)
    assert (look(fal).handles, look(fal).proves_absence) == ((), False)
    world.advance(301)
    assert len(look(fal).handles) == 1


def test_two_alike_are_both_named(world: RunningSandbox, fal: FalVideo) -> None:
    lost, again = lose(world, fal), lose(world, fal)
    lookup = look(fal)
    assert {handle["request_id"] for handle in lookup.handles} == {lost, again}
    assert lost in lookup.evidence


@pytest.mark.parametrize(
    "other",
    [{"prompt": "Another pot."}, {"duration_s": 10}, {"resolution": "720p"}, {"seed": 7}, {"model": "fal-ai/veo3.1"}],
    ids=str,
)
def test_another_input_is_another_request(world: RunningSandbox, fal: FalVideo, other: dict[str, Any]) -> None:
    more = {"duration_s": 8, "resolution": "720p"} if "model" in other else {}
    lose(world, fal, replace(REQUEST, **{**more, **other}))
    assert look(fal).handles == ()


def test_a_clock_that_is_ahead_loses_no_request(world: RunningSandbox, fal: FalVideo) -> None:
    lost, now = lose(world, fal), datetime.now(UTC)
    for ahead, seen in ((CLOCK_SKEW - timedelta(minutes=1), [lost]), (CLOCK_SKEW + timedelta(minutes=1), [])):
        assert [item.id for item in fal.list_since(now + ahead).items] == seen
        assert [handle["request_id"] for handle in look(fal, sent_at=now + ahead).handles] == seen


def test_the_seed_separates_two_with_the_same_prompt(world: RunningSandbox, fal: FalVideo) -> None:
    lost = lose(world, fal)
    other = make_permit("segment", "fal", sequence=3)
    handle = fal.submit(other, REQUEST)
    assert [known["request_id"] for known in look(fal).handles] == [lost]
    assert [known["request_id"] for known in fal.find(other.key, REQUEST, sent_at=datetime.now(UTC)).handles] == [
        handle["request_id"]
    ]


def test_a_model_without_a_seed_is_searched_by_prompt_and_time(world: RunningSandbox, fal: FalVideo) -> None:
    request = replace(REQUEST, model=SEEDLESS, resolution="720p")
    lost = lose(world, fal, request)
    assert [handle["request_id"] for handle in look(fal, request).handles] == [lost]
    much_later = datetime.now(UTC) + 2 * CLOCK_SKEW
    assert look(fal, request, sent_at=much_later).handles == ()


def test_every_page_is_read(world: RunningSandbox, fal: FalVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = lose(world, fal)
    for number in range(3):
        fal.submit(make_permit("segment", "fal", sequence=9), replace(REQUEST, prompt=f"Pot {number}."))
    monkeypatch.setattr(fal_module, "_PAGE_SIZE", 1)
    assert [handle["request_id"] for handle in look(fal).handles] == [lost]
    monkeypatch.setattr(fal_module, "_PAGES", 4)
    assert [handle["request_id"] for handle in look(fal).handles] == [lost]
    monkeypatch.setattr(fal_module, "_PAGES", 3)
    assert look(fal).handles == ()
    assert "goes on" in look(fal).evidence


def test_two_alike_in_a_list_that_goes_on_are_none(
    world: RunningSandbox, fal: FalVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third may follow: where one of the two is another effect's, the other one is not yet the lost one."""
    lost, again = [lose(world, fal) for _ in range(3)][1:]
    monkeypatch.setattr(fal_module, "_PAGE_SIZE", 1)
    monkeypatch.setattr(fal_module, "_PAGES", 2)
    lookup = look(fal)
    assert lookup.handles == ()
    assert lost in lookup.evidence
    assert again in lookup.evidence


@pytest.mark.parametrize(
    ("say", "error"),
    [
        (Say(500, {"error": {"type": "server_error", "message": "no"}}), TransientError),
        (Say(503, "<html>"), TransientError),
        (Say(403, {"error": {"type": "permission_error", "message": "no"}}), PermanentError),
        (Say(200, "<html>"), ProviderError),
    ],
    ids=["500", "a proxy's page", "403", "200 with a page"],
)
def test_a_list_that_cannot_be_read_is_no_answer(say: Say, error: type[ProviderError]) -> None:
    with scripted(*[say] * 6) as server, pytest.raises(error):
        look(FalVideo(key=KEY, models=KNOWN, queue_url=server.url, api_url=server.url))


def test_the_own_seed_is_the_same_each_time_and_fits() -> None:
    seeds = {own_seed(make_permit("segment", "fal", sequence=number).key) for number in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert own_seed(PERMIT.key) == own_seed(make_permit("segment", "fal", sequence=2).key)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": "0"},
        {"limit": "101"},
        {"cursor": "!"},
        {"start": "yesterday"},
        {"expand": "billing"},
        {"sort_by": "sent_at"},
        {"endpoint_id": ",".join(f"fal-ai/{number}" for number in range(51))},
    ],
    ids=str,
)
def test_the_stand_in_refuses_what_the_page_does_not_offer(world: RunningSandbox, query: dict[str, str]) -> None:
    url, headers = f"{world.url}/fal/api/models/requests/by-endpoint", {"Authorization": f"Key {KEY}"}
    asked = query if query.keys() & {"endpoint_id"} or not query else {"endpoint_id": WAN, **query}
    reply = httpx.get(url, params=asked, headers=headers)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "validation_error")
    assert httpx.get(url, params={"endpoint_id": WAN}).status_code == 401


def test_by_default_the_list_is_of_one_day_without_payloads(world: RunningSandbox, fal: FalVideo) -> None:
    lose(world, fal)
    url, headers = f"{world.url}/fal/api/models/requests/by-endpoint", {"Authorization": f"Key {KEY}"}
    (item,) = httpx.get(url, params={"endpoint_id": WAN}, headers=headers).json()["items"]
    assert "json_input" not in item
    world.advance(timedelta(days=2).total_seconds())
    assert httpx.get(url, params={"endpoint_id": WAN}, headers=headers).json()["items"] == []
