"""The real fal client against the stand-in queue."""

from collections.abc import Iterator
from typing import Any

import fal_client
import httpx
import pytest
import requests

from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.conftest import wait_for

WAN = "fal-ai/wan-25-preview/text-to-video"
GOOD = {"prompt": "a small clip", "duration": "5", "aspect_ratio": "9:16", "resolution": "480p"}


@pytest.fixture
def client(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[fal_client.SyncClient]:
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", sandbox.url + "/fal/queue/")
    client = fal_client.SyncClient(key=sandbox.credentials["FAL_KEY"])
    yield client
    client._client.close()


def submit_raw(sandbox: RunningSandbox, model: str, arguments: dict[str, Any], key: str = "") -> requests.Response:
    headers = {"authorization": f"Key {key or sandbox.credentials['FAL_KEY']}"}
    return requests.post(f"{sandbox.url}/fal/queue/{model}", json=arguments, headers=headers, timeout=10)


def finished(client: fal_client.SyncClient, request_id: str, model: str = WAN) -> fal_client.Completed:
    state = wait_for(
        lambda: client.status(model, request_id, with_logs=True), lambda state: isinstance(state, fal_client.Completed)
    )
    assert isinstance(state, fal_client.Completed)
    return state


def test_a_job_is_queued_run_and_completed_and_serves_ranges(
    sandbox: RunningSandbox, client: fal_client.SyncClient
) -> None:
    sandbox.pace(fal_queue_s=100, fal_render_s=100)
    handle = client.submit(WAN, GOOD)
    assert handle.status() == fal_client.Queued(position=0)
    sandbox.advance(101)
    state = handle.status(with_logs=True)
    assert isinstance(state, fal_client.InProgress)
    assert state.logs
    sandbox.advance(100)
    assert finished(client, handle.request_id).error is None
    video = client.result(WAN, handle.request_id)["video"]
    assert (video["width"], video["height"], video["duration"]) == (480, 832, 5.0)
    whole = requests.get(video["url"], timeout=10)
    part = requests.get(video["url"], headers={"range": "bytes=100-199"}, timeout=10)
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    (billed,) = sandbox.effects()["generations"]
    assert (billed["kind"], billed["cost_usd"]) == ("segment", "0.25")


@pytest.mark.parametrize(
    ("model", "changes", "kind"),
    [
        (WAN, {"duration": 5}, "literal_error"),
        (WAN, {"resolution": "4k"}, "literal_error"),
        (WAN, {"aspect_ratio": "4:3"}, "literal_error"),
        (WAN, {"prompt": "x" * 1501}, "string_too_long"),
        (WAN, {"fps": 30}, "extra_forbidden"),
        ("fal-ai/wan/v2.7/text-to-video", {"duration": "5", "resolution": "720p"}, "literal_error"),
        ("fal-ai/veo3.1", {"duration": "5s", "resolution": "720p"}, "literal_error"),
    ],
)
def test_bad_input_completes_with_an_error_and_is_not_billed(
    sandbox: RunningSandbox, client: fal_client.SyncClient, model: str, changes: dict[str, Any], kind: str
) -> None:
    request_id = submit_raw(sandbox, model, {**GOOD, **changes}).json()["request_id"]
    state = finished(client, request_id, model)
    assert state.error_type == kind
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.result(model, request_id)
    assert caught.value.status_code == 422
    assert caught.value.response.json()["detail"][0]["type"] == kind
    assert sandbox.effects()["generations"] == []


@pytest.mark.parametrize(
    ("model", "arguments", "cost_usd"),
    [
        ("fal-ai/wan/v2.7/text-to-video", {"prompt": "x", "duration": 4, "resolution": "720p"}, "0.40"),
        ("fal-ai/veo3.1", {"prompt": "x", "duration": "6s", "generate_audio": False}, "1.20"),
        ("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", {"prompt": "x", "duration": "5"}, "0.35"),
        ("bytedance/seedance-2.0/text-to-video", {"prompt": "x"}, "1.5170"),
    ],
)
def test_the_other_models_take_their_own_kind_of_duration(
    sandbox: RunningSandbox, model: str, arguments: dict[str, Any], cost_usd: str
) -> None:
    sandbox.pace(fal_queue_s=1000)
    assert submit_raw(sandbox, model, {**arguments, "aspect_ratio": "9:16"}).ok
    assert sandbox.effects()["generations"][0]["cost_usd"] == cost_usd


def test_a_new_account_makes_two_at_once(sandbox: RunningSandbox, client: fal_client.SyncClient) -> None:
    sandbox.pace(fal_queue_s=0, fal_render_s=100, fal_concurrency=2)
    with sandbox.standing_still():
        handles = [client.submit(WAN, GOOD) for _ in range(3)]
        assert [type(handle.status()).__name__ for handle in handles] == ["InProgress", "InProgress", "Queued"]
        sandbox.advance(101)
        assert isinstance(handles[2].status(), fal_client.InProgress)


def test_wrong_keys_models_and_ids_are_refused(sandbox: RunningSandbox, client: fal_client.SyncClient) -> None:
    assert submit_raw(sandbox, WAN, GOOD, key="nobody").status_code == 401
    assert submit_raw(sandbox, "fal-ai/none", GOOD).status_code == 404
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.status(WAN, "no-such-id")
    assert caught.value.status_code == 404
    url = f"{sandbox.url}/fal/files/x/output.mp4"
    assert requests.get(url, headers={"authorization": "Key leaked"}, timeout=10).status_code == 400


def test_a_lost_submit_answer_is_billed_and_the_sdk_buys_again(
    sandbox: RunningSandbox, client: fal_client.SyncClient
) -> None:
    sandbox.pace(fal_queue_s=1000)
    sandbox.arm("fal", "submit", "lose_answer")
    with pytest.raises(requests.ConnectionError):
        submit_raw(sandbox, WAN, GOOD)
    assert len(sandbox.effects()["generations"]) == 1
    sandbox.arm("fal", "submit", "lose_answer")
    client.submit(WAN, GOOD)
    assert len(sandbox.effects()["generations"]) == 3


def test_a_stuck_job_stays_in_progress_until_faults_are_cleared(
    sandbox: RunningSandbox, client: fal_client.SyncClient
) -> None:
    sandbox.arm("fal", "submit", "stuck")
    request_id = client.submit(WAN, GOOD).request_id
    sandbox.advance(10_000)
    assert isinstance(client.status(WAN, request_id), fal_client.InProgress)
    sandbox.clear_faults()
    finished(client, request_id)


def test_a_job_can_fail_after_it_was_taken(sandbox: RunningSandbox, client: fal_client.SyncClient) -> None:
    sandbox.arm("fal", "submit", "completed_with_error")
    request_id = client.submit(WAN, GOOD).request_id
    assert finished(client, request_id).error
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.result(WAN, request_id)
    assert caught.value.status_code == 500
    effects = sandbox.effects()
    assert (effects["generations"], len(effects["unbilled"])) == ([], 1)


def test_a_cancelled_job_is_not_billed(sandbox: RunningSandbox, client: fal_client.SyncClient) -> None:
    sandbox.pace(fal_queue_s=1000)
    handle = client.submit(WAN, GOOD)
    handle.cancel()
    assert sandbox.effects()["generations"] == []
    key = {"authorization": f"Key {sandbox.credentials['FAL_KEY']}"}
    again = requests.put(handle.cancel_url, headers=key, timeout=10)
    assert (again.status_code, again.json()["status"]) == (400, "ALREADY_COMPLETED")


def test_out_of_credit_is_a_403_with_a_sentence(sandbox: RunningSandbox) -> None:
    sandbox.arm("fal", "submit", "quota")
    answer = submit_raw(sandbox, WAN, GOOD)
    assert answer.status_code == 403
    assert "Exhausted balance" in answer.json()["detail"]
    sandbox.arm("fal", "submit", "error", status=422, code="content_policy_violation")
    assert submit_raw(sandbox, WAN, GOOD).json()["detail"][0]["type"] == "content_policy_violation"


def test_a_result_file_can_be_cut_or_lack_its_video(sandbox: RunningSandbox, client: fal_client.SyncClient) -> None:
    request_id = client.submit(WAN, GOOD).request_id
    finished(client, request_id)
    url = client.result(WAN, request_id)["video"]["url"]
    whole = httpx.get(url).content
    sandbox.arm("fal", "file", "truncated_file")
    assert httpx.get(url).content == whole[: len(whole) // 2]
    sandbox.arm("fal", "file", "no_video")
    assert b"vide" not in httpx.get(url).content[:2000]
    assert httpx.get(url).content == whole
